/** Loading a model in a browser, from the address of a checkpoint's folder. */

import { abilitiesOf } from "../checkpoint/abilities.ts";
import { readDefaults } from "../checkpoint/defaults.ts";
import { openKeptFolder, readAbout, writeAbout } from "../checkpoint/kept-folder.web.ts";
import { keptSource } from "../checkpoint/kept-source.web.ts";
import { keptStorage } from "../checkpoint/kept-storage.web.ts";
import type { LoadProgress } from "../checkpoint/load-progress.ts";
import type { LoraFile } from "../checkpoint/lora/read.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import { type WebSource, webSource } from "../checkpoint/source.web.ts";
import type { WeightStorage } from "../checkpoint/storage.ts";
import { fetchedStorage } from "../checkpoint/storage.web.ts";
import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { Abilities, EditModel } from "../method/edit-model.ts";
import type { MemoryMode } from "../runtime/onnx-sessions.ts";
import { createWebEngine, type WebEngineOptions } from "../runtime/web.ts";
import { architectureOf } from "./architectures.ts";
import { fitIntoPage } from "./plan-page.ts";
import { roomOfPage } from "./room.web.ts";

/** How a model is loaded and run in a browser. */
export interface WebLoadOptions extends WebEngineOptions {
  /** What recipes call the model. Default: `baseUrl`, which means little on another site. */
  readonly id?: string;
  /** Fetches the checkpoint's files; to count bytes, or to answer from a cache. Default: the platform's. */
  readonly fetch?: typeof fetch;
  /**
   * How the networks compute. "fp32" (default): as the checkpoint was written. "fp16": the UNet's weights and values in half precision, half the
   * memory, for the devices "webgpu" and "auto" alone. "int8", and for architectures that have it "int4": weights rounded when they arrive.
   */
  readonly precision?: WebPrecision;
  /**
   * Whether the page keeps the weights in the browser's storage (OPFS), in the form in which they are used: they are fetched once, by ranges, also over
   * several visits, and read from there when they are needed. Default: true for "int8" and "int4", else false.
   */
  readonly keep?: boolean;
  /** Called while weights that are to be kept are fetched: `bytes` of the files of one network after the other. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops that, with code "aborted"; what has arrived is kept, and the next load goes on from there. */
  readonly signal?: AbortSignal;
  /** "low": one session at a time. Default "normal"; of weights that are kept, "low" where they would else not fit. */
  readonly memory?: MemoryMode;
  /** Addresses of LoRA files to merge into the weights, each with how much of it; default weight 1. */
  readonly lora?: readonly { readonly file: string; readonly weight?: number }[];
}

/** The precisions that a browser has. */
export type WebPrecision = "fp32" | "fp16" | "int8" | "int4";
const WEB_PRECISIONS: readonly WebPrecision[] = ["fp32", "fp16", "int8", "int4"];

const LOAD_OPTIONS: OptionNames<WebLoadOptions> = {
  ...{ id: true, fetch: true, precision: true, keep: true, onProgress: true, signal: true },
  ...{ memory: true, lora: true, threads: true, device: true, wasmPaths: true },
};

/**
 * Loads an editing checkpoint in the diffusers layout from `baseUrl`, the address of the folder that holds
 * model_index.json. Weights that are kept are fetched now; others when a network is first used. Throws EmilieError: "checkpoint.missing",
 * ".malformed" or ".unsupported" where the checkpoint cannot be used, "io.failed" where it cannot be fetched, "machine.too-small" where its weights or
 * its edits have no room here, "runtime.missing" where the browser keeps nothing, "aborted" by the signal.
 */
export async function loadModel(baseUrl: string, options: WebLoadOptions = {}): Promise<EditModel> {
  checkOptions(options, LOAD_OPTIONS, "loadModel's options");
  const precision = checkPrecision(options.precision, options.device);
  const half = precision === "fp16";
  const id = options.id ?? baseUrl;
  const engine = createWebEngine(options, half);
  try {
    const remote = webSource(baseUrl, precision === "fp32" ? id : `${id} in ${precision}`, options.fetch);
    const load = async (source: CheckpointSource, storage: WeightStorage, memory = options.memory) => {
      const architecture = await architectureOf(source);
      return architecture.createEditModel(source, engine, {
        storage,
        memory,
        precision,
        loras: options.lora?.map(openLora),
      });
    };
    const keeps = options.keep ?? (precision === "int8" || precision === "int4");
    if (!keeps) return await load(remote, fetchedStorage());
    return await loadKept(remote, { ...options, id, precision, address: addressOf(baseUrl), load });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** What a checkpoint is kept by: its address, also where it was given from the page's own. */
export const addressOf = (baseUrl: string): string => new URL(baseUrl, globalThis.location?.href).href;

interface Keeping extends WebLoadOptions {
  readonly id: string;
  readonly precision: WebPrecision;
  readonly address: string;
  load(source: CheckpointSource, storage: WeightStorage, memory: MemoryMode): Promise<EditModel>;
}

async function loadKept(remote: WebSource, keeping: Keeping): Promise<EditModel> {
  const { id, precision, address, onProgress, signal, memory: asked, load } = keeping;
  const folder = await openKeptFolder(address);
  const watch = { onProgress, signal };
  const source = await keptSource(remote, folder, watch);
  const { ready = {} } = (await readAbout(folder)) ?? {};
  let memory = asked ?? ready[precision];
  if (!memory || !ready[precision]) {
    // Said before gigabytes have been fetched.
    const facts = await (await architectureOf(source)).describe(source);
    memory = fitIntoPage(id, facts, precision, await roomOfPage(), asked);
    await writeAbout(folder, { address, id, ready });
  }
  const model = await load(source, keptStorage(remote, folder, watch), memory);
  if (!ready[precision]) await writeAbout(folder, { address, id, ready: { ...ready, [precision]: memory } });
  return model;
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
function checkPrecision(
  precision: unknown = "fp32",
  device: WebLoadOptions["device"] = "wasm",
): WebPrecision {
  const known = WEB_PRECISIONS.find((one) => one === precision);
  if (!known) {
    throw new EmilieError(
      "option.invalid",
      `"precision" is ${JSON.stringify(precision)}; in a browser there are ${WEB_PRECISIONS.join(", ")}.`,
    );
  }
  if (known !== "fp16" || device !== "wasm") return known;
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

export { type KeptModel, keptModels, removeKeptModel } from "../checkpoint/kept-folder.web.ts";
export type { LoadProgress } from "../checkpoint/load-progress.ts";
