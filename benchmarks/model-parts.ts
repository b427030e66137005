/**
 * A benchmark of one model at full size, which takes an hour: its parts, one after the other, each kept as it is measured, so that a run that was stopped goes on after its last
 * whole part. `npm run bench -- klein` and `-- dreamlite` are two.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { physicalCores } from "../src/runtime/node.ts";
import { layOutFolder } from "../tests/support/full-checkpoint.ts";
import { writeModelPage } from "./model-page.ts";
import { usage, whole } from "./options.ts";
import { writeRandom } from "./random-weights.ts";
import { type BenchRecord, type Row, record } from "./record.ts";
import { rowsOf } from "./row-process.ts";
import { printRows } from "./table.ts";

/** Options that all of them have, for parseArgs. */
export const MODEL_OPTIONS = {
  edits: { type: "string", default: "2" },
  python: { type: "string", default: process.env.EMILIE_PEER_PYTHON ?? "python3" },
  threads: { type: "string" },
  tiny: { type: "boolean", default: false },
  scratch: { type: "string" },
  again: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  write: { type: "boolean", default: false },
} as const;

export interface ModelFlags {
  readonly edits: string;
  readonly python: string;
  readonly threads?: string | undefined;
  readonly tiny: boolean;
  readonly scratch?: string | undefined;
  readonly again: boolean;
  readonly json: boolean;
  readonly write: boolean;
  /** Of those that there are, with commas between them. */
  readonly parts: string;
}

/** Where a part is measured. */
export interface Place {
  readonly scratch: string;
  readonly threads: number;
  readonly edits: number;
}

export interface ModelBench {
  /** As in `npm run bench -- NAME`: results go to docs/results/NAME.json and NAME.md. */
  readonly name: string;
  /** The page's heading. */
  readonly title: string;
  /** What is measured, as "klein 4B 512": a result takes the place of the one of its subject. */
  readonly subject: string;
  /** Name of the file in the scratch folder that keeps rows, without ".json". */
  readonly kept: string;
  readonly parts: readonly string[];
  /** Gives rows to `keep` as they come; what could not be had is returned, each with its reason. */
  readonly measure: (part: string, place: Place, keep: (row: Row) => void) => Promise<readonly string[]>;
  /** Rows that follow from all others. */
  readonly bars?: (rows: readonly Row[]) => readonly Row[];
}

type Kept = Required<Pick<BenchRecord, "rows" | "skipped">> & { readonly done: readonly string[] };

export async function runModelBench(bench: ModelBench, flags: ModelFlags): Promise<void> {
  const { name } = bench;
  const subject = `${bench.subject}${flags.tiny ? " tiny" : ""}`;
  const parts = flags.parts.split(",");
  const unknown = parts.find((part) => !bench.parts.includes(part));
  if (unknown !== undefined) usage(`--parts ${unknown}: expected some of ${bench.parts.join(", ")}.`);
  const edits = whole("edits", flags.edits) ?? 2;
  const threads = whole("threads", flags.threads) ?? physicalCores();
  const scratch = flags.scratch ?? (await mkdtemp(join(tmpdir(), `emilie-${name}-`)));
  await mkdir(scratch, { recursive: true });
  const file = join(scratch, `${bench.kept}.json`);
  const known = !flags.again && existsSync(file);
  let state: Kept = known ? JSON.parse(readFileSync(file, "utf8")) : { rows: [], skipped: [], done: [] };
  const put = (changes: Partial<Kept>) => {
    state = { ...state, ...changes };
    writeFileSync(file, JSON.stringify(state, null, 2));
  };
  try {
    for (const part of parts) {
      if (state.done.includes(part)) continue;
      // What a part that was stopped has left is measured again.
      put({ rows: state.rows.filter((row) => row.part !== part) });
      const skipped = await bench.measure(part, { scratch, threads, edits }, (row) => {
        console.error(JSON.stringify({ part, ...row }));
        put({ rows: [...state.rows, { part, ...row }] });
      });
      put({ skipped: [...state.skipped, ...skipped], done: [...state.done, part] });
    }
    const { rows, skipped } = state;
    const bars = (bench.bars?.(rows) ?? []).map((row) => ({ part: "bars", ...row }));
    const result = record(name, [...rows, ...bars], { subject, skipped });
    if (flags.json) console.log(JSON.stringify(result, null, 2));
    else printRows(result);
    if (flags.write) writeModelPage(name, bench.title, result);
  } finally {
    if (flags.scratch === undefined) await rm(scratch, { recursive: true, force: true });
  }
}

export interface SessionSettings {
  readonly model: string;
  readonly precision: string;
  /** Of the picture, in pixels. */
  readonly size: number;
  readonly edits?: number;
  readonly preset?: string;
  /** Whether the text's time is told from that of the picture which its encoder sees. */
  readonly look?: boolean;
}

/** A session of edits in a process of its own. */
export async function measureSession(
  settings: SessionSettings,
  { scratch, threads, edits }: Place,
  keep: (row: Row) => void,
): Promise<void> {
  const { model, precision, size, preset, look = false } = settings;
  const args = [
    ...["--model", model, "--precision", precision, "--size", String(size)],
    ...["--edits", String(settings.edits ?? edits)],
    ...["--cache", join(scratch, "cache"), "--threads", String(threads)],
    ...(preset === undefined ? [] : ["--preset", preset]),
    ...(look ? ["--look"] : []),
  ];
  for await (const row of rowsOf("model-session", args)) keep({ size, ...row });
}

/** Writes what is missing, which takes minutes, after saying so. */
export async function layOut(folder: string, what: string, write: () => Promise<void>): Promise<string> {
  if (!existsSync(folder)) console.error(`writing ${what} to ${folder}, once`);
  await write();
  return folder;
}

/** What an edit cost before: Stable Diffusion 1.5's size in int8 with the preset draft. */
export async function measureDraft(
  size: number,
  tiny: boolean,
  place: Place,
  keep: (row: Row) => void,
): Promise<void> {
  const sd1 = join(place.scratch, "sd1");
  const model = tiny
    ? new URL("../models/picturebook", import.meta.url).pathname
    : await layOut(sd1, "Stable Diffusion 1.5's size (4.3 GB)", () =>
        layOutFolder(sd1, "sd1", { write: writeRandom }),
      );
  await measureSession({ model, precision: "int8", size, preset: "draft", edits: 2 }, place, keep);
}
