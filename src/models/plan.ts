/**
 * What a model will need of a machine, told by its configurations and the shapes of its tensors before the first weight is read: disk for what
 * is derived, memory at the peak of an edit with its text. Measured peaks that this is held to: docs/results/fullsize.md.
 *
 * A network's weights are mapped from their files, which the system may drop and read again; its matrices are packed anew for
 * products where it runs often, and then the file's pages are not needed any more. So there are two numbers: what is allocated, without which
 * nothing runs, and that with the pages that each step reads, without which every step waits for the disk.
 */
import { PRECISIONS, type Precision } from "../checkpoint/derived.ts";
import { bytesOfSpec, keptBytes, placingOf } from "../checkpoint/placing.ts";
import { EmilieError } from "../errors.ts";
import type { CheckpointFacts, Costs, PlannedNetwork } from "../networks/architecture.ts";
import { type MemoryMode, WAITING_BYTES } from "../runtime/onnx-sessions.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { EditOperations } from "./speed.ts";

/** What is free now, in bytes. */
export interface Machine {
  /** Memory, in bytes. */
  readonly memoryBytes: number;
  /** In the folder of derived weights. */
  readonly diskBytes: number;
}

/** What a model needs in one precision. */
export interface PrecisionPlan {
  /** The precision, as loadModel takes it. */
  readonly precision: Precision;
  /** Disk for weights that are made once, in bytes. */
  readonly derivedBytes: number;
  /** Allocated memory at the peak of an edit, in bytes. */
  readonly memoryBytes: number;
  /** The same with the pages of weights that are read again in every step. */
  readonly residentBytes: number;
  /** "slowly": the weights do not stay in memory, and each step reads them from the disk. */
  readonly works: "yes" | "slowly" | "no";
  /** What there is too little of, where it does not work. */
  readonly lacks: "memory" | "disk" | null;
}

export interface ModelPlan {
  /** The picture that it is for, in pixels. */
  readonly width: number;
  readonly height: number;
  /** On the CPU, the most exact first. */
  readonly precisions: readonly PrecisionPlan[];
  /**
   * What is chosen for those who choose none: the most exact one that works, before those that only work slowly; of editors that compute much (MANY_OPERATIONS),
   * int8 before fp32. Null where none works.
   */
  readonly takes: Precision | null;
}

export interface PlanOptions {
  /** The picture's [width, height] in pixels. Default: a square of the model's native size. */
  readonly size?: readonly [width: number, height: number];
  /** As in LoadOptions. Default "normal". */
  readonly memory?: MemoryMode;
  /** Bytes that are derived already, by precision. Default: nothing is. */
  readonly made?: Readonly<Record<string, number>>;
  /** Operations of an edit with default settings. Default: few. */
  readonly edit?: EditOperations;
}

/**
 * FLOP of an edit, above which it takes many minutes in fp32 on a few cores. Editors of that kind are published in bf16, whose rounding is as large as int8's
 * (docs/results/klein.md, docs/results/dreamlite.md: one call of the denoiser, against fp32).
 */
const MANY_OPERATIONS = 60e12;

/** Node, ONNX Runtime, the graphs, and the picture itself. */
const BASE_BYTES = 0.4e9;
/** Of a denoiser's matrices: not every kernel packs its own. */
const PACKED_SHARE = 0.9;
/** What a runtime allocates for an autoencoder's largest sum of intermediate results: its kernels unroll convolutions. */
const PER_PICTURE_BYTE = 1.6;
/** Of half-precision weights that are cast when it is their turn: the share of their fp32 size that is allocated at a time. */
const CAST_SHARE = 0.45;

/** Of the CPU, the most exact first; fp32-fast, which takes the most memory, is planned only for those who ask for it. */
const OFFERED = PRECISIONS.filter((precision) => precision !== "fp32-fast" && precision !== "fp16");

export function planModel(facts: CheckpointFacts, machine: Machine, options: PlanOptions = {}): ModelPlan {
  const precisions = OFFERED.flatMap((precision) => planPrecision(facts, precision, machine, options) ?? []);
  const [width, height] = sizeOfPlan(facts, options);
  return { width, height, precisions, takes: takenOf(precisions, options.edit) };
}

/** As ModelPlan has it, of precisions in their order. */
export function takenOf(precisions: readonly PrecisionPlan[], edit?: EditOperations): Precision | null {
  const isLong = edit !== undefined && edit.denoise + edit.picture > MANY_OPERATIONS;
  const isFirst = ({ precision }: PrecisionPlan) => isLong && precision === "int8";
  const order = [...precisions.filter(isFirst), ...precisions.filter((one) => !isFirst(one))];
  const which = (works: PrecisionPlan["works"]) => order.find((one) => one.works === works)?.precision;
  return which("yes") ?? which("slowly") ?? null;
}

/** Null where the model has no such precision on the CPU. */
export function planPrecision(
  facts: CheckpointFacts,
  precision: Precision,
  machine: Machine,
  options: PlanOptions = {},
): PrecisionPlan | null {
  const networks = facts.planned(precision);
  if (!networks) return null;
  const memory = options.memory ?? "normal";
  const all = networks.map((network) => loadOf(network, machine, memory));
  const derivedBytes = all.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  const { memoryBytes, residentBytes } = peakOf(all, costsOfFacts(facts, options), memory);
  const missing = derivedBytes - Math.min(derivedBytes, options.made?.[precision] ?? 0);
  const lacks = memoryBytes > machine.memoryBytes ? "memory" : missing > machine.diskBytes ? "disk" : null;
  const works = lacks ? "no" : residentBytes > machine.memoryBytes ? "slowly" : "yes";
  return { precision, derivedBytes, memoryBytes, residentBytes, works, lacks };
}

/** What a network takes while its session is there. */
interface Load {
  readonly hot: boolean;
  readonly keptBytes: number;
  /** Of files that are mapped. */
  readonly mappedBytes: number;
  /** Of their pages that are read in every run. */
  readonly readBytes: number;
  /** Of copies that are allocated: matrices packed for products, values cast from half precision. */
  readonly packedBytes: number;
  readonly castBytes: number;
}

function loadOf({ table, needs, hot }: PlannedNetwork, { diskBytes }: Machine, memory: MemoryMode): Load {
  const placing = placingOf(table, { needs, often: hot, freeBytes: diskBytes });
  const copied = new Set(placing.copies.map(({ name }) => name));
  const inPlace = placing.used.filter(([name]) => !copied.has(name));
  const kept = keptBytes(placing);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const full = sum(placing.used.map(([, { shape }]) => 4 * sizeOf(shape)));
  // Convolutions in rows of channels are not packed; matrices are, and what is derived is matrices.
  const matrices = placing.used.filter(([, { shape }]) => shape.length === 2);
  const packed =
    sum(matrices.map(([, { shape }]) => 4 * sizeOf(shape))) + sum(placing.derived.map(bytesOfSpec));
  const packs = hot && memory === "normal" && !placing.castInPlace;
  const mappedBytes = kept + sum(inPlace.map(([, { length }]) => length));
  return {
    hot,
    keptBytes: kept,
    mappedBytes,
    readBytes: mappedBytes - (packs ? packed : 0),
    packedBytes: packs ? PACKED_SHARE * packed : 0,
    castBytes: placing.castInPlace && inPlace.some(([, { type }]) => type !== "F32") ? CAST_SHARE * full : 0,
  };
}

/** Networks run one at a time; src/runtime/onnx-sessions.ts says which of the others stay meanwhile. */
function peakOf(all: readonly Load[], costs: Costs, memory: MemoryMode) {
  const waits = ({ mappedBytes }: Load) => memory === "normal" && mappedBytes <= WAITING_BYTES;
  const denoiser = all.filter(({ hot }) => hot);
  const others = all.filter(({ hot }) => !hot);
  const { denoiserArena: arena = 1 } = costs;
  const denoiserBytes = arena * costs.denoiserBytes;
  // Of an arena nothing is given back.
  const left = arena > 1 ? denoiserBytes : 0;
  const staysBesidePicture = memory === "normal" && (!costs.pictureAlone || denoiser.every(waits));
  const stages = [
    // A text is encoded before there is anything else of size.
    ...others.map((one) => stageOf([one], one, 0)),
    stageOf([...denoiser, ...others.filter(waits)], denoiser[0], denoiserBytes),
    stageOf(
      [...(staysBesidePicture ? denoiser : []), ...others.filter(waits)],
      staysBesidePicture ? denoiser[0] : undefined,
      PER_PICTURE_BYTE * costs.workingBytes + (staysBesidePicture ? left : 0),
    ),
  ];
  const most = (of: "memoryBytes" | "residentBytes") => Math.max(...stages.map((stage) => stage[of]));
  return { memoryBytes: most("memoryBytes"), residentBytes: most("residentBytes") };
}

/** `read`: the network whose pages are read again and again. */
function stageOf(held: readonly Load[], read: Load | undefined, workingBytes: number) {
  const allocated = held.reduce((sum, { packedBytes, castBytes }) => sum + packedBytes + castBytes, 0);
  const memoryBytes = BASE_BYTES + allocated + workingBytes;
  return { memoryBytes, residentBytes: memoryBytes + (read?.readBytes ?? 0) };
}

const known = new WeakMap<CheckpointFacts, Map<string, Costs>>();

/** To build the graphs takes a second or two for a large model. */
export function costsOfFacts(facts: CheckpointFacts, options: PlanOptions = {}): Costs {
  const [width, height] = sizeOfPlan(facts, options);
  const sizes = known.get(facts) ?? new Map<string, Costs>();
  known.set(facts, sizes);
  const costs = sizes.get(`${width}x${height}`) ?? facts.costs(width, height);
  sizes.set(`${width}x${height}`, costs);
  return costs;
}

function sizeOfPlan({ nativeSize }: CheckpointFacts, { size }: PlanOptions): readonly [number, number] {
  return size ?? [nativeSize, nativeSize];
}

/**
 * Throws "machine.too-small" where a precision does not work even for a picture of half the native size, with what does. The size of a picture is
 * not known yet when a model is loaded.
 */
export function requireFit(
  id: string,
  facts: CheckpointFacts,
  precision: Precision,
  machine: Machine,
  options: PlanOptions = {},
): void {
  const half = Math.ceil(facts.nativeSize / 2 / facts.factor) * facts.factor;
  const at = (one: Precision, more: PlanOptions = {}) =>
    planPrecision(facts, one, machine, { ...options, ...more, size: [half, half] });
  const plan = at(precision);
  if (!plan?.lacks) return;
  const smaller = OFFERED.filter((one) => one !== precision && at(one)?.lacks === null);
  const what =
    smaller.length > 0
      ? `In ${smaller.join(" or ")} it fits.`
      : options.memory !== "low" && at(precision, { memory: "low" })?.lacks === null
        ? 'With the option memory "low" it fits, a little slower.'
        : "End other programs, choose a smaller model, or use a machine with more of it.";
  throw new EmilieError(
    "machine.too-small",
    `${id} in ${precision} ${sayLack(plan, machine)}, even for a picture of ${half} px. ${what} With --fit ignore (EMILIE_FIT=ignore) it is loaded nevertheless.`,
  );
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

function sayLack({ lacks, memoryBytes, derivedBytes }: PrecisionPlan, machine: Machine): string {
  return lacks === "disk"
    ? `needs ${gigabytes(derivedBytes)} of disk for weights that are made once, and ${gigabytes(machine.diskBytes)} are free`
    : `needs about ${gigabytes(memoryBytes)} of memory, and ${gigabytes(machine.memoryBytes)} are free`;
}
