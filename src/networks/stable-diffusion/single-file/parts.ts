/** What is in a single file: which tensors are which network's, and which are nobody's. */
import { below, type Refs } from "../../../checkpoint/refs.ts";
import { readSafetensorsHeader } from "../../../checkpoint/safetensors.ts";
import type { CheckpointSource } from "../../../checkpoint/source.ts";
import type { WeightFile, WeightRef } from "../../../checkpoint/weights.ts";
import { EmilieError } from "../../../errors.ts";
import { averagesAlone, averagesOf, EMA } from "./averages.ts";
import { openClipNames } from "./names.ts";
import { unwrapped } from "./wrapped.ts";

/** A text encoder, named as transformers names it, whoever named it in the file. */
export interface Encoder {
  readonly refs: Refs;
  /** Whether the file has it in OpenCLIP's naming. */
  readonly openClip: boolean;
  /** What its tensors begin with in the file, for messages. */
  readonly prefix: string;
}

export interface SingleParts {
  readonly file: WeightFile;
  readonly unet: Refs;
  readonly vae: Refs;
  /** One, or SDXL's two. */
  readonly encoders: readonly [Encoder] | readonly [Encoder, Encoder];
  /** Whether `unet` are the averaged weights; null where the file has none. */
  readonly ema: boolean | null;
  /** Tensors and notes that tell how the checkpoint was trained. */
  readonly marks: ReadonlyMap<string, WeightRef>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Beginnings of the names of tensors that an editor has no use for. */
  readonly leftovers: readonly string[];
}

/** The original programs' prefixes, and those of a pipeline of diffusers that was written into one file. */
const UNET = ["model.diffusion_model.", "unet."];
const VAE = ["first_stage_model.", "vae."];
/** The only encoder, or the first of two. */
const FIRST = [
  "cond_stage_model.transformer.",
  "cond_stage_model.model.",
  "conditioner.embedders.0.transformer.",
  "conditioner.embedders.0.model.",
  "text_encoder.",
];
const SECOND = ["conditioner.embedders.1.model.", "conditioner.embedders.1.transformer.", "text_encoder_2."];

/** Whether a file's tensors are named as the original programs name them, or as a pipeline of diffusers that was written into one file. */
export const isOriginal = (tensors: ReadonlySet<string>): boolean =>
  [...tensors].some((name) => UNET.some((prefix) => name.startsWith(prefix)));

/** Buffers and training parts inside the networks' own prefixes: no weights of what runs. */
const UNUSED = /(^|\.)(position_ids|attn_mask|logit_scale)$|^loss\.|^model_ema\./;

/** Scalars by which other tools mark how a checkpoint was trained. */
export const MARKS = ["edm_vpred.sigma_max", "edm_vpred.sigma_min", "v_pred", "ztsnr"] as const;
/** Marks of formulations that are not implemented: latents normalised by these (Playground 2.5). */
const FOREIGN_MARKS = ["edm_mean", "edm_std"];

/**
 * Sorts the tensors of `path` by network. Throws "checkpoint.unsupported" where the file is no whole checkpoint, or one of
 * another kind, saying what it lacks and what it begins with.
 */
export async function readParts(
  source: CheckpointSource,
  path: string,
  wantsEma: boolean,
): Promise<SingleParts> {
  const header = await readSafetensorsHeader(source, path);
  const file = { path, size: await source.size(path), header: header.bytes };
  const all = unwrapped(
    path,
    new Map([...header.tensors].map(([name, tensor]) => [name, { ...tensor, file: path }] as const)),
  );
  const foreign = FOREIGN_MARKS.find((mark) => all.has(mark));
  if (foreign !== undefined) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} has the tensor "${foreign}": its latents are normalised by their mean and deviation, which is not implemented.`,
    );
  }
  const part = (prefixes: readonly string[]): { prefix: string; refs: Refs } | null => {
    const found = prefixes.flatMap((prefix) => {
      const refs = new Map([...below(all, prefix)].filter(([name]) => !UNUSED.test(name)));
      return refs.size > 0 ? [{ prefix, refs }] : [];
    });
    if (found.length < 2) return found[0] ?? null;
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} has two networks for the same part: ${found.map(({ prefix }) => `${prefix}*`).join(" and ")}.`,
    );
  };
  const plain = part(UNET)?.refs;
  const vae = part(VAE);
  const averaged = plain ? averagesOf(plain, all) : averagesAlone(all);
  const unet = plain ?? averaged;
  if (!unet || unet.size === 0 || !vae) throw notWhole(path, all, unet?.size ? VAE : UNET);
  if (!plain && !wantsEma) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} has the averaged weights of its UNet alone (${EMA}*), and "ema": false beside it asks for the others. Leave "ema" out.`,
    );
  }
  return {
    file,
    unet: averaged && wantsEma ? averaged : unet,
    vae: vae.refs,
    encoders: encodersOf(path, all, part(FIRST), part(SECOND)),
    ema: averaged && wantsEma,
    marks: new Map(MARKS.flatMap((name) => (all.has(name) ? [[name, all.get(name)!] as const] : []))),
    metadata: header.metadata,
    leftovers: leftoversOf(all),
  };
}

type Found = { readonly prefix: string; readonly refs: Refs } | null;

function encodersOf(path: string, all: Refs, first: Found, second: Found): SingleParts["encoders"] {
  const encoder = ({ prefix, refs }: NonNullable<Found>): Encoder => {
    const openClip = prefix.endsWith(".model.");
    return { refs: openClip ? openClipNames(refs) : refs, openClip, prefix };
  };
  if (!first) throw notWhole(path, all, second ? FIRST.slice(2) : FIRST);
  if (second) return [encoder(first), encoder(second)];
  if (first.prefix === "conditioner.embedders.0.model.") {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} has OpenCLIP's text encoder alone under ${first.prefix}*, as SDXL's refiner has, which is no editor.`,
    );
  }
  if (first.prefix.startsWith("conditioner.")) throw notWhole(path, all, SECOND);
  return [encoder(first)];
}

/** What lies outside the networks, or beside them: shortened to its first two names. */
function leftoversOf(all: Refs): string[] {
  const networks = [...UNET, ...VAE, ...FIRST, ...SECOND];
  const left = [...all.keys()].filter((name) => {
    const prefix = networks.find((one) => name.startsWith(one));
    const known = MARKS.some((mark) => mark === name);
    return !known && (prefix === undefined || UNUSED.test(name.slice(prefix.length)));
  });
  return [
    ...new Set(
      left.map((name) => (name.startsWith(EMA) ? "model_ema" : name.split(".").slice(0, 2).join("."))),
    ),
  ];
}

function notWhole(path: string, all: Refs, lacking: readonly string[]): EmilieError {
  const names = [...all.keys()];
  if (names.some((name) => /lora_(down|up|A|B)\b|^lora_/.test(name))) {
    return new EmilieError(
      "checkpoint.unsupported",
      `${path} is a LoRA, not a checkpoint. Give it to one: --model CHECKPOINT --lora ${path}=0.8.`,
    );
  }
  if (all.has("conv_in.weight") && names.some((name) => name.startsWith("down_blocks."))) {
    return new EmilieError(
      "checkpoint.unsupported",
      `${path} is a UNet of diffusers alone, without VAE and text encoder. Give the folder that it belongs to, with ` +
        "model_index.json beside unet/.",
    );
  }
  const first = names.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 80)));
  return new EmilieError(
    "checkpoint.unsupported",
    `${path} is not a complete Stable Diffusion checkpoint: it has no tensors ${lacking.map((one) => `${one}*`).join(" or ")} ` +
      `(it begins with ${first.join(", ") || "nothing"}). A single file needs the UNet (model.diffusion_model.*), the VAE ` +
      "(first_stage_model.*) and the text encoder (cond_stage_model.* or conditioner.*).",
  );
}
