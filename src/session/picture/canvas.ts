/**
 * What the edits of a part of the tree are made on: the original, or what a crop or an expansion has made of a node's picture. Each
 * canvas has a condition c₁ of its own, encoded once and only when something starts from it; latent iteration goes on from there.
 */
import { type Size, workingSize } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Node } from "../tree/tree.ts";
import { conditionOf } from "./condition.ts";
import { type LargePicture, largePicture } from "./large.ts";

/**
 * The size at which the model works on a canvas. A session above the native size keeps its scale, so that a pixel of the model's is the
 * same part of the picture before and after; otherwise the model works on a canvas as it would on a picture of its size.
 *
 * @param side the longer side that the session works at on its original, if it is not the model's own
 */
export function canvasWorkingSize(
  { nativeSize, factor }: Pick<EditModel, "nativeSize" | "factor">,
  original: Size,
  { width, height }: Size,
  side: number = nativeSize,
): Size {
  const scaled = Math.round((side * Math.max(width, height)) / Math.max(original.width, original.height));
  return workingSize(width, height, side > nativeSize ? Math.max(nativeSize, scaled) : side, factor);
}

/** One canvas of a session. */
export class Canvas {
  /** The node that it begins with. */
  readonly root: Node;
  /** The size at which the model works. */
  readonly size: Size;
  /** Computes edits and pictures if that is above the model's native size. */
  readonly large: LargePicture | undefined;
  readonly #model: EditModel;
  readonly #picture: Picture | undefined;
  #condition: Promise<Tensor> | undefined;

  /** @param picture its picture, where it is at hand: the original's */
  constructor(model: EditModel, root: Node, size: Size, picture?: Picture) {
    this.#model = model;
    this.root = root;
    this.size = size;
    this.#picture = picture;
    this.large = largePicture(model, (options) => this.picture(options), size);
  }

  /** Its picture before any edit. */
  async picture(options?: CallOptions): Promise<Picture> {
    return this.#picture ?? this.root.render(options);
  }

  /** c₁ [channels, h, w], encoded anew. */
  async encode(options?: CallOptions): Promise<Tensor> {
    return conditionOf(this.#model, await this.picture(options), this.size, options);
  }

  /** The condition from which an edit of a node of this canvas starts; not for a large one, which has no latent of the whole. */
  async latentOf(node: Node, options?: CallOptions): Promise<Tensor> {
    if (node !== this.root || !node.parent) return node.latent;
    this.#condition ??= this.encode(options);
    this.#condition.catch(() => {
      this.#condition = undefined;
    });
    return this.#condition;
  }
}
