/** The pictures of a session's nodes, decoded where somebody looks. */
import { composite } from "../images/composite.ts";
import { fromModelImage } from "../images/model-image.ts";
import type { Picture } from "../images/picture.ts";
import { toDecoderInput } from "../method/latent-iteration.ts";
import type { CallOptions, EditModel } from "../models/model.ts";
import { compositingMask } from "./compositing-mask.ts";
import type { LargePicture } from "./large.ts";
import type { TreeNode } from "./tree-node.ts";

/** Pictures kept in memory; others are decoded again from their latents when asked for. The original is always kept. */
const KEPT_PICTURES = 8;
/** And together at most so many pixels, of four bytes each; two at least, since a picture is laid over its parent's. */
const KEPT_PIXELS = 64_000_000;
/** What pictures are made from: a session. */
interface Source {
  readonly model: EditModel;
  readonly original: Picture;
  readonly large: LargePicture | undefined;
}

/** Renders nodes, and keeps the pictures that were looked at last. */
export class Pictures {
  readonly #source: Source;
  /** By node, the one used longest ago first. */
  readonly #kept = new Map<string, Promise<Picture>>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** A node's picture, at the size of the original. */
  of(node: TreeNode, options?: CallOptions): Promise<Picture> {
    const kept = this.#kept.get(node.id) ?? this.#render(node, options);
    this.#kept.delete(node.id);
    this.#kept.set(node.id, kept);
    kept.catch(() => this.#kept.delete(node.id));
    const { width, height } = this.#source.original;
    const most = Math.max(2, Math.min(KEPT_PICTURES, Math.floor(KEPT_PIXELS / (width * height))));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > most) this.#kept.delete(oldest!);
    return kept;
  }

  forget(id: string): void {
    this.#kept.delete(id);
  }

  async #render(node: TreeNode, options?: CallOptions): Promise<Picture> {
    const { model, original, large } = this.#source;
    // A node asks its parent for its picture, and that one its own: each on a stack of its own, however deep the tree is.
    await null;
    if (!node.changed) return node.parent!.render(options);
    if (large) return large.renderNode(node, await node.parent!.render(options), options);
    const mask = compositingMask(node, original.width, original.height);
    const image = await model.decodeLatent(toDecoderInput(model, node.latent), options);
    const picture = fromModelImage(image, original.width, original.height, original);
    // Under a mask that is white everywhere the parent's picture shows nowhere, and need not be decoded.
    if (!mask || mask.data.every((m) => m === 1)) return picture;
    return composite(await node.parent!.render(options), picture, mask);
  }
}
