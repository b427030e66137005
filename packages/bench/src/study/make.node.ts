/** A study from two runs of the benchmark, or from two methods of one. */

import { createHash, randomBytes } from "node:crypto";
import { dirname, relative, resolve } from "node:path";
import { openDataset } from "../datasets/index.node.ts";
import {
  compareInsideOutside,
  EmilieError,
  MAX_PICTURE_BYTES,
  readFileWithin,
  readPicture,
} from "../library.ts";
import type { BenchItem } from "../types.ts";
import { generator, shuffled } from "./plan.ts";
import { datasetOf, methodOf, pictureOf, type Run, type RunRow, readRun } from "./runs.node.ts";
import type { Pair, Study } from "./study.ts";

export interface StudyOptions {
  /** Where the study's file will be; pictures are named from there. */
  readonly out: string;
  readonly methodA?: string;
  readonly methodB?: string;
  /** The dataset, where it is not the one that the run's command named. */
  readonly dataset?: string;
  /** "last": the final turn of each item that both have. "each": every turn. Or one turn by its number. Default "last". */
  readonly turn?: "last" | "each" | number;
  /** At most so many pairs, drawn at random. */
  readonly limit?: number;
  /** Of the raters' orders. Default 0. */
  readonly seed?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** @throws EmilieError study.invalid (runs that cannot be compared), option.invalid (no such method or dataset) */
export async function makeStudy(runA: string, runB: string, options: StudyOptions): Promise<Study> {
  const [a, b] = [await readRun(runA), await readRun(runB)];
  const same = a.folder === b.folder;
  const methodA = methodOf(a, options.methodA, "--method-a");
  const methodB = methodOf(b, options.methodB, "--method-b");
  const invalid = (what: string) => new EmilieError("study.invalid", what);
  if (same && methodA.name === methodB.name)
    throw invalid(
      `Both sides are ${methodA.name} of ${a.folder}. Choose two methods with --method-a and --method-b.`,
    );
  if (a.dataset.hash !== b.dataset.hash)
    throw invalid(
      `The runs are of different datasets, ${a.dataset.name} and ${b.dataset.name} (their hashes differ).`,
    );
  const named = options.dataset ?? datasetOf(a);
  const dataset = await openDataset(named).catch((cause: Error) => {
    if (options.dataset !== undefined) throw cause;
    // A run keeps the folder's name, and not where it lies.
    const what = `The dataset of the runs, ${named}, cannot be opened from here: ${cause.message} Say where it is with --dataset.`;
    throw new EmilieError("option.invalid", what, { cause });
  });
  if (dataset.hash !== a.dataset.hash)
    throw invalid(
      `The dataset ${dataset.name} is not the one of the runs (its hash differs). Name it with --dataset.`,
    );

  const rowsB = new Map(rowsOf(b, methodB.name).map((row) => [keyOf(row), row]));
  const both = rowsOf(a, methodA.name).filter((row) => rowsB.has(keyOf(row)));
  const chosen = chooseTurns(both, options.turn ?? "last");
  if (chosen.length === 0)
    throw invalid(
      `${methodA.name} and ${methodB.name} have no item, seed and turn in common that could be compared.`,
    );
  const seed = options.seed ?? 0;
  const drawn = shuffled(chosen, generator(`${seed} pairs`)).slice(0, options.limit);

  const items = new Map(dataset.items.map((item) => [item.id, item]));
  const base = dirname(resolve(options.out));
  const pairs: Pair[] = [];
  for (const [i, row] of drawn.entries()) {
    const other = rowsB.get(keyOf(row))!;
    const item = items.get(row.item);
    const turn = item?.turns[row.turn - 1];
    if (!item || turn?.instruction !== row.instruction || other.instruction !== row.instruction)
      throw invalid(
        `Item ${row.item}, turn ${row.turn}, of the runs is not in the dataset ${dataset.name} as it is.`,
      );
    const pair = await pairOf(item, row, other, { a, b, base });
    if (pair) pairs.push(pair);
    options.onProgress?.(i + 1, drawn.length);
  }
  if (pairs.length === 0) throw invalid("All pairs are the same picture twice: there is nothing to choose.");
  return {
    version: 1,
    created: new Date().toISOString(),
    seed,
    secret: randomBytes(32).toString("hex"),
    dataset: { name: dataset.name, hash: dataset.hash },
    methods: { a: { ...methodA, model: a.model.id }, b: { ...methodB, model: b.model.id } },
    pairs,
    identical: drawn.length - pairs.length,
    raters: [],
  };
}

const keyOf = ({ item, seed, turn }: RunRow): string => JSON.stringify([item, seed, turn]);
const rowsOf = (run: Run, method: string): RunRow[] => run.rows.filter((row) => row.method === method);

function chooseTurns(rows: readonly RunRow[], turn: "last" | "each" | number): RunRow[] {
  if (turn === "each") return [...rows];
  if (turn !== "last") return rows.filter((row) => row.turn === turn);
  const last = new Map<string, RunRow>();
  for (const row of rows) {
    const key = JSON.stringify([row.item, row.seed]);
    if (row.turn > (last.get(key)?.turn ?? 0)) last.set(key, row);
  }
  return [...last.values()];
}

/** Null where both methods made the same picture, whatever else their files hold: to choose there is to toss a coin. */
async function pairOf(
  item: BenchItem,
  row: RunRow,
  other: RunRow,
  { a, b, base }: { a: Run; b: Run; base: string },
): Promise<Pair | null> {
  const read = async (path: string) => {
    const bytes = await readFileWithin(path, MAX_PICTURE_BYTES).catch((cause: Error) => {
      throw new EmilieError("study.invalid", `A picture of the runs cannot be read: ${cause.message}`, {
        cause,
      });
    });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { bytes, file: { path: relative(base, path).replaceAll("\\", "/"), sha256 } };
  };
  const [source, ofA, ofB] = [
    await read(item.image),
    await read(pictureOf(a, row)),
    await read(pictureOf(b, other)),
  ];
  const [left, right] = [await readPicture(ofA.bytes), await readPicture(ofB.bytes)];
  const sameSize = left.width === right.width && left.height === right.height;
  if (sameSize && compareInsideOutside(left, right).inside.changedPixels === 0) return null;
  return {
    item: row.item,
    part: row.part,
    seed: row.seed,
    turn: row.turn,
    kind: row.kind,
    global: row.global,
    instructions: item.turns.slice(0, row.turn).map(({ instruction }) => instruction),
    ...{ source: source.file, a: ofA.file, b: ofB.file },
    metrics: { a: row.metrics, b: other.metrics },
  };
}
