/** LoRAs merged into the weights that they touch; all others stay in their files. */
import { EmilieError } from "../../errors.ts";
import { readWhole, toFloat16 } from "../convert.ts";
import type { CheckpointSource } from "../source.ts";
import { type Needs, type PlacedFile, type PlacedWeights, placedAs, plainType } from "../storage.ts";
import type { WeightRef, WeightTable } from "../weights.ts";
import type { LoraPair } from "./read.ts";
import type { TableAdditions } from "./targets.ts";

/** W + Σ scale·B·A, each row summed in double precision and rounded once. A convolution's kernel is a longer row. */
export async function merged(
  source: CheckpointSource,
  name: string,
  ref: WeightRef,
  pairs: readonly LoraPair[],
): Promise<Float32Array> {
  const weight = await readWhole(source, name, ref);
  const rows = ref.shape[0]!;
  const depth = weight.length / rows;
  const factors = await Promise.all(
    pairs.map(async ({ lora, module, down, up, scale }) => ({
      a: await readWhole(lora.source, `${module} (down)`, down),
      b: await readWhole(lora.source, `${module} (up)`, up),
      rank: down.shape[0]!,
      scale,
    })),
  );
  const sum = new Float64Array(depth);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (const { a, b, rank, scale } of factors) {
      for (let r = 0; r < rank; r++) {
        const factor = scale * b[row * rank + r]!;
        const start = r * depth;
        for (let i = 0; i < depth; i++) sum[i]! += factor * a[start + i]!;
      }
    }
    for (let i = 0; i < depth; i++) weight[row * depth + i]! += sum[i]!;
  }
  const bad = weight.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const files = pairs.map(({ lora }) => lora.path).join(", ");
    throw new EmilieError(
      "checkpoint.malformed",
      `"${name}" with ${files} merged has the value ${weight[bad]}.`,
    );
  }
  return weight;
}

/** The weights with `additions` merged in, in memory. Each is computed when a session first needs it, and kept. */
export function withMerged(
  placed: PlacedWeights,
  source: CheckpointSource,
  table: WeightTable,
  additions: TableAdditions,
  needs?: Needs,
): PlacedWeights {
  const type = plainType(needs);
  const tensors = new Map(placed.tensors);
  const files: PlacedFile[] = [...placed.files];
  const known = new Map<string, Promise<Uint8Array>>();
  for (const [name, pairs] of additions) {
    const ref = table.tensors.get(name)!;
    // No file has this name: the runtime is given its contents.
    const location = `merged/${table.folder}/${name}`;
    tensors.set(name, placedAs(type, { shape: ref.shape, location, offset: 0 }));
    const make = async () => {
      const values = await merged(source, name, ref, pairs);
      return new Uint8Array((type === "F16" ? toFloat16(name, values) : values).buffer);
    };
    const load = () => {
      const bytes = known.get(name) ?? make();
      known.set(name, bytes);
      return bytes;
    };
    files.push({ location, load });
  }
  return { ...placed, tensors, files };
}
