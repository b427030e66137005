/** Loading a model in a browser, from the address of a checkpoint's folder. */

import { abilitiesOf } from "../checkpoint/abilities.ts";
import { readDefaults } from "../checkpoint/defaults.ts";
import type { Precision } from "../checkpoint/derived.ts";
import type { LoraFile } from "../checkpoint/lora/read.ts";
import { webSource } from "../checkpoint/source.web.ts";
import { fetchedStorage } from "../checkpoint/storage.web.ts";
import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { Abilities, EditModel } from "../method/edit-model.ts";
import type { MemoryMode } from "../runtime/onnx-sessions.ts";
import { createWebEngine, type WebEngineOptions } from "../runtime/web.ts";
import { architectureOf } from "./architectures.ts";

/** How a model is loaded and run in a browser. */
export interface WebLoadOptions extends WebEngineOptions {
  /** What recipes call the model. Default: `baseUrl`, which means little on another site. */
  readonly id?: string;
  /** Fetches the checkpoint's files; to count bytes, or to answer from a cache. Default: the platform's. */
  readonly fetch?: typeof fetch;
  /**
   * How the UNet computes. "fp32" (default): as the checkpoint was written. "fp16": weights and values in half precision, half the
   * memory, for the devices "webgpu" and "auto" alone. Others are for Node.
   */
  readonly precision?: "fp32" | "fp16";
  /** "low": one session at a time. Default "normal". */
  readonly memory?: MemoryMode;
  /** Addresses of LoRA files to merge into the weights, each with how much of it; default weight 1. */
  readonly lora?: readonly { readonly file: string; readonly weight?: number }[];
}

const LOAD_OPTIONS: OptionNames<WebLoadOptions> = {
  ...{ id: true, fetch: true, precision: true, memory: true, lora: true },
  ...{ threads: true, device: true, wasmPaths: true },
};

/**
 * Loads an editing checkpoint in the diffusers layout from `baseUrl`, the address of the folder that holds
 * model_index.json. Weights are fetched when a network is first used. Throws EmilieError: "checkpoint.missing",
 * ".malformed" or ".unsupported" where the checkpoint cannot be used, "io.failed" where it cannot be fetched.
 */
export async function loadModel(baseUrl: string, options: WebLoadOptions = {}): Promise<EditModel> {
  checkOptions(options, LOAD_OPTIONS, "loadModel's options");
  const precision = checkPrecision(options.precision, options.device);
  const half = precision === "fp16";
  const id = options.id ?? baseUrl;
  const engine = createWebEngine(options, half);
  try {
    const source = webSource(baseUrl, half ? `${id} in fp16` : id, options.fetch);
    const architecture = await architectureOf(source);
    return await architecture.createEditModel(source, engine, {
      storage: fetchedStorage(),
      memory: options.memory,
      precision,
      loras: options.lora?.map(openLora),
    });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** What a checkpoint says of itself. */
export interface ModelDescription {
  /** What it recommends for its edits. */
  readonly defaults: EditModel["defaults"];
  /** The longer side of the pictures that it was trained on, where it states one. */
  readonly nativeSize: number | undefined;
  /** What it can do; undefined where it does not say. */
  readonly abilities: Abilities | undefined;
}

/**
 * Reads what a checkpoint says of itself, its emilie.json alone: no weights are fetched.
 *
 * @throws EmilieError "checkpoint.malformed", "io.failed"
 */
export async function describeModel(
  baseUrl: string,
  { id = baseUrl, fetch }: Pick<WebLoadOptions, "id" | "fetch"> = {},
): Promise<ModelDescription> {
  const own = await readDefaults(webSource(baseUrl, id, fetch));
  return { defaults: own.defaults, nativeSize: own.nativeSize, abilities: abilitiesOf(id, own) };
}

/** Throws "option.invalid" for what a browser, or the device, cannot compute in. */
function checkPrecision(precision: unknown = "fp32", device: WebLoadOptions["device"] = "wasm"): Precision {
  if (precision === "fp32") return precision;
  if (precision !== "fp16") {
    throw new EmilieError(
      "option.invalid",
      `"precision" is ${JSON.stringify(precision)}; other precisions need files on disk, so in a browser there are ` +
        "only fp32 and fp16.",
    );
  }
  if (device !== "wasm") return precision;
  throw new EmilieError(
    "option.invalid",
    'The precision fp16 is for GPUs, and the device is wasm: a CPU gains nothing from it. Load the model with device "auto" ' +
      'or "webgpu", or in fp32.',
  );
}

function openLora({ file, weight = 1 }: { readonly file: string; readonly weight?: number }): LoraFile {
  const url = new URL(file, globalThis.location?.href);
  const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  return { source: webSource(new URL(".", url).href), path: name, weight };
}
