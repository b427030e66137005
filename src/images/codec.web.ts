/**
 * Picture files in the browser, through createImageBitmap and OffscreenCanvas. A canvas multiplies alpha into its
 * colours, so colours of half-transparent pixels may move by a few levels; opaque pictures come back exactly.
 */
import { EmilieError } from "../errors.ts";
import { checkPixelCount, type Picture } from "./picture.ts";
import { writePngText } from "./png-text.ts";

/**
 * Decodes what the browser can decode, turned upright as its EXIF says and converted to sRGB.
 * Throws image.unreadable and image.too-large.
 */
export async function readPicture(source: Blob | Uint8Array<ArrayBuffer>): Promise<Picture> {
  const blob = source instanceof Blob ? source : new Blob([source]);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", premultiplyAlpha: "none" });
  } catch (error) {
    throw new EmilieError(
      "image.unreadable",
      "The browser cannot read this file as a picture. Try PNG or JPEG.",
      {
        cause: error,
      },
    );
  }
  try {
    const { width, height } = bitmap;
    checkPixelCount(width, height, "The picture");
    const context = canvasContext(width, height);
    context.drawImage(bitmap, 0, 0);
    return { width, height, data: new Uint8ClampedArray(context.getImageData(0, 0, width, height).data) };
  } finally {
    bitmap.close();
  }
}

/** Encodes a picture as PNG, with text by keyword where given (see png-text.ts). */
export async function encodePng(
  picture: Picture,
  options: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const context = canvasContext(picture.width, picture.height);
  const pixels = new ImageData(new Uint8ClampedArray(picture.data), picture.width, picture.height);
  context.putImageData(pixels, 0, 0);
  const blob = await context.canvas.convertToBlob({ type: "image/png" });
  const png = new Uint8Array(await blob.arrayBuffer());
  return options.metadata ? writePngText(png, options.metadata) : png;
}

function canvasContext(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { colorSpace: "srgb" });
  if (!context)
    throw new EmilieError(
      "runtime.failed",
      "This browser provides no 2D canvas, which is needed to decode pictures.",
    );
  return context;
}
