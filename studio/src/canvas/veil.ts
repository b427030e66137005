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
