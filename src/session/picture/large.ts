/**
 * A picture above the model's native size: no latent of the whole is ever made. Edits run on windows around their masks, a
 * node keeps its window's latent as a patch over its parent's, and pictures are decoded where they change.
 */
import { EmilieError } from "../../errors.ts";
import { compositePart } from "../../images/composite.ts";
import { type Box, type Mask, maskToLatent, resizeMask } from "../../images/mask.ts";
import { fromModelPart, type Size, workingSize } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, DecodeOptions, EditModel } from "../../method/edit-model.ts";
import { endsOnSource } from "../../method/gradient-control.ts";
import { toDecoderInput } from "../../method/latent-iteration.ts";
import type { EditOptions, StepListener } from "../../method/options.ts";
import { editUnderstood, type UnderstoodResult } from "../../method/understood.ts";
import {
  crop,
  overlay,
  resolveWindow,
  type Window,
  type WindowOption,
  windowOf,
} from "../../method/window.ts";
import { largest } from "../../tensor/ops.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import type { PlacedRegion } from "../tree/run.ts";
import { canvasPath, type Node } from "../tree/tree.ts";
import { conditionOf } from "./condition.ts";
import { nativeCells, type PictureSource, Tiles } from "./tiles.ts";

/** Around a mask, as a share of the native size; the least side is the native size itself, which the model was trained at. */
const MARGIN = 1 / 4;
/** The denoiser runs on at most so many native pictures' pixels at once; beyond it repeats itself, and memory grows with the square. */
const MOST_NATIVE_AREAS = 4;
/** From here on it is said that pictures get worse. */
const MANY_NATIVE_AREAS = 2;
/** Of a node that holds no latent of its own. */
export const NOWHERE: Window = { x: 0, y: 0, width: 0, height: 0 };

/** What an edit of a part gives: c in `window`. */
export interface PartResult extends UnderstoodResult {
  readonly window: Window;
}

export class LargePicture {
  readonly #model: EditModel;
  readonly #size: Size;
  readonly #tiles: Tiles;

  /** Use {@link largePicture}. */
  constructor(model: EditModel, picture: PictureSource, size: Size) {
    this.#model = model;
    this.#size = size;
    this.#tiles = new Tiles(model, picture, size);
  }

  /** The whole latent grid. */
  get whole(): Window {
    const { factor } = this.#model;
    return { x: 0, y: 0, width: this.#size.width / factor, height: this.#size.height / factor };
  }

  /** The window option of an edit, with what suits a large picture where it is left open. */
  window(option: WindowOption = "auto"): WindowOption {
    const least = nativeCells(this.#model);
    const margin = Math.max(1, Math.round(MARGIN * least));
    if (option === "off") return option;
    return option === "auto" ? { margin, least } : { margin: option.margin, least: option.least ?? least };
  }

  /** A node's c in a window: its canvas's, and over it what the edits up to the node have made of it. */
  async latentOf(node: Node, window: Window, options?: CallOptions): Promise<Tensor> {
    let c = await this.#tiles.region(window, options);
    for (const { latent, window: place = NOWHERE } of canvasPath(node)) c = overlay(c, window, latent, place);
    return c;
  }

  /**
   * One edit of a node, on the window that its masks and options make.
   *
   * @throws EmilieError edit.too-large, and what edit throws
   */
  async edit(
    from: Node,
    regions: readonly PlacedRegion[],
    options: EditOptions,
    onWarning?: (message: string) => void,
  ): Promise<PartResult> {
    const model = this.#model;
    const { width, height } = this.whole;
    const masks = regions.map(({ mask }) => mask && maskToLatent(mask, height, width));
    const nothing = { c: zeros([model.latentChannels, 0, 0]), changed: false, window: NOWHERE };
    if (masks.every((mask) => mask?.data.every((m) => m === 0)))
      return {
        ...nothing,
        ...{ steps: options.steps ?? 0, plannedSteps: options.steps ?? 0, refused: [], phrases: [] },
      };
    const window = this.#windowOf(masks, options) ?? this.whole;
    this.#checkReach(window, masks.every(Boolean), onWarning);
    const c = await this.latentOf(from, window, options);
    const placed = regions.map((region, i) => ({ ...region, mask: masks[i] && crop(masks[i], window) }));
    const { onStep } = options;
    const result = await editUnderstood(model, c, placed, {
      ...options,
      window: "off",
      onStep: onStep && (((event) => onStep({ ...event, window })) as StepListener),
    });
    return result.changed ? { ...result, window } : { ...result, ...nothing };
  }

  /** A node's picture over its parent's. `over` may have another size than the original; the mask is brought to it. */
  async render(
    part: Tensor,
    window: Window,
    over: Picture,
    mask: Mask | undefined,
    options?: DecodeOptions,
  ): Promise<Picture> {
    const { factor } = this.#model;
    const image = await this.#model.decodeLatent(part, options);
    const { width, height } = over;
    const at = { x: window.x * factor, y: window.y * factor };
    const editedOf = (box: Box) => fromModelPart(image, at, this.#size, over, box);
    if (!mask) return editedOf({ x: 0, y: 0, width, height });
    return compositePart(over, resizeMask(mask, width, height), editedOf);
  }

  /** A finished node's picture over its parent's. */
  async renderNode(node: Node, parent: Picture, options?: CallOptions): Promise<Picture> {
    const latent = toDecoderInput(this.#model, node.latent);
    return this.render(latent, node.window!, parent, node.mask, options);
  }

  /** c of the whole picture as it looks, at the native size: what the model's own idea of a place is taken from. */
  async overview(picture: Picture, options?: CallOptions): Promise<Tensor> {
    const { nativeSize, factor } = this.#model;
    const size = workingSize(picture.width, picture.height, nativeSize, factor);
    return conditionOf(this.#model, picture, size, options);
  }

  #windowOf(masks: readonly (Tensor | undefined)[], { window, control = "anchored" }: EditOptions) {
    const resolved = resolveWindow(this.#model, window);
    if (resolved === "off" || !masks.every(Boolean) || !endsOnSource(control)) return undefined;
    return windowOf(largest(masks as Tensor[]), resolved, this.#model.stride / this.#model.factor);
  }

  /** Throws edit.too-large. */
  #checkReach({ width, height }: Window, masked: boolean, onWarning?: (message: string) => void): void {
    const { factor, nativeSize } = this.#model;
    const native = nativeCells(this.#model);
    const areas = (width * height) / native ** 2;
    const pixels = `${width * factor}×${height * factor} pixels`;
    const trained = `the model was trained at ${nativeSize}×${nativeSize}`;
    if (areas > MOST_NATIVE_AREAS) {
      const side = 2 * native * factor;
      const what = masked
        ? `The masks and what the model has to see around them take ${pixels} of the picture`
        : `Without a mask this edit would run on all of the picture, ${pixels}`;
      throw new EmilieError(
        "edit.too-large",
        `${what}; ${trained}, and at most ${side}×${side} (${side * side} pixels) can be computed at once. ` +
          `${masked ? "Give a smaller mask" : "Give a mask"}, or open the picture at a smaller working size ` +
          "(workingSize, on the command line --working-size; without it the model's native size is used).",
      );
    }
    if (areas > MANY_NATIVE_AREAS) {
      onWarning?.(
        `The edit runs on ${pixels}, and ${trained}: objects may appear twice. A smaller mask or a smaller working ` +
          "size gives better results.",
      );
    }
  }
}

/** What edits a picture at a size above the model's native one; undefined where the size is not above it. */
export function largePicture(model: EditModel, picture: PictureSource, size: Size): LargePicture | undefined {
  return isLarge(model, size) ? new LargePicture(model, picture, size) : undefined;
}

export function isLarge(model: Pick<EditModel, "nativeSize" | "factor">, { width, height }: Size): boolean {
  return Math.max(width, height) > nativeCells(model) * model.factor;
}
