/**
 * A session: one picture and a tree of edits of it. The encoder runs once, when the session opens; every edit starts from
 * its parent's latent (latent iteration); pictures are decoded where somebody looks, and laid over the parent's, so that
 * what no mask touched stays the user's own pixels.
 */

import { EmilieError } from "../errors.ts";
import { composite } from "../images/composite.ts";
import { type Mask, maskToLatent, resizeMask } from "../images/mask.ts";
import { fromModelImage, type Size, toModelImage, workingSize } from "../images/model-image.ts";
import type { Picture } from "../images/picture.ts";
import { type EditOptions, edit, type Region, resolveOptions } from "../method/edit.ts";
import { toDecoderInput } from "../method/latent-iteration.ts";
import { type RelevanceOptions, relevance } from "../method/relevance.ts";
import type { CallOptions, EditModel } from "../models/model.ts";
import { createSchedule } from "../samplers/index.ts";
import type { StepEvent } from "../samplers/types.ts";
import { createNoise } from "../tensor/noise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describeMask, nodeId, type Recipe, sha256 } from "./recipe.ts";

/** One state of the picture: the original, or the result of an edit. */
export interface Node {
  readonly id: string;
  readonly parent: Node | null;
  /** What was asked; "" for the original. */
  readonly instruction: string;
  /** null for the original. */
  readonly recipe: Recipe | null;
  /** c, the condition that edits of this node start from, [channels, h, w], unscaled. */
  readonly latent: Tensor;
  /** Where the picture was allowed to change, in its own pixels; absent: everywhere. */
  readonly mask?: Mask;
  readonly cost: { readonly seconds: number; readonly unetCalls: number };
  /** The picture at the user's own size. Decoded on the first call. */
  render(options?: CallOptions): Promise<Picture>;
}

export interface SessionEditOptions extends Omit<EditOptions, "onStep"> {
  /** The node to edit. Default: the one made last. */
  readonly from?: Node;
  /** White (1) may change, black (0) must stay. "auto": the model's own relevance map. Default: everywhere. */
  readonly mask?: Mask | "auto";
  /** Further instructions with places of their own, in the same pass. */
  readonly regions?: readonly {
    readonly instruction: string;
    readonly mask?: Mask;
    readonly weight?: number;
  }[];
  /** How an automatic mask is made. */
  readonly relevance?: Omit<RelevanceOptions, "signal" | "base">;
  readonly onProgress?: (event: StepEvent) => void | Promise<void>;
}

/** Pictures kept in memory; others are decoded again from their latents when asked for. The original is always kept. */
const KEPT_PICTURES = 8;

/**
 * Opens a session on a picture.
 *
 * @param original of any size and aspect; the model works at a size near its own native one, in multiples of 8, and results
 *   come back at the picture's own size
 */
export async function openSession(
  model: EditModel,
  original: Picture,
  options: CallOptions = {},
): Promise<Session> {
  const size = workingSize(original.width, original.height, model.nativeSize, model.factor);
  const c = await model.encodeImage(toModelImage(original, size.width, size.height), options);
  const id = (
    await sha256(new Uint8Array(original.data.buffer, original.data.byteOffset, original.data.byteLength))
  ).slice(0, 12);
  return new Session(model, original, size, c, id);
}

export class Session {
  readonly root: Node;
  readonly nodes = new Map<string, Node>();
  /** The node made last. */
  head: Node;
  /** Rendered pictures, the one used longest ago first. */
  readonly #pictures = new Map<string, Promise<Picture>>();

  /** Use {@link openSession}. */
  constructor(
    readonly model: EditModel,
    readonly original: Picture,
    /** The size the model works at. */
    readonly size: Size,
    c: Tensor,
    id: string,
  ) {
    const cost = { seconds: 0, unetCalls: 0 };
    this.root = {
      id,
      parent: null,
      instruction: "",
      recipe: null,
      latent: c,
      cost,
      render: async () => original,
    };
    this.head = this.root;
    this.nodes.set(id, this.root);
  }

  /**
   * Edits a node and returns the new one, which becomes the head. What has been computed before (the same recipe from the
   * same parent) is returned, not computed again.
   *
   * @throws EmilieError option.invalid, mask.invalid, aborted (the session is then as it was before)
   */
  async edit(instruction: string, options: SessionEditOptions = {}): Promise<Node> {
    const {
      from = this.head,
      mask,
      regions = [],
      relevance: maskOptions,
      onProgress,
      signal,
      ...method
    } = options;
    if (this.nodes.get(from.id) !== from) {
      throw new EmilieError(
        "option.invalid",
        `the node to edit must be one of this session's, got "${from.id}"`,
      );
    }
    const start = performance.now();
    const before = this.model.calls.unet;
    const resolved = resolveOptions(this.model, method);
    const place =
      mask === "auto" ? await this.relevance(instruction, { ...maskOptions, from, signal }) : mask;
    const own = [{ instruction, mask: place }, ...regions].map((r) => ({
      ...r,
      mask: r.mask && this.#fit(r.mask),
    }));

    const recipe: Recipe = {
      version: 1,
      model: { id: this.model.id, fingerprint: this.model.fingerprint },
      parent: from.id,
      regions: await Promise.all(
        own.map(async ({ instruction, weight, mask }: (typeof own)[number] & { weight?: number }) => ({
          instruction,
          weight,
          mask: mask ? await describeMask(mask) : null,
        })),
      ),
      seed: String(resolved.seed),
      steps: resolved.steps,
      sampler: resolved.sampler,
      textGuidance: resolved.textGuidance,
      imageGuidance: resolved.imageGuidance,
      control: resolved.control,
      base: resolved.base,
    };
    const id = await nodeId(recipe);
    const known = this.nodes.get(id);
    if (known) {
      this.head = known;
      return known;
    }

    const [, h, w] = from.latent.shape as [number, number, number];
    const latentRegions: Region[] = own.map((r) => ({ ...r, mask: r.mask && maskToLatent(r.mask, h, w) }));
    const result = await edit(this.model, from.latent, latentRegions, {
      ...resolved,
      signal,
      onStep: onProgress,
    });
    const whole = own.some((r) => !r.mask) ? undefined : unionOf(own.map((r) => r.mask!));
    const node: Node = {
      id,
      parent: from,
      instruction: own.map((r) => r.instruction).join(" + "),
      recipe,
      latent: result.c,
      mask: whole,
      cost: { seconds: (performance.now() - start) / 1000, unetCalls: this.model.calls.unet - before },
      render: (options) => this.#picture(node, result.changed, options),
    };
    this.nodes.set(id, node);
    this.head = node;
    return node;
  }

  /** The automatic mask of an instruction, in the picture's pixels; it can be looked at and painted on. */
  async relevance(
    instruction: string,
    options: RelevanceOptions & { readonly from?: Node; readonly seed?: number | bigint } = {},
  ): Promise<Mask> {
    const { from = this.head, seed = 0, ...rest } = options;
    const { steps, sampler } = resolveOptions(this.model);
    const schedule = createSchedule(this.model.schedulerConfig, { sampler, steps: Math.max(steps, 20) });
    const { mask } = await relevance(this.model, from.latent, instruction, schedule, createNoise(seed), rest);
    const [, h, w] = mask.shape as [number, number, number];
    const { width, height } = this.original;
    // Each latent pixel becomes its footprint, with hard edges: what the latent may not change, the picture shows unchanged.
    const data = new Float32Array(width * height);
    for (let i = 0; i < data.length; i++) {
      const y = Math.floor((Math.floor(i / width) * h) / height);
      data[i] = mask.data[y * w + Math.floor(((i % width) * w) / width)]!;
    }
    return { width, height, data };
  }

  #fit(mask: Mask): Mask {
    return resizeMask(mask, this.original.width, this.original.height);
  }

  #picture(node: Node, changed: boolean, options?: CallOptions): Promise<Picture> {
    const kept = this.#pictures.get(node.id) ?? this.#render(node, changed, options);
    this.#pictures.delete(node.id);
    this.#pictures.set(node.id, kept);
    kept.catch(() => this.#pictures.delete(node.id));
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > KEPT_PICTURES) this.#pictures.delete(oldest!);
    return kept;
  }

  async #render(node: Node, changed: boolean, options?: CallOptions): Promise<Picture> {
    const { width, height } = this.original;
    if (!changed) return node.parent!.render(options);
    const image = await this.model.decodeLatent(toDecoderInput(this.model, node.latent), options);
    const picture = fromModelImage(image, width, height, this.original);
    return node.mask ? composite(await node.parent!.render(options), picture, node.mask) : picture;
  }
}

/** The largest value of any mask at each pixel; all of one size. */
function unionOf(masks: readonly Mask[]): Mask {
  const [first, ...rest] = masks;
  const data = first!.data.map((m, i) => rest.reduce((max, mask) => Math.max(max, mask.data[i]!), m));
  return { width: first!.width, height: first!.height, data };
}
