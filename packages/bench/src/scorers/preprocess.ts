import {
  type BytePlanes,
  type Picture,
  type Preprocessor,
  resizeBytes,
  type Tensor,
  tensor,
} from "../library.ts";
/** A picture as a scoring network wants it, computed as transformers' processors do with Pillow. */

/** Mean and deviation of the colours that CLIP was trained on; BLIP took them over. */
export const CLIP_COLOURS = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} as const;

/** → [1, 3, height, width]. What is transparent lies on white. */
export function preprocess(picture: Picture, settings: Preprocessor): Tensor {
  const { height, width } = settings.size;
  const resized = resize(colours(picture), settings);
  const top = offset(resized.height, height);
  const left = offset(resized.width, width);
  const data = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, std] = [settings.mean[channel]!, settings.std[channel]!];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        // A picture smaller than the crop is padded with black.
        const value = byteAt(resized, channel, y + top, x + left);
        data[(channel * height + y) * width + x] = (value * settings.scale - mean) / std;
      }
    }
  }
  return tensor(data, [1, 3, height, width]);
}

/** Where a crop begins; negative where there is less than is to be kept. */
const offset = (from: number, to: number) => Math.floor((from - to) / 2);

function byteAt({ data, height, width }: BytePlanes, channel: number, y: number, x: number): number {
  const inside = y >= 0 && x >= 0 && y < height && x < width;
  return inside ? data[(channel * height + y) * width + x]! : 0;
}

function resize(planes: BytePlanes, { resize, filter }: Preprocessor): BytePlanes {
  if (!resize) return planes;
  if ("height" in resize) return resizeBytes(planes, resize.height, resize.width, filter);
  const { height, width } = planes;
  const side = (length: number) =>
    length === Math.min(height, width)
      ? resize.shorter
      : Math.floor((resize.shorter * length) / Math.min(height, width));
  return resizeBytes(planes, side(height), side(width), filter);
}

function colours({ data, height, width }: Picture): BytePlanes {
  const pixels = height * width;
  const planes = new Uint8ClampedArray(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const alpha = data[4 * i + 3]! / 255;
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * pixels + i] = data[4 * i + channel]! * alpha + 255 * (1 - alpha);
    }
  }
  return { data: planes, height, width };
}
