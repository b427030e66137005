/**
 * The settings of an edit, each defined once. The command line's options and help, the script's schema, the API's and MCP's
 * inputs, the permitted keys of emilie.json, the recipe and its replay, and the method's own check are derived from this table.
 * docs/contributing.md explains how to add a row.
 */
import { z } from "zod";
import { MAX_TEXT } from "../limits.ts";
import { type SamplerName, samplerNames } from "../samplers/index.ts";
import { MAX_SEED, SEED_RANGE } from "../tensor/noise.ts";
import { CONTROLS, type Control } from "./gradient-control.ts";
import {
  numberIn,
  numbersIn,
  oneOf,
  PRESETS,
  type PresetName,
  readWindow,
  type Setting,
  says,
  textOf,
  wholeNumber,
} from "./setting.ts";
import type { ResolvedWindow, WindowOption } from "./window-option.ts";

/** The values of `rephrase`: whether an understood instruction is given to the denoiser in the checkpoint's own phrase, and which of its networks understands it. */
export const REPHRASE = ["reader", "on", "off"] as const;
/** One of {@link REPHRASE}. */
export type Rephrase = (typeof REPHRASE)[number];

/** How an edit is computed. Defaults are the checkpoint's own if it states them. */
export interface EditSettings {
  /** Any integer in [0, 2⁶⁴); the noise is torch's for the same seed. Default: as many as edits precede it in its session; of edit(), 0. */
  readonly seed?: number | bigint;
  /**
   * Trade-off between quality and speed: "draft" for previews, "balanced" (the default), "best" for final results, "turbo" for checkpoints distilled for few steps. Its
   * settings for a checkpoint are those of {@link presetOf}; explicit settings override them.
   */
  readonly preset?: PresetName;
  /** Denoising steps, 1 to 1000. Default: the preset's. */
  readonly steps?: number;
  /** The sampling algorithm. Default: the preset's. */
  readonly sampler?: SamplerName;
  /**
   * s_T, from −100 to 100: 1 is the instruction without guidance, 0 disables the instruction, and below 0 the edit is pushed away from it. Default: the
   * preset's (the checkpoint's own, else 7.5). At 1 and below, diffusers disables image guidance as well; here s_I still acts.
   */
  readonly textGuidance?: number;
  /**
   * s_I, from 1 (no image guidance) to 100. Default: the preset's (the checkpoint's own, else 1.5). Values below 1 are refused: diffusers then
   * disables guidance altogether, which is `textGuidance: 1, imageGuidance: 1` here.
   */
  readonly imageGuidance?: number;
  /** How a mask limits the edit. Default "anchored". */
  readonly control?: Control;
  /** The text of ε(∅, c) instead of "", for example a no-op sentence. Default "". */
  readonly base?: string;
  /**
   * How much of the edit is applied, from 0 (the result is the parent, and no network runs) to 1 (all of it, the default): gradient control
   * uses strength·m instead of m, or, without a mask, the strength everywhere. With the control "direction" it reduces the text guidance.
   */
  readonly strength?: number;
  /**
   * Latent pixels that the edit changes by less than this threshold (root mean square over the channels, in scaled units) are carried over from
   * the parent bit for bit, so that errors do not accumulate over a chain. From 0, which keeps every change, to 100. Default: the checkpoint's
   * own, else 0; a threshold between noise and edits has to be measured for each checkpoint. It is multiplied by the strength.
   */
  readonly gate?: number;
  /**
   * Where the model runs: on the full picture ("off", the default, and "auto" at the model's native size) or, with controls that
   * end on the source, on a window around the masks, given by its margin and minimum side. The noise is drawn for the window.
   */
  readonly window?: WindowOption;
  /**
   * The part of the schedule in which guidance acts: 0 is its noisy end, 1 its clean end, and guidance acts in a step if the step's
   * midpoint, (i + ½) / steps, lies in [from, to] (limited-interval guidance, arXiv 2404.07724). In other steps s_T = s_I = 1: only the
   * conditional term, one UNet call instead of three. Default: the preset's, or [0, 1] if it has none.
   */
  readonly guidanceInterval?: readonly [from: number, to: number];
  /**
   * Whether an instruction that the checkpoint understands is given to the denoiser as the checkpoint's own phrase for that edit ("on"; "reader" if the checkpoint's
   * reader is to understand it, EditModel.hasReader), or in its own words ("off"). Only for checkpoints that declare what they understand (EditModel.understand).
   * Default: the checkpoint's own, else "off".
   */
  readonly rephrase?: Rephrase;
  /** Ends the edit after this number of steps; the result is x̂₀ of the last one. Default: all steps. */
  readonly stopAfter?: number;
}

/** The settings that a preset decides. Without a guidance interval guidance acts in every step. */
export interface PresetSettings
  extends Required<Pick<EditSettings, "steps" | "sampler" | "textGuidance" | "imageGuidance">>,
    Pick<EditSettings, "guidanceInterval"> {}

/** The defaults that a checkpoint may state for its edits. */
export interface EditDefaults
  extends Pick<EditSettings, "steps" | "textGuidance" | "imageGuidance" | "gate" | "rephrase"> {
  /** A sampler's name. */
  readonly sampler?: string;
}

/** The values of `detail`: whether an edit keeps the fine detail of a picture larger than the model's size. */
export const DETAIL = ["on", "off"] as const;
/** One of {@link DETAIL}. */
export type Detail = (typeof DETAIL)[number];

/** The settings of a session's edit. */
export interface SessionSettings extends EditSettings {
  /** "on": a picture larger than the model's size keeps its fine detail. "off", the default: the model's output is upscaled. */
  readonly detail?: Detail;
}

/** The settings with which a session is opened. */
export interface OpenSettings {
  /**
   * The longer side at which the model works, in pixels, or "own" for that of the picture. Default: the native size. Above it, the original is
   * encoded lazily, edits run on windows around their masks, and edits without a mask are refused.
   */
  readonly workingSize?: number | "own";
}

/** The window of a recipe. */
export interface RecordedWindow extends ResolvedWindow {
  /** In recipes of earlier versions, the share of the steps that ran on the full picture; no longer supported. */
  readonly whole?: number;
}

/** The settings as a recipe records them. Optional ones are omitted at the value that changes nothing. */
export interface RecordedSettings {
  /** A decimal number as text, since seeds reach 2⁶⁴ − 1. */
  readonly seed: string;
  /** UNet steps. */
  readonly steps: number;
  /** A sampler's name. */
  readonly sampler: string;
  /** s_T. */
  readonly textGuidance: number;
  /** s_I. */
  readonly imageGuidance: number;
  /** How masks limit the edit, one of CONTROLS. */
  readonly control: string;
  /** The text that replaces the null prompt, usually "". */
  readonly base: string;
  /** Absent at full strength (1), and in recipes that are older than this setting. */
  readonly strength?: number;
  /** Absent if there was no gate (0). */
  readonly gate?: number;
  /** The window around the masks on which the edit ran, if it ran on one. */
  readonly window?: RecordedWindow;
  /** The longer side at which the model worked, if it was not the native size. */
  readonly workingSize?: number;
  /** The part of the schedule in which guidance acts; absent if that is all of it ([0, 1]). */
  readonly guidanceInterval?: readonly [from: number, to: number];
  /** In recipes of earlier versions, the number of steps that shared deep UNet features; no longer supported. */
  readonly reuse?: number;
  /** "on" if the result keeps the picture's fine detail; absent if the model's output was upscaled, as in older recipes. */
  readonly detail?: "on";
  /** "on" or "reader" if understood instructions were given to the denoiser in the checkpoint's phrases; absent if in their own words, as in older recipes. */
  readonly rephrase?: Rephrase;
  /** The number of steps taken, if the edit was ended before its last step. */
  readonly stopAfter?: number;
}

/** All settings: of edits, and of opening a session. */
export interface AllSettings extends SessionSettings, OpenSettings {}

/** Settings that only recipes of earlier versions have. */
interface RetiredSettings {
  readonly reuse: never;
}

/** A setting's value in JSON, which has no large integers. */
export type InJson<K extends keyof AllSettings> = K extends "seed" ? number | string : AllSettings[K];

type Table = {
  readonly [K in keyof RetiredSettings]: Setting<undefined, never, number>;
} & {
  readonly [K in keyof AllSettings]-?: Setting<
    NonNullable<AllSettings[K]>,
    NonNullable<InJson<K>>,
    K extends keyof RecordedSettings ? NonNullable<RecordedSettings[K]> : never
  >;
};

const whole = z.int().min(0);

// Inner errors also give the whole expectation: for a union that nearly matches, zod reports only the inner error.
const windowExpected = '"off", "auto", or a margin and a least side (whole numbers, in latent pixels)';
const windowError = says(windowExpected);
const windowSize = z.strictObject({
  margin: z.int(windowError).min(0, windowError),
  least: z.int(windowError).min(1, windowError).optional(),
});

const intervalExpected = "two numbers from 0 to 1, the smaller first";
const intervalError = says(intervalExpected);
const share = z.number(intervalError).min(0, intervalError).max(1, intervalError);

const seedExpected = `${SEED_RANGE}, in quotes where it is larger than 2^53 - 1`;
const seedError = says(seedExpected);
const seedNumber = z.int(seedError).min(0, seedError);
const seedText = z
  .string(seedError)
  .regex(/^\d{1,20}$/, seedError)
  .refine((digits) => !/^\d{1,20}$/.test(digits) || BigInt(digits) <= MAX_SEED, seedError);
const seedBig = z.bigint(seedError).min(0n, seedError).max(MAX_SEED, seedError);

const sizeExpected = '"own" or a whole number from 8 to 100000';
const sizeError = says(sizeExpected);

/** In the order in which recipes contain them: a node's id is a hash over them in this order, so new rows go at the end. */
export const SETTINGS: Table = {
  preset: {
    title: "preset",
    help: "trade-off between quality and speed: draft for previews, balanced, best for final results, turbo for models distilled for few steps; explicit settings override it",
    ...oneOf(PRESETS),
    fallback: "balanced",
    cli: { value: "name" },
  },
  seed: {
    title: "seed",
    help: "chooses the noise; the same seed gives the same picture; in quotes where it is larger than 2^53 - 1",
    expected: seedExpected,
    json: z.union([seedNumber, seedText], seedError),
    program: z.union([seedNumber, seedBig], seedError),
    fallback: 0,
    defaultText: "0 for the first edit of a picture, 1 for the second, and so on",
    openai: true,
    cli: {
      help: "the seed of the first edit's noise; later edits count up from it; the same seed gives the same picture",
      expected: SEED_RANGE,
    },
    recipe: {
      schema: z.string().regex(/^\d{1,20}$/, "expected a whole number"),
      write: String,
      read: BigInt,
      note: "decimal",
    },
  },
  steps: {
    title: "steps",
    help: "number of denoising steps; more is finer and slower",
    ...wholeNumber(1, 1000),
    byPreset: { draft: 8, balanced: 20, best: 100 },
    stated: true,
    openai: true,
    recipe: { schema: z.int().min(1).max(1000) },
  },
  sampler: {
    title: "sampler",
    help: "the sampling algorithm",
    ...oneOf(samplerNames),
    byPreset: {},
    stated: true,
    cli: { value: "name" },
    recipe: { schema: z.string().max(MAX_TEXT) },
  },
  textGuidance: {
    title: "text guidance",
    help: "how strongly the edit follows the instruction; a negative value pushes away from it",
    ...numberIn(-100, 100),
    byPreset: { turbo: 1, draft: 7.5, balanced: 7.5, best: 7.5 },
    stated: true,
    cli: { value: "s" },
    recipe: { schema: z.number() },
  },
  imageGuidance: {
    title: "image guidance",
    help: "how closely the edit stays to the original picture",
    ...numberIn(1, 100, " (for an edit without guidance set both guidances to 1)"),
    byPreset: { turbo: 1, draft: 1.5, balanced: 1.5, best: 1.5 },
    stated: true,
    cli: { value: "s" },
    recipe: { schema: z.number() },
  },
  control: {
    title: "control",
    help: "how a mask limits the edit",
    ...oneOf(CONTROLS),
    fallback: "anchored",
    cli: { value: "name" },
    recipe: { schema: z.string().max(MAX_TEXT) },
  },
  base: {
    title: "base",
    help: "a text that replaces the empty null prompt",
    ...textOf(MAX_TEXT),
    fallback: "",
    cli: { value: "text" },
    recipe: { schema: z.string().max(MAX_TEXT) },
  },
  strength: {
    title: "strength",
    help: "how much of the edit is applied: 0 is nothing, 1 all of it",
    ...numberIn(0, 1),
    fallback: 1,
    cli: { value: "m" },
    recipe: { schema: z.number().min(0).max(1), absent: 1, since: 2 },
  },
  gate: {
    title: "gate",
    help: "latents that an edit changes by less than this threshold are copied from the parent; 0 keeps every change",
    ...numberIn(0, 100),
    fallback: 0,
    defaultText: "the checkpoint's own, else 0",
    stated: true,
    cli: { value: "g" },
    recipe: { schema: z.number().positive(), absent: 0, since: 3 },
  },
  window: {
    title: "window",
    help:
      "where the model runs: on the full picture (off), or on a window around the masks: a margin and a minimum side in latent pixels, or " +
      "auto: a window above the model's native size, the full picture otherwise",
    expected: windowExpected,
    json: z.union([z.enum(["off", "auto"]), windowSize], windowError),
    fallback: "off",
    defaultText: "off; auto where the model works above its native size",
    cli: {
      value: "how",
      help: "run the model on a window around the masks",
      expected: "auto, off, or MARGIN[:LEAST] as in 8:32: margin and minimum side in latent pixels",
      read: readWindow,
    },
    recipe: {
      schema: z.strictObject({
        margin: whole,
        least: z.int().min(1),
        whole: z.number().positive().max(1).optional(),
      }),
      absent: "off",
      since: 3,
      // If such a recipe can be recomputed at all, every step ran on the full picture.
      read: (window) => (window.whole === undefined ? window : "off"),
    },
  },
  workingSize: {
    title: "working size",
    help:
      'the longer side at which the model works, in pixels, or "own" for that of the picture; above the model\'s native size, every edit needs a mask ' +
      "and is computed only around it",
    expected: sizeExpected,
    json: z.union([z.literal("own"), z.int(sizeError).min(8, sizeError).max(100_000, sizeError)], sizeError),
    defaultText: "the native size",
    scope: "opening",
    cli: { value: "px" },
    recipe: { schema: z.int().min(1), absent: undefined, since: 3 },
  },
  guidanceInterval: {
    title: "guidance interval",
    help: "the part of the schedule in which guidance acts: 0 is its noisy start, 1 its clean end",
    expected: intervalExpected,
    json: z.tuple([share, share], intervalError).refine(([from, to]) => from <= to, intervalError),
    fallback: [0, 1],
    byPreset: { turbo: [0, 1], draft: [0, 0.5], balanced: [0, 0.7] },
    cli: { value: "from,to", expected: `${intervalExpected}, as in 0,0.7`, read: numbersIn },
    recipe: {
      schema: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]),
      absent: [0, 1],
      since: 3,
      note: "absent: everywhere",
    },
  },
  reuse: {
    title: "reuse",
    help: "in recipes of earlier versions: the number of steps that shared deep UNet features",
    expected: "nothing: deep features are no longer shared",
    json: z.never(),
    scope: "retired",
    recipe: { schema: z.int().min(2).max(1000), absent: undefined, since: 3 },
  },
  detail: {
    title: "detail",
    help: "on: a picture larger than the model's native size keeps its fine detail; off: the model's output, upscaled",
    ...oneOf(DETAIL),
    fallback: "off",
    scope: "session",
    cli: { value: "how" },
    recipe: { schema: z.literal("on"), absent: "off", since: 5, write: () => "on" },
  },
  rephrase: {
    title: "rephrase",
    help: "on: an instruction that the model understands is replaced by the phrase that its denoiser was trained with; reader: the same, with the model's reader to understand it; off: the instruction is used as it is",
    ...oneOf(REPHRASE),
    fallback: "off",
    defaultText: "the checkpoint's own, else off",
    stated: true,
    cli: { value: "how" },
    recipe: { schema: z.literal(["on", "reader"]), absent: "off", since: 7 },
  },
  stopAfter: {
    title: "stop after",
    help: "stop after this number of steps, and use the preview as the result",
    ...wholeNumber(1, 1000),
    defaultText: "all steps",
    cli: { value: "n" },
    recipe: { schema: z.int().min(1).max(999), absent: undefined, since: 2 },
  },
};
