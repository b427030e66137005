/** Files of random weights. What a forward costs depends on shapes only. */
import { existsSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { safetensorsHeader } from "../src/checkpoint/safetensors.ts";
import { toHalf } from "../src/tensor/half.ts";
import { sizeOf } from "../src/tensor/tensor.ts";
import type { StoredShape, WriteTensors } from "../tests/support/full-checkpoint.ts";
import type { Shapes } from "../tests/support/published.ts";

/**
 * Random values, repeated through the file: 4 MB of noise tell a matrix product as much as 3.4 GB. Every tensor begins at another
 * place in them: ONNX Runtime keeps one copy of equal weights, and real ones are never equal. A prime number, so that no two rows
 * of a matrix are the same either.
 */
const NOISE = 1048573;
const STRIDE = 7919;

/** Writes `file` (.safetensors) where it is not there yet. Returns how many parameters it has. */
export async function writeRandomWeights(
  file: string,
  tensors: Shapes,
  type: "F32" | "F16" = "F32",
): Promise<number> {
  await writeRandom(
    file,
    [...tensors].map(([name, shape]) => ({ name, shape, type })),
  );
  return parametersOf(tensors);
}

export function parametersOf(tensors: Shapes): number {
  return [...tensors.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** The same of any tensors in F32, F16 and BF16; what has bytes of its own keeps them, and integers are zeros. */
export const writeRandom: WriteTensors = async (file, tensors) => {
  if (existsSync(file)) return;
  await mkdir(dirname(file), { recursive: true });
  // Two benchmarks may begin at once: each writes its own, and the last one to end stays.
  const partial = `${file}.${process.pid}.partial`;
  const handle = await open(partial, "w");
  await handle.write(safetensorsHeader(tensors.map((tensor) => [tensor.name, tensor])));
  const noise = Float32Array.from({ length: NOISE }, () => 2 * Math.random() - 1);
  for (const [index, tensor] of tensors.entries()) {
    const bytes = tensor.bytes ?? randomBytes(tensor, noise, (index * STRIDE) % NOISE);
    const each = { F32: 4, F16: 2, BF16: 2 }[tensor.type as string] ?? 8;
    for (let left = each * sizeOf(tensor.shape); left > 0; left -= bytes.length) {
      await handle.write(bytes, 0, Math.min(left, bytes.length));
    }
  }
  await handle.close();
  await rename(partial, file);
};

/** bfloat16 is the upper half of a float32. */
function upperHalves(values: Float32Array): Uint8Array {
  const halves = new Uint16Array(values.buffer).filter((_, i) => i % 2 === 1);
  return new Uint8Array(halves.buffer);
}

/** A tensor's values, or as many of them as are repeated. */
function randomBytes({ name, shape, type }: StoredShape, noise: Float32Array, start: number): Uint8Array {
  const count = Math.min(sizeOf(shape), NOISE);
  if (type !== "F32" && type !== "F16" && type !== "BF16") return new Uint8Array(8 * count);
  // Variance 1 / fan-in keeps activations near 1, far from denormals and infinities; norms are left near 1.
  const norm = /norm|\.ln_|(in|out)_layers\.0|\.out\.0\./.test(name);
  const scale = norm ? 0.1 : Math.sqrt(3 / Math.max(1, sizeOf(shape.slice(1))));
  const shift = norm && name.endsWith("weight") ? 1 : 0;
  const values = Float32Array.from({ length: count }, (_, i) => noise[(start + i) % NOISE]! * scale + shift);
  if (type === "BF16") return upperHalves(values);
  const stored = type === "F16" ? toHalf(values) : values;
  return new Uint8Array(stored.buffer);
}
