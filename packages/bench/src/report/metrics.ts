/** What the report knows of each metric: its name for people, which way is better, how it is written. */

export interface MetricInfo {
  /** The name in results.json. */
  readonly name: string;
  readonly label: string;
  /** As "dB" or "%". */
  readonly unit?: string;
  /** Which way is better; "one" and "zero": the nearer to it. Without it nothing is called best. */
  readonly better?: "higher" | "lower" | "one" | "zero";
  /** Decimals in tables. */
  readonly digits: number;
  /** What values are multiplied by where they are shown: 100 for shares shown in per cent. */
  readonly scale?: number;
  /** Limits of a curve's axis in shown units, where they are the same in every figure. */
  readonly range?: readonly [number, number];
  /** A sentence for the page. */
  readonly about: string;
}

const PLAIN: readonly MetricInfo[] = [
  {
    name: "success",
    label: "Success",
    better: "higher",
    digits: 3,
    range: [0, 1],
    about:
      "Share of turns that came out right: where the truth changes, the error to it is under a quarter of what it would be had " +
      "nothing been done; where nothing should change, the picture is at least 22 dB near to the truth.",
  },
  {
    name: "success.strict",
    label: "Strict success",
    better: "higher",
    digits: 3,
    range: [0, 1],
    about:
      "Share of turns that came out right, with a sharpness between 0.7 and 1.4 times the truth's, the truth's outlines (at least 0.63) " +
      "and, in the mean of every square, its colours (at most 11.5 off).",
  },
  {
    name: "collapsed",
    label: "Collapsed",
    better: "lower",
    digits: 3,
    range: [0, 1],
    about:
      "Share of turns whose picture has fallen apart: far from every true picture of its session, or far too noisy or soft.",
  },
  {
    name: "psnr",
    label: "PSNR to truth",
    unit: "dB",
    better: "higher",
    digits: 2,
    about: "Peak signal-to-noise ratio to the true picture after the turn, over the whole picture.",
  },
  {
    name: "psnr.outside",
    label: "PSNR outside",
    unit: "dB",
    better: "higher",
    digits: 2,
    about: "PSNR to the true picture where the truth did not change at this turn.",
  },
  {
    name: "psnr.original.outside",
    label: "PSNR to original outside",
    unit: "dB",
    better: "higher",
    digits: 2,
    about:
      "PSNR to the original picture where no mask so far allowed a change. A picture that is identical there has no finite " +
      "PSNR and is left out of the mean; the changed pixels say it instead.",
  },
  {
    name: "changed.outside",
    label: "Changed pixels outside",
    unit: "%",
    scale: 100,
    better: "lower",
    digits: 2,
    about:
      "Share of the pixels that no mask so far allowed to change and that differ from the original at all.",
  },
  {
    name: "sharpness",
    label: "Sharpness",
    better: "one",
    digits: 3,
    about:
      "High-frequency energy over that of the true picture. 1 is right; above it noise has gathered, below it the picture is soft.",
  },
  {
    name: "structure",
    label: "Outlines",
    better: "higher",
    digits: 3,
    about:
      "How alike the outlines are to the truth's, 1 being the same, in three quarters of the squares that have any.",
  },
  {
    name: "colour.worst",
    label: "Worst colour",
    unit: "ΔE",
    better: "lower",
    digits: 1,
    about: "Mean colour difference to the truth, in CIELAB, in the squares that are farthest off.",
  },
  {
    name: "colour.mean",
    label: "Worst mean colour",
    unit: "ΔE",
    better: "lower",
    digits: 1,
    about:
      "Difference of the mean colours, in CIELAB, in the square where they are farthest from the truth's.",
  },
  {
    name: "clip.text",
    label: "CLIP text",
    better: "higher",
    digits: 3,
    about: "Cosine between CLIP's embedding of the result and of the caption, not multiplied by anything.",
  },
  {
    name: "clip.direction",
    label: "CLIP direction",
    better: "higher",
    digits: 3,
    about: "Cosine between the change of the picture and the change of the caption, both in CLIP's space.",
  },
  {
    name: "clip.image",
    label: "CLIP image",
    better: "higher",
    digits: 3,
    about: "Cosine between CLIP's embeddings of the result and of the truth or the original.",
  },
  {
    name: "blip.match",
    label: "BLIP match",
    better: "higher",
    digits: 3,
    about: "Probability, by BLIP's matching head, that picture and caption belong together.",
  },
  {
    name: "blip.cosine",
    label: "BLIP cosine",
    better: "higher",
    digits: 3,
    about: "Cosine between BLIP's embeddings of picture and caption.",
  },
  {
    name: "dino.image",
    label: "DINO image",
    better: "higher",
    digits: 3,
    about: "Cosine between DINO's embeddings of the result and of the truth or the original.",
  },
  {
    name: "ssim",
    label: "SSIM",
    better: "higher",
    digits: 3,
    about: "Structural similarity to the true picture.",
  },
  {
    name: "l1",
    label: "L1",
    better: "lower",
    digits: 4,
    about: "Mean absolute difference to the true picture, colours from 0 to 1.",
  },
  {
    name: "l2",
    label: "L2",
    better: "lower",
    digits: 5,
    about: "Mean squared difference to the true picture, colours from 0 to 1.",
  },
  {
    name: "error.ratio",
    label: "Error ratio",
    better: "lower",
    digits: 3,
    about:
      "Squared error to the truth inside the change mask, over that of the true picture before the turn: 0 where the edit " +
      "is exact, 1 where nothing was done. Below a quarter counts as success.",
  },
  {
    name: "leak",
    label: "Leak",
    better: "lower",
    digits: 4,
    about: "Root mean squared change where this turn's mask allowed none, colours from 0 to 1.",
  },
  {
    name: "missed",
    label: "Missed edit",
    better: "lower",
    digits: 4,
    about: "How much of the edit is missing inside the true mask.",
  },
  {
    name: "auc",
    label: "Area under leak and missed",
    better: "lower",
    digits: 4,
    about: "Area under the curve of leak against missed edit as the mask gets worse.",
  },
  {
    name: "seam",
    label: "Seam",
    better: "zero",
    digits: 4,
    about:
      "Mean step in colour across the mask's border, less the truth's there: 0 where the border cannot be seen.",
  },
  {
    name: "soft.spearman",
    label: "Soft mask followed",
    better: "higher",
    digits: 3,
    about: "Spearman correlation of a soft mask with the share of the true change that was made under it.",
  },
  {
    name: "seconds",
    label: "Seconds per edit",
    unit: "s",
    better: "lower",
    digits: 2,
    about: "Wall-clock time of one turn on the machine named above.",
  },
  {
    name: "unetCalls",
    label: "UNet rows per edit",
    better: "lower",
    digits: 1,
    about: "Rows that the UNet computed for one turn; the three terms of guidance count as three.",
  },
];

const KNOWN = new Map(PLAIN.map((metric) => [metric.name, metric]));
const REGIONS: Readonly<Record<string, string>> = { inside: "inside", outside: "outside" };
const RATES: Readonly<Record<string, { whole: string; better: "higher" | "lower"; about: string }>> = {
  SR: {
    whole: "Chains still right, SR@k",
    better: "higher",
    about: "Success rate: the share of sessions whose first turns, up to this one, all came out right.",
  },
  "SR-strict": {
    whole: "Chains still right, strictly, SR-strict@k",
    better: "higher",
    about:
      "The same by the strict rule, which also asks for sharpness, the right outlines and the right colours everywhere.",
  },
  CR: {
    whole: "Chains collapsed, CR@k",
    better: "lower",
    about: "Collapse rate: the share of sessions whose picture has fallen apart at this turn or before.",
  },
};

/** What stands in the summary, in this order, as far as it is there. */
export const HEADLINES: readonly string[] = [
  ...[
    "SR@1",
    "SR@5",
    "SR-strict@5",
    "SR@10",
    "SR-strict@10",
    "CR@10",
    "psnr",
    "slope.rmse",
    "psnr.original.outside",
  ],
  ...[
    "psnr.outside",
    "changed.outside",
    "sharpness",
    "clip.text",
    "clip.direction",
    "clip.image",
    "blip.match",
  ],
  ...["blip.cosine", "dino.image"],
];

/** What is drawn open; everything else is folded. */
export const CURVES: readonly string[] = [
  ...["SR", "SR-strict", "success", "psnr", "psnr.original.outside", "changed.outside", "sharpness"],
  ...["CR", "collapsed", "clip.text", "dino.image"],
];

/** What is known of a metric, by its name; of an unknown one its name, and no way that is better. */
export function metricInfo(name: string): MetricInfo {
  const known = KNOWN.get(name);
  if (known) return known;
  const rate = /^(SR|SR-strict|CR)(?:@(\d+))?$/.exec(name);
  if (rate) {
    const { whole, better, about } = RATES[rate[1]!]!;
    return {
      name,
      label: rate[2] ? name : whole,
      better,
      digits: 3,
      range: [0, 1],
      about,
    };
  }
  const dot = name.lastIndexOf(".");
  const [stem, end] = [name.slice(0, dot), name.slice(dot + 1)];
  const region = dot > 0 ? REGIONS[end] : undefined;
  const base = region ? KNOWN.get(stem) : undefined;
  if (base) {
    const about = `${base.about.replace(/\.$/, "")}, ${region} the change mask of the turn.`;
    return { ...base, name, label: `${base.label} ${region}`, about };
  }
  if (name.startsWith("slope.")) return slope(name, metricInfo(name.slice("slope.".length)));
  return { name, label: name, digits: 4, about: "" };
}

const RMSE_SLOPE = {
  label: "Drift",
  unit: "10⁻³ per turn",
  scale: 1000,
  better: "lower",
  digits: 2,
  about:
    "How much the root mean squared error to the truth (colours from 0 to 1) grows from one turn to the next: the slope of a " +
    "straight line through a session's turns, in thousandths.",
} as const;

function slope(name: string, of: MetricInfo): MetricInfo {
  if (of.name === "rmse") return { ...RMSE_SLOPE, name };
  return {
    name,
    label: `Slope of ${of.label}`,
    ...(of.unit && { unit: `${of.unit} per turn` }),
    ...(of.better && of.better !== "one" && of.better !== "zero" && { better: of.better }),
    digits: of.digits + 1,
    ...(of.scale && { scale: of.scale }),
    about: `How ${of.label} changes from one turn to the next: the slope of a straight line through the turns.`,
  };
}

/** Label with its unit, as a column's heading. */
export function heading(metric: MetricInfo): string {
  return metric.unit ? `${metric.label}, ${metric.unit}` : metric.label;
}

/** Known metrics in the order of the catalogue, others after them by name. */
export function inOrder(names: Iterable<string>): string[] {
  const rank = (name: string) => {
    const headline = HEADLINES.indexOf(name);
    if (headline >= 0) return headline;
    const known = PLAIN.findIndex((metric) => metric.name === name);
    return 100 + (known >= 0 ? known : /^(SR|CR)/.test(name) ? -1 : PLAIN.length);
  };
  return [...new Set(names)].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true }));
}
