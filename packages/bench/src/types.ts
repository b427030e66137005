import type { EditModel, Mask, Picture, SamplerName } from "./library.ts";
/** What the parts of the benchmark agree on: datasets give items, methods give pictures, scorers give numbers, the report reads results. */

/** One instruction of a session, with what is known about its truth. Files are absolute paths. */
export interface BenchTurn {
  /** What should change. */
  readonly instruction: string;
  /** Kind of edit, where the dataset says so. */
  readonly kind?: string;
  /** Whether the whole picture is meant to change. */
  readonly global?: boolean;
  /** What the person brushed: white = may change, or words such as "invert:alpha:FILE" (readTurnMask). Methods that know masks are given it. */
  readonly mask?: string;
  /** The true picture after this turn. */
  readonly target?: string;
  /** Where the truth changed at this turn, white; metrics only, no method sees it. */
  readonly changeMask?: string;
  /** What the picture after this turn shows, in words. */
  readonly caption?: string;
}

/** One picture and the session that starts from it. */
export interface BenchItem {
  /** What stands before a "~" is the scene: items of one scene ("chains-03~2", "chains-03~5") move together in intervals. */
  readonly id: string;
  /** The dataset's own division, such as "chains" or "noop"; experiments choose by it. */
  readonly part?: string;
  readonly image: string;
  /** What the first picture shows, in words. */
  readonly caption?: string;
  readonly turns: readonly BenchTurn[];
}

/** Names of result files that the authors of a dataset score by: layouts.node.ts. */
export type ResultLayout = "edival" | "magicbrush";

export interface BenchDataset {
  readonly name: string;
  /** SHA-256 over everything that the items name: another picture is another dataset. */
  readonly hash: string;
  readonly licence?: string;
  readonly items: readonly BenchItem[];
  /** Pictures are written in this layout too. */
  readonly resultLayout?: ResultLayout;
}

/** Settings that are recorded and hashed: plain JSON. */
export type MethodSettings = Readonly<Record<string, string | number | boolean | null>>;

/** What a method is told about one turn: never the truth. */
export interface MethodTurn {
  readonly instruction: string;
  readonly mask?: Mask;
}

/** Applies to every method alike, so that the comparison is fair. */
export interface MethodContext {
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** A turn's picture, at the size of the first picture. */
export interface MethodResult {
  readonly picture: Picture;
  /** Rows that the UNet computed for this turn (the three terms of guidance count as three). */
  readonly unetCalls: number;
  readonly seconds: number;
}

/** "paper": each method's own published settings. "same-steps": every method takes as many UNet steps with one sampler. */
export type SettingsMode =
  | { readonly mode: "paper" }
  | { readonly mode: "same-steps"; readonly steps: number; readonly sampler: SamplerName };

/** One contract for all: session in, pictures out. */
export interface BenchMethod {
  /** As it is named on the command line. */
  readonly name: string;
  readonly title: string;
  /** Reference of the paper that it follows. */
  readonly reference: string;
  /** Raised when what the method computes changes: part of the cache key. */
  readonly revision: number;
  /** Every turn starts from the first picture: no sequence of edits, and not written where a scorer takes it for one. */
  readonly fromFirst?: true;
  settings(model: EditModel, mode: SettingsMode): MethodSettings;
  /** Yields one result for every turn, in order. */
  run(
    model: EditModel,
    start: Picture,
    turns: readonly MethodTurn[],
    settings: MethodSettings,
    context: MethodContext,
  ): AsyncIterable<MethodResult>;
}

/** What a scorer sees of one turn. */
export interface ScoredTurn {
  readonly original: Picture;
  readonly before: Picture;
  readonly result: Picture;
  readonly instruction: string;
  readonly target?: Picture;
  readonly changeMask?: Mask;
  /** Caption of the original, and of the truth after this turn. */
  readonly sourceCaption?: string;
  readonly caption?: string;
}

/** Numbers from a network (CLIP, BLIP, DINO). */
export interface Scorer {
  /** Prefix of its metrics, such as "clip". */
  readonly name: string;
  /** Checkpoint and hash of its files, for the report and the cache. */
  readonly model: string;
  readonly hash: string;
  /** Metric names to values; what cannot be said of this turn (no caption …) is left out. */
  score(turn: ScoredTurn, signal?: AbortSignal): Promise<Readonly<Record<string, number>>>;
  dispose(): Promise<void>;
}

/** One turn of one item, method and seed in results.json. */
export interface ResultRow {
  readonly method: string;
  readonly item: string;
  readonly part: string | null;
  readonly seed: number;
  /** From 1. */
  readonly turn: number;
  readonly instruction: string;
  readonly kind: string | null;
  readonly global: boolean | null;
  readonly masked: boolean;
  /** PNG of the result, relative to the folder of results.json. */
  readonly picture: string;
  /**
   * By name: "l1", "l2", "psnr", "ssim" against the true picture, each also ".inside" and ".outside" the change mask;
   * "psnr.original.outside", "changed.outside" (share of pixels that no mask so far allowed and that differ from the
   * original), "sharpness" (high-frequency energy over the truth's), "error.ratio" (squared error inside the change mask
   * over that of the true picture before); where the turn has a mask, "leak" (RMS change of the method's own picture
   * outside of it), "seam" (mean step across its border, less the truth's) and, if it is soft, "soft.spearman" (of the mask
   * against the share of the true change that was made). Errors are on the scale of 0 to 1. "clip.text", "clip.direction", "clip.image",
   * "blip.match", "blip.cosine", "dino.image" (the two ".image" also ".original": against the original). Missing where it cannot be said; null where it is not finite.
   */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Whether this turn came out right by the dataset's success rule; null without truth. */
  readonly success: boolean | null;
  readonly collapsed: boolean | null;
  readonly unetCalls: number;
  readonly seconds: number;
}

/** A value with its 95 % interval over scenes (interval.ts); low and high are null where there are too few of them. */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Items (clusters) and rows behind it. */
  readonly clusters: number;
  readonly n: number;
}

/** A table or curve of the report: every number of an experiment's write-up is one of these. */
export interface Aggregate {
  /** "SR@5", "psnr.outside", "slope.l2" … */
  readonly metric: string;
  readonly method: string;
  /** Which rows: "all", "local", "global", "noop" … */
  readonly group: string;
  /** At this turn; null: over all turns. */
  readonly turn: number | null;
  /** "level", or the paired difference to `against`. */
  readonly estimate: Estimate;
  readonly against?: string;
}

/** results.json. */
export interface BenchResults {
  readonly version: 1;
  readonly experiment: string | null;
  /** Arguments after `emilie bench`. */
  readonly command: readonly string[];
  readonly created: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly model: { readonly id: string; readonly fingerprint: string };
  readonly scorers: readonly { readonly name: string; readonly model: string; readonly hash: string }[];
  readonly dataset: {
    readonly name: string;
    readonly hash: string;
    readonly items: number;
    readonly licence: string | null;
  };
  readonly seeds: readonly number[];
  readonly methods: readonly {
    readonly name: string;
    readonly title: string;
    readonly reference: string;
    readonly settings: MethodSettings;
  }[];
  /** How intervals were made. Absent in older files: percentile bootstrap over scenes, however few. */
  readonly intervals?: "scenes-t";
  readonly aggregates: readonly Aggregate[];
  readonly rows: readonly ResultRow[];
}
