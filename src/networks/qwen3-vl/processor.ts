/**
 * What is done to a picture before Qwen3-VL looks at it (Qwen2VLImageProcessor of transformers, models/qwen2_vl): sides that are whole features, colours about 0, and patches
 * in the order in which they are merged. Pictures are floats here, so nothing is rounded to 8 bits.
 */
import { z } from "zod";
import { few, inert, only, parseConfig } from "../../checkpoint/parse-config.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { resizePlanes } from "../../images/resize.ts";
import { type Tensor, tensor } from "../../tensor/tensor.ts";
import { FILTERS, readSettings } from "../vision/preprocessor.ts";
import type { Qwen3VlVisionConfig } from "./config.ts";
import type { Grid } from "./positions.ts";

export interface PictureProcessor {
  /** Fewest and most pixels of a picture, which else is resized; null: it never is. */
  readonly pixels: readonly [fewest: number, most: number] | null;
  readonly filter: "lanczos" | "linear" | "cubic";
  /** A byte v becomes (v · scale − mean) / std, channel by channel. */
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Pixels of a patch's side, patches of a feature's, frames of a patch. */
  readonly patch: number;
  readonly merge: number;
  readonly frames: number;
}

/** CLIP's colours, the default of the class. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];

const colours = z.array(z.number()).length(3);
const pixels = few(2 ** 28);

const schema = z.strictObject({
  do_resize: z.boolean().default(true),
  size: z
    .strictObject({ shortest_edge: pixels, longest_edge: pixels })
    .default({ shortest_edge: 56 * 56, longest_edge: 28 * 28 * 1280 }),
  // Their names before transformers 5, which go before the others.
  min_pixels: pixels.optional(),
  max_pixels: pixels.optional(),
  resample: z.literal([1, 2, 3]).default(3),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: colours.default(MEAN),
  image_std: colours.default(STD),
  patch_size: few(2 ** 8).default(14),
  merge_size: few(2 ** 4).default(2),
  temporal_patch_size: few(2 ** 4).default(2),
  do_center_crop: only(false),
  do_pad: only(false),
  crop_size: inert,
  pad_size: inert,
  do_convert_rgb: inert, // pictures here are RGB
  ...Object.fromEntries(
    [
      ...["feature_extractor_type", "image_processor_type", "processor_class", "default_to_square"],
      ...["data_format", "input_data_format", "device", "disable_grouping", "return_tensors"],
    ].map((key) => [key, inert]),
  ),
});

/**
 * Reads preprocessor_config.json or processor_config.json in `folder`.
 *
 * @throws EmilieError "checkpoint.missing" where there is none, "checkpoint.unsupported" naming the key, "checkpoint.malformed" where its patches are not the network's
 */
export async function readProcessor(
  source: CheckpointSource,
  folder: string,
  config: Qwen3VlVisionConfig,
): Promise<PictureProcessor> {
  const { path, settings } = await readSettings(source, folder);
  const json = parseConfig(settings, path, schema);
  for (const [ours, theirs] of [
    ["patch_size", "patch_size"],
    ["merge_size", "spatial_merge_size"],
    ["temporal_patch_size", "temporal_patch_size"],
  ] as const) {
    if (json[ours] === config[theirs]) continue;
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: "${ours}" is ${json[ours]}, and the text encoder's "${theirs}" is ${config[theirs]}: they belong to different checkpoints.`,
    );
  }
  const { size, min_pixels = size.shortest_edge, max_pixels = size.longest_edge } = json;
  return {
    pixels: json.do_resize ? [min_pixels, max_pixels] : null,
    filter: FILTERS[json.resample],
    scale: json.do_rescale ? json.rescale_factor : 1,
    mean: json.do_normalize ? json.image_mean : [0, 0, 0],
    std: json.do_normalize ? json.image_std : [1, 1, 1],
    patch: json.patch_size,
    merge: json.merge_size,
    frames: json.temporal_patch_size,
  };
}

/** The size at which a picture is seen: multiples of a feature's side, and not too few or too many pixels (smart_resize). */
export function seenSize([height, width]: Grid, { pixels, patch, merge }: PictureProcessor): Grid {
  const step = patch * merge;
  if (!pixels) return [height, width];
  const [fewest, most] = pixels;
  const sides = (round: (steps: number) => number, scaled = (side: number) => side): Grid => [
    round(scaled(height) / step) * step,
    round(scaled(width) / step) * step,
  ];
  const [h, w] = sides(toEven);
  if (h * w > most) {
    const beta = Math.sqrt((height * width) / most);
    return sides(
      (steps) => Math.max(1, Math.floor(steps)),
      (side) => side / beta,
    );
  }
  if (h * w >= fewest) return [h, w];
  const beta = Math.sqrt(fewest / (height * width));
  return sides(Math.ceil, (side) => side * beta);
}

/** Halves to the even neighbour, as Python rounds. */
function toEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

export interface Patches {
  /** [rows · columns, 3 · frames · patch²], in the tower's order. */
  readonly values: Tensor;
  /** Rows and columns of patches. */
  readonly grid: Grid;
}

/** A picture [3, height, width] in [-1, 1] as the tower wants it. @throws EmilieError "option.invalid" where its sides are not whole features and it may not be resized */
export function patchesOf(picture: Tensor, processor: PictureProcessor): Patches {
  const { scale, mean, std, filter } = processor;
  const [, height = 0, width = 0] = picture.shape;
  const [h, w] = seenSize([height, width], processor);
  const { patch, merge, frames } = processor;
  if (h === 0 || w === 0 || h % (patch * merge) !== 0 || w % (patch * merge) !== 0) {
    throw new EmilieError(
      "option.invalid",
      `A picture of ${width} × ${height} pixels cannot be cut into features of ${patch * merge} × ${patch * merge}; choose multiples.`,
    );
  }
  const seen = clipped(resizePlanes(picture, h, w, filter));
  const values = new Float32Array(frames * seen.data.length);
  const [rows, columns] = [h / patch, w / patch];
  const across = columns / merge;
  let at = 0;
  for (let i = 0; i < rows * columns; i++) {
    // As patchPlaces has it.
    const [feature, inside] = [Math.floor(i / merge ** 2), i % merge ** 2];
    const top = (Math.floor(feature / across) * merge + Math.floor(inside / merge)) * patch;
    const left = ((feature % across) * merge + (inside % merge)) * patch;
    for (let channel = 0; channel < 3; channel++) {
      const begin = at;
      for (let y = top; y < top + patch; y++) {
        for (let x = left; x < left + patch; x++) {
          const byte = (seen.data[(channel * h + y) * w + x]! + 1) * 127.5;
          values[at++] = (byte * scale - mean[channel]!) / std[channel]!;
        }
      }
      for (let frame = 1; frame < frames; frame++) {
        values.copyWithin(at, begin, begin + patch ** 2);
        at += patch ** 2;
      }
    }
  }
  return { values: tensor(values, [rows * columns, 3 * frames * patch ** 2]), grid: [rows, columns] };
}

/** In [-1, 1]: resizing overshoots at edges, and so do decoders. */
export function clipped({ data, shape }: Tensor): Tensor {
  return tensor(
    data.map((value) => Math.min(1, Math.max(-1, value))),
    shape,
  );
}
