/** Where the model thinks that an instruction belongs (method/relevance.ts), in the picture's own pixels. */

import type { Mask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { resolveOptions } from "../../method/options.ts";
import { above, RELEVANCE_OPTIONS, type RelevanceOptions, relevance } from "../../method/relevance.ts";
import { scheduleOf } from "../../method/schedule.ts";
import type { Rephrase } from "../../method/settings.ts";
import { createNoise } from "../../tensor/noise.ts";
import { largest } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Recent } from "../../util/recent.ts";
import type { Node } from "../tree/tree.ts";
import { understandBefore } from "../tree/understand.ts";
import type { Canvas } from "./canvas.ts";

/** How a map of relevance is made. */
export interface RelevanceMapOptions extends RelevanceOptions {
  /** The node to look at. Default: the head. */
  readonly from?: Node;
  /** Of the noise under which the predictions are compared. Default 0. */
  readonly seed?: number | bigint;
  /** As the setting of an edit: on, what is compared is what the edit would give the denoiser. Default: the checkpoint's own. */
  readonly rephrase?: Rephrase;
}

/** What a map is made from: a session. */
interface Source {
  readonly model: EditModel;
  canvasOf(node: Node): Canvas;
  readonly head: Node;
  /** Maps by all that they depend on. */
  readonly relevances: Recent<string, Tensor>;
}

const MAP_OPTIONS: OptionNames<RelevanceMapOptions> = {
  ...RELEVANCE_OPTIONS,
  from: true,
  seed: true,
  rephrase: true,
};

/** Where an instruction would act. */
export interface RelevanceMap {
  /** How much, from 0 to 1. */
  readonly map: Mask;
  /** 1 where the map reaches the threshold, 0 elsewhere. */
  readonly mask: Mask;
}

/** The map of an instruction, and the mask that is its upper part. */
export async function relevanceMap(
  session: Source,
  instruction: string,
  options: RelevanceMapOptions = {},
): Promise<RelevanceMap> {
  checkOptions(options, MAP_OPTIONS, "session.relevance's options");
  const { rephrase: usual } = resolveOptions(session.model);
  const { from = session.head, seed = 0, threshold, rephrase = usual, ...rest } = options;
  const { level, draws, base } = rest;
  const key = JSON.stringify([from.id, instruction, String(seed), level, draws, base, rephrase]);
  const { relevances } = session;
  const map = relevances.get(key) ?? (await compute(session, instruction, from, seed, rephrase, rest));
  relevances.set(key, map);
  return { map: inPixels(map, from.size), mask: inPixels(above(map, threshold), from.size) };
}

/** A map is as large as one channel of a latent: 16 kB at 512 px. The threshold is no part of it. */
export const KEPT = 64;

async function compute(
  session: Source,
  instruction: string,
  from: Node,
  seed: number | bigint,
  rephrase: Rephrase,
  options: RelevanceOptions,
): Promise<Tensor> {
  const { model } = session;
  const { steps, sampler } = resolveOptions(model);
  const canvas = session.canvasOf(from);
  const c = canvas.large
    ? await canvas.large.overview(await from.render(options), options)
    : await canvas.latentOf(from, options);
  const schedule = scheduleOf(model, c, { sampler, steps: Math.max(steps, 20) });
  const heard =
    rephrase !== "off" ? await understandBefore(model, instruction, c, { ...options, rephrase }) : null;
  // What is refused has a map all the same: that of its words.
  const texts = heard?.understood ? heard.parts : [instruction];
  const maps: Tensor[] = [];
  for (const text of texts) {
    maps.push((await relevance(model, c, text, schedule, createNoise(seed), options)).map);
  }
  return maps.length === 1 ? maps[0]! : largest(maps);
}

function inPixels(mask: Tensor, { width, height }: Size): Mask {
  const [, h, w] = mask.shape as [number, number, number];
  // Each latent pixel becomes its footprint, with hard edges: what the latent may not change, the picture shows unchanged.
  const data = new Float32Array(width * height);
  for (let i = 0; i < data.length; i++) {
    const y = Math.floor((Math.floor(i / width) * h) / height);
    data[i] = mask.data[y * w + Math.floor(((i % width) * w) / width)]!;
  }
  return { width, height, data };
}
