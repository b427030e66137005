/**
 * Where the numbers of docs/results/README.md come from: each table by the heading above it, each cell by metric, method, group, turn and what it is a
 * difference to, in a committed file of docs/results. check-claims.ts compares them.
 */

/** A number of a results file. A metric at no turn is over all turns. */
export interface Ref {
  readonly metric: string;
  readonly method: string;
  readonly group: string;
  readonly turn?: number;
  readonly against?: string;
  /** What the file's number is multiplied by: 100 for per cent, 1000 for thousandths. */
  readonly scale?: number;
  /** Where it stands in another file than the rest of its table. */
  readonly file?: string;
}

/** What a cell states, in its order; a cell of null states nothing that a file has. */
export type Cell = readonly Ref[] | null;

export interface TableClaim {
  readonly heading: string;
  /** Of the tables under that heading, from 0. */
  readonly index?: number;
  /** docs/results/NAME.json */
  readonly file: string;
  /** The cells of each row after its label. */
  readonly rows: Readonly<Record<string, readonly Cell[]>>;
}

export type Part = Partial<Ref>;

/** Every row's part with every column's; a column of several parts states several numbers, one of null none. */
function grid(
  rows: Readonly<Record<string, Part>>,
  columns: readonly (Part | readonly Part[] | null)[],
): TableClaim["rows"] {
  return Object.fromEntries(
    Object.entries(rows).map(([label, row]) => [
      label,
      columns.map(
        (column) =>
          column &&
          [column]
            .flat()
            .map((part) => ({ ...row, ...part }) as Ref)
            // Nothing is different from itself.
            .filter(({ method, against }) => method !== against),
      ),
    ]),
  );
}

export const of = (method: string): Part => ({ method });
export const all = { group: "all" } as const;
export const image = { against: "image-iteration" } as const;
/** A metric over all edits, and beside it its difference to image iteration. */
const withGain = (metric: string): readonly Part[] => [
  { metric, ...all },
  { metric, ...all, ...image },
];

const NAMES = {
  emilie: of("emilie"),
  "image iteration, pasted by the mask": of("image-iteration-masked"),
  "image iteration": of("image-iteration"),
  "Blended Latent Diffusion": of("blended-latent"),
  "SDEdit, t₀ = 0.5": of("sdedit"),
  DiffEdit: of("diffedit"),
  "all instructions in one prompt": of("concat"),
};

const GATE_ARMS = {
  "latent iteration, gated, no masks": of("emilie-no-mask-gated"),
  "image iteration, gated, no masks": of("image-iteration-gated"),
  "emilie, with masks, without the gate": of("emilie"),
  "image iteration": of("image-iteration"),
};

const at10 = (group: string): Part => ({ metric: "psnr", group, turn: 10 });
const iou = (percent: number): Part => ({ metric: "missed", turn: percent });
const missed = (group: string): Part => ({ method: "emilie", group });
const control = (group: string, metric: string, scale = 1): Part => ({ group, metric, scale });
const at50 = (group: string): Part => ({ metric: "psnr", group, turn: 50 });
/** Where rules for latents are read over fifty turns. */
const rulesAt = [
  ...[10, 25, 50].map((turn): Part => ({ ...at50("noop"), turn })),
  at50("cycle-local"),
  ...[10, 25, 50].map((turn): Part => ({ ...at50("cycle-global"), turn })),
];
const DRIFTING = ["noop", "cycle-local", "cycle-global"];
const arm = (metric: string, group: string, over: Part = {}) => ({ metric, group, ...over });

export const TABLES: readonly TableClaim[] = [
  {
    heading: "Against other methods",
    file: "baselines",
    rows: grid(NAMES, [
      { metric: "SR@1", ...all },
      { metric: "SR@5", ...all },
      { metric: "psnr", ...all },
      { metric: "psnr.outside", ...all },
      { metric: "changed.outside", ...all, scale: 100 },
      { metric: "clip.direction", ...all },
      { metric: "unetCalls", ...all },
    ]),
  },
  {
    heading: "Ten edits",
    file: "long",
    rows: grid(NAMES, [
      { metric: "SR@10", ...all },
      { metric: "CR@10", ...all },
      { metric: "psnr", ...all },
      { metric: "psnr", ...all, ...image },
    ]),
  },
  {
    heading: "Twenty-five edits",
    file: "long-25",
    rows: grid(
      {
        "emilie, with masks, without the gate": of("emilie"),
        "image iteration, pasted by the mask": of("image-iteration-masked"),
        "image iteration": of("image-iteration"),
      },
      [
        ...[10, 25].map((turn) => [
          { metric: "psnr", ...all, turn },
          { metric: "psnr", ...all, turn, ...image },
        ]),
        ...["clip.image", "clip.text"].map((metric) => [
          { metric, ...all, turn: 25 },
          { metric, ...all, turn: 25, ...image },
        ]),
        { metric: "CR@25", ...all },
      ],
    ),
  },
  {
    heading: "Iteration: latents or pictures",
    file: "iteration",
    rows: grid(
      {
        "emilie (masks where the turn has one)": of("emilie"),
        "latent iteration alone, no masks": of("emilie-no-mask"),
        "image iteration, pasted by the mask": of("image-iteration-masked"),
        "image iteration": of("image-iteration"),
        "the autoencoder every turn, no UNet": of("vae-only"),
        "the autoencoder once, no UNet": of("vae-once"),
      },
      [
        ...["noop", "cycle-local", "cycle-global", "long"].map(at10),
        { metric: "slope.rmse", group: "noop", scale: 1000 },
      ],
    ),
  },
  {
    heading: "The gate",
    file: "gate",
    rows: grid(
      {
        "gated, **no masks**": of("emilie-no-mask-gated"),
        "gated, with masks": of("emilie-gated"),
        "emilie, with masks": of("emilie"),
        "image iteration": of("image-iteration"),
      },
      [
        { metric: "SR@5", ...all },
        withGain("psnr"),
        withGain("psnr.outside"),
        { metric: "changed.outside", ...all, scale: 100 },
        { metric: "seam", ...all, scale: 1000 },
      ],
    ),
  },
  {
    heading: "The gate on both kinds of iteration",
    file: "gate-arms",
    rows: grid(GATE_ARMS, [
      { metric: "SR@5", ...all },
      withGain("success.strict"),
      withGain("psnr"),
      withGain("psnr.outside"),
      { metric: "changed.outside", ...all, scale: 100 },
    ]),
  },
  {
    heading: "Published rules beside the gate",
    file: "published",
    rows: grid(
      {
        "latent iteration, no masks": of("emilie-no-mask"),
        "latent iteration, no masks, gated": of("emilie-no-mask-gated"),
        "image iteration": of("image-iteration"),
        "image iteration, gated": of("image-iteration-gated"),
        "image iteration, small changes of pixels reverted (Emu Edit)": of("image-iteration-revert"),
        "VAE-LFA: latent iteration, low frequencies aligned": of("vae-lfa"),
        "DiffEdit with the masks of a brush": of("diffedit-given-mask"),
        "image iteration, pasted by the mask": of("image-iteration-masked"),
        "emilie, with masks, without the gate": of("emilie"),
      },
      [
        { metric: "SR@5", ...all },
        withGain("psnr"),
        withGain("psnr.outside"),
        { metric: "changed.outside", ...all, scale: 100 },
      ],
    ),
  },
  {
    heading: "Drift over five edits, by CLIP",
    file: "gate-arms",
    rows: grid(
      GATE_ARMS,
      ["clip.image", "clip.text", "clip.image.original"].map((metric) => [
        { metric, ...all, turn: 5 },
        { metric, ...all, turn: 5, ...image },
      ]),
    ),
  },
  {
    heading: "Gradient control in its readings",
    file: "control",
    rows: grid(
      {
        "emilie: anchored, laid over the parent": of("emilie"),
        "anchored, bare": of("emilie-bare"),
        "anchored and direction, bare": of("emilie-anchored+direction-bare"),
        "direction alone, bare": of("emilie-direction-bare"),
        "threshold, bare": of("emilie-threshold-bare"),
        "as printed in the paper, bare": of("emilie-literal-bare"),
        "automatic masks, laid over the parent": of("emilie-auto"),
        "no mask: image iteration": of("image-iteration"),
        "image iteration, pasted by the mask": of("image-iteration-masked"),
        "the autoencoder once": of("vae-once"),
      },
      [
        control("single", "success"),
        control("single", "psnr.inside"),
        control("single", "leak", 1000),
        control("single", "seam", 1000),
        control("soft", "soft.spearman"),
      ],
    ),
  },
  {
    heading: "How good a mask must be",
    file: "mask-quality",
    rows: grid(
      {
        "too large": missed("dilate"),
        "too small": missed("erode"),
        "jittered border": missed("jitter"),
        shifted: missed("shift"),
        holes: missed("holes"),
      },
      [...[100, 80, 60, 40].map(iou), { metric: "auc.missed" }],
    ),
  },
  {
    heading: "Fifty turns",
    file: "drift-50",
    rows: grid(
      {
        emilie: of("emilie"),
        "encoded anew every tenth turn": of("reencode-every-10"),
        "encoded anew every fifth turn": of("reencode-every-5"),
        "image iteration": of("image-iteration"),
      },
      DRIFTING.map((group) => [at50(group), { ...at50(group), ...image }]),
    ),
  },
  {
    heading: "Fifty turns",
    index: 1,
    file: "drift-50",
    rows: grid(
      {
        "encoded anew every tenth turn": of("reencode-every-10"),
        "encoded anew every fifth turn": of("reencode-every-5"),
      },
      DRIFTING.flatMap((group) =>
        [25, 50].map((turn) => ({ metric: "psnr", group, turn, against: "emilie" })),
      ),
    ),
  },
  {
    heading: "Fifty turns",
    index: 2,
    file: "drift-50-rules",
    rows: {
      "encoded anew every tenth turn, to `emilie-gated`": [
        ...[null, null, null],
        ...rulesAt
          .slice(3)
          .map((at) => [{ ...at, method: "reencode-every-10-gated", against: "emilie-gated" } as Ref]),
      ],
      "VAE-LFA, to `emilie`": rulesAt.map((at) => [{ ...at, method: "vae-lfa", against: "emilie" } as Ref]),
    },
  },
  {
    heading: "Training for iteration",
    file: "training-two-branch",
    rows: {
      ...grid(
        {
          "SR@1 (chains)": arm("SR@1", "chains"),
          "SR@5 (chains)": arm("SR@5", "chains"),
          "SR@10 (long, 10 scenes)": arm("SR@10", "long"),
          "PSNR to the truth, chains of five, dB": arm("psnr", "chains"),
          "PSNR at turn 10, long chains, dB": arm("psnr", "long", { turn: 10 }),
          "PSNR over ten no-ops, dB": arm("psnr", "noop"),
          "PSNR at turn 10, no-ops, dB": arm("psnr", "noop", { turn: 10 }),
        },
        [
          of("control"),
          of("rollouts"),
          { ...of("rollouts"), against: "control" },
          of("two-branch"),
          { ...of("two-branch"), against: "control" },
        ],
      ),
      ...grid({ "slope on no-ops, 10⁻³ a turn": arm("slope.rmse", "noop", { scale: 1000 }) }, [
        { ...of("control"), file: "training" },
        { ...of("rollouts"), file: "training" },
        { ...of("rollouts"), against: "control", file: "training" },
        of("two-branch"),
        null,
      ]),
    },
  },
  {
    heading: "Over training seeds",
    file: "training-seeds",
    rows: grid(
      {
        "SR@5 (chains)": arm("SR@5", "chains"),
        "PSNR to the truth, chains of five, dB": arm("psnr", "chains"),
        "PSNR at turn 5, chains of five, dB": arm("psnr", "chains", { turn: 5 }),
        "PSNR over ten no-ops, dB": arm("psnr", "noop"),
        "PSNR at turn 10, no-ops, dB": arm("psnr", "noop", { turn: 10 }),
        "slope on no-ops, 10⁻³ a turn": arm("slope.rmse", "noop", { scale: 1000 }),
      },
      [
        of("control, latent"),
        { ...of("rollouts, latent"), against: "control, latent" },
        { ...of("teacher, latent"), against: "control, latent" },
        of("control, image"),
        { ...of("rollouts, image"), against: "control, image" },
        { ...of("rollouts, latent − image"), against: "control, latent − image" },
        { ...of("control, latent"), against: "control, image" },
      ],
    ),
  },
];
