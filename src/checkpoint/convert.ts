/** Half-precision weights, and those of eight bits with their scales, to fp32, value for value, and the check that they are numbers at all. */
import { EmilieError } from "../errors.ts";
import { type Float8, fromFloat8 } from "../tensor/float8.ts";
import { fromHalf, LARGEST_HALF, toHalf } from "../tensor/half.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { CheckpointSource } from "./source.ts";
import { rowsOf, type WeightRef } from "./weights.ts";

/** Bytes read and converted at a time, so that memory stays flat however large a tensor is. */
const CHUNK = 8 << 20;

type Readable = "F16" | "BF16" | "F32" | Float8;
const READABLE: readonly string[] = ["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"] satisfies Readable[];

/** Little-endian bytes of one stored type → fp32. */
export function toFloat32(type: Readable, bytes: Uint8Array): Float32Array {
  if (type === "F8_E4M3" || type === "F8_E5M2") return fromFloat8(type, bytes);
  // A copy, because a view needs an aligned offset.
  const aligned = bytes.slice().buffer;
  if (type === "F32") return new Float32Array(aligned);
  const bits = new Uint16Array(aligned);
  if (type === "F16") return fromHalf(bits);
  // bfloat16 is the upper half of a float32.
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}

/** The place of the first value that is NaN or infinite, or -1. A loop of its own takes a tenth of findIndex's time. */
function firstBad(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) return i;
  return -1;
}

/** Reads one tensor as fp32, piece by piece. Throws where a value is NaN or infinite, naming tensor and position. */
export async function* readFloat32(
  source: Pick<CheckpointSource, "read">,
  name: string,
  ref: WeightRef,
): AsyncGenerator<Float32Array> {
  const type = ref.type as Readable;
  if (!READABLE.includes(type)) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${ref.file}: tensor "${name}" is stored as ${type}; weights must be F32, F16, BF16 or, with or without a scale, F8_E4M3 or F8_E5M2.`,
    );
  }
  const scales = ref.scale && (await readWhole(source, `${name}'s scale`, ref.scale));
  for (let done = 0; done < ref.length; done += CHUNK) {
    const bytes = await source.read(ref.file, ref.offset + done, Math.min(CHUNK, ref.length - done));
    const values = toFloat32(type, bytes);
    if (scales) scaled(values, scales, done, sizeOf(ref.shape) / scales.length);
    const bad = firstBad(values);
    if (bad >= 0) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${ref.file}: value ${done / (ref.length / sizeOf(ref.shape)) + bad} of tensor "${name}" is ` +
          `${values[bad]}; weights must be finite. Was it saved in a precision that it overflows?`,
      );
    }
    yield values;
  }
}

/** Multiplies values of a tensor, from its n-th on, by the scale of every `each` of them. */
function scaled(values: Float32Array, scales: Float32Array, first: number, each: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= scales[Math.floor((first + i) / each)]!;
}

/**
 * fp32 values of a tensor as fp16. Throws "checkpoint.unsupported" where one is larger than fp16 holds: clamped, it would be
 * another network, and infinite, none.
 */
export function toFloat16(name: string, values: Float32Array): Uint16Array {
  const bits = toHalf(values);
  const bad = bits.findIndex((b) => (b & 0x7c00) === 0x7c00);
  if (bad < 0) return bits;
  throw new EmilieError(
    "checkpoint.unsupported",
    `Tensor "${name}" has the value ${values[bad]}, and half precision holds ${LARGEST_HALF} at most. Load the model in precision "fp32".`,
  );
}

/** One tensor as fp32, all of it. */
export async function readWhole(
  source: Pick<CheckpointSource, "read">,
  name: string,
  ref: WeightRef,
): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(ref.shape));
  let position = 0;
  for await (const part of readFloat32(source, name, ref)) {
    values.set(part, position);
    position += part.length;
  }
  return values;
}

/**
 * Rows of a matrix as fp32, in the order of `indices`: of a table of embeddings, a text needs a thousandth. A row that is asked for several
 * times is read once.
 */
export async function readRows(
  source: Pick<CheckpointSource, "read">,
  name: string,
  ref: WeightRef,
  indices: Int32Array,
): Promise<Tensor> {
  const [, width = 0] = ref.shape;
  const known = new Map<number, Float32Array>();
  const data = new Float32Array(indices.length * width);
  for (const [i, index] of indices.entries()) {
    let row = known.get(index);
    if (!row) {
      row = await readWhole(source, `${name}[${index}]`, rowsOf(ref, index, index + 1));
      known.set(index, row);
    }
    data.set(row, i * width);
  }
  return { data, shape: [indices.length, width] };
}
