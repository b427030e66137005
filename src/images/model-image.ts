/**
 * Between the user's picture (any size, 8-bit, alpha) and the model's image ([3, H, W] in [-1, 1], sides that the VAE
 * can halve). Rounding follows diffusers' VaeImageProcessor, so the same latent gives the same bytes.
 */
import { EmilieError } from "../errors.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { Box } from "./mask.ts";
import { cropPicture, isOpaque, MAX_PICTURE_PIXELS, type Picture } from "./picture.ts";
import { type ResizePart, resizePart, resizePlanes } from "./resize.ts";

/** In pixels. */
export interface Size {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/**
 * The size a picture is edited at: its longer side is brought to `nativeSize` (smaller pictures are enlarged), the
 * shorter one follows the aspect ratio as closely as multiples of `multiple` allow, and is never 0.
 * Throws option.invalid unless all are positive whole numbers.
 */
export function workingSize(width: number, height: number, nativeSize: number, multiple = 8): Size {
  for (const value of [width, height, nativeSize, multiple]) {
    if (!Number.isInteger(value) || value < 1) {
      throw new EmilieError(
        "option.invalid",
        `A working size needs positive whole numbers, got a ${width}×${height} picture, native size ${nativeSize}, multiple ${multiple}.`,
      );
    }
  }
  const longer = Math.max(1, Math.round(nativeSize / multiple)) * multiple;
  const side = (length: number) =>
    Math.max(1, Math.round((longer * length) / Math.max(width, height) / multiple)) * multiple;
  const size = { width: side(width), height: side(height) };
  // Every mask of an edit is brought to this size. Rounding to the multiple may add a little to the largest picture's own.
  if (size.width * size.height > 1.05 * MAX_PICTURE_PIXELS) {
    throw new EmilieError(
      "option.invalid",
      `A working size of ${nativeSize} makes ${size.width}×${size.height} pixels of this picture; at most ` +
        `${MAX_PICTURE_PIXELS / 1e6} megapixels are allowed. Choose a smaller one.`,
    );
  }
  return size;
}

/**
 * The picture as the VAE's encoder wants it: [3, height, width] in [-1, 1], v/127.5 − 1 where no resizing is needed.
 * What is transparent lies on white.
 */
export function toModelImage(picture: Picture, width: number, height: number): Tensor {
  const planes = colourPlanes(picture);
  const resized = resizePlanes(planes, height, width);
  if (resized === planes || sameShape(resized, planes)) return resized;
  // Lanczos and cubic overshoot at hard edges; the encoder has only seen [-1, 1].
  return tensor(
    resized.data.map((value) => Math.min(1, Math.max(-1, value))),
    resized.shape,
  );
}

/** What of toModelImage(picture, …size) lies in a box of it, bit for bit, at the cost of the box. */
export function toModelPart(picture: Picture, size: Size, box: Box): Tensor {
  const { width, height } = picture;
  const part: ResizePart = { from: [height, width], to: [size.height, size.width], box };
  const planes = resizePart(part, (place) => colourPlanes(cropPicture(picture, place)));
  if (size.width === width && size.height === height) return planes;
  return tensor(
    planes.data.map((value) => Math.min(1, Math.max(-1, value))),
    planes.shape,
  );
}

/**
 * A box of the picture from a decoded part of it, [3, h, w], which lies at (x, y) of the model's image of size `size`. What is
 * read beside the part, at most a few pixels, is its border again. Alpha is the picture's.
 */
export function fromModelPart(
  part: Tensor,
  { x, y }: Pick<Box, "x" | "y">,
  size: Size,
  picture: Picture,
  box: Box,
): Picture {
  const [channels, h, w] = part.shape as [number, number, number];
  const clamped = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  const read = (place: Box): Tensor => {
    const data = new Float32Array(channels * place.height * place.width);
    let at = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (let row = place.y; row < place.y + place.height; row++) {
        const start = (channel * h + clamped(row - y, h)) * w;
        for (let i = place.x; i < place.x + place.width; i++) {
          data[at++] = part.data[start + clamped(i - x, w)]!;
        }
      }
    }
    return tensor(data, [channels, place.height, place.width]);
  };
  const { width, height } = picture;
  const planes = resizePart({ from: [size.height, size.width], to: [height, width], box }, read);
  return fromModelImage(planes, box.width, box.height, cropPicture(picture, box));
}

/**
 * The decoder's image [3, H, W] (about [-1, 1]) as a picture of the given size, rounded to 8 bits as diffusers does.
 * Alpha is taken from `alphaFrom`, which has that size; the white that {@link toModelImage} put under transparent
 * parts is taken out again. Throws runtime.failed when the image holds values that are not numbers.
 */
export function fromModelImage(image: Tensor, width: number, height: number, alphaFrom: Picture): Picture {
  if (alphaFrom.width !== width || alphaFrom.height !== height) {
    throw new EmilieError(
      "option.invalid",
      `The picture that gives its alpha must be ${width}×${height}, got ${alphaFrom.width}×${alphaFrom.height}.`,
    );
  }
  if (image.data.some(Number.isNaN)) {
    throw new EmilieError(
      "runtime.failed",
      "The model's decoder returned values that are not numbers. The checkpoint may be damaged, or its weights may overflow.",
    );
  }
  const { data: planes } = resizePlanes(image, height, width);
  const pixels = width * height;
  const data = new Uint8ClampedArray(pixels * 4);
  for (let i = 0; i < pixels; i++) {
    const alpha = alphaFrom.data[4 * i + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      // In 32-bit floats as NumPy has it; a Uint8ClampedArray then clamps, and rounds halves to even like np.round.
      const value = Math.fround(Math.fround(planes[channel * pixels + i]! / 2 + 0.5) * 255);
      data[4 * i + channel] =
        alpha === 255 ? value : withoutWhite(value, alpha, alphaFrom.data[4 * i + channel]!);
    }
    data[4 * i + 3] = alpha;
  }
  return { width, height, data };
}

/** [3, H, W]; half-transparent colours as they look on white. */
function colourPlanes(picture: Picture): Tensor {
  const { width, height, data } = picture;
  const pixels = width * height;
  const opaque = isOpaque(picture);
  const planes = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const alpha = opaque ? 1 : data[4 * i + 3]! / 255;
    for (let channel = 0; channel < 3; channel++) {
      const value = data[4 * i + channel]!;
      planes[channel * pixels + i] = (alpha === 1 ? value : value * alpha + 255 * (1 - alpha)) / 127.5 - 1;
    }
  }
  return tensor(planes, [3, height, width]);
}

/** Solves value = a·colour + (1 − a)·white for the colour; fully transparent pixels keep the one they had. */
export function withoutWhite(value: number, alpha: number, kept: number): number {
  const a = alpha / 255;
  return alpha === 0 ? kept : (value - 255 * (1 - a)) / a;
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.every((n, i) => n === b.shape[i]);
}
