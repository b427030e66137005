/** What a study needs of a run of the benchmark: its pictures by method, item, seed and turn. */

import { join, resolve, sep } from "node:path";
import { z } from "zod";
import { EmilieError } from "../library.ts";
import { readResultsJson } from "../results.node.ts";
import type { ResultRow } from "../types.ts";

export type RunRow = Pick<
  ResultRow,
  "method" | "item" | "part" | "seed" | "turn" | "instruction" | "kind" | "global" | "picture" | "metrics"
>;

const rowSchema: z.ZodType<RunRow> = z.object({
  method: z.string(),
  item: z.string(),
  part: z.string().nullable(),
  seed: z.int().nonnegative(),
  turn: z.int().positive(),
  instruction: z.string(),
  kind: z.string().nullable(),
  global: z.boolean().nullable(),
  picture: z.string(),
  metrics: z.record(z.string(), z.number().nullable()),
});

/** Of results.json only this; more stands there. */
const runSchema = z.object({
  version: z.literal(1),
  command: z.array(z.string()),
  model: z.object({ id: z.string() }),
  dataset: z.object({ name: z.string(), hash: z.string() }),
  methods: z.array(z.object({ name: z.string(), title: z.string() })).min(1),
  rows: z.array(rowSchema),
});
type RunData = z.infer<typeof runSchema>;

export interface Run extends RunData {
  readonly folder: string;
}

/** @throws EmilieError study.invalid */
export async function readRun(folder: string): Promise<Run> {
  const path = join(folder, "results.json");
  let json: unknown;
  try {
    json = await readResultsJson(path);
  } catch (cause) {
    throw new EmilieError(
      "study.invalid",
      `${folder} is not a finished run of emilie bench: ${(cause as Error).message}`,
      { cause },
    );
  }
  const parsed = runSchema.safeParse(json);
  if (parsed.success) return { ...parsed.data, folder: resolve(folder) };
  const issue = parsed.error.issues[0]!;
  throw new EmilieError(
    "study.invalid",
    `${path} is not a run of emilie bench, version 1: ${issue.path.join(".")}: ${issue.message}`,
    { cause: parsed.error },
  );
}

/** The method of that name, or the only one there is. */
export function methodOf(run: Run, asked: string | undefined, option: string): RunData["methods"][number] {
  const names = run.methods.map(({ name }) => name);
  const found =
    asked === undefined && names.length === 1 ? run.methods[0] : run.methods.find((m) => m.name === asked);
  if (found) return found;
  const what = asked === undefined ? `has ${names.length} methods` : `has no method ${asked}`;
  throw new EmilieError(
    "option.invalid",
    `${run.folder} ${what}. Choose with ${option}: ${names.join(", ")}.`,
  );
}

/** The dataset as the run's command named it. */
export function datasetOf(run: Run): string {
  const at = run.command.findIndex((word) => word === "--dataset" || word.startsWith("--dataset="));
  if (at < 0) return run.dataset.name;
  const word = run.command[at]!;
  return word.includes("=") ? word.slice(word.indexOf("=") + 1) : (run.command[at + 1] ?? run.dataset.name);
}

/** Where a row's picture lies; it stays in the run's folder. */
export function pictureOf(run: Run, row: RunRow): string {
  const path = resolve(run.folder, row.picture);
  if (path.startsWith(run.folder + sep)) return path;
  throw new EmilieError(
    "study.invalid",
    `A picture of ${run.folder} is outside that folder: ${row.picture}.`,
  );
}
