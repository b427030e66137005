/** The pictures of a session's nodes, decoded where somebody looks. */

import { changeCanvas } from "../../images/canvas.ts";
import { composite } from "../../images/composite.ts";
import { thingsBrought, transferDetail } from "../../images/detail-transfer.ts";
import type { Mask } from "../../images/mask.ts";
import { fromModelImage } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import { isGated } from "../../method/gating.ts";
import { toDecoderInput } from "../../method/latent-iteration.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Recent } from "../../util/recent.ts";
import type { Node } from "../tree/tree.ts";
import type { TreeNode } from "../tree/tree-node.ts";
import type { Canvas } from "./canvas.ts";
import { compositingMask } from "./compositing-mask.ts";

/** Pictures kept in memory; others are decoded again from their latents when asked for. The original is always kept. */
const KEPT_PICTURES = 8;
/** And together at most so many pixels, of four bytes each; two at least, since a picture is laid over its parent's. */
const KEPT_PIXELS = 64_000_000;
/** Decoded images at the model's size, beside the original's: an edit's and its parent's are needed together. */
const KEPT_IMAGES = 4;
/** What pictures are made from: a session. */
interface Source {
  readonly model: EditModel;
  canvasOf(node: Node): Canvas;
}

/** Renders nodes, and keeps the pictures that were looked at last. */
export class Pictures {
  readonly #source: Source;
  /** By node. */
  readonly #kept = new Recent<string, Promise<Picture>>(KEPT_PICTURES);
  /** The original's reconstruction, which every first edit needs. */
  #reconstruction: Promise<Tensor> | undefined;
  /** By node: see carriedBy. */
  readonly #carried = new Map<string, number>();
  /** By node, as #kept. */
  readonly #images = new Recent<string, Promise<Tensor>>(KEPT_IMAGES);

  constructor(source: Source) {
    this.#source = source;
  }

  /** A node's picture, at its own size. */
  of(node: TreeNode, options?: CallOptions): Promise<Picture> {
    const kept = this.#kept.get(node.id) ?? this.#render(node, options);
    const { width, height } = node.size;
    const most = Math.max(2, Math.min(KEPT_PICTURES, Math.floor(KEPT_PIXELS / (width * height))));
    this.#kept.set(node.id, kept, most);
    kept.catch(() => this.#kept.delete(node.id));
    return kept;
  }

  forget(id: string): void {
    this.#kept.delete(id);
    this.#carried.delete(id);
    this.#images.delete(id);
  }

  async #render(node: TreeNode, options?: CallOptions): Promise<Picture> {
    // A node asks its parent for its picture, and that one its own: each on a stack of its own, however deep the tree is.
    await null;
    const parent = node.parent!;
    if (!node.changed) return parent.render(options);
    if (node.canvas) return changeCanvas(await parent.render(options), node.canvas);
    const canvas = this.#source.canvasOf(node);
    if (canvas.large) return canvas.large.renderNode(node, await parent.render(options), options);
    const mask = await this.#maskOf(node, options);
    const { width, height } = node.size;
    const picture = node.recipe?.detail
      ? await this.#withDetail(node, mask, options)
      : fromModelImage(await this.#imageOf(node, options), width, height, await canvas.picture(options));
    // Under a mask that is white everywhere the parent's picture shows nowhere, and need not be decoded.
    if (!mask || mask.data.every((m) => m === 1)) return picture;
    return composite(await parent.render(options), picture, mask);
  }

  /** Where its picture shows its own pixels, and where its parent's. */
  async #maskOf(node: TreeNode, options?: CallOptions): Promise<Mask | undefined> {
    if (!isGated(node.recipe)) return node.mask;
    return compositingMask(node, await this.#source.canvasOf(node).latentOf(node.parent!, options));
  }

  /** Always from what its canvas began with, so that a chain does not add up the errors of its turns. */
  async #withDetail(node: TreeNode, mask: Mask | undefined, options?: CallOptions) {
    const canvas = this.#source.canvasOf(node);
    // From the original itself the transfer sees what an edit brings. Before the decoding of its own image, which would not be kept so long.
    const brought = node.parent === canvas.root ? undefined : await this.#broughtBy(node, options, mask);
    const reconstruction = await this.#imageOf(canvas.root, options);
    const edited = await this.#imageOf(node, options);
    const source = await canvas.picture(options);
    const { picture, carried } = transferDetail(source, { reconstruction, edited, mask, brought });
    this.#carried.set(node.id, carried);
    return picture;
  }

  /** What the edits up to a node have brought; kept in `node.brought`, so that each turn is looked at once. Undefined where its canvas begins. `own`: its mask, where that is at hand. */
  async #broughtBy(node: TreeNode, options?: CallOptions, own?: Mask): Promise<Mask | undefined> {
    await null;
    if (node === this.#source.canvasOf(node).root) return undefined;
    const parent = node.parent as TreeNode;
    if (node.brought || !node.changed) return node.brought ?? this.#broughtBy(parent, options);
    const brought = await this.#broughtBy(parent, options);
    const mask = own ?? (await this.#maskOf(node, options));
    const reconstruction = await this.#imageOf(parent, options);
    const edited = await this.#imageOf(node, options);
    node.brought = thingsBrought({ reconstruction, edited, mask, brought });
    return node.brought;
  }

  /** How much of what changed carries the original's detail, 0 to 1; undefined for a node without, or whose picture nobody asked for. */
  carriedBy(node: Node): number | undefined {
    return this.#carried.get(node.id);
  }

  /** What the decoder makes of a node's latent, [3, h, w]. */
  #imageOf(node: Node, options?: CallOptions): Promise<Tensor> {
    if (!node.parent) {
      this.#reconstruction ??= this.#reconstruct(node, options);
      this.#reconstruction.catch(() => {
        this.#reconstruction = undefined;
      });
      return this.#reconstruction;
    }
    const kept = this.#images.get(node.id) ?? this.#decodeNode(node, options);
    this.#images.set(node.id, kept);
    kept.catch(() => this.#images.delete(node.id));
    return kept;
  }

  /** A latent that was lost with its file's damage is encoded again: the original is at hand. */
  async #reconstruct(root: Node, options?: CallOptions): Promise<Tensor> {
    return this.#decode(
      root.lostLatent ? await this.#source.canvasOf(root).encode(options) : root.latent,
      options,
    );
  }

  async #decodeNode(node: Node, options?: CallOptions): Promise<Tensor> {
    return this.#decode(await this.#source.canvasOf(node).latentOf(node, options), options);
  }

  async #decode(c: Tensor, options?: CallOptions): Promise<Tensor> {
    const { model } = this.#source;
    return model.decodeLatent(toDecoderInput(model, c), options);
  }
}
