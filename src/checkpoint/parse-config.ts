/**
 * Configuration files are read strictly: every key must be known, and every value implemented, because a key that is
 * ignored is a wrong picture later. What changes nothing does not count: keys that begin with "_" are the writing library's
 * own notes, and a null is what Python writes for "not set", so it is the default, unless the key has a null of its own.
 */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { type CheckpointSource, readJson } from "./source.ts";

/** A key whose other values exist in the wild but are not implemented here. */
export function only<const T extends string | number | boolean | null>(...values: readonly [T, ...T[]]) {
  return z.literal(values).default(values[0] as never);
}

/** A key that says nothing about inference. */
export const inert = z.unknown().optional();

/** How many of something there are, which is counted through: layers, levels, steps. */
export const few = (most: number) => z.int().positive().max(most);

/** A width, a vocabulary, a length: far above any network's, and far below what would overflow a product of two. */
export const count = few(2 ** 22);

/** One of a normalisation's divisors. */
export const epsilon = z.number().positive().max(1);

/** A flag that is on unless it is said otherwise. diffusers asks only whether it is true, so its null is "off". */
export const on = z
  .boolean()
  .nullable()
  .default(true)
  .transform((value) => value ?? false);

/** A key whose null is not "not set" but a value of its own, which is not implemented. */
export const ownNull = <T extends z.ZodType>(schema: T): T => schema.meta({ ownNull: true });

/** One value for every block, or one for each. */
export function perBlock<T extends z.ZodType>(item: T) {
  return z.union([item, z.array(item).nonempty().max(MOST_BLOCKS)]);
}

/** Resolution levels of a network; diffusers' deepest has six. */
export const MOST_BLOCKS = 16;

/** Channels of each level. */
export const blocks = z.array(count).nonempty().max(MOST_BLOCKS);

/** Residual blocks of a level, transformer blocks of an attention, layers of a text encoder. */
export const layers = few(256);

/** The one activation of diffusers' UNets and VAEs. */
export const silu = only("silu", "swish");

/** What EMAModel.save_pretrained of diffusers leaves in the configuration of averaged weights: how they were averaged. */
export const AVERAGING = {
  decay: inert,
  inv_gamma: inert,
  min_decay: inert,
  optimization_step: inert,
  power: inert,
  update_after_step: inert,
  use_ema_warmup: inert,
};

/** Reads `path` of a checkpoint by a strict schema; throws "checkpoint.unsupported" naming keys and values. */
export async function readConfig<T extends z.ZodType>(
  source: CheckpointSource,
  path: string,
  schema: T,
): Promise<z.output<T>> {
  return parseConfig(await readJson(source, path), path, schema);
}

/** Reads an object by a strict schema; throws "checkpoint.unsupported" naming keys and values. */
export function parseConfig<T extends z.ZodType>(json: unknown, path: string, schema: T): z.output<T> {
  const keys = withoutNotes(asObject(json, path), schema);
  const result = schema.safeParse(keys);
  if (result.success) return result.data;
  // One sentence a key: a list may have something wrong in every entry.
  const problems = new Set(
    result.error.issues.slice(0, SHOWN * SHOWN).flatMap((issue) => describe(issue, keys)),
  );
  throw new EmilieError(
    "checkpoint.unsupported",
    `${path}: ${[...problems].slice(0, SHOWN + 1).join("; ")}.`,
  );
}

/** `json` as an object; throws "checkpoint.malformed" where it is none. */
export function asObject(json: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new EmilieError("checkpoint.malformed", `${path} is not a JSON object.`);
}

/** Whether a schema means something by a null: asked of the schema itself, so that no list can differ from it. */
const nullMeans = (schema: z.ZodType | undefined): boolean =>
  schema !== undefined && (schema.meta()?.ownNull === true || schema.safeParse(null).success);

function withoutNotes(json: Readonly<Record<string, unknown>>, schema: z.ZodType): Record<string, unknown> {
  const { shape = {} } = schema as { shape?: Readonly<Record<string, z.ZodType>> };
  const kept = Object.entries(json).filter(
    ([key, value]) => !key.startsWith("_") && (value !== null || nullMeans(shape[key])),
  );
  return Object.fromEntries(kept);
}

/** More would be no help. */
const SHOWN = 8;

function describe(issue: z.core.$ZodIssue, json: Record<string, unknown>): string[] {
  if (issue.code === "unrecognized_keys") {
    const shown = issue.keys
      .slice(0, SHOWN)
      .map((key) => `the key ${showText(key)} (${show(json[key])}) is not known`);
    const more = issue.keys.length - shown.length;
    return more > 0 ? [...shown, `and ${more} more`] : shown;
  }
  const key = String(issue.path[0] ?? "");
  const value = json[key];
  const quoted = typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value));
  const hint = quoted ? "it is a text; write the number without quotes" : issue.message;
  return [`"${key}" is ${show(value)}, which is not implemented (${hint})`];
}

/** A value of a file, as a message shows it. */
export function show(value: unknown): string {
  return cut(JSON.stringify(value) ?? "absent");
}

const showText = (text: string) => `"${cut(text)}"`;

const cut = (text: string) => (text.length > 120 ? `${text.slice(0, 117)}…` : text);

/** `value` for each of `blocks` blocks. */
export function spread<T>(value: T | readonly T[], blocks: number, key: string, path: string): T[] {
  if (!Array.isArray(value)) return Array.from({ length: blocks }, () => value as T);
  if (value.length !== blocks) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path}: "${key}" has ${value.length} entries for ${blocks} blocks.`,
    );
  }
  return [...value];
}
