/** The masks that are being painted, one for each region of the next edit; large and changing, so kept out of the store. */
import type { Mask } from "../../../src/web.ts";
import { createLayer, type Layer, type Rect } from "./layer.ts";
import { Strokes } from "./strokes.ts";

interface Painted {
  readonly layer: Layer;
  readonly strokes: Strokes;
  /** Of an automatic mask. */
  heat: Mask | null;
}

const painted = new Map<number, Painted>();

export function paintedOf(region: number): Painted | undefined {
  return painted.get(region);
}

/** The region's mask; a blank one where it has none yet. */
export function paint(region: number, width: number, height: number): Painted {
  const known = painted.get(region);
  if (known && known.layer.width === width && known.layer.height === height) return known;
  const layer = createLayer(width, height);
  const fresh = { layer, strokes: new Strokes(layer), heat: null };
  painted.set(region, fresh);
  return fresh;
}

export function forget(region: number): void {
  painted.delete(region);
}

export function forgetAll(): void {
  painted.clear();
}

/** One change as one stroke, to be undone as a whole. */
export function change({ layer, strokes }: Painted, action: (layer: Layer) => Rect): void {
  strokes.begin();
  strokes.end(action(layer));
}
