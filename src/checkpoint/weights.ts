/**
 * The tensors of one component (unet, vae, text_encoder), wherever its files put them: one safetensors file, several
 * with an index, or a half-precision variant where that is all there is. Nothing but headers is read here.
 */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { readSafetensorsHeader, type StoredTensor } from "./safetensors.ts";
import { type CheckpointSource, missingFile, readJson } from "./source.ts";
import {
  chooseVariant,
  PREFERENCE,
  type Variant,
  type WeightSet,
  weightIndices,
  weightSets,
} from "./variants.ts";

export interface WeightRef extends StoredTensor {
  /** Path in the checkpoint. */
  readonly file: string;
  /** What its values are multiplied by: one number, or one for each row ([rows] or [rows, 1]). Only of numbers of eight bits. */
  readonly scale?: WeightRef;
}

/** Rows `from` to `to` (exclusive) of a tensor, where they lie. */
export function rowsOf(ref: WeightRef, from: number, to: number): WeightRef {
  const [all = 1, ...rest] = ref.shape;
  const row = ref.length / all;
  const { scale } = ref;
  const each = scale && sizeOf(scale.shape) > 1 ? rowsOf(scale, from, to) : scale;
  return {
    ...ref,
    shape: [to - from, ...rest],
    offset: ref.offset + from * row,
    length: (to - from) * row,
    ...(each ? { scale: each } : {}),
  };
}

export interface WeightFile {
  readonly path: string;
  readonly size: number;
  readonly header: Uint8Array;
}

export interface WeightTable {
  readonly folder: string;
  /** What the tensors are "of" in messages, where not of the folder. */
  readonly origin?: string;
  /** Which of several sets of weights it is, where files are named for that. */
  readonly variant?: Variant;
  readonly files: readonly WeightFile[];
  readonly tensors: ReadonlyMap<string, WeightRef>;
}

const PICKLES = /\.(bin|ckpt|pt|pth|pickle|pkl)$/;

/** Buffers that old versions saved along; they hold 0, 1, 2, … and are no weights. */
const IGNORED = /(^|\.)position_ids$/;

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** A file name in the same folder: an index must not reach anywhere else. */
const PLAIN_NAME = /^[\w][\w.-]*\.safetensors$/;

/**
 * Opens the weights of `folder` ("." for the checkpoint's own), whose files are named after `base` ("diffusion_pytorch_model" in diffusers, "model" in
 * transformers). `prefer` says which files are taken where there are both full and half precision. Throws "checkpoint.unsafe" where there are only pickles, "checkpoint.missing" where there is nothing.
 */
export async function openWeights(
  source: CheckpointSource,
  folder: string,
  base: string,
  prefer: "full" | "half" = "full",
): Promise<WeightTable> {
  const { paths, variant } = await findFiles(source, folder, base, prefer);
  const files: WeightFile[] = [];
  const tensors = new Map<string, WeightRef>();
  for (const path of paths) {
    const header = await readSafetensorsHeader(source, path);
    files.push({ path, size: await source.size(path), header: header.bytes });
    for (const [name, tensor] of header.tensors) {
      if (IGNORED.test(name)) continue;
      const twin = tensors.get(name);
      if (twin) {
        throw new EmilieError("checkpoint.malformed", `Tensor "${name}" is in ${twin.file} and in ${path}.`);
      }
      tensors.set(name, { ...tensor, file: path });
    }
  }
  return { folder, variant, files, tensors };
}

interface Found {
  readonly paths: readonly string[];
  readonly variant: Variant;
}

async function findFiles(
  source: CheckpointSource,
  folder: string,
  base: string,
  prefer: "full" | "half",
): Promise<Found> {
  const { variant: asked } = source;
  if (source.list) {
    const sets = await setsIn(source, folder, base);
    const variant = chooseVariant(sets, `${folder} of ${source.id}`, asked, prefer);
    if (variant !== undefined) {
      const [first = ""] = sets.get(variant)!.files;
      const path = `${folder}/${first}`;
      return { paths: first.endsWith(".json") ? await shards(source, folder, path) : [path], variant };
    }
  }
  for (const variant of source.list ? [] : [...(asked ? [asked] : []), ...PREFERENCE[prefer]]) {
    const suffix = variant === "full" ? "" : `.${variant}`;
    const single = `${folder}/${base}${suffix}.safetensors`;
    if (await source.exists(single)) return { paths: [single], variant };
    const index = `${folder}/${base}.safetensors.index${suffix}.json`;
    if (await source.exists(index)) return { paths: await shards(source, folder, index), variant };
  }
  const names = (await source.list?.(folder)) ?? [];
  const pickle = names.find((name) => PICKLES.test(name));
  if (pickle) {
    throw new EmilieError(
      "checkpoint.unsafe",
      `${folder === "." ? "" : `${folder} of `}${source.id} has only pickled weights (${pickle}), which can run any code ` +
        "when they are read. Use the safetensors files of the same checkpoint, or convert it once with diffusers or " +
        "transformers: save_pretrained(folder, safe_serialization=True).",
    );
  }
  throw missingFile(source.id, `${folder}/${base}.safetensors`);
}

/** The sets of weights in a folder. Their parts are those that an index names, whatever they are called. */
async function setsIn(
  source: CheckpointSource,
  folder: string,
  base: string,
): Promise<Map<Variant, WeightSet>> {
  // A link whose blob was removed is listed, and is no file.
  const isThere = (name: string) => source.exists(`${folder}/${name}`);
  const listed = (await source.list!(folder)).filter((name) =>
    /\.safetensors(\.index\b.*\.json)?$/.test(name),
  );
  const there = await Promise.all(listed.map(isThere));
  const names = listed.filter((_, i) => there[i]);
  const sets = weightSets(names, base);
  for (const [variant, index] of weightIndices(names, base)) {
    if (sets.get(variant)?.files[0]?.endsWith(".safetensors")) continue;
    const parts = await shards(source, folder, `${folder}/${index}`).catch(() => null);
    // What is wrong with an index is said where it is the one to be used.
    if (parts === null) sets.set(variant, { files: [index], lacking: 0 });
    else {
      const present = await Promise.all(parts.map((path) => source.exists(path)));
      const lacking = present.filter((one) => !one).length;
      if (lacking < parts.length) sets.set(variant, { files: [index], lacking });
    }
  }
  return sets;
}

async function shards(source: CheckpointSource, folder: string, index: string): Promise<string[]> {
  const parsed = indexSchema.safeParse(await readJson(source, index));
  if (!parsed.success) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${index} of ${source.id} has no "weight_map" of file names.`,
    );
  }
  const names = [...new Set(Object.values(parsed.data.weight_map))].sort();
  const bad = names.find((name) => !PLAIN_NAME.test(name));
  if (bad !== undefined) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${index} names the file ${JSON.stringify(bad)}; expected a safetensors file in the same folder.`,
    );
  }
  return names.map((name) => `${folder}/${name}`);
}
