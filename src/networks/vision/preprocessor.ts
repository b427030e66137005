/** preprocessor_config.json of transformers (or its part of processor_config.json): what is done to a picture before a network looks at it. */
import { z } from "zod";
import { few, inert, only, parseConfig } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";

export interface Sides {
  readonly height: number;
  readonly width: number;
}

export interface Preprocessor {
  /** To these sides, or the shorter one to a length and the other in proportion; null: the picture stays as large as it is. */
  readonly resize: Sides | { readonly shorter: number } | null;
  readonly filter: "lanczos" | "linear" | "cubic";
  /** What is kept, from the middle. */
  readonly crop: Sides | null;
  /** A byte v becomes (v · scale − mean) / std, channel by channel. */
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Size of what comes out. */
  readonly size: Sides;
}

/** What the class of a preprocessor does where its file says nothing. */
export interface PreprocessorDefaults {
  /** Whether a single number is the shorter side (CLIP) or both (BLIP, ViT). */
  readonly shorter: boolean;
  readonly size: number;
  readonly crop: number | null;
  readonly filter: 1 | 2 | 3;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** As Pillow numbers them. */
export const FILTERS = { 1: "lanczos", 2: "linear", 3: "cubic" } as const;

/** Pixels of a side. */
const side = few(2 ** 12);
const sides = z.strictObject({ height: side, width: side });
const channels = z.array(z.number()).length(3);
const notes = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, inert]));

const schema = z.strictObject({
  do_resize: z.boolean().default(true),
  size: z.union([side, z.strictObject({ shortest_edge: side }), sides]).optional(),
  resample: z.literal([1, 2, 3]).optional(),
  do_center_crop: z.boolean().optional(),
  crop_size: z.union([side, sides]).optional(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels.optional(),
  image_std: channels.optional(),
  do_pad: only(false),
  use_square_size: only(false),
  // Pictures here are RGB.
  do_convert_rgb: inert,
  ...notes("feature_extractor_type", "image_processor_type", "processor_class", "default_to_square"),
  ...notes("data_format", "input_data_format", "device", "disable_grouping", "return_tensors", "pad_size"),
});

const ALONE = "preprocessor_config.json";
/** Newer versions write one file for pictures and texts. */
const TOGETHER = "processor_config.json";

/** Reads preprocessor_config.json or processor_config.json. Throws "checkpoint.unsupported" naming the key, "checkpoint.missing" where there is none. */
export async function readPreprocessor(
  source: CheckpointSource,
  defaults: PreprocessorDefaults,
): Promise<Preprocessor> {
  const { path, settings } = await readSettings(source);
  const json = parseConfig(settings, path, schema);
  const { mean, std } = defaults;
  const size = json.size ?? defaults.size;
  const resize = json.do_resize ? sizeOf(size, defaults.shorter) : null;
  const cropped = json.do_center_crop ?? defaults.crop !== null;
  const crop = cropped ? both(json.crop_size ?? defaults.crop ?? 224) : null;
  const end = crop ?? (resize && "height" in resize ? resize : null);
  if (!end) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} of ${source.id}: "size" is ${JSON.stringify(json.size)} and nothing is cropped, so pictures would keep their ` +
        "proportions; the networks here take one size.",
    );
  }
  return {
    resize,
    filter: FILTERS[json.resample ?? defaults.filter],
    crop,
    scale: json.do_rescale ? json.rescale_factor : 1,
    mean: json.do_normalize ? (json.image_mean ?? mean) : [0, 0, 0],
    std: json.do_normalize ? (json.image_std ?? std) : [1, 1, 1],
    size: end,
  };
}

/** What is said of pictures in `folder`, and the file that says it. @throws EmilieError "checkpoint.missing" where there is none */
export async function readSettings(
  source: CheckpointSource,
  folder = ".",
): Promise<{ path: string; settings: unknown }> {
  const at = (name: string) => (folder === "." ? name : `${folder}/${name}`);
  const [alone, together] = [at(ALONE), at(TOGETHER)];
  if (await source.exists(alone)) return { path: alone, settings: await readJson(source, alone) };
  if (await source.exists(together)) {
    const json = (await readJson(source, together)) as { image_processor?: unknown } | null;
    if (json?.image_processor)
      return { path: `${together}, image_processor`, settings: json.image_processor };
  }
  throw new EmilieError(
    "checkpoint.missing",
    `${source.id} has no ${alone}, which says how large a picture the network takes and in which colours.`,
  );
}

function sizeOf(size: number | { shortest_edge: number } | Sides, shorter: boolean): Preprocessor["resize"] {
  if (typeof size === "number") return shorter ? { shorter: size } : both(size);
  return "shortest_edge" in size ? { shorter: size.shortest_edge } : size;
}

const both = (size: number | Sides): Sides =>
  typeof size === "number" ? { height: size, width: size } : size;
