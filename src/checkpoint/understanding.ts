/**
 * What a checkpoint understands, where it says so: `understanding` in its emilie.json names a small safetensors file that decides, before the denoiser
 * runs, whether an instruction is one of the checkpoint's. A checkpoint without it takes every instruction.
 */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { sha256 } from "../util/sha256.ts";
import { readWhole } from "./convert.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import type { CheckpointSource } from "./source.ts";
import type { WeightRef } from "./weights.ts";

const name = z.string().min(1).max(100);
const names = z.array(name).min(1).max(1000);
const side = z.int().min(1).max(4096);

const presenceSchema = z.strictObject({
  /** Shape of the condition latents that it reads, [channels, height, width]; others are not looked at. */
  latent: z.tuple([side, side, side]),
  /** Width of the hidden layer: presence.0.* and presence.2.* in the weights, with a ReLU between. */
  hidden: side,
  /** What is looked for, a softmax each over its values. */
  attributes: z
    .array(z.strictObject({ name, values: names }))
    .min(1)
    .max(100),
  /** By intent: what must be so, or the edit is refused with these words. {field} stands for the instruction's own. */
  needs: z.record(name, z.array(z.strictObject({ attribute: name, is: names, otherwise: name })).max(20)),
  /** An edit is refused where what it needs is less likely than this. */
  threshold: z.number().min(0).max(1),
  /**
   * A picture is one of the checkpoint's own where its latent comes back from the autoencoder, decoded and encoded again, with at most this relative
   * error; of others (photographs) nothing is said to be missing. Default: all are.
   */
  familiar: z.number().positive().optional(),
});

export const understandingSchema = z.strictObject({
  /**
   * The folder of a text encoder that understands instructions and does nothing else, with its tokenizer: a BertModel, among whose weights are
   * head.weight [n, width] and head.bias [n] for the mean of its tokens. Default: there is none.
   */
  reader: z.literal("reader").optional(),
  /** The file, beside emilie.json: head.weight [n, width] and head.bias [n], read at the last token of the text encoder's output. */
  weights: z.string().regex(/^[\w][\w.-]*\.safetensors$/, "expected the name of a safetensors file"),
  /** The first logits, one a kind of edit: its name, and how it is asked for, with {field} where a field's value stands. */
  intents: z
    .array(z.strictObject({ name, phrase: name, keeps: z.boolean().optional() }))
    .min(1)
    .max(1000),
  /** Then one logit each: requests the checkpoint cannot do, and requests for several edits at once. */
  refused: z.strictObject({ unsupported: z.literal(true), compound: z.literal(true) }),
  /** Then the fields of edits; the first logit of each says "none", the others its values. */
  fields: z.array(z.strictObject({ name, values: names })).max(20),
  /** What the checkpoint can see in a picture, and which edits need it to be there. */
  presence: presenceSchema.optional(),
  /** An instruction is taken where log P(edits) − log P(unsupported) is above this. */
  threshold: z.number().default(0),
});

/** How a checkpoint states what it understands. */
export type UnderstandingConfig = z.output<typeof understandingSchema>;

/** The head with its weights. */
export interface UnderstandingHead {
  readonly config: UnderstandingConfig;
  /** [logits, width], row by row. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly width: number;
  /** Of its weights. */
  readonly sha256: string;
  /** The two layers that look at a picture, where the checkpoint has them. */
  readonly sees?: {
    readonly weight: Float32Array;
    readonly bias: Float32Array;
    readonly outWeight: Float32Array;
    readonly outBias: Float32Array;
  };
}

function valuesOf(presence: NonNullable<UnderstandingConfig["presence"]>): number {
  return presence.attributes.reduce((sum, { values }) => sum + values.length, 0);
}

/** What of a configuration edits depend on: which pictures are not judged changes none that was made, and a reader says itself what it is. */
export function decisive({ presence, reader: _, ...config }: UnderstandingConfig): UnderstandingConfig {
  if (!presence) return config;
  const { familiar: __, ...rest } = presence;
  return { ...config, presence: rest };
}

/** How many logits a configuration has. */
export function logitsOf({ intents, fields }: UnderstandingConfig): number {
  return intents.length + 2 + fields.reduce((sum, { values }) => sum + 1 + values.length, 0);
}

/**
 * The values of a tensor whose shape two configurations decide: emilie.json, and what `told` names.
 *
 * @throws EmilieError checkpoint.malformed where it has another or is missing
 */
export async function readShaped(
  source: CheckpointSource,
  tensor: WeightRef | undefined,
  { file, key, shape, told }: { file: string; key: string; shape: readonly number[]; told: string },
): Promise<Float32Array> {
  if (tensor && String(tensor.shape) === String(shape)) return readWhole(source, key, tensor);
  throw new EmilieError(
    "checkpoint.malformed",
    `${file}: "${key}" should have the shape [${shape}], as emilie.json and ${told} say; ` +
      `it ${tensor ? `has [${tensor.shape}]` : "is missing"}.`,
  );
}

/**
 * Reads the head's weights.
 *
 * @param width of the text encoder's output
 * @throws EmilieError checkpoint.missing, checkpoint.malformed where the file does not fit what emilie.json says
 */
export async function readUnderstanding(
  source: CheckpointSource,
  config: UnderstandingConfig,
  width: number,
): Promise<UnderstandingHead> {
  const { tensors } = await readSafetensorsHeader(source, config.weights);
  const rows = logitsOf(config);
  const place = { file: `${config.weights} of ${source.id}`, told: "the text encoder" };
  const read = (key: string, shape: readonly number[]) => {
    const tensor = tensors.get(key);
    return readShaped(source, tensor && { ...tensor, file: config.weights }, { ...place, key, shape });
  };
  const { presence } = config;
  const inputs = presence?.latent.reduce((product, side) => product * side, 1) ?? 0;
  return {
    config,
    width,
    sha256: await sha256([await source.read(config.weights, 0, await source.size(config.weights))]),
    weight: await read("head.weight", [rows, width]),
    bias: await read("head.bias", [rows]),
    ...(presence && {
      sees: {
        weight: await read("presence.0.weight", [presence.hidden, inputs]),
        bias: await read("presence.0.bias", [presence.hidden]),
        outWeight: await read("presence.2.weight", [valuesOf(presence), presence.hidden]),
        outBias: await read("presence.2.bias", [valuesOf(presence)]),
      },
    }),
  };
}
