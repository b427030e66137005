/** Files of random weights. What a forward costs depends on shapes only. */
import { existsSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { safetensorsHeader } from "../src/checkpoint/safetensors.ts";
import { toHalf } from "../src/tensor/half.ts";
import { sizeOf } from "../src/tensor/tensor.ts";

/**
 * Random values, repeated through the file: 4 MB of noise tell a matrix product as much as 3.4 GB. Every tensor begins at another
 * place in them: ONNX Runtime keeps one copy of equal weights, and real ones are never equal.
 */
const NOISE = 1 << 20;
const STRIDE = 7919;

/** Names and shapes of a network's tensors. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Writes `file` (.safetensors) where it is not there yet. Returns how many parameters it has. */
export async function writeRandomWeights(
  file: string,
  tensors: Shapes,
  type: "F32" | "F16" = "F32",
): Promise<number> {
  const needed = [...tensors];
  const parameters = needed.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  if (existsSync(file)) return parameters;
  await mkdir(dirname(file), { recursive: true });
  // Two benchmarks may begin at once: each writes its own, and the last one to end stays.
  const partial = `${file}.${process.pid}.partial`;
  const handle = await open(partial, "w");
  await handle.write(safetensorsHeader(needed.map(([name, shape]) => [name, { type, shape }])));
  const noise = Float32Array.from({ length: NOISE }, () => 2 * Math.random() - 1);
  for (const [index, [name, shape]] of needed.entries()) {
    // Variance 1 / fan-in keeps activations near 1, far from denormals and infinities; norms are left near 1.
    const scale = name.includes("norm") ? 0.1 : Math.sqrt(3 / Math.max(1, sizeOf(shape.slice(1))));
    const shift = name.includes("norm") && name.endsWith("weight") ? 1 : 0;
    const start = (index * STRIDE) % NOISE;
    const values = noise.map((_, i) => noise[(start + i) % NOISE]! * scale + shift);
    for (let left = sizeOf(shape); left > 0; left -= NOISE) {
      const part = values.subarray(0, Math.min(left, NOISE));
      const { buffer, byteOffset, byteLength } = type === "F16" ? toHalf(part) : part;
      await handle.write(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  await handle.close();
  await rename(partial, file);
  return parameters;
}
