/** Whether a model fits this machine, asked before its weights are read. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Precision } from "../checkpoint/derived.ts";
import { freeBytes } from "../checkpoint/side-file.node.ts";
import { type CachedFile, listSideFiles } from "../checkpoint/side-list.node.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import type { Architecture } from "../networks/architecture.ts";
import type { MemoryMode } from "../runtime/onnx-sessions.ts";
import { parseModelName } from "./open.node.ts";
import { operationsOf } from "./operations.ts";
import { type Machine, type PrecisionPlan, planModel, planPrecision, requireFit } from "./plan.ts";
import { measureProduct } from "./speed.node.ts";
import { secondsOfEdit } from "./speed.ts";

/** What is free now: `cache` is the folder of derived weights. */
export async function machineNow(cache: string): Promise<Machine> {
  return { memoryBytes: process.availableMemory(), diskBytes: await freeBytes(cache) };
}

/**
 * Bytes of the cached files that were derived from a model, by precision or by what `keyOf` says of each; those of unfinished files too,
 * which the next load goes on from.
 */
export function madeOf(
  id: string,
  files: readonly CachedFile[],
  keyOf: (file: CachedFile) => string = ({ kind }) => kind,
): Record<string, number> {
  const { base } = parseModelName(id);
  const made: Record<string, number> = {};
  for (const file of files) {
    if (file.model === null || parseModelName(file.model).base !== base) continue;
    const key = keyOf(file);
    made[key] = (made[key] ?? 0) + file.bytes;
  }
  return made;
}

/** A plan for the model's native size, with what is free. */
export interface FitPlan extends PrecisionPlan {
  /** The model as it was named. */
  readonly model: string;
  /** The longer side of the pictures it was trained on, in pixels. */
  readonly nativeSize: number;
  /** What is free on this machine. */
  readonly machine: Machine;
  /** About how long an edit with default settings takes on the CPU; null where that could not be measured. */
  readonly seconds: number | null;
  /** Where that is minutes: the quickest precision that works here, if it is much quicker. */
  readonly quicker: {
    /** Its name. */
    readonly precision: Precision;
    /** About how long the same edit takes in it. */
    readonly seconds: number;
  } | null;
}

export interface FitOptions {
  /** The checkpoint's folder or file. */
  readonly path: string;
  readonly cache: string;
  readonly precision: Precision;
  readonly memory?: MemoryMode;
  /** Whether somebody is told how long an edit takes: that costs a short matrix product. */
  readonly timed: boolean;
}

/** Beside its weights an edit takes less than this, and of its weights no more than so many times what they have on the disk. */
const [MOST_BESIDE, MOST_PER_BYTE] = [5e9, 4];

/** Of an edit whose precision is worth a word, and what counts as quicker. */
const [LONG_SECONDS, MUCH_QUICKER] = [120, 0.7];

/**
 * Null for a model that is small beside what is free, which is then not looked at further.
 *
 * @throws EmilieError "machine.too-small" where it cannot fit, unless EMILIE_FIT is "ignore"
 */
export async function checkFit(
  source: CheckpointSource,
  architecture: Architecture,
  { path, cache, precision, memory, timed }: FitOptions,
): Promise<FitPlan | null> {
  const machine = await machineNow(cache);
  if (MOST_PER_BYTE * weightBytes(path) + MOST_BESIDE < machine.memoryBytes) return null;
  const facts = await architecture.describe(source);
  const options = { memory, made: madeOf(source.id, await listSideFiles(cache)) };
  if (process.env.EMILIE_FIT !== "ignore") requireFit(source.id, facts, precision, machine, options);
  const plan = planPrecision(facts, precision, machine, options);
  if (!plan) return null;
  const told = { ...plan, model: source.id, nativeSize: facts.nativeSize, machine };
  const speed = timed ? await measureProduct() : null;
  if (speed === null) return { ...told, seconds: null, quicker: null };
  const edit = await operationsOf(facts);
  const secondsIn = (one: Precision) => secondsOfEdit(edit, one, speed);
  const seconds = secondsIn(precision);
  if (seconds <= LONG_SECONDS) return { ...told, seconds, quicker: null };
  const [quickest] = planModel(facts, machine, options)
    .precisions.filter(({ works }) => works === "yes")
    .map((one) => ({ precision: one.precision, seconds: secondsIn(one.precision) }))
    .sort((a, b) => a.seconds - b.seconds);
  const quicker = quickest && quickest.seconds < MUCH_QUICKER * seconds ? quickest : null;
  return { ...told, seconds, quicker };
}

function weightBytes(path: string): number {
  const facts = statSync(path);
  if (!facts.isDirectory()) return facts.size;
  const files = readdirSync(path, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".safetensors"))
    .reduce((sum, file) => sum + statSync(join(path, file)).size, 0);
}
