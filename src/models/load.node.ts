/** Loads a model in Node.js: from a folder or file, the package itself, or the cache of `emilie pull`. */

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
import { checkFit, type FitPlan } from "./fit.node.ts";
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
  /** Number of threads on the CPU; by default the number of physical cores. */
  readonly threads?: number;
  /**
   * Where the networks run. "cpu", the default: on the CPU, with the same results on every machine up to rounding. "webgpu", "cuda": on the GPU, or an
   * error. "auto": on a GPU with WebGPU if there is one that passes a self-test; on the CPU if there is none, or if it fails later;
   * `model.device` reports which, and why.
   */
  readonly device?: NodeDevice;
  /** "low": one ONNX Runtime session at a time, weights only in their files. Default "normal". */
  readonly memory?: MemoryMode;
  /**
   * The precision of the networks; of Stable Diffusion, whose text encoders stay as they are, of UNet and VAE. "fp32" (default): as the checkpoint was written. "fp32-fast": equal to about five digits, faster for
   * large pictures, with transformed weights. "int8": fastest, with the UNet's weights in 8 bits, activations quantised at every
   * step, fewer attention keys for large pictures, and the VAE of fp32-fast; results differ slightly. "int4": weights of 4 bits, the least memory, for architectures that have it. "fp16": the UNet's weights and activations in half
   * precision, only for the devices "webgpu" and "auto"; files in half precision are used as they are. Other files that a precision needs are generated once
   * from the checkpoint and kept in the cache folder.
   */
  readonly precision?: Precision;
  /** Folder for files generated from weights: weights in other precisions, and fp32 copies of a half-precision UNet. Default: $EMILIE_CACHE, else the system's cache folder. */
  readonly cache?: string;
  /** Which weights to use if a folder has several: "full", "fp16", "bf16", "non_ema" …; as in the name "owner/name:fp16". Default: full precision if available. */
  readonly variant?: Variant;
  /** For a single file without a tokenizer next to it: a folder that has one, or the name of a pulled model. */
  readonly tokenizer?: string;
  /**
   * Called if this load generates weights: before that, with the kind of files, their size and an estimated time, and then several times a
   * second. Most loads generate nothing and never call it.
   */
  readonly onProgress?: (progress: LoadProgress) => void;
  /**
   * Called before any weight is read, with what the model will need of memory and disk for a picture of its native size, and what is free. Not
   * called for models that are small beside that, nor on a GPU.
   */
  readonly onPlan?: (plan: FitPlan) => void;
  /** Stops the generation, with code "aborted"; finished parts are kept, and the next load resumes it. */
  readonly signal?: AbortSignal;
  /**
   * Whether a checkpoint that declares what it understands may refuse other instructions. Default true; the benchmark sets false, since it
   * compares the results of networks.
   */
  readonly understanding?: boolean;
  /**
   * A tiny autoencoder (AutoencoderTiny: TAESD for Stable Diffusion 1.x and 2.x, TAESDXL for SDXL) instead of the checkpoint's VAE: its folder, or its
   * .safetensors file. Many times faster, but less exact in fine detail. It is part of the model's name and fingerprint.
   */
  readonly vae?: string;
  /** The same for previews only, which then take little time; results are still decoded by the VAE. */
  readonly previewVae?: string;
  /** LoRA files (with the tensor names of kohya or diffusers) to merge into the weights, each with its weight; default weight 1. */
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
  ...{
    onProgress: true,
    onPlan: true,
    signal: true,
    understanding: true,
    vae: true,
    previewVae: true,
    lora: true,
  },
};
const LORA_OPTION: OptionNames<LoraOption> = { file: true, weight: true };

/**
 * Loads an editing checkpoint: `name` is a folder in the layout of diffusers, a single .safetensors file with the original tensor names,
 * "picturebook", or the name of a model that was pulled from the hub ("owner/name", "owner/name@revision", with ":fp16" for a
 * variant of its weights). LoRAs and a precision can be appended ("picturebook + style.safetensors=0.8 in int8"), or these parts are
 * given separately as an object. Nothing is ever downloaded.
 * Throws EmilieError: "checkpoint.missing", ".malformed", ".unsupported" or ".unsafe" if the checkpoint cannot be used,
 * "machine.too-small" if its memory or disk do not fit (see docs/library.md), "io.failed" if there is no disk space for weights that have to be generated, "aborted" by the signal. The runtime itself
 * ("runtime.missing") is needed only by the first call of the model.
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
    lean: precision === "int4" || options.memory === "low",
  });
  const { onProgress, signal } = options;
  try {
    const architecture = await architectureOf(source);
    const cache = options.cache ?? cacheFolder();
    if ((options.device ?? "cpu") === "cpu") {
      const { memory, onPlan } = options;
      const fit = { path: checkpointFolder(base), cache, precision, memory, timed: onPlan !== undefined };
      const plan = await checkFit(source, architecture, fit);
      if (plan) onPlan?.(plan);
    }
    const loaded = await architecture.createEditModel(source, engine, {
      storage: mappedStorage(cache, {
        onProgress,
        signal,
        // On a GPU, weights that are cast would take memory in both precisions.
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

/** A model given by its parts: a name that joins them cannot always be parsed back unambiguously. */
export interface ModelParts extends ModelName {
  /** The id of the model. Default: the parts joined. */
  readonly id?: string;
  /** As in LoadOptions. */
  readonly tokenizer?: string;
}

const parts = new WeakMap<EditModel, ModelParts>();

/** The parts from which a model was loaded, with absolute paths for local files; undefined for a model that was not loaded by loadModel. */
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

/** Whether a name is a path on this disk, and not the name of an included or pulled model. */
function isLocal(name: string): boolean {
  const path = splitVariant(name).name;
  return existsSync(path) && checkpointFolder(path) === resolve(path);
}

/** Throws "option.invalid" if a device does not support a precision. */
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
export type { FitPlan } from "./fit.node.ts";
export type { LoraOption } from "./open.node.ts";
export { checkpointFolder, SHIPPED, shippedFolder } from "./open.node.ts";
