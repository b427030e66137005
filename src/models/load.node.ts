/** Loading a model on Node: from a folder, the package itself, or the cache that `emilie pull` fills. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Precision } from "../checkpoint/derived.ts";
import type { LoadProgress } from "../checkpoint/load-progress.ts";
import { cacheFolder, mappedStorage } from "../checkpoint/storage.node.ts";
import type { Variant } from "../checkpoint/variants.ts";
import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { EditModel } from "../method/edit-model.ts";
import { createNodeEngine, type NodeDevice } from "../runtime/node.ts";
import type { MemoryMode } from "../runtime/onnx-sessions.ts";
import { architectureOf } from "./architectures.ts";
import {
  checkPrecision,
  checkpointFolder,
  formatModelName,
  type LoraOption,
  type ModelName,
  nameVariant,
  openCheckpoint,
  openLora,
  openTinyAutoencoder,
  parseModelName,
  splitVariant,
} from "./open.node.ts";

/** How a model is loaded and run. */
export interface LoadOptions {
  /** Threads of the CPU runtime; by default the machine's physical cores. */
  readonly threads?: number;
  /**
   * Where the networks run. "cpu": on the processor. "webgpu", "cuda": on the graphics card, or an error. "auto": on a card
   * by WebGPU where there is one that passes a trial, on the processor where there is none or where it fails;
   * `model.device` says which and why. Default "cpu", whose numbers are everywhere the same to rounding.
   */
  readonly device?: NodeDevice;
  /** "low": one session at a time, weights only in their files. Default "normal". */
  readonly memory?: MemoryMode;
  /**
   * How UNet and VAE compute. "fp32" (default): as the checkpoint was written. "fp32-fast": the same to about five digits, faster where
   * pictures are large, with transformed weights. "int8": fastest, with the UNet's weights rounded to eight bits, inputs rounded at every
   * step and fewer keys in large pictures, and the VAE of fp32-fast; results differ a little. "fp16": the UNet's weights and values in half precision, for
   * the devices "webgpu" and "auto" alone; files in half precision are used as they are. What else these need is made once from the
   * checkpoint and kept in the cache folder.
   */
  readonly precision?: Precision;
  /** Folder for what is made of weights: those of other precisions, and fp32 copies of a half-precision UNet; default $EMILIE_CACHE or the system's cache folder. */
  readonly cache?: string;
  /** Which weights, where a folder has several: "full", "fp16", "bf16", "non_ema" …; as in the name "owner/name:fp16". Default: full precision first. */
  readonly variant?: Variant;
  /** For a single file without a tokenizer beside it: a folder that has one, or the name of a pulled model. */
  readonly tokenizer?: string;
  /**
   * Called when weights are made for this load: before, with what, how large and about how long, and then several times a second. Most
   * loads make nothing, and say nothing.
   */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops making them, with code "aborted"; what is there is kept, and the next load goes on from it. */
  readonly signal?: AbortSignal;
  /**
   * Whether a checkpoint that says what it understands is asked before an edit, and refuses the rest. Default true; the benchmark says false, since it
   * compares what networks do.
   */
  readonly understanding?: boolean;
  /**
   * A tiny autoencoder (AutoencoderTiny: TAESD for Stable Diffusion 1.x and 2.x, TAESDXL for SDXL) in the place of the checkpoint's VAE: its folder, or its
   * .safetensors file. Many times faster, and less exact in fine detail. Part of the model's name and fingerprint.
   */
  readonly vae?: string;
  /** The same for previews alone, which then cost little; results stay the VAE's. */
  readonly previewVae?: string;
  /** LoRA files (kohya's or diffusers' naming) to merge into the weights, each with how much of it; default weight 1. */
  readonly lora?: readonly LoraOption[];
}

const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  ...{
    threads: true,
    device: true,
    memory: true,
    precision: true,
    cache: true,
    variant: true,
    tokenizer: true,
  },
  ...{ onProgress: true, signal: true, understanding: true, vae: true, previewVae: true, lora: true },
};
const LORA_OPTION: OptionNames<LoraOption> = { file: true, weight: true };

/**
 * Loads an editing checkpoint: `name` is a folder in the layout of diffusers, a single .safetensors file in the naming of
 * the original programs, "picturebook", or the name of a model that was pulled from the hub ("owner/name",
 * "owner/name@revision", with ":fp16" for a variant of its weights), each also with LoRAs and a precision ("picturebook + style.safetensors=0.8
 * in int8"), or these parts by themselves; nothing is ever downloaded here.
 * Throws EmilieError: "checkpoint.missing", ".malformed", ".unsupported" or ".unsafe" where the checkpoint cannot be used,
 * "io.failed" where there is no room for weights that have to be made, "aborted" by the signal;
 * the runtime itself ("runtime.missing") is only needed by the first call of the model.
 */
export async function loadModel(name: string | ModelParts, options: LoadOptions = {}): Promise<EditModel> {
  checkOptions(options, LOAD_OPTIONS, "loadModel's options");
  for (const lora of options.lora ?? []) checkOptions(lora, LORA_OPTION, "loadModel's lora");
  const given: ModelParts = typeof name === "string" ? parseModelName(name) : name;
  const precision = checkPrecision(options.precision ?? given.precision ?? "fp32");
  const tokenizer = options.tokenizer ?? given.tokenizer;
  const base = nameVariant(given.base, options.variant);
  const vae = options.vae ?? given.vae;
  const model = { base, loras: [...given.loras, ...(options.lora ?? [])], vae, precision };
  checkDevice(precision, options.device);
  const source = { ...openCheckpoint(model.base, { tokenizer }), id: given.id ?? formatModelName(model) };
  const loras = model.loras.map(openLora);
  const opened = (name: string | undefined) => (name === undefined ? undefined : openTinyAutoencoder(name));
  const tiny = { vae: await opened(vae), previewVae: await opened(options.previewVae) };
  const engine = createNodeEngine({
    threads: options.threads,
    device: options.device,
    half: precision === "fp16",
  });
  const { onProgress, signal } = options;
  try {
    const architecture = await architectureOf(source);
    const loaded = await architecture.createEditModel(source, engine, {
      storage: mappedStorage(options.cache ?? cacheFolder(), {
        onProgress,
        signal,
        // On a graphics card, weights that are cast would take the place of both.
        halves: (options.device ?? "cpu") === "cpu" ? "cast" : "copy",
      }),
      memory: options.memory,
      precision,
      loras,
      ...tiny,
      understanding: options.understanding,
    });
    if (signal?.aborted) {
      await loaded.dispose();
      throw new EmilieError("aborted", `Loading ${source.id} was stopped.`, { cause: signal.reason });
    }
    parts.set(loaded, partsOf(model, tokenizer));
    return loaded;
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** A model by what it is made of, each part by itself: a name that joins them cannot always be taken apart again. */
export interface ModelParts extends ModelName {
  /** What the model calls itself. Default: the parts joined. */
  readonly id?: string;
  /** As LoadOptions has it. */
  readonly tokenizer?: string;
}

const parts = new WeakMap<EditModel, ModelParts>();

/** What a model was loaded from, local files by their absolute paths; undefined for one that was made otherwise. */
export function partsOfModel(model: EditModel): ModelParts | undefined {
  return parts.get(model);
}

function partsOf({ base, loras, vae, precision }: ModelName, tokenizer?: string): ModelParts {
  const file = (name: string) => (isLocal(name) ? resolve(name) : name);
  return {
    base: file(base),
    loras: loras.map(({ file, weight = 1 }) => ({ file: resolve(file), weight })),
    ...(vae === undefined ? {} : { vae: resolve(vae) }),
    precision,
    ...(tokenizer === undefined ? {} : { tokenizer: file(tokenizer) }),
  };
}

/** Whether a name is found on this disk by its path, and not by what ships or was pulled. */
function isLocal(name: string): boolean {
  const path = splitVariant(name).name;
  return existsSync(path) && checkpointFolder(path) === resolve(path);
}

/** Throws "option.invalid" where a device cannot compute in a precision. */
export function checkDevice(precision: Precision, device: NodeDevice = "cpu"): void {
  const webgpu = device === "webgpu" || device === "auto";
  if (precision === "fp16" && !webgpu) {
    throw new EmilieError(
      "option.invalid",
      `The precision fp16 is for GPUs with WebGPU, and the device is ${device}: a CPU gains nothing from it. Load the ` +
        'model with device "auto" or "webgpu" (--device auto), or in another precision.',
    );
  }
  if (precision !== "fp32" && precision !== "fp16" && device !== "cpu") {
    throw new EmilieError(
      "option.invalid",
      `The precision ${precision} is for the CPU; on a GPU there are fp32 and fp16, and the device is ${device}.`,
    );
  }
}

export type { LoadProgress } from "../checkpoint/load-progress.ts";
export { NODE_DEVICES, type NodeDevice } from "../runtime/node.ts";
export type { LoraOption } from "./open.node.ts";
export { checkpointFolder, SHIPPED, shippedFolder } from "./open.node.ts";
