/** A hub with a tiny checkpoint and a cache of their own for each test. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { type PullOptions, pullModel } from "../../src/index.ts";
import { HubServer } from "./hub-server.ts";

export const root = resolve(import.meta.dirname, "../..");
export const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");
export const id = "tiny/editor";
export const unet = "unet/diffusion_pytorch_model.safetensors";
export const needed = [
  "model_index.json",
  "scheduler/scheduler_config.json",
  "text_encoder/config.json",
  "text_encoder/model.safetensors",
  "tokenizer/merges.txt",
  "tokenizer/special_tokens_map.json",
  "tokenizer/tokenizer_config.json",
  "tokenizer/vocab.json",
  "unet/config.json",
  unet,
  "vae/config.json",
  "vae/diffusion_pytorch_model.safetensors",
];
export const decoys = {
  "README.md": "# a model",
  "instruct-pix2pix-00-22000.ckpt": "pickle",
  "unet/diffusion_pytorch_model.bin": "pickle",
  "unet/diffusion_pytorch_model.fp16.safetensors": "half",
  "text_encoder/pytorch_model.bin": "pickle",
  "safety_checker/config.json": "{}",
  "safety_checker/model.safetensors": "censor",
  "feature_extractor/preprocessor_config.json": "{}",
};

export let hub: HubServer;
export let home: string;
export let cache: string;

/** To be called by each file of tests: files share this module. */
export function hubForEachTest(): void {
  beforeEach(async () => {
    hub = await new HubServer().start();
    home = await mkdtemp(join(tmpdir(), "emilie-hub-"));
    cache = join(home, "hub");
    for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
      vi.stubEnv(name, undefined);
    for (const name of [
      "HF_TOKEN_PATH",
      "HF_HUB_OFFLINE",
      "TRANSFORMERS_OFFLINE",
      "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    ])
      vi.stubEnv(name, undefined);
    vi.stubEnv("HF_HOME", home);
    vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
    await rm(home, { recursive: true });
  });
}

export const pull = (options: PullOptions = {}, name = id) => pullModel(name, { retryDelay: 1, ...options });
export const blobs = () => readdir(join(cache, "models--tiny--editor", "blobs")).catch(() => []);
export const unfinished = async () => (await blobs()).filter((name) => name.includes("incomplete"));
/** Buffer.equals, because toEqual takes seconds for a megabyte. */
export const sameAsCheckpoint = async (folder: string, path = unet) =>
  expect((await readFile(join(folder, path))).equals(await readFile(join(checkpoint, path)))).toBe(true);
