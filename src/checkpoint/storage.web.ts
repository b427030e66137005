/**
 * Weights that are fetched into buffers when a session is created, and converted on the way where they must be: to fp32, for fp16 to that, and
 * to what other precisions derive from them. A page that keeps them fetches them once instead (kept-storage.web.ts).
 */
import { readFloat32, toFloat16 } from "./convert.ts";
import { keptParts, placeParts } from "./kept-parts.ts";
import { withMerged } from "./lora/merge.ts";
import { makePart } from "./make-part.ts";
import type { CheckpointSource } from "./source.ts";
import { type PlacedFile, type PlacedTensor, placedAs, plainType, type WeightStorage } from "./storage.ts";
import type { WeightTable } from "./weights.ts";

export function fetchedStorage(): WeightStorage {
  return {
    async place(source, table, additions, needs) {
      if (needs?.derived.length || !coversFiles(table)) {
        const making = { source, needs, additions };
        const parts = keptParts(table, needs);
        const prefix = table.origin ?? table.folder;
        return placeParts(table, needs, parts, prefix, (i) => ({ load: () => makePart(parts[i]!, making) }));
      }
      const type = plainType(needs);
      const whole = [...table.tensors.values()].every((t) => t.type === type);
      const { tensors, files } = whole ? asIs(source, table, type) : converted(source, table, type);
      const precision = needs && { precision: needs.precision };
      const placed = { folder: table.folder, tensors, ...precision, files, release: async () => {} };
      return additions ? withMerged(placed, source, table, additions, needs) : placed;
    },
  };
}

/** Whether most of its files is the network's own, so that they are fetched as they are: several networks may share one. */
function coversFiles({ files, tensors }: WeightTable): boolean {
  const own = [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
  return 2 * own > files.reduce((sum, { size, header }) => sum + size - header.length, 0);
}

interface Placing {
  readonly tensors: Map<string, PlacedTensor>;
  readonly files: PlacedFile[];
}
function asIs(source: CheckpointSource, table: WeightTable, type: "F32" | "F16"): Placing {
  const tensors = [...table.tensors].map(
    ([name, t]) => [name, placedAs(type, { shape: t.shape, location: t.file, offset: t.offset })] as const,
  );
  const files = table.files.map((f) => ({
    location: f.path,
    load: () => source.read(f.path, 0, f.size),
  }));
  return { tensors: new Map(tensors), files };
}

/** All tensors of the component in one buffer, converted one after the other. */
function converted(source: CheckpointSource, table: WeightTable, type: "F32" | "F16"): Placing {
  const location = `${table.folder}.${type.toLowerCase()}`;
  const tensors = new Map<string, PlacedTensor>();
  let size = 0;
  for (const [name, t] of table.tensors) {
    tensors.set(name, placedAs(type, { shape: t.shape, location, offset: size }));
    size += t.shape.reduce((a, b) => a * b, type === "F16" ? 2 : 4);
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
        const { buffer, byteLength } = type === "F16" ? toFloat16(name, values) : values;
        bytes.set(new Uint8Array(buffer), position);
        position += byteLength;
      }
    }
    return bytes;
  };
  return { tensors, files: [{ location, load }] };
}
