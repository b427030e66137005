/**
 * Small edits are cheap (method, section 6): where a mask leaves most of the picture alone and the control ends on the source
 * there, the model runs on a window of the latent around the mask, and the rest is carried over as it is: the edit is that of
 * the cropped picture. Above the native size that is the only way; at it, what lies beyond the window is not known to the edit.
 *
 * All sizes here are in latent pixels, of which one is `model.factor` pixels of the picture that the model works on.
 */
import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EditModel } from "./edit-model.ts";
import { type Control, endsOnSource, union } from "./gradient-control.ts";
import { toScaled } from "./latent-iteration.ts";
import type { ResolvedWindow, WindowOption, WindowSize } from "./window-option.ts";

export type { ResolvedWindow, WindowOption, WindowSize } from "./window-option.ts";

/** A part of the latent grid, in latent pixels; x and y from the upper left corner. */
export interface Window {
  /** Columns from the left, 0 or more. */
  readonly x: number;
  /** Rows from the top, 0 or more. */
  readonly y: number;
  /** Columns, 1 or more. */
  readonly width: number;
  /** Rows, 1 or more. */
  readonly height: number;
}

/** The least side where none is given, as a share of the size the model was trained at (docs/decisions/0051-windows.md). */
const LEAST = 1 / 2;
/** From this share of the picture on a window saves less than it may cost in quality: the whole is taken. */
const NEARLY_WHOLE = 0.8;

const WINDOW_SIZE: OptionNames<WindowSize> = { margin: true, least: true };

/** The option with its numbers, as a recipe records it. Throws option.invalid. */
export function resolveWindow(
  model: Pick<EditModel, "nativeSize" | "factor">,
  option: WindowOption = "off",
): "off" | ResolvedWindow {
  if (option === "off" || option === "auto") return "off";
  if (typeof option === "object") checkOptions(option, WINDOW_SIZE, "the window");
  const half = Math.max(1, Math.round((LEAST * model.nativeSize) / model.factor));
  const { margin, least = half } = option;
  if (!(Number.isInteger(margin) && margin >= 0 && Number.isInteger(least) && least >= 1)) {
    throw new EmilieError(
      "option.invalid",
      'the window must be "auto", "off", or a margin (a whole number from 0) and a least side (from 1) in latent pixels, got ' +
        `margin ${margin}, least ${least}`,
    );
  }
  return { margin, least };
}

/**
 * The window around what a mask [1, h, w] leaves open: its bounding box and the margin, sides of at least `least` that are
 * multiples of `multiple` (the model's own stride) or as long as the picture's, inside the picture.
 *
 * @returns undefined where the mask is 0 everywhere, and where the window would be (nearly) the whole picture
 */
export function windowOf(
  mask: Tensor,
  { margin, least }: ResolvedWindow,
  multiple: number,
): Window | undefined {
  const [, h, w] = mask.shape as [number, number, number];
  const rows = Array.from({ length: h }, (_, y) => mask.data.subarray(y * w, (y + 1) * w).some((m) => m > 0));
  const columns = Array.from({ length: w }, (_, x) => rows.some((_, y) => mask.data[y * w + x]! > 0));
  if (!rows.includes(true)) return undefined;
  const [y, height] = span(rows.indexOf(true), rows.lastIndexOf(true) + 1, h);
  const [x, width] = span(columns.indexOf(true), columns.lastIndexOf(true) + 1, w);
  return width * height >= NEARLY_WHOLE * w * h ? undefined : { x, y, width, height };

  function span(start: number, end: number, size: number): [first: number, length: number] {
    const needed = Math.max(least, end - start + 2 * margin);
    const length = Math.min(size, Math.ceil(needed / multiple) * multiple);
    // The mask in the middle, as far as the picture goes.
    const first = Math.floor((start + end - length) / 2);
    return [Math.min(Math.max(first, 0), size - length), length];
  }
}

/** What of a tensor [channels, h, w] lies in the window; the tensor itself where there is none. */
export function crop(whole: Tensor, window: Window | undefined): Tensor {
  if (!window) return whole;
  const { x, y, width, height } = window;
  const [channels, h, w] = whole.shape as [number, number, number];
  const data = new Float32Array(channels * height * width);
  for (let row = 0; row < channels * height; row++) {
    const from = (Math.floor(row / height) * h + y + (row % height)) * w + x;
    data.set(whole.data.subarray(from, from + width), row * width);
  }
  return { data, shape: [channels, height, width] };
}

/** The part that lies in `window`, with what of another part, which lies in `place`, falls into it laid over it. */
export function overlay(part: Tensor, window: Window, other: Tensor, place: Window): Tensor {
  const [left, top] = [Math.max(window.x, place.x), Math.max(window.y, place.y)];
  const width = Math.min(window.x + window.width, place.x + place.width) - left;
  const height = Math.min(window.y + window.height, place.y + place.height) - top;
  if (width <= 0 || height <= 0) return part;
  const shared = crop(other, { x: left - place.x, y: top - place.y, width, height });
  return paste(part, shared, { x: left - window.x, y: top - window.y, width, height });
}

/** A copy of the whole with the part in the window's place; the part itself where there is no window. */
export function paste(whole: Tensor, part: Tensor, window: Window | undefined): Tensor {
  if (!window) return part;
  const { x, y, width, height } = window;
  const [channels, h, w] = whole.shape as [number, number, number];
  const data = whole.data.slice();
  for (let row = 0; row < channels * height; row++) {
    const to = (Math.floor(row / height) * h + y + (row % height)) * w + x;
    data.set(part.data.subarray(row * width, (row + 1) * width), to);
  }
  return { data, shape: whole.shape };
}

/** Whatever has a place in the latent: m_r [1, h, w]; absent: everywhere. */
interface Placed {
  readonly mask?: Tensor;
}

/** What an edit sees of the latent: all of it, or a window around its masks. */
export interface View<R extends Placed> {
  readonly c: Tensor;
  readonly regions: readonly R[];
  /** A latent of the view, for who looks at steps: laid over the source. */
  readonly shown: (part: Tensor) => Tensor;
  readonly paste: (whole: Tensor, part: Tensor) => Tensor;
}

export function viewOf<R extends Placed>(
  model: EditModel,
  regions: readonly R[],
  { control, window: size }: { readonly control: Control; readonly window: "off" | ResolvedWindow },
  parent: Tensor,
): View<R> {
  const masks = size !== "off" && endsOnSource(control) ? union(regions) : undefined;
  const window = masks && windowOf(masks, size as ResolvedWindow, model.stride / model.factor);
  const source = window && toScaled(model, parent);
  return {
    c: crop(parent, window),
    regions: regions.map((r) => ({ ...r, mask: r.mask && crop(r.mask, window) })),
    shown: (part) => (source ? paste(source, part, window) : part),
    paste: (whole, part) => paste(whole, part, window),
  };
}
