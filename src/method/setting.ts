/** What a row of the table of settings (settings.ts) is made of. */
import { z } from "zod";

/** "turbo" for checkpoints and LoRAs that were distilled for few steps; "draft" for previews, "balanced" (the default), "best" for final results. */
export const PRESETS = ["turbo", "draft", "balanced", "best"] as const;
/** One of {@link PRESETS}. */
export type PresetName = (typeof PRESETS)[number];

/** Everything that the interfaces, the recipe and the method's own check know of one setting. */
export interface Setting<Value = unknown, Json = Value, Recorded = Value> {
  /** What messages call it. */
  readonly title: string;
  /** What it does: a phrase without what is allowed and without the default, which every interface adds. */
  readonly help: string;
  /** What is allowed, in the words of every error message. */
  readonly expected: string;
  /** The least and the most that it may be, where it is a number. */
  readonly range?: readonly [low: number, high: number];
  /** The words that it may be, where it is one of a list. */
  readonly words?: readonly string[];
  /** Checks a value in JSON or YAML; most are the same in a program. */
  readonly json: z.ZodType<Json, Json>;
  /** Checks a value in a program, where that is another. */
  readonly program?: z.ZodType<Value, Value>;
  /** What applies where neither the user, nor a preset, nor the checkpoint says anything. Absent: one of those always does. */
  readonly fallback?: Value;
  /**
   * What the presets make of it, where the user says nothing: the values for checkpoints that state nothing themselves. Those of the
   * checkpoint, if it states any, come first (presets.ts). Absent: no preset decides it.
   */
  readonly byPreset?: { readonly [P in PresetName]?: Value };
  /** The default in words, where it is neither the preset's nor always the fallback. */
  readonly defaultText?: string;
  /**
   * "session": the method does not know it. "opening": it is chosen with the picture, for all edits. "retired": only recipes
   * of earlier versions have it. Default "edit".
   */
  readonly scope?: "edit" | "session" | "opening" | "retired";
  /** Whether emilie.json may state it for a checkpoint. */
  readonly stated?: boolean;
  /** Whether the extension of OpenAI's API takes it; its other parameters are OpenAI's own. */
  readonly openai?: boolean;
  /** How it is given on the command line, where "--the-name <value>" and numbers, words or JSON do not suffice. */
  readonly cli?: {
    readonly flag?: string;
    /** What help calls the value. */
    readonly value?: string;
    /** In place of `help`. */
    readonly help?: string;
    /** In place of `expected`. */
    readonly expected?: string;
    /** The text in the form that `json` checks; a text that is not understood is returned as it is. */
    readonly read?: (text: string) => unknown;
  };
  /** How a recipe records it. Absent: it is not recorded, since other settings say what it came to. */
  readonly recipe?: {
    /** As files have it. Wider than what may be asked for where older versions allowed more: what is recorded stays replayable. */
    readonly schema: z.ZodType<Recorded>;
    /** The value that is left out, so that nodes of recipes without the key keep their ids. No such key: always recorded. */
    readonly absent?: Value;
    /** The version of the session format that it came with. Default 1. */
    readonly since?: number;
    /** Where the recorded form differs. */
    readonly write?: (value: Value) => Recorded;
    readonly read?: (recorded: Recorded) => Value;
    /** What the API's reference says of it, beside `help`. */
    readonly note?: string;
  };
}

/** The error of a schema: what was expected and what was given. */
export function says(expected: string): { error: (issue: { readonly input?: unknown }) => string } {
  return { error: ({ input }) => `expected ${expected}, got ${shown(input)}` };
}

const MAX_SHOWN = 60;

/** A value in a message. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const isNumber = typeof value === "bigint" || typeof value === "number";
  const text = isNumber ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** What is allowed, in words and as a schema. */
interface Allowed<T> {
  readonly expected: string;
  readonly json: z.ZodType<T, T>;
}

export function wholeNumber(low: number, high: number): Allowed<number> {
  const expected = `a whole number from ${low} to ${high}`;
  return { expected, json: z.int(says(expected)).min(low, says(expected)).max(high, says(expected)) };
}

/** `note` follows the range in messages: what to do instead. */
export function numberIn(
  low: number,
  high: number,
  note = "",
): Allowed<number> & { range: readonly [low: number, high: number] } {
  const expected = `a number from ${low} to ${high}${note}`;
  const json = z.number(says(expected)).min(low, says(expected)).max(high, says(expected));
  return { expected, json, range: [low, high] };
}

export function oneOf<const T extends string>(names: readonly T[]): Allowed<T> & { words: readonly T[] } {
  const expected = `one of ${names.join(", ")}`;
  return {
    expected,
    words: names,
    json: z.enum(names as readonly [T, ...T[]], says(expected)) as unknown as z.ZodType<T, T>,
  };
}

export function textOf(most: number): Allowed<string> {
  const expected = `a text of at most ${most} characters`;
  const length = {
    error: ({ input }: { readonly input?: unknown }) =>
      `expected ${expected}, got ${(input as string).length}`,
  };
  return { expected, json: z.string(says(expected)).max(most, length) };
}

/** "0.2,0.7" → [0.2, 0.7]; what is no number is left to the schema. */
export function numbersIn(text: string): unknown[] {
  return text.split(",").map((part) => (part.trim() === "" ? part : Number(part)));
}

/** Parses MARGIN[:LEAST]; other texts are left for the schema to refuse. */
export function readWindow(text: string): unknown {
  const [, margin, least] = /^(\d{1,6})(?::([1-9]\d{0,5}))?$/.exec(text.trim()) ?? [];
  if (margin === undefined) return text;
  return { margin: Number(margin), ...(least === undefined ? {} : { least: Number(least) }) };
}
