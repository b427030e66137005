/**
 * A mask while it is painted: one byte a pixel, 0 = keep, 255 = may change. Every operation changes the layer in place and
 * returns the rectangle it touched, which is what has to be drawn again and what undo has to remember.
 */
import type { Mask, MaskPatch } from "../../../src/web.ts";

export interface Layer {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** Pixels that were painted by hand: a new threshold of an automatic mask leaves them as they are. */
  readonly touched: Uint8Array;
}

/** Half open: x0 ≤ x < x1. */
export interface Rect {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Brush {
  /** In pixels of the picture. */
  readonly radius: number;
  /** 0: a hard edge. 1: the edge fades from the middle on. */
  readonly softness: number;
  readonly erase: boolean;
}

export const EMPTY: Rect = { x0: 0, y0: 0, x1: 0, y1: 0 };

export function createLayer(width: number, height: number): Layer {
  const size = width * height;
  return { width, height, data: new Uint8Array(size), touched: new Uint8Array(size) };
}

export const isBlank = ({ data }: Layer): boolean => data.every((value) => value === 0);
export const whole = ({ width, height }: Layer): Rect => ({ x0: 0, y0: 0, x1: width, y1: height });
export const isEmpty = ({ x0, y0, x1, y1 }: Rect): boolean => x1 <= x0 || y1 <= y0;

export function union(a: Rect, b: Rect): Rect {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

function clip({ width, height }: Layer, x0: number, y0: number, x1: number, y1: number): Rect {
  return {
    x0: Math.max(0, Math.floor(x0)),
    y0: Math.max(0, Math.floor(y0)),
    x1: Math.min(width, Math.ceil(x1)),
    y1: Math.min(height, Math.ceil(y1)),
  };
}

/**
 * One piece of a stroke, from a to b. Within a stroke the strongest touch counts, so a soft stroke that crosses itself
 * does not grow harder.
 */
export function stroke(layer: Layer, a: Point, b: Point, { radius, softness, erase }: Brush): Rect {
  const { width, data, touched } = layer;
  const rect = clip(
    layer,
    Math.min(a.x, b.x) - radius,
    Math.min(a.y, b.y) - radius,
    Math.max(a.x, b.x) + radius,
    Math.max(a.y, b.y) + radius,
  );
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  // A brush smaller than a pixel still paints the pixel under it.
  const reach = Math.max(radius, 0.71);
  const hard = reach * (1 - softness);
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let x = rect.x0; x < rect.x1; x++) {
      const [px, py] = [x + 0.5 - a.x, y + 0.5 - a.y];
      const t = length === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length));
      const distance = Math.hypot(px - t * dx, py - t * dy);
      if (distance > reach) continue;
      const fade = distance <= hard ? 1 : (reach - distance) / (reach - hard);
      const value = Math.round(255 * fade * fade * (3 - 2 * fade));
      const at = y * width + x;
      data[at] = erase ? Math.min(data[at]!, 255 - value) : Math.max(data[at]!, value);
      if (value > 127) touched[at] = 1;
    }
  }
  return rect;
}

function set(layer: Layer, at: number, erase: boolean): void {
  layer.data[at] = erase ? 0 : 255;
  layer.touched[at] = 1;
}

/** The box with two corners, in pixels; pixels that it covers by less than half stay. */
export function box(layer: Layer, a: Point, b: Point, erase = false): Rect {
  const rect = clip(
    layer,
    Math.round(Math.min(a.x, b.x)),
    Math.round(Math.min(a.y, b.y)),
    Math.round(Math.max(a.x, b.x)),
    Math.round(Math.max(a.y, b.y)),
  );
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let x = rect.x0; x < rect.x1; x++) set(layer, y * layer.width + x, erase);
  }
  return rect;
}

/** The inside of a closed line by the even-odd rule, at the pixels' centres. */
export function lasso(layer: Layer, points: readonly Point[], erase = false): Rect {
  if (points.length < 3) return EMPTY;
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  const rect = clip(layer, Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
  for (let y = rect.y0; y < rect.y1; y++) {
    const crossings: number[] = [];
    points.forEach((a, i) => {
      const b = points[(i + 1) % points.length]!;
      if (a.y <= y + 0.5 === b.y <= y + 0.5) return;
      crossings.push(a.x + ((y + 0.5 - a.y) / (b.y - a.y)) * (b.x - a.x));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(rect.x0, Math.ceil(crossings[i]! - 0.5));
      const to = Math.min(rect.x1, Math.ceil(crossings[i + 1]! - 0.5));
      for (let x = from; x < to; x++) set(layer, y * layer.width + x, erase);
    }
  }
  return rect;
}

/** Fills everything that can be reached from a point without crossing the edge of what is painted, or erases a painted part. */
export function fill(layer: Layer, { x, y }: Point, erase = false): Rect {
  const { width, height, data } = layer;
  const start = Math.floor(y) * width + Math.floor(x);
  const painted = (at: number) => data[at]! >= 128;
  if (x < 0 || y < 0 || x >= width || y >= height || painted(start) !== erase) return EMPTY;
  let rect = EMPTY;
  const open = [start];
  set(layer, start, erase);
  while (open.length > 0) {
    const at = open.pop()!;
    const [u, v] = [at % width, Math.floor(at / width)];
    rect = union(rect, { x0: u, y0: v, x1: u + 1, y1: v + 1 });
    const visit = (next: number) => {
      if (painted(next) !== erase) return;
      set(layer, next, erase);
      open.push(next);
    };
    if (u > 0) visit(at - 1);
    if (u < width - 1) visit(at + 1);
    if (v > 0) visit(at - width);
    if (v < height - 1) visit(at + width);
  }
  return rect;
}

export function invert(layer: Layer): Rect {
  layer.data.forEach((value, i) => {
    layer.data[i] = 255 - value;
  });
  layer.touched.fill(1);
  return whole(layer);
}

export function clear(layer: Layer): Rect {
  layer.data.fill(0);
  layer.touched.fill(0);
  return whole(layer);
}

/** Softens every edge: three box filters one after the other, which is nearly a Gaussian of this radius. */
export function feather(layer: Layer, radius: number): Rect {
  const { width, height, data } = layer;
  const r = Math.max(1, Math.round(radius / 2));
  let from: Float32Array = Float32Array.from(data);
  for (let pass = 0; pass < 3; pass++) {
    from = blurLines(from, height, width, width, 1, r);
    from = blurLines(from, width, height, 1, width, r);
  }
  from.forEach((value, i) => {
    data[i] = Math.round(value);
  });
  return whole(layer);
}

/** A running mean along lines; the edge of the picture is repeated. */
function blurLines(from: Float32Array, lines: number, length: number, line: number, step: number, r: number) {
  const to = new Float32Array(from.length);
  for (let l = 0; l < lines; l++) {
    const at = (i: number) => from[l * line + Math.min(length - 1, Math.max(0, i)) * step]!;
    let sum = 0;
    for (let i = -r; i <= r; i++) sum += at(i);
    for (let i = 0; i < length; i++) {
      to[l * line + i * step] = sum / (2 * r + 1);
      sum += at(i + r + 1) - at(i - r);
    }
  }
  return to;
}

/** An automatic mask, under what was painted by hand since. */
export function underneath(layer: Layer, { box, levels }: MaskPatch): Rect {
  const { width, height, data, touched } = layer;
  for (let y = 0, i = 0; y < height; y++) {
    const from = y >= box.y && y < box.y + box.height ? (y - box.y) * box.width - box.x : -1;
    for (let x = 0; x < width; x++, i++) {
      if (touched[i]) continue;
      data[i] = from !== -1 && x >= box.x && x < box.x + box.width ? levels[from + x]! : 0;
    }
  }
  return whole(layer);
}

/** Adds a mask to the layer, or takes it away. */
export function merge({ width, data, touched }: Layer, { box, levels }: MaskPatch, erase = false): Rect {
  for (let y = 0, from = 0; y < box.height; y++) {
    let at = (box.y + y) * width + box.x;
    for (const end = from + box.width; from < end; from++, at++) {
      const level = levels[from]!;
      if (level === 0) continue;
      data[at] = erase ? Math.min(data[at]!, 255 - level) : Math.max(data[at]!, level);
      touched[at] = 1;
    }
  }
  return { x0: box.x, y0: box.y, x1: box.x + box.width, y1: box.y + box.height };
}

/** Values that a PNG of 8 bits holds exactly. */
export function toMask({ width, height, data }: Pick<Layer, "width" | "height" | "data">): Mask {
  return { width, height, data: Float32Array.from(data, (value) => Math.fround(value / 255)) };
}

/** Lays a mask of the same size into the layer. */
export function place(layer: Layer, mask: Mask): Rect {
  mask.data.forEach((value, i) => {
    layer.data[i] = Math.round(255 * value);
  });
  layer.touched.fill(1);
  return whole(layer);
}

/** A pixel of the layer near the middle of what is painted: where its number is written. */
export function middleOf({ width, data }: Layer): Point {
  let [x, y, sum] = [0, 0, 0];
  data.forEach((value, i) => {
    x += value * (i % width);
    y += value * Math.floor(i / width);
    sum += value;
  });
  const [cx, cy] = [x / sum, y / sum];
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  data.forEach((value, i) => {
    if (value < 128) return;
    const away = ((i % width) - cx) ** 2 + (Math.floor(i / width) - cy) ** 2;
    if (away < least) [best, least] = [i, away];
  });
  return { x: (best % width) + 0.5, y: Math.floor(best / width) + 0.5 };
}

/** The part of the picture that may change, from 0 to 1. */
export function coverage({ data }: Layer): number {
  return data.reduce((sum, value) => sum + (value > 0 ? 1 : 0), 0) / data.length;
}
