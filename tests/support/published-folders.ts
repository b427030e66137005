/** What the parsers say of one published folder: a verdict for each of its files, and whether its UNet can edit. */

import { parseSchedulerConfig } from "../../src/checkpoint/scheduler-config.ts";
import { type CheckpointSource, missingFile, readJson } from "../../src/checkpoint/source.ts";
import { isEmilieError } from "../../src/errors.ts";
import { parseVaeConfig } from "../../src/networks/autoencoder-kl/config.ts";
import { parseClipTextConfig } from "../../src/networks/clip/config.ts";
import { readTokenizer } from "../../src/networks/clip/tokenizer.ts";
import { readTokenizerFiles } from "../../src/networks/clip/tokenizer-files.ts";
import { checkEditable } from "../../src/networks/stable-diffusion/editable.ts";
import { readPipeline } from "../../src/networks/stable-diffusion/pipeline.ts";
import { parseUNetConfig } from "../../src/networks/stable-diffusion/unet-config.ts";
import { createSchedule, defaultSampler } from "../../src/samplers/schedule.ts";

export interface PublishedFolder {
  /** The repository that a copy was read from. */
  readonly source: string;
  readonly commit: string;
  /** Written from the documented format; no copy was read. */
  readonly asDocumented?: true;
  readonly family: "1.x" | "2.x" | "XL" | "other";
  /** By path: what is in it, or its text where that is not JSON. */
  readonly files: Readonly<Record<string, object | string>>;
  readonly verdicts: Readonly<Record<string, string>>;
}

const CLIP_SIZE = 49408;
/** Of CLIP's pieces the special ones alone, with their ids. */
const VOCABULARY = JSON.stringify({
  "!": 0,
  "a</w>": 320,
  "<|startoftext|>": CLIP_SIZE - 2,
  "<|endoftext|>": CLIP_SIZE - 1,
});

function sourceOf({ source: id, files }: PublishedFolder): CheckpointSource {
  const texts = new Map<string, string>();
  for (const [path, content] of Object.entries(files)) {
    texts.set(path, typeof content === "string" ? content : JSON.stringify(content));
    const tokenizer = /^tokenizer(_2)?(?=\/)/.exec(path)?.[0];
    if (tokenizer === undefined) continue;
    texts.set(`${tokenizer}/vocab.json`, VOCABULARY);
    texts.set(`${tokenizer}/merges.txt`, "#version: 0.2\n");
  }
  const text = (path: string): string => {
    const found = texts.get(path);
    if (found === undefined) throw missingFile(id, path);
    return found;
  };
  return {
    id,
    exists: async (path) => texts.has(path),
    size: async (path) => Buffer.byteLength(text(path)),
    readText: async (path) => text(path),
    read: async (path, offset, length) => Buffer.from(text(path)).subarray(offset, offset + length),
  };
}

async function said(make: () => Promise<string>): Promise<string> {
  try {
    return `accepted: ${await make()}`;
  } catch (error) {
    if (isEmilieError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const READERS: readonly [RegExp, (source: CheckpointSource, path: string) => Promise<string>][] = [
  [
    /^model_index\.json$/,
    async (source) => {
      const { className, xl, emptyIsZero, cosxl } = await readPipeline(source);
      return `${className}, ${xl ? "two text encoders" : "one text encoder"}, empty text ${emptyIsZero ? "zeros" : "encoded"}, CosXL ${cosxl}`;
    },
  ],
  [
    /^unet\//,
    async (source, path) => {
      const unet = parseUNetConfig(await readJson(source, path), path);
      const levels = unet.levels.map(
        ({ channels, heads, transformerLayers }) => `${channels}/${heads}/${transformerLayers}`,
      );
      return `levels ${levels.join(" ")}, context ${unet.levels[0]!.crossAttentionDim}, in ${unet.in_channels}, added ${unet.addition_embed_type}`;
    },
  ],
  [
    /^vae\//,
    async (source, path) => {
      const vae = parseVaeConfig(await readJson(source, path), path);
      return `levels ${vae.block_out_channels.join(" ")}, scaled by ${vae.scaling_factor}`;
    },
  ],
  [
    /^text_encoder(_2)?\//,
    async (source, path) => {
      const text = parseClipTextConfig(await readJson(source, path), path);
      return `${text.num_hidden_layers} layers of ${text.hidden_size}, ${text.hidden_act}, ${text.vocab_size} tokens`;
    },
  ],
  [
    /^scheduler\//,
    async (source, path) => {
      const config = parseSchedulerConfig(await readJson(source, path), path);
      const sampler = defaultSampler(config);
      const { levels } = createSchedule(config, { sampler, steps: 20 });
      return `${sampler} for ${config._class_name}, begins at ${levels[0]!.t.toFixed(2)}`;
    },
  ],
  [
    /^tokenizer(_2)?\//,
    async (source, path) => {
      const folder = path.split("/")[0]!;
      const { pad, added } = await readTokenizerFiles(source, folder);
      const { length } = await readTokenizer(source, folder, 77, { vocabulary: CLIP_SIZE });
      return `padded with ${pad} to ${length}, never split: ${added.map(({ content }) => content).join(" ")}`;
    },
  ],
];

/** By file, and "edits" for the UNet as an editor's beside a VAE of four latent channels. */
export async function verdictsOn(folder: PublishedFolder): Promise<Record<string, string>> {
  const source = sourceOf(folder);
  const verdicts: Record<string, string> = {};
  for (const path of Object.keys(folder.files)) {
    // A tokenizer's files are read together.
    const name = path.replace(/^(tokenizer(_2)?)\/.*/, "$1");
    const reader = READERS.find(([pattern]) => pattern.test(path))![1];
    verdicts[name] ??= await said(() => reader(source, path));
  }
  if (verdicts["unet/config.json"]?.startsWith("accepted")) {
    verdicts.edits = await said(async () => {
      checkEditable(folder.source, parseUNetConfig(await readJson(source, "unet/config.json")), 4);
      return "an instruction editor";
    });
  }
  return verdicts;
}
