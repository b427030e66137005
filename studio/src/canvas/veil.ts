/** Masks as something to draw: white, as opaque as the mask is. */
import type { Mask } from "../../../src/web.ts";
import type { Layer, Rect } from "../painting/layer.ts";

const ofLayers = new WeakMap<Layer, OffscreenCanvas>();
const ofMasks = new WeakMap<Mask, OffscreenCanvas>();

/** The layer's canvas as it was last refreshed. */
export function veilOf(layer: Layer): OffscreenCanvas {
  const known = ofLayers.get(layer);
  if (known) return known;
  const canvas = new OffscreenCanvas(layer.width, layer.height);
  ofLayers.set(layer, canvas);
  refresh(layer, { x0: 0, y0: 0, x1: layer.width, y1: layer.height });
  return canvas;
}

export function refresh(layer: Layer, { x0, y0, x1, y1 }: Rect): void {
  if (x1 <= x0 || y1 <= y0) return;
  const image = new ImageData(x1 - x0, y1 - y0);
  image.data.fill(255);
  let at = 3;
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++, at += 4) image.data[at] = layer.data[y * layer.width + x]!;
  }
  veilOf(layer).getContext("2d")!.putImageData(image, x0, y0);
}

export function veilOfMask(mask: Mask): OffscreenCanvas {
  const known = ofMasks.get(mask);
  if (known) return known;
  const canvas = new OffscreenCanvas(mask.width, mask.height);
  const image = new ImageData(mask.width, mask.height);
  image.data.fill(255);
  mask.data.forEach((value, i) => {
    image.data[4 * i + 3] = Math.round(255 * value);
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  ofMasks.set(mask, canvas);
  return canvas;
}

/** A heat map in one hue, its strength as opacity, so that the picture is still seen under it. */
const ofHeat = new WeakMap<Mask, OffscreenCanvas>();
export function heatCanvas(heat: Mask): OffscreenCanvas {
  const known = ofHeat.get(heat);
  if (known) return known;
  const canvas = new OffscreenCanvas(heat.width, heat.height);
  const image = new ImageData(heat.width, heat.height);
  heat.data.forEach((value, i) => {
    // From black over a warm red to pale yellow, as a heated body glows.
    image.data[4 * i] = 255 * Math.min(1, 2.2 * value);
    image.data[4 * i + 1] = 255 * Math.max(0, 1.8 * value - 0.6);
    image.data[4 * i + 2] = 255 * Math.max(0, 3 * value - 2.2);
    image.data[4 * i + 3] = 60 + 150 * value;
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  ofHeat.set(heat, canvas);
  return canvas;
}
