/**
 * What an edit did to the picture, in words that need no knowledge of decibels. The command line, the server and the studio all say
 * it by this one function. What is said to be wrong was measured: a change outside of the mask, a blur, a shift of everything.
 */
import type { CanvasChange } from "../../images/canvas.ts";
import type { Picture } from "../../images/picture.ts";
import { boxMeans, luminance, type Plane } from "../../images/plane.ts";

/** What two pictures look like beside each other; see lookAtChange. */
export interface Look {
  /** The share of pixels that look different, 0 to 1: a channel has moved by more than VISIBLE levels. */
  readonly visible: number;
  /** Fine detail against coarse, after the change and before: 1 is as sharp as before, 0 without any fine detail. */
  readonly sharpness: number;
  /** By how much of its longer side everything was moved, 0 where it was not. */
  readonly shift: number;
  /** Of what changed, the share that carries the original's own detail, 0 to 1, where the edit was made with `detail`. */
  readonly carried?: number | undefined;
}

/** What an edit did to its parent's picture. */
export interface Changes {
  /**
   * "none": nothing changed; "masked": only inside the mask; "everywhere": without a mask; "outside": also outside the mask, which
   * must not be; "blurred" and "shifted": the whole picture, without having been asked for; "cropped" and "expanded": the canvas.
   */
  readonly kind:
    | "none"
    | "masked"
    | "everywhere"
    | "outside"
    | "blurred"
    | "shifted"
    | "cropped"
    | "expanded";
  /** "kept": all that was not to change is identical; "changed": what changed was allowed to; "wrong": see kind. */
  readonly level: "kept" | "changed" | "wrong";
  /**
   * Of the picture, 0 to 1: what is identical outside of the mask or on a new canvas, or for "everywhere" what looks different; else what
   * differs.
   */
  readonly share: number;
  /** Of what changed, the share that carries the original's own detail, 0 to 1; see Look. */
  readonly carried?: number;
  /** All of it in one English sentence. */
  readonly text: string;
}

/** Coding a picture and decoding it moves pixels by a few levels, which nobody sees. */
export const VISIBLE = 16;
const BLURRED = 0.6;
/** The longer side at which a shift is looked for, and how far. */
const SMALL = 256;
const REACH = 6;
/** A shift explains the change where it leaves less than so much of the difference. */
const EXPLAINS = 0.5;
const BLOCK = 16;
/** Blocks with less fine detail than this, in levels a pixel, say nothing about sharpness. */
const DETAIL = 1.5;

/** What of a step its sentence is made from: as it is stored and as the library has it, both have it. */
export interface Changed {
  /** Null for the original. */
  readonly parent: unknown;
  /** Its regions' masks are null where they had none. */
  readonly recipe: {
    /** In their order. */
    readonly regions: readonly {
      /** Null: everywhere. */
      readonly mask: unknown;
    }[];
    /** Of a crop or an expansion. */
    readonly canvas?: CanvasChange;
  } | null;
  /** Whether the latent has changed. */
  readonly changed: boolean;
  /** As session.drift measures it. */
  readonly drift?: {
    /** Against the parent, in pixels. */
    readonly parent: Readonly<Record<"inside" | "outside", { changedPixels: number; pixels: number }>>;
    /** What it looks like beside its parent. */
    readonly look?: Look;
  };
}

/** Undefined for the original, and where drift was not measured (session.drift). */
export function changesOf({ parent, recipe, changed, drift }: Changed): Changes | undefined {
  if (!parent || !recipe || !drift?.look) return undefined;
  const { inside, outside } = drift.parent;
  const { visible, sharpness, shift, carried } = drift.look;
  const pixels = inside.pixels + outside.pixels;
  if (recipe.canvas) return canvasChanges(recipe.canvas, inside);
  const masked = recipe.regions.every(({ mask }) => mask !== null);
  if (masked && outside.changedPixels > 0) {
    const share = outside.changedPixels / pixels;
    return say("outside", "wrong", share, `${percent(share)} of the picture changed outside the mask`);
  }
  if (!changed || inside.changedPixels === 0) return say("none", "changed", 0, "Nothing changed");
  if (masked) {
    const share = outside.pixels / pixels;
    const text = `Everything outside the mask is identical (${percentDown(share)} of the picture)`;
    return say("masked", share > 0 ? "kept" : "changed", share, text, carried);
  }
  if (shift > 0) {
    const text = `The whole picture was shifted by ${(100 * shift).toFixed(1)} % of its size`;
    return say("shifted", "wrong", shift, text);
  }
  if (sharpness < BLURRED) {
    return say("blurred", "wrong", 1 - sharpness, "The whole picture has lost fine detail");
  }
  return say("everywhere", "changed", visible, `${percent(visible)} of the picture changed`, carried);
}

/** `kept` is the difference from the picture before, over what both show. */
function canvasChanges(
  { kind, width, height }: CanvasChange,
  kept: { readonly changedPixels: number; readonly pixels: number },
): Changes {
  const size = `${width}×${height}`;
  if (kept.changedPixels > 0) {
    const share = kept.changedPixels / kept.pixels;
    return say("outside", "wrong", share, `${percent(share)} of what was kept has changed`);
  }
  if (kind === "crop")
    return say("cropped", "kept", 1, `Cropped to ${size}; every pixel that is left is identical`);
  const share = kept.pixels / (width * height);
  const text = `Expanded to ${size}; the picture as it was is identical (${percentDown(share)} of the new one)`;
  return say("expanded", "kept", share, text);
}

function say(
  kind: Changes["kind"],
  level: Changes["level"],
  share: number,
  text: string,
  carried?: number,
): Changes {
  if (carried === undefined) return { kind, level, share, text: `${text}.` };
  const detail = `${percentDown(carried)} of the change keeps its fine detail`;
  return { kind, level, share, carried, text: `${text}; ${detail}.` };
}

const percent = (share: number) =>
  share > 0 && share < 0.01 ? "Less than 1 %" : `${Math.round(100 * share)} %`;
/** 99.6 % identical is not all of it. */
const percentDown = (share: number) => `${Math.floor(100 * share)} %`;

/** Measures a picture against the one that it was made from, of the same size. */
export function lookAtChange(before: Picture, after: Picture): Look {
  const seen = visibleChange(before, after);
  let visible = 0;
  for (const value of seen) visible += value;
  const [a, b] = [luminance(before), luminance(after)];
  return {
    visible: visible / seen.length,
    sharpness: sharpnessAgainst(a, b),
    shift: shiftBetween(a, b),
  };
}

/** 1 for each pixel that looks different. */
export function visibleChange(a: Picture, b: Picture): Uint8Array {
  const seen = new Uint8Array(a.width * a.height);
  for (let i = 0; i < seen.length; i++) {
    for (let at = 4 * i; at < 4 * i + 4; at++) {
      if (Math.abs(a.data[at]! - b.data[at]!) > VISIBLE) seen[i] = 1;
    }
  }
  return seen;
}

/**
 * The median, over blocks that had fine detail, of fine detail in relation to coarse, after against before. Another brightness or
 * contrast changes both alike, and what was painted over is some blocks of many.
 */
function sharpnessAgainst(a: Plane, b: Plane): number {
  const ratios: number[] = [];
  for (let y = 1; y + BLOCK < a.height; y += BLOCK) {
    for (let x = 1; x + BLOCK < a.width; x += BLOCK) {
      const [before, after] = [detail(a, x, y), detail(b, x, y)];
      if (before.fine < DETAIL || after.coarse < DETAIL || before.coarse === 0) continue;
      ratios.push((after.fine / after.coarse) * (before.coarse / before.fine));
    }
  }
  // In a few blocks, anything may have been painted.
  if (ratios.length < 8) return 1;
  return Math.min(1, ratios.sort((p, q) => p - q)[ratios.length >> 1]!);
}

function detail({ width, data }: Plane, x0: number, y0: number): { fine: number; coarse: number } {
  let [fine, coarse, sum] = [0, 0, 0];
  for (let y = y0; y < y0 + BLOCK; y++) for (let x = x0; x < x0 + BLOCK; x++) sum += data[y * width + x]!;
  const mean = sum / BLOCK ** 2;
  for (let y = y0; y < y0 + BLOCK; y++) {
    for (let x = x0; x < x0 + BLOCK; x++) {
      const at = y * width + x;
      const around = (data[at - 1]! + data[at + 1]! + data[at - width]! + data[at + width]!) / 4;
      fine += Math.abs(data[at]! - around);
      coarse += Math.abs(data[at]! - mean);
    }
  }
  return { fine: fine / BLOCK ** 2, coarse: coarse / BLOCK ** 2 };
}

/** The translation that explains most of what differs, as a share of the longer side. */
function shiftBetween(a: Plane, b: Plane): number {
  const factor = Math.max(1, Math.ceil(Math.max(a.width, a.height) / SMALL));
  const [small, other] = [edges(boxMeans(a, factor)), edges(boxMeans(b, factor))];
  const still = distance(small, other, 0, 0);
  let [least, best] = [still, { x: 0, y: 0 }];
  for (let y = -REACH; y <= REACH; y++) {
    for (let x = -REACH; x <= REACH; x++) {
      const found = distance(small, other, x, y);
      if (found < least) [least, best] = [found, { x, y }];
    }
  }
  const explains = least < EXPLAINS * still;
  return explains ? Math.hypot(best.x, best.y) / Math.max(small.width, small.height) : 0;
}

function edges({ width, height, data }: Plane): Plane {
  const found = new Float32Array(data.length);
  for (let y = 1; y < height; y++) {
    for (let x = 1; x < width; x++) {
      const at = y * width + x;
      found[at] = Math.abs(data[at]! - data[at - 1]!) + Math.abs(data[at]! - data[at - width]!);
    }
  }
  return { width, height, data: found };
}

function distance(a: Plane, b: Plane, dx: number, dy: number): number {
  let [sum, count] = [0, 0];
  for (let y = REACH; y < a.height - REACH; y++) {
    for (let x = REACH; x < a.width - REACH; x++) {
      sum += (a.data[y * a.width + x]! - b.data[(y + dy) * b.width + x + dx]!) ** 2;
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}
