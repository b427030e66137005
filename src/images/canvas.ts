/**
 * The canvas of a picture, changed: a window of it (crop), or room around it (expand). What is kept of the picture is kept byte
 * for byte. New room is filled with the picture's edge, drawn outwards: the median of a part of the edge that grows with the
 * distance, so that a horizon goes on as sharp as it is and what is thin ends. Only whole numbers are added up, so the same picture gives the
 * same bytes everywhere.
 */
import { EmilieError } from "../errors.ts";
import { MAX_PICTURE_SIDE } from "../limits.ts";
import type { Mask } from "./mask.ts";
import type { Size } from "./model-image.ts";
import { type Box, cropPicture, MAX_PICTURE_PIXELS, type Picture, pastePicture } from "./picture.ts";

/** How much room is added on a side: whole pixels from 0, or a share of the picture's width or height, as in "25%". */
export type Room = number | string;

/** The room that is added on each side; a side that is left out gets none. */
export interface Sides {
  /** Before the first column. */
  readonly left?: Room | undefined;
  /** Above the first row. */
  readonly top?: Room | undefined;
  /** After the last column. */
  readonly right?: Room | undefined;
  /** Below the last row. */
  readonly bottom?: Room | undefined;
}

/** A canvas as a box in the pixels of the picture before it: inside it (crop), or around it (expand), where x and y are 0 or less. */
export interface CanvasChange extends Box {
  /** Which of the two it is. */
  readonly kind: "crop" | "expand";
}

/** The shortest side that a crop leaves, in pixels. */
export const MIN_CANVAS_SIDE = 8;

const SIDES = ["left", "top", "right", "bottom"] as const;

/** The window of a picture as a change of its canvas. Throws option.invalid unless the box lies in the picture and leaves something out. */
export function cropOf({ width, height }: Size, box: Box): CanvasChange {
  const { x, y } = box;
  const numbers = [x, y, box.width, box.height];
  const given = `got x ${x}, y ${y}, width ${box.width}, height ${box.height}`;
  const inside = x >= 0 && y >= 0 && x + box.width <= width && y + box.height <= height;
  if (!numbers.every(Number.isInteger) || Math.min(box.width, box.height) < MIN_CANVAS_SIDE || !inside) {
    throw new EmilieError(
      "option.invalid",
      `a crop is a box of whole pixels inside the ${width}×${height} picture, each side ${MIN_CANVAS_SIDE} or more; ${given}`,
    );
  }
  if (box.width === width && box.height === height) {
    throw new EmilieError("option.invalid", `the crop is all of the ${width}×${height} picture; ${given}`);
  }
  return { kind: "crop", x, y, width: box.width, height: box.height };
}

/** Room around a picture as a change of its canvas. Throws option.invalid, and image.too-large for a canvas that no picture may have. */
export function expansionOf({ width, height }: Size, sides: Sides): CanvasChange {
  const [left, top, right, bottom] = SIDES.map((side) =>
    pixelsOf(side, sides[side] ?? 0, side === "left" || side === "right" ? width : height),
  ) as [number, number, number, number];
  if (left + top + right + bottom === 0) {
    throw new EmilieError(
      "option.invalid",
      "an expansion adds at least one pixel on a side: left, top, right or bottom",
    );
  }
  const canvas = { x: -left, y: -top, width: left + width + right, height: top + height + bottom };
  const size = `${canvas.width}×${canvas.height}`;
  if (
    Math.max(canvas.width, canvas.height) > MAX_PICTURE_SIDE ||
    canvas.width * canvas.height > MAX_PICTURE_PIXELS
  ) {
    throw new EmilieError(
      "image.too-large",
      `The expanded picture would have ${size} pixels; at most ${MAX_PICTURE_PIXELS / 1e6} megapixels are allowed, and ` +
        `${MAX_PICTURE_SIDE} on a side. Add less room.`,
    );
  }
  return { kind: "expand", ...canvas };
}

function pixelsOf(side: string, room: Room, length: number): number {
  const percent = typeof room === "string" ? /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(room) : null;
  if (percent) return Math.round((Number(percent[1]) * length) / 100);
  const pixels = typeof room === "string" && /^\s*\d+\s*$/.test(room) ? Number(room) : room;
  if (typeof pixels === "number" && Number.isInteger(pixels) && pixels >= 0) return pixels;
  throw new EmilieError(
    "option.invalid",
    `the room on the ${side} is a whole number of pixels from 0, or a share of the picture such as "25%", got ${JSON.stringify(room)}`,
  );
}

/** Reads sides as the command line has them: "left:25%,top:64", or one value for all four. Throws option.invalid. */
export function parseSides(text: string): Sides {
  const sides: Partial<Record<(typeof SIDES)[number], string>> = {};
  for (const part of text.split(",")) {
    const [, name, room] = /^\s*(?:(left|top|right|bottom)\s*[:=]\s*)?(\d+(?:\.\d+)?%?)\s*$/.exec(part) ?? [];
    if (room === undefined || (name === undefined && text.includes(","))) {
      throw new EmilieError(
        "option.invalid",
        `expected SIDE:ROOM for left, top, right or bottom, as in left:25%,top:64, or one value for all sides; got ${text}`,
      );
    }
    for (const side of name === undefined ? SIDES : [name as (typeof SIDES)[number]]) sides[side] = room;
  }
  return sides;
}

/** Reads a crop as the command line has it: "x,y,width,height". Throws option.invalid. */
export function parseCrop(text: string): Box {
  const numbers = /^\s*\d+(\s*,\s*\d+){3}\s*$/.test(text) ? text.split(",").map(Number) : [];
  if (numbers.length !== 4) {
    throw new EmilieError("option.invalid", `expected x,y,width,height in whole pixels, got ${text}`);
  }
  const [x, y, width, height] = numbers as [number, number, number, number];
  return { x, y, width, height };
}

/** The change in a few words: what a step without an instruction is called. */
export function describeCanvas({ kind, width, height }: CanvasChange): string {
  return `${kind} to ${width}×${height}`;
}

/** What of the picture before lies on the new canvas, in the pixels of that picture. */
export function keptBox({ width, height }: Size, canvas: Box): Box {
  const [x, y] = [Math.max(0, canvas.x), Math.max(0, canvas.y)];
  return {
    x,
    y,
    width: Math.min(width, canvas.x + canvas.width) - x,
    height: Math.min(height, canvas.y + canvas.height) - y,
  };
}

/** Whether a canvas is one that cropOf or expansionOf could have made. */
export function isCanvasOf(before: Size, canvas: CanvasChange): boolean {
  try {
    const { kind, x, y, width, height } = canvas;
    const [right, bottom] = [x + width - before.width, y + height - before.height];
    if (kind === "crop") cropOf(before, canvas);
    else expansionOf(before, { left: -x, top: -y, right, bottom });
    return true;
  } catch {
    return false;
  }
}

/** The picture on its new canvas. */
export function changeCanvas(picture: Picture, canvas: CanvasChange): Picture {
  const kept = keptBox(picture, canvas);
  if (canvas.kind === "crop") return cropPicture(picture, kept);
  const { width, height } = canvas;
  const [left, top] = [-canvas.x, -canvas.y];
  const filled = { width, height, data: new Uint8ClampedArray(4 * width * height) };
  fill(filled, picture, left, top);
  return pastePicture(filled, picture, { x: left, y: top });
}

/** The share of the longer side over which a border's mask rises, in the new room alone. */
const RISE = 1 / 25;

/**
 * The new room of an expanded canvas, as the mask of an edit that is to fill it: 0 on what was there, and beside it rising to 1 over a
 * twenty-fifth of the longer side, at most over half of the room. The fill goes on from the picture's edge, so where the mask is low an edit
 * keeps what joins on to it. Values are those of 8 bits.
 */
export function borderMask(before: Size, canvas: CanvasChange): Mask {
  const { width, height } = canvas;
  const [left, top] = [-canvas.x, -canvas.y];
  const [right, bottom] = [left + before.width, top + before.height];
  const rooms = [left, top, width - right, height - bottom].filter((room) => room > 0);
  const rise = Math.min(Math.round(RISE * Math.max(width, height)), Math.floor(Math.min(...rooms) / 2));
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const dy = Math.max(0, top - y, y - bottom + 1);
    for (let x = 0; x < width; x++) {
      const distance = Math.max(dy, left - x, x - right + 1);
      if (distance > 0) data[y * width + x] = eightBits(Math.min(1, distance / (rise + 1)));
    }
  }
  return { width, height, data };
}

const eightBits = (value: number) => Math.floor(value * 255 + 0.5) / 255;

/** The median is taken over one pixel on each side for so many pixels of distance. */
const SPREAD = 4;

/** Fills everything around the picture, which lies at (left, top). */
function fill({ width, height, data }: Picture, picture: Picture, left: number, top: number): void {
  const [right, bottom] = [picture.width - 1, picture.height - 1];
  const rows = [0, bottom].map((y) => smoothed(picture, picture.width, (i) => y * picture.width + i));
  const columns = [0, right].map((x) => smoothed(picture, picture.height, (i) => i * picture.width + x));
  const nothing = new Uint8Array(4);
  for (let y = 0; y < height; y++) {
    const at = y - top;
    const dy = Math.max(0, -at, at - bottom);
    const row = dy > 0 ? rows[at < 0 ? 0 : 1]!(Math.floor(dy / SPREAD)) : nothing;
    for (let x = 0; x < width; x++) {
      const from = x - left;
      const dx = Math.max(0, -from, from - right);
      if (dx === 0 && dy === 0) {
        // The picture itself is laid over it.
        x = left + right;
        continue;
      }
      const column = dx > 0 ? columns[from < 0 ? 0 : 1]!(Math.floor(dx / SPREAD)) : nothing;
      const [i, j] = [Math.min(Math.max(from, 0), right), Math.min(Math.max(at, 0), bottom)];
      put(data, 4 * (y * width + x), row, dy > 0 ? 4 * i : 0, dy, column, dx > 0 ? 4 * j : 0, dx);
    }
  }
}

/** A line of pixels [length, 4] by how far it is smoothed along itself. */
function smoothed(
  picture: Picture,
  length: number,
  pixel: (i: number) => number,
): (reach: number) => Uint8Array {
  const line = new Uint8Array(4 * length);
  for (let i = 0; i < length; i++) line.set(picture.data.subarray(4 * pixel(i), 4 * pixel(i) + 4), 4 * i);
  const known = new Map<number, Uint8Array>([[0, line]]);
  return (reach) => {
    const found = known.get(reach) ?? medians(line, reach);
    known.set(reach, found);
    return found;
  };
}

/** The median of each channel from `reach` pixels before to `reach` after, as far as the line goes, by opacity; the mean opacity. */
function medians(line: Uint8Array, reach: number): Uint8Array {
  const length = line.length / 4;
  const out = new Uint8Array(line.length);
  // For each channel, the opacity of each value, the median so far, and the opacity of all values below it.
  const weights = new Int32Array(3 * 256);
  const medians = new Int32Array(3);
  const below = new Int32Array(3);
  let [alpha, first, end] = [0, 0, 0];
  const add = (i: number, sign: 1 | -1) => {
    const weight = sign * line[4 * i + 3]!;
    alpha += weight;
    for (let c = 0; c < 3; c++) {
      const value = line[4 * i + c]!;
      weights[256 * c + value]! += weight;
      if (value < medians[c]!) below[c]! += weight;
    }
  };
  for (let i = 0; i < length; i++) {
    while (end < Math.min(length, i + reach + 1)) add(end++, 1);
    while (first < i - reach) add(first++, -1);
    out[4 * i + 3] = Math.floor(alpha / (end - first) + 0.5);
    for (let c = 0; c < 3 && alpha > 0; c++) {
      let [value, under] = [medians[c]!, below[c]!];
      while (2 * under >= alpha) under -= weights[256 * c + --value]!;
      while (2 * (under + weights[256 * c + value]!) < alpha) under += weights[256 * c + value++]!;
      out[4 * i + c] = medians[c] = value;
      below[c] = under;
    }
  }
  return out;
}

/** The colours a[i…] and b[j…] by their weights: beside the picture there is only one, in a corner both. */
function put(
  data: Uint8ClampedArray,
  at: number,
  a: Uint8Array,
  i: number,
  wa: number,
  b: Uint8Array,
  j: number,
  wb: number,
): void {
  const [p, q] = [wa * a[i + 3]!, wb * b[j + 3]!];
  for (let k = 0; k < 3; k++)
    data[at + k] = p + q === 0 ? 0 : Math.floor((p * a[i + k]! + q * b[j + k]!) / (p + q) + 0.5);
  data[at + 3] = Math.floor((p + q) / (wa + wb) + 0.5);
}
