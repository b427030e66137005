/**
 * Checkpoints in the layout of the hub and at its size, as folders and as single files: true configurations, a vocabulary of CLIP's
 * size, true names, shapes and headers, and in the place of weights holes, which take no disk. What reads headers alone cannot tell
 * them from the published ones; another `write` puts numbers in (benchmarks/random-weights.ts).
 */
import { mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type StoredType, safetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import { clipVocabulary } from "./clip-vocabulary.ts";
import { originalNames } from "./original-names.ts";
import { componentsOf, configsOf, PUBLISHED, type Published, type PublishedName } from "./published.ts";

export interface StoredShape {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** The tensor's bytes, for the few that a reader looks at. */
  readonly bytes?: Uint8Array;
}

/** Writes a safetensors file. */
export type WriteTensors = (file: string, tensors: readonly StoredShape[]) => Promise<void>;

const BYTES = { F32: 4, F16: 2, BF16: 2, I64: 8 } as const;
const bytesOf = ({ type, shape }: StoredShape) => sizeOf(shape) * BYTES[type as keyof typeof BYTES];

/** A file with a true header, and with zeros that are not on the disk. */
export const writeHoles: WriteTensors = async (file, tensors) => {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, "w");
  try {
    const header = safetensorsHeader(tensors.map((tensor) => [tensor.name, tensor]));
    await handle.write(header);
    let position = header.length;
    for (const tensor of tensors) {
      if (tensor.bytes) await handle.write(tensor.bytes, 0, tensor.bytes.length, position);
      position += bytesOf(tensor);
    }
    await handle.truncate(position);
  } finally {
    await handle.close();
  }
};

export interface FullCheckpointOptions {
  /** Type of the weights. Default: as the checkpoint is published. */
  readonly stored?: "F32" | "F16";
  /** Default: holes. */
  readonly write?: WriteTensors;
}

/** Lays a folder out as the hub has it; files in half precision have ".fp16" in their names. Its size is that of the weights: 2.1 to 13 GB. */
export async function layOutFolder(
  folder: string,
  name: PublishedName,
  options: FullCheckpointOptions = {},
): Promise<void> {
  const published = PUBLISHED[name];
  const { stored = published.stored, write = writeHoles } = options;
  const { unet, vae, texts } = componentsOf(published);
  const variant = stored === "F16" ? ".fp16" : "";
  const suffix = (i: number) => (i === 0 ? "" : `_${i + 1}`);
  const json: Record<string, unknown> = {
    "model_index.json": published.index,
    "unet/config.json": published.unet,
    "vae/config.json": published.vae,
    "scheduler/scheduler_config.json": published.scheduler,
    ...Object.fromEntries(published.texts.map((text, i) => [`text_encoder${suffix(i)}/config.json`, text])),
  };
  for (const [path, value] of Object.entries(json)) await writeJson(join(folder, path), value);
  const typed = (shapes: Iterable<readonly [string, readonly number[]]>) =>
    [...shapes].map(([name, shape]): StoredShape => ({ name, type: stored, shape }));
  const weights = `diffusion_pytorch_model${variant}.safetensors`;
  await write(join(folder, "unet", weights), typed(unet));
  await write(join(folder, "vae", weights), typed(vae));
  for (const [i, shapes] of texts.entries()) {
    const positions = { name: "text_model.embeddings.position_ids", type: "I64", shape: [1, 77] } as const;
    const tensors = [...typed(shapes), ...(name === "sd1" ? [positions] : [])];
    await write(join(folder, `text_encoder${suffix(i)}`, `model${variant}.safetensors`), tensors);
    await layOutTokenizer(join(folder, `tokenizer${suffix(i)}`), published.padding[i]!);
  }
}

/** Writes the single file, in the naming of the original programs, and the tokenizer that it needs into tokenizer/ beside it. */
export async function layOutSingleFile(
  file: string,
  name: PublishedName,
  options: FullCheckpointOptions = {},
): Promise<void> {
  const published = PUBLISHED[name];
  const { stored = published.stored, write = writeHoles } = options;
  const named = originalNames(componentsOf(published), configsOf(published));
  const tensors = [...named].map(([name, shape]): StoredShape => ({ name, type: stored, shape }));
  await write(file, [...tensors, ...marksOf(name, published)]);
  await layOutTokenizer(join(dirname(file), "tokenizer"), published.padding[0]!);
}

/** What the file has besides its networks. */
function marksOf(name: PublishedName, { scheduler }: Published): StoredShape[] {
  if (name === "cosxl") {
    return (["sigma_max", "sigma_min"] as const).map((key) => ({
      name: `edm_vpred.${key}`,
      type: "F32",
      shape: [],
      bytes: new Uint8Array(Float32Array.of(Number(scheduler[key])).buffer),
    }));
  }
  if (name === "sdxl") return [];
  return ["alphas_cumprod", "betas", "sqrt_alphas_cumprod"].map((name) => ({
    name,
    type: "F32",
    shape: [1000],
  }));
}

/** A tokenizer of CLIP's size and form, whose merges are not CLIP's. */
async function layOutTokenizer(folder: string, padding: string): Promise<void> {
  const { vocab, merges } = clipVocabulary();
  const tokens = {
    bos_token: "<|startoftext|>",
    eos_token: "<|endoftext|>",
    pad_token: padding,
    unk_token: "<|endoftext|>",
  };
  await writeJson(join(folder, "vocab.json"), vocab);
  await writeFile(join(folder, "merges.txt"), `#version: 0.2\n${merges.join("\n")}\n`);
  await writeJson(join(folder, "special_tokens_map.json"), tokens);
  await writeJson(join(folder, "tokenizer_config.json"), {
    ...tokens,
    add_prefix_space: false,
    do_lower_case: true,
    errors: "replace",
    model_max_length: 77,
    tokenizer_class: "CLIPTokenizer",
  });
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
