/** results.json, checked when it is written and when it is read, and results.csv. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BENCH_JSON, EmilieError, parseJson, readFileWithin, writeAtomically } from "./library.ts";
import type { BenchResults } from "./types.ts";

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const count = z.int().nonnegative();

const estimateSchema = z.object({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  clusters: count,
  n: count,
});

const rowSchema = z.object({
  method: z.string(),
  item: z.string(),
  part: z.string().nullable(),
  seed: count,
  turn: z.int().positive(),
  instruction: z.string(),
  kind: z.string().nullable(),
  global: z.boolean().nullable(),
  masked: z.boolean(),
  picture: z.string(),
  metrics: z.record(z.string(), z.number().nullable()),
  success: z.boolean().nullable(),
  collapsed: z.boolean().nullable(),
  unetCalls: count,
  seconds: z.number().nonnegative(),
});

const resultsSchema: z.ZodType<BenchResults> = z.object({
  version: z.literal(1),
  experiment: z.string().nullable(),
  command: z.array(z.string()),
  created: z.iso.datetime(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])),
  model: z.object({ id: z.string(), fingerprint: z.string() }),
  scorers: z.array(z.object({ name: z.string(), model: z.string(), hash: z.string() })),
  dataset: z.object({
    name: z.string(),
    hash: z.string(),
    items: count,
    licence: z.string().nullable(),
  }),
  seeds: z.array(count),
  methods: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      reference: z.string(),
      settings: z.record(z.string(), value),
    }),
  ),
  intervals: z.literal("scenes-t").optional(),
  aggregates: z.array(
    z.object({
      metric: z.string(),
      method: z.string(),
      group: z.string(),
      turn: count.nullable(),
      estimate: estimateSchema,
      against: z.string().optional(),
    }),
  ),
  rows: z.array(rowSchema),
});

/** Checks what results.json holds. Throws option.invalid, naming `name` and the first thing that is wrong. */
export function parseResults(json: unknown, name = "results.json"): BenchResults {
  const parsed = resultsSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new EmilieError(
    "option.invalid",
    `${name} is not the results of emilie bench, version 1: ${issue?.path.join(".")}: ${issue?.message}`,
    { cause: parsed.error },
  );
}

/** A results.json as it stands, within its limits. Throws what the file system throws, or an Error that says what is wrong with the JSON. */
export async function readResultsJson(path: string): Promise<unknown> {
  const bytes = await readFileWithin(path, BENCH_JSON.length);
  return parseJson(bytes.toString("utf8"), BENCH_JSON, (what, cause) => new Error(`it ${what}`, { cause }));
}

/** The results in a folder that `emilie bench` wrote. Throws io.failed and option.invalid. */
export async function readResults(folder: string): Promise<BenchResults> {
  const path = join(folder, "results.json");
  let json: unknown;
  try {
    json = await readResultsJson(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmilieError("io.failed", `${path} cannot be read: ${reason}`, { cause });
  }
  return parseResults(json, path);
}

/**
 * Throws io.exists where a folder has files under the names of a run's that are not of a run: before anything is computed. What a run
 * wrote is replaced by the next one.
 */
export async function checkResultsFolder(folder: string): Promise<void> {
  const text = await readFile(join(folder, "results.json"), "utf8").catch((error) =>
    error.code === "ENOENT" ? null : "",
  );
  if (text !== null && isRun(text)) return;
  const names = await readdir(folder).catch((): string[] => []);
  const taken = ["results.json", "results.csv", "report.html"].filter((name) => names.includes(name));
  if (taken.length === 0) return;
  throw new EmilieError(
    "io.exists",
    `${folder} has ${taken.join(", ")}, which emilie bench did not write; nothing is changed there. Choose another --out.`,
  );
}

function isRun(text: string): boolean {
  try {
    const run = JSON.parse(text);
    return Array.isArray(run.rows) && Array.isArray(run.aggregates) && typeof run.dataset?.hash === "string";
  } catch {
    return false;
  }
}

/** Writes both files into an existing folder. */
export async function writeResults(results: BenchResults, folder: string): Promise<void> {
  const checked = parseResults(results);
  const write = (name: string, text: string) =>
    writeAtomically(join(folder, name), [new TextEncoder().encode(text)]);
  await write("results.json", linesOf(checked));
  await write("results.csv", resultsCsv(checked));
}

/** JSON with every row and every aggregate on a line of its own: small, and two runs can be compared by lines. */
function linesOf(results: BenchResults): string {
  const members = Object.entries(results).map(([name, value]) => {
    const text = Array.isArray(value)
      ? `[\n${value.map((one) => JSON.stringify(one)).join(",\n")}\n]`
      : JSON.stringify(value);
    return `${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${members.join(",\n")}\n}\n`;
}

const COLUMNS = [
  "method",
  "item",
  "part",
  "seed",
  "turn",
  "instruction",
  "kind",
  "global",
  "masked",
  "success",
  "collapsed",
  "unetCalls",
  "seconds",
  "picture",
] as const;

/** One line a row, with the metrics as columns; what is not said, or not finite, is empty. RFC 4180. */
export function resultsCsv({ rows }: Pick<BenchResults, "rows">): string {
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))].sort();
  const lines = rows.map((row) => [
    ...COLUMNS.map((column) => row[column]),
    ...metrics.map((metric) => row.metrics[metric]),
  ]);
  return [[...COLUMNS, ...metrics], ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

function cell(value: string | number | boolean | null | undefined): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
