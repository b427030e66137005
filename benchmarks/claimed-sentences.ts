/** The numbers in sentences of docs/results/README.md, as claims.ts has those of its tables. */
import { all, image, type Ref } from "./claims.ts";

/** A sentence: what stands between two pieces of text that appear once. */
export interface SentenceClaim {
  readonly from: string;
  readonly to: string;
  readonly file: string;
  readonly refs: readonly Ref[];
}

const emilie = { method: "emilie" } as const;
const latent = { method: "emilie-no-mask", ...image } as const;
const gated = { method: "emilie-no-mask-gated", ...image } as const;
const pair = { method: "latent-gated", against: "image-gated" } as const;
const both = { method: "emilie", against: "masked" } as const;
const noop10 = { metric: "psnr", group: "noop", turn: 10 } as const;
const at50 = (group: string) => ({ metric: "psnr", group, turn: 50 }) as const;
const global10 = { metric: "psnr", group: "cycle-global", turn: 10 } as const;

export const SENTENCES: readonly SentenceClaim[] = [
  {
    from: "Ten no-ops in a row end ",
    to: " nearer to the first",
    file: "iteration",
    refs: [{ ...noop10, ...latent }],
  },
  {
    from: "than image iteration's, cycles of global edits ",
    to: "; for ten edits",
    file: "iteration",
    refs: [{ ...global10, ...latent }],
  },
  {
    from: "image iteration's without the rule, and ",
    to: " (on the audit's scenes",
    file: "gate-pair",
    refs: [{ metric: "psnr", ...all, ...pair }],
  },
  {
    from: "without masks (",
    to: ", five scenes)",
    file: "iteration",
    refs: [{ metric: "psnr", group: "long", turn: 10, ...latent }],
  },
  {
    from: "one seed for the whole chain costs ",
    to: " over ten no-ops",
    file: "seeds",
    refs: [{ metric: "psnr", group: "all", turn: 10, method: "fresh", against: "fixed" }],
  },
  {
    from: "- `emilie` against plain image iteration: ",
    to: " outside the change.",
    file: "baselines",
    refs: ["psnr", "psnr.outside"].map((metric) => ({ metric, ...all, ...emilie, ...image })),
  },
  {
    from: "which differs in the iteration alone: ",
    to: " in success",
    file: "masked",
    refs: [
      { metric: "psnr", ...all, ...both },
      { metric: "psnr.outside", ...all, ...both },
      { metric: "psnr", group: "global", ...both },
      { metric: "psnr", group: "local", ...both },
    ],
  },
  ...["latent iteration gains half a decibel**: ", "over [twenty-five](#twenty-five-edits) "].map(
    (from, i) => ({
      from,
      to: [" over the 25 turns", " (ten scenes), and nothing"][i]!,
      file: "long-25-pair",
      refs: [{ metric: "psnr", ...all, ...both }],
    }),
  ),
  {
    from: "In success the two cannot be told apart (",
    to: ").\n- **The strict",
    file: "long-25-pair",
    refs: [{ metric: "success", ...all, ...both }],
  },
  {
    from: "% are right, and 88 % by image iteration: ",
    to: ". All twenty-five",
    file: "long-25",
    refs: [{ metric: "success", ...all, ...emilie, ...image }],
  },
  {
    from: "cannot tell that from none (",
    to: ").\n- **Against image",
    file: "long-25",
    refs: [{ metric: "SR@25", ...all, ...emilie, ...image }],
  },
  {
    from: "**No-ops**: latent iteration is ",
    to: " better at turn",
    file: "iteration",
    refs: [{ ...noop10, ...latent }],
  },
  {
    from: "**Global edits** gain less (",
    to: " at turn 10 of cycles",
    file: "iteration",
    refs: [{ ...global10, ...latent }],
  },
  {
    from: "SR@10 on the five long chains is ",
    to: "; five scenes",
    file: "iteration",
    refs: ["emilie", "image-iteration"].map((method) => ({ metric: "SR@10", group: "long", method })),
  },
  {
    from: "Another seed at every turn: ",
    to: " at turn 10 for latent",
    file: "seeds",
    refs: [{ metric: "psnr", group: "all", turn: 10, method: "fresh", against: "fixed" }],
  },
  {
    from: "Global edits gain ",
    to: ".\n- No-ops come",
    file: "gate",
    refs: ["global", "local"].map((group) => ({ metric: "psnr", group, ...gated })),
  },
  {
    from: "both gated, cannot be told apart: ",
    to: " to the true picture.",
    file: "gate-pair",
    refs: [{ metric: "clip.image", ...all, turn: 5, ...pair }],
  },
  {
    from: "against image iteration, **both gated**: ",
    to: " outside the change.",
    file: "gate-pair",
    refs: ["psnr", "psnr.outside"].map((metric) => ({ metric, ...all, ...pair })),
  },
  {
    from: "a very little less: `emilie` misses ",
    to: " more on average",
    file: "mask-quality",
    refs: [{ metric: "auc.missed", group: "all", method: "emilie", against: "image-iteration-masked" }],
  },
  {
    from: "into the surplus is ",
    to: " thousandths of the range, against",
    file: "mask-quality",
    refs: [{ metric: "leak", group: "dilate", method: "emilie", turn: 40, scale: 1000 }],
  },
  {
    from: "and cut the leak by a seventh (",
    to: "): they",
    file: "control",
    refs: [{ metric: "leak", group: "single", method: "emilie-auto", ...image, scale: 1000 }],
  },
  {
    from: "at fifty turns the gain on no-ops is down to ",
    to: ", and on cycles of global edits no",
    file: "drift-50",
    refs: [{ ...at50("noop"), method: "emilie", ...image }],
  },
  {
    from: "no difference can be told (",
    to: ", ten scenes)",
    file: "drift-50",
    refs: [{ ...at50("cycle-global"), method: "emilie", ...image }],
  },
  {
    from: "does not grow more slowly over fifty turns (slope ",
    to: "): the gain of",
    file: "drift-50",
    refs: [{ metric: "slope.rmse", group: "noop", scale: 1000, method: "emilie", ...image }],
  },
  {
    from: "error of latent iteration grows faster, by ",
    to: ". That image iteration ends",
    file: "drift-50",
    refs: [{ metric: "slope.rmse", group: "cycle-global", scale: 1000, method: "emilie", ...image }],
  },
  {
    from: "in 25 local edits, and ",
    to: " by image iteration.",
    file: "drift-50",
    refs: [{ metric: "changed.outside", group: "local-25", turn: 25, method: "image-iteration", scale: 100 }],
  },
];
