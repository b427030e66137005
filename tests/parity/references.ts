/** Reference tensors that training/parity wrote, and the comparison that every parity test makes. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { SamplerName } from "../../src/samplers/types.ts";
import { sizeOf, type Tensor } from "../../src/tensor/tensor.ts";

/** method.md, invariant 6: every step agrees with diffusers to this, relative. */
export const BAR = 1e-4;

const COMMITTED = fileURLToPath(new URL("../fixtures/parity", import.meta.url));
/** EMILIE_PARITY_DIR tests another folder, such as random configurations (training/parity/README.md). */
export const parityFolder = process.env.EMILIE_PARITY_DIR ?? COMMITTED;

/** The folders of checkpoints with references; none is an error, so that a wrong path cannot pass. */
export function fixtures(): readonly string[] {
  const folders = readdirSync(parityFolder)
    .map((name) => join(parityFolder, name))
    .filter((path) => statSync(path).isDirectory());
  if (folders.length === 0) throw new Error(`${parityFolder} holds no checkpoints with references`);
  return folders;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Tensors by name from a safetensors file that our own scripts wrote (float32 and int32 only). */
export function readTensors(file: string): (name: string) => Tensor {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, Entry> = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  return (name) => {
    const entry = header[name];
    if (!entry) throw new Error(`${file} has no tensor ${name}`);
    const [begin, end] = entry.data_offsets;
    const data = bytes.subarray(8 + length + begin, 8 + length + end);
    // Copied: a typed array begins at a multiple of four bytes. It is little-endian, as the file is.
    const copy = new Uint8Array(data).buffer;
    const values = entry.dtype === "F32" ? new Float32Array(copy) : Float32Array.from(new Int32Array(copy));
    expect(values.length).toBe(sizeOf(entry.shape));
    return { data: values, shape: entry.shape };
  };
}

/** Item `index` along the first axis. */
export function at(tensor: Tensor, index: number): Tensor {
  const shape = tensor.shape.slice(1);
  const size = sizeOf(shape);
  return { data: tensor.data.slice(index * size, (index + 1) * size), shape };
}

/** Largest difference relative to the reference's largest value: no single value may be off. */
export function deviation(actual: Tensor, reference: Tensor): number {
  expect(actual.shape).toEqual(reference.shape);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < reference.data.length; i++) {
    const distance = Math.abs(actual.data[i]! - reference.data[i]!);
    difference = distance <= difference ? difference : distance; // keeps NaN
    size = Math.max(size, Math.abs(reference.data[i]!));
  }
  return difference === 0 ? 0 : difference / size;
}

export function expectClose(actual: Tensor, reference: Tensor, what: string, bar = BAR): void {
  const found = deviation(actual, reference);
  if (process.env.EMILIE_PARITY_PRINT) console.log(`${what}: ${found.toExponential(1)}`);
  expect(found, what).toBeLessThan(bar);
}

export interface SamplerCase {
  readonly sampler: SamplerName;
  readonly steps: number;
  readonly seed: number;
  readonly prompt: string;
  readonly c: string;
  readonly timesteps: readonly number[];
  readonly start: string;
  readonly outputs: string;
  readonly x: string;
}

/** references.json of one checkpoint; strings are names of tensors unless they are texts. */
export interface References {
  readonly name: string;
  readonly scalingFactor: number;
  readonly tokens: { readonly texts: readonly string[]; readonly ids: string; readonly ids2?: string };
  readonly text: { readonly prompts: readonly string[]; readonly hidden: string; readonly pooled?: string };
  readonly vae: readonly Record<"image" | "mode" | "latent" | "decoded", string>[];
  readonly unet: readonly {
    readonly z: string;
    readonly c: string;
    readonly prompt: string;
    readonly timestep: number;
    readonly output: string;
  }[];
  readonly samplers: readonly SamplerCase[];
  readonly pipeline: readonly {
    readonly picture: string;
    readonly image: string;
    readonly prompt: string;
    readonly seed: number;
    readonly sampler: SamplerName;
    readonly steps: number;
    readonly textGuidance: number;
    readonly imageGuidance: number;
    readonly condition: string;
    readonly x: string;
    readonly latents: string;
    readonly decoded: string;
  }[];
}

export function readReferences(folder: string) {
  const references: References = JSON.parse(readFileSync(join(folder, "references.json"), "utf8"));
  return { references, tensor: readTensors(join(folder, "references.safetensors")) };
}
