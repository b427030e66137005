/** Pictures between the library (bytes) and the browser (canvases, files). */
import { encodePng, type Picture } from "../../../src/web.ts";
import type { PictureFormat } from "../backend/backend.ts";
import { t } from "../words/index.ts";

export function toImageData({ width, height, data }: Picture): ImageData {
  return new ImageData(new Uint8ClampedArray(data), width, height);
}

export function toCanvas(picture: Picture): OffscreenCanvas {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")!.putImageData(toImageData(picture), 0, 0);
  return canvas;
}

/** A small copy, its longer side `size` pixels at most. */
export async function thumbnail(picture: Picture, size: number): Promise<Blob> {
  const scale = Math.min(1, size / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(picture.width * scale)),
    Math.max(1, Math.round(picture.height * scale)),
  );
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(toCanvas(picture), 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/png" });
}

/** PNG bit for bit; the lossy formats at a quality from 0 to 1. Transparency lies on white in JPEG, which has none. */
export async function encodePicture(picture: Picture, format: PictureFormat, quality: number): Promise<Blob> {
  if (format === "png") return new Blob([await encodePng(picture)], { type: "image/png" });
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d")!;
  if (format === "jpeg") {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, picture.width, picture.height);
  }
  context.drawImage(toCanvas(picture), 0, 0);
  const blob = await canvas.convertToBlob({ type: `image/${format}`, quality });
  if (blob.type !== `image/${format}`) throw new Error(t.cannotWrite(format));
  return blob;
}

/** A side that the canvases of all browsers may have. */
const LONGEST_SIDE = 16_384;

/** The picture of a file with at most so many pixels, as a file again. */
export async function shrinkFile(file: Blob, pixels: number): Promise<Blob> {
  const whole = await createImageBitmap(file, { imageOrientation: "from-image" });
  const { width, height } = whole;
  const scale = Math.min(1, Math.sqrt(pixels / (width * height)), LONGEST_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.floor(length * scale));
  const canvas = new OffscreenCanvas(side(width), side(height));
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return canvas.convertToBlob({ type: "image/png" });
}

/** Offers a file to be saved. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
