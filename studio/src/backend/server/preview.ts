/** A preview from the server is small and lossy; outside the masks the parent's own pixels are shown. */
import type { Mask, Picture } from "../../../../src/web.ts";

export async function overParent(address: string, parent: Picture, masks: readonly Mask[]): Promise<Picture> {
  const { width, height } = parent;
  const bitmap = await createImageBitmap(await (await fetch(address)).blob());
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  if (masks.length === 0) return { width, height, data };
  const mixed = new Uint8ClampedArray(parent.data);
  for (let i = 0; i < width * height; i++) {
    const weight = masks.reduce((max, mask) => Math.max(max, mask.data[i]!), 0);
    if (weight === 0) continue;
    for (let at = 4 * i; at < 4 * i + 4; at++) {
      mixed[at] = parent.data[at]! + weight * (data[at]! - parent.data[at]!);
    }
  }
  return { width, height, data: mixed };
}
