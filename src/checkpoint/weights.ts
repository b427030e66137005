/**
 * The tensors of one component (unet, vae, text_encoder), wherever its files put them: one safetensors file, several
 * with an index, or a half-precision variant where that is all there is. Nothing but headers is read here.
 */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { readSafetensorsHeader, type StoredTensor } from "./safetensors.ts";
import { type CheckpointSource, missingFile, readJson } from "./source.ts";

export interface WeightRef extends StoredTensor {
  /** Path in the checkpoint. */
  readonly file: string;
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
  readonly files: readonly WeightFile[];
  readonly tensors: ReadonlyMap<string, WeightRef>;
}

/** What a file's name says of its precision, in the order in which it is looked for. */
const VARIANTS = { full: ["", "fp16", "bf16"], half: ["fp16", "", "bf16"] };
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
  const paths = await findFiles(source, folder, base, VARIANTS[prefer]);
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
  return { folder, files, tensors };
}

async function findFiles(
  source: CheckpointSource,
  folder: string,
  base: string,
  variants: readonly string[],
): Promise<string[]> {
  for (const variant of variants) {
    const suffix = variant && `.${variant}`;
    const single = `${folder}/${base}${suffix}.safetensors`;
    if (await source.exists(single)) return [single];
    const index = `${folder}/${base}.safetensors.index${suffix}.json`;
    if (await source.exists(index)) return shards(source, folder, index);
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
