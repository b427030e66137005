/** Half-precision weights to fp32, value for value, and the check that they are numbers at all. */
import { EmilieError } from "../errors.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { CheckpointSource } from "./source.ts";
import type { WeightRef } from "./weights.ts";

/** Bytes read and converted at a time, so that memory stays flat however large a tensor is. */
const CHUNK = 8 << 20;

/** Every fp16 value, by its 16 bits: sign, 5 bits of exponent (bias 15), 10 bits of fraction. */
let halfTable: Float32Array | undefined;

function halves(): Float32Array {
  if (halfTable) return halfTable;
  halfTable = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return halfTable;
}

/** Little-endian bytes of one stored type → fp32. */
export function toFloat32(type: "F16" | "BF16" | "F32", bytes: Uint8Array): Float32Array {
  // A copy, because a view needs an aligned offset.
  const aligned = bytes.slice().buffer;
  if (type === "F32") return new Float32Array(aligned);
  const bits = new Uint16Array(aligned);
  if (type === "F16") {
    const table = halves();
    return Float32Array.from(bits, (b) => table[b]!);
  }
  // bfloat16 is the upper half of a float32.
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}

/** Reads one tensor as fp32, piece by piece. Throws where a value is NaN or infinite, naming tensor and position. */
export async function* readFloat32(
  source: Pick<CheckpointSource, "read">,
  name: string,
  ref: WeightRef,
): AsyncGenerator<Float32Array> {
  const { type } = ref;
  if (type !== "F32" && type !== "F16" && type !== "BF16") {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${ref.file}: tensor "${name}" is stored as ${type}; weights must be F32, F16 or BF16.`,
    );
  }
  for (let done = 0; done < ref.length; done += CHUNK) {
    const bytes = await source.read(ref.file, ref.offset + done, Math.min(CHUNK, ref.length - done));
    const values = toFloat32(type, bytes);
    const bad = values.findIndex((v) => !Number.isFinite(v));
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
