/**
 * Configuration files are read strictly: every key must be known, and every value implemented, because a key that is
 * ignored is a wrong picture later. Keys that begin with "_" are the writing library's own notes.
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

export const count = z.int().positive();

/** One value for every block, or one for each. */
export function perBlock<T extends z.ZodType>(item: T) {
  return z.union([item, z.array(item).nonempty()]);
}

/** Reads `path` of a checkpoint by a strict schema; throws "checkpoint.unsupported" naming keys and values. */
export async function readConfig<T extends z.ZodType>(
  source: CheckpointSource,
  path: string,
  schema: T,
): Promise<z.output<T>> {
  return parseConfig(await readJson(source, path), path, schema);
}

export function parseConfig<T extends z.ZodType>(json: unknown, path: string, schema: T): z.output<T> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new EmilieError("checkpoint.malformed", `${path} is not a JSON object.`);
  }
  const keys = Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith("_")));
  const result = schema.safeParse(keys);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => describe(issue, keys));
  throw new EmilieError("checkpoint.unsupported", `${path}: ${problems.join("; ")}.`);
}

function describe(issue: z.core.$ZodIssue, json: Record<string, unknown>): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `the key "${key}" (${show(json[key])}) is not known`).join("; ");
  }
  const key = String(issue.path[0] ?? "");
  return `"${key}" is ${show(json[key])}, which is not implemented (${issue.message})`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

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
