/**
 * What a model needs of a browser: what is fetched, what is kept, and WebAssembly's memory, all of which is allocated there, the weights too.
 * Told by headers alone, as plan.ts tells it of a machine with files that are mapped.
 */
import type { Precision } from "../checkpoint/derived.ts";
import { keptParts } from "../checkpoint/kept-parts.ts";
import { bytesOfSpec } from "../checkpoint/placing.ts";
import { EmilieError } from "../errors.ts";
import type { CheckpointFacts } from "../networks/architecture.ts";
import { type MemoryMode, WAITING_BYTES } from "../runtime/onnx-sessions.ts";
import { costsOfFacts } from "./plan.ts";

/** A network of a checkpoint in a page. */
export interface PageNetwork {
  /** Its folder in the checkpoint. */
  readonly name: string;
  /** Of its weights, in the storage and, while it runs, in memory. */
  readonly bytes: number;
  /** The largest piece that is read from the storage at once. */
  readonly largestBytes: number;
}

/** What a checkpoint takes of a page, in bytes. */
export interface PagePlan {
  /** Of each network. */
  readonly networks: readonly PageNetwork[];
  /** Of the checkpoint's files. */
  readonly fetchBytes: number;
  /** Of the browser's storage, for good. */
  readonly storageBytes: number;
  /** WebAssembly's memory at the peak of an edit, of which a page has four gigabytes at most. */
  readonly memoryBytes: number;
}

export interface PageOptions {
  /** The picture's [width, height] in pixels. Default: a square of half the native size, the smallest that is worth it. */
  readonly size?: readonly [width: number, height: number];
  readonly memory?: MemoryMode;
  /** Of the page (Engine.memoryBytes). */
  readonly memoryBytes: number;
}

/** Runtime, graphs, tensors on their way in and out. */
const BASE_BYTES = 0.15e9;
/** As in plan.ts: the runtime's kernels unroll an autoencoder's convolutions. */
const PER_PICTURE_BYTE = 1.6;

/** Null where the model has no such precision. */
export function planPage(
  facts: CheckpointFacts,
  precision: Precision,
  { size, memory = "normal", memoryBytes: available }: PageOptions,
): PagePlan | null {
  const planned = facts.planned(precision);
  if (!planned) return null;
  const all = planned.map(({ name, table, needs }) => ({ name, parts: keptParts(table, needs) }));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const networks = all.map(({ name, parts }) => ({
    name,
    bytes: sum(parts.map(({ bytes }) => bytes)),
    largestBytes: Math.max(
      ...parts.flatMap(({ weights }) => weights.flatMap(({ made }) => made.map(bytesOfSpec))),
    ),
  }));
  const rows = sum((facts.lookedUp ?? []).map(({ length }) => length));
  const half = Math.ceil(facts.nativeSize / 2 / facts.factor) * facts.factor;
  const costs = costsOfFacts(facts, { size: size ?? [half, half] });
  const weights = networks.map(({ bytes }) => bytes);
  // src/runtime/onnx-sessions.ts: what waits while others run.
  const fits = sum(weights) <= available / 2;
  const waiting = memory === "low" ? [] : weights.filter((bytes) => fits || bytes <= WAITING_BYTES);
  const working = Math.max(costs.denoiserBytes, PER_PICTURE_BYTE * costs.workingBytes);
  return {
    networks,
    fetchBytes: rows + sum(all.flatMap(({ parts }) => parts.map(({ length }) => length))),
    storageBytes: rows + sum(weights),
    memoryBytes: BASE_BYTES + working + Math.max(sum(waiting), ...weights),
  };
}

/** What a page has. */
export interface PageRoom {
  /** Of WebAssembly (Engine.memoryBytes). */
  readonly memoryBytes: number;
  /** Of the browser's storage, what is in use among it. */
  readonly quotaBytes: number;
}

/** What a page has too little of, in the middle of a sentence; null where the model fits. */
export function lackOf(
  { memoryBytes, storageBytes }: Pick<PagePlan, "memoryBytes" | "storageBytes">,
  room: PageRoom,
): string | null {
  if (memoryBytes > room.memoryBytes) {
    return `about ${gigabytes(memoryBytes)} of memory, and a page has ${gigabytes(room.memoryBytes)} here`;
  }
  // What an interrupted download has left is a part of it, so all of what the page may have counts.
  if (storageBytes <= room.quotaBytes) return null;
  return `${gigabytes(storageBytes)} of the browser's storage, of which this page may have ${gigabytes(room.quotaBytes)}`;
}

/**
 * How much a model holds in memory at a time in a page: "normal" where that fits, else "low".
 *
 * @throws EmilieError "machine.too-small" where a page has less memory, or its storage less room, than the model takes
 */
export function fitIntoPage(
  id: string,
  facts: CheckpointFacts,
  precision: Precision,
  room: PageRoom,
  asked?: MemoryMode,
): MemoryMode {
  let lack: string | null = null;
  for (const memory of asked ? [asked] : (["normal", "low"] as const)) {
    const plan = planPage(facts, precision, { memory, memoryBytes: room.memoryBytes });
    // Where there is no such precision, the architecture says so.
    lack = plan && lackOf(plan, room);
    if (lack === null) return memory;
  }
  throw new EmilieError(
    "machine.too-small",
    `${id} in ${precision} takes ${lack}, even for a small picture. Another precision may take less; make room on the disk, or do without a ` +
      "browser: npx emilie studio.",
  );
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
