/** Weights that are fetched into buffers when a session is created, and converted to fp32 on the way where they must be. */
import { readFloat32 } from "./convert.ts";
import { withMerged } from "./lora/merge.ts";
import type { CheckpointSource } from "./source.ts";
import type { PlacedFile, PlacedTensor, WeightStorage } from "./storage.ts";
import type { WeightTable } from "./weights.ts";

export function fetchedStorage(): WeightStorage {
  return {
    async place(source, table, additions) {
      const whole = [...table.tensors.values()].every((t) => t.type === "F32");
      const { tensors, files } = whole ? asIs(source, table) : converted(source, table);
      const placed = { folder: table.folder, tensors, files, release: async () => {} };
      return additions ? withMerged(placed, source, table, additions) : placed;
    },
  };
}

interface Placing {
  readonly tensors: Map<string, PlacedTensor>;
  readonly files: PlacedFile[];
}

function asIs(source: CheckpointSource, table: WeightTable): Placing {
  const tensors = [...table.tensors].map(
    ([name, t]) => [name, { shape: t.shape, location: t.file, offset: t.offset }] as const,
  );
  const files = table.files.map((f) => ({
    location: f.path,
    load: () => source.read(f.path, 0, f.size),
  }));
  return { tensors: new Map(tensors), files };
}

/** All tensors of the component in one fp32 buffer. */
function converted(source: CheckpointSource, table: WeightTable): Placing {
  const location = `${table.folder}.f32`;
  const tensors = new Map<string, PlacedTensor>();
  let size = 0;
  for (const [name, t] of table.tensors) {
    tensors.set(name, { shape: t.shape, location, offset: size });
    size += t.shape.reduce((a, b) => a * b, 4);
  }
  const load = async () => {
    const files = new Map<string, Uint8Array>();
    // One request for a file, not one for each of its hundreds of tensors.
    for (const { path, size: length } of table.files) files.set(path, await source.read(path, 0, length));
    const fetched = {
      read: async (path: string, offset: number, length: number) =>
        files.get(path)!.subarray(offset, offset + length),
    };
    const bytes = new Uint8Array(size);
    let position = 0;
    for (const [name, t] of table.tensors) {
      for await (const values of readFloat32(fetched, name, t)) {
        bytes.set(new Uint8Array(values.buffer), position);
        position += values.byteLength;
      }
    }
    return bytes;
  };
  return { tensors, files: [{ location, load }] };
}
