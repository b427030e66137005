/**
 * Merged weights for ONNX Runtime on Node, which takes its external weights from files, or from memory, but not some from
 * here and some from there. So those that a LoRA touches lie in a file of this process, which is mapped like all others and
 * goes with the model; the rest stay where they are.
 */
import { mkdir, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, parse, relative } from "node:path";
import { EmilieError } from "../../errors.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { toFloat16 } from "../convert.ts";
import { type DerivedSpec, derive, specsOf } from "../derived.ts";
import { LoadMeter, type LoadWatch } from "../load-progress.ts";
import { makeOwnFolder } from "../own-folder.node.ts";
import { safetensorsHeader } from "../safetensors.ts";
import { bytesOfTensor, requireRoom } from "../side-file.node.ts";
import type { CheckpointSource } from "../source.ts";
import { type Needs, type PlacedWeights, placedAs, plainType } from "../storage.ts";
import type { WeightTable } from "../weights.ts";
import type { TableAdditions } from "./additions.ts";
import { merged } from "./merge.ts";

const PREFIX = "merged-";

export interface MergeOptions {
  readonly cache: string;
  readonly needs?: Needs;
  readonly watch: LoadWatch;
}

/** Nanoseconds a weight, most of them for the products of a LoRA of rank 16 or so. */
const NANOSECONDS_TO_MERGE = 60;

/** The weights with `additions` merged in. Throws "checkpoint.malformed" where the sum is no number, "io.failed". */
export async function withMergedFile(
  placed: PlacedWeights,
  source: CheckpointSource,
  table: WeightTable,
  additions: TableAdditions,
  { cache, needs, watch }: MergeOptions,
): Promise<PlacedWeights> {
  const folder = await freshFolder(cache);
  const release = async () => {
    await rm(folder, { recursive: true, force: true });
    await placed.release();
  };
  try {
    const path = join(folder, `${table.folder}.safetensors`);
    const parts = [...additions.keys()].map((name) => ({
      name,
      plain: !needs || needs.plain.has(name),
      derived: needs?.derived.filter(({ from }) => from === name) ?? [],
    }));
    const type = plainType(needs);
    const specs = parts.map(({ name, plain, derived }): readonly DerivedSpec[] => [
      ...(plain ? [{ name, type, shape: table.tensors.get(name)!.shape }] : []),
      ...derived.flatMap(specsOf),
    ]);
    const header = safetensorsHeader(specs.flat().map((spec) => [spec.name, spec] as const));
    const location = relative(placed.root ?? parse(path).root, path);
    const tensors = new Map(placed.tensors);
    const all = new Map(placed.derived);
    const sizes = parts.map(({ name }) => sizeOf(table.tensors.get(name)!.shape));
    const seconds = (i: number) => (sizes[i]! * NANOSECONDS_TO_MERGE) / 1e9;
    const total = specs.flat().reduce((sum, spec) => sum + bytesOfTensor(spec), header.length);
    const what = `${source.id}'s ${table.folder} with LoRA merged, for this process`;
    await requireRoom(folder, what, total, total);
    const expected = sizes.reduce((sum, _, i) => sum + seconds(i), 0);
    const meter = new LoadMeter(watch, { what, folder, done: header.length, total, seconds: expected });
    const handle = await open(path, "wx", 0o600);
    try {
      meter.begin();
      await handle.write(header);
      let offset = header.length;
      for (const [i, { name, plain, derived }] of parts.entries()) {
        const values = await merged(source, name, table.tensors.get(name)!, additions.get(name)!);
        const asIs = plain ? [type === "F16" ? toFloat16(name, values) : values] : [];
        const made = [...asIs, ...derived.flatMap((one) => derive(one, values))];
        for (const [j, { buffer, byteLength }] of made.entries()) {
          const spec = specs[i]![j]!;
          await handle.write(new Uint8Array(buffer));
          const at = { shape: spec.shape, location, offset };
          if (spec.name === name) tensors.set(name, placedAs(type, at));
          else all.set(spec.name, at);
          offset += byteLength;
          await meter.add(byteLength, 0);
        }
        await meter.add(0, seconds(i));
      }
      meter.end();
    } finally {
      meter.stop();
      await handle.close();
    }
    const files = [...placed.files, { location }];
    return { ...placed, tensors, ...(needs ? { derived: all } : {}), files, release };
  } catch (cause) {
    await release();
    if (cause instanceof EmilieError) throw cause;
    throw new EmilieError(
      "io.failed",
      `The weights of ${source.id}'s ${table.folder} with LoRA merged could not be written to ${folder}. ` +
        "Set EMILIE_CACHE to a folder with enough space.",
      { cause },
    );
  }
}

async function freshFolder(cache: string): Promise<string> {
  try {
    await mkdir(cache, { recursive: true });
    return await makeOwnFolder(cache, PREFIX);
  } catch {
    return makeOwnFolder(tmpdir(), `emilie-${PREFIX}`); // a read-only cache is no reason to fail
  }
}
