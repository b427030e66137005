/** What is in a single file: which family it is of, which tensors are whose, and which are nobody's. */
import { EmilieError } from "../../errors.ts";
import { readSafetensorsHeader } from "../safetensors.ts";
import type { CheckpointSource } from "../source.ts";
import type { WeightFile, WeightRef } from "../weights.ts";
import { below, type Refs } from "./names.ts";

/** SD 1.x has CLIP's text encoder, SD 2.x OpenCLIP's, SDXL both. */
export type SingleFamily = "sd1" | "sd2" | "sdxl";

export interface SingleParts {
  readonly family: SingleFamily;
  readonly file: WeightFile;
  readonly unet: Refs;
  readonly vae: Refs;
  /** CLIP's text encoder, as transformers wrote it. */
  readonly clip: Refs | null;
  /** OpenCLIP's. */
  readonly openClip: Refs | null;
  /** Whether `unet` are the averaged weights; null where the file has none. */
  readonly ema: boolean | null;
  /** Tensors and notes that tell how the checkpoint was trained. */
  readonly marks: ReadonlyMap<string, WeightRef>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Beginnings of the names of tensors that an editor has no use for. */
  readonly leftovers: readonly string[];
}

const UNET = "model.diffusion_model.";
const VAE = "first_stage_model.";
const SINGLE_CLIP = "cond_stage_model.transformer.";
const SINGLE_OPEN_CLIP = "cond_stage_model.model.";
const FIRST_CLIP = "conditioner.embedders.0.transformer.";
const SECOND_OPEN_CLIP = "conditioner.embedders.1.model.";
const EMA = "model_ema.";

/** Buffers and training parts inside the networks' own prefixes: no weights of what runs. */
const UNUSED = /(^|\.)(position_ids|attn_mask|logit_scale)$|^loss\.|^model_ema\./;

/** Scalars by which other tools mark how a checkpoint was trained. */
export const MARKS = ["edm_vpred.sigma_max", "edm_vpred.sigma_min", "v_pred", "ztsnr"] as const;

export async function readParts(
  source: CheckpointSource,
  path: string,
  wantsEma: boolean,
): Promise<SingleParts> {
  const header = await readSafetensorsHeader(source, path);
  const file = { path, size: await source.size(path), header: header.bytes };
  const all = new Map(
    [...header.tensors].map(([name, tensor]) => [name, { ...tensor, file: path }] as const),
  );
  const part = (prefix: string): Refs | null => {
    const found = [...below(all, prefix)].filter(([name]) => !UNUSED.test(name));
    return found.length > 0 ? new Map(found) : null;
  };
  const unet = part(UNET);
  const vae = part(VAE);
  if (!unet || !vae) throw notWhole(path, all, unet ? VAE : UNET);
  const [first, second] = [part(FIRST_CLIP), part(SECOND_OPEN_CLIP)];
  const [clip, openClip] = first || second ? [first, second] : [part(SINGLE_CLIP), part(SINGLE_OPEN_CLIP)];
  const family: SingleFamily | null =
    first && second ? "sdxl" : first || second ? null : clip ? "sd1" : openClip ? "sd2" : null;
  if (family === null) throw notWhole(path, all, `${SINGLE_CLIP}*, ${SINGLE_OPEN_CLIP}* or conditioner.`);
  const averaged = emaOf(unet, all);
  return {
    family,
    file,
    unet: averaged && wantsEma ? averaged : unet,
    vae,
    clip,
    openClip: family === "sd1" ? null : openClip,
    ema: averaged && wantsEma,
    marks: new Map(MARKS.flatMap((name) => (all.has(name) ? [[name, all.get(name)!] as const] : []))),
    metadata: header.metadata,
    leftovers: leftoversOf(all),
  };
}

/**
 * The averaged weights of the UNet, which latent-diffusion saves under the same names without their dots. Null where not
 * every tensor has its average, in the same shape.
 */
function emaOf(unet: Refs, all: Refs): Refs | null {
  const averaged = new Map<string, WeightRef>();
  for (const [name, ref] of unet) {
    const average = all.get(EMA + `diffusion_model.${name}`.replaceAll(".", ""));
    if (!average || String(average.shape) !== String(ref.shape)) return null;
    averaged.set(name, average);
  }
  return averaged;
}

/** What lies outside the networks, or beside them: shortened to its first two names. */
function leftoversOf(all: Refs): string[] {
  const networks = [UNET, VAE, SINGLE_CLIP, SINGLE_OPEN_CLIP, FIRST_CLIP, SECOND_OPEN_CLIP];
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

function notWhole(path: string, all: Refs, lacking: string): EmilieError {
  const names = [...all.keys()];
  if (names.some((name) => /lora_(down|up|A|B)\b|^lora_/.test(name))) {
    return new EmilieError(
      "checkpoint.unsupported",
      `${path} is a LoRA, not a checkpoint. Give it to one: --model CHECKPOINT --lora ${path}=0.8.`,
    );
  }
  const first = names.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 80)));
  return new EmilieError(
    "checkpoint.unsupported",
    `${path} is not a whole checkpoint of the Stable Diffusion kind: it has no tensors ${lacking}* ` +
      `(it begins with ${first.join(", ") || "nothing"}). A single file needs the UNet (model.diffusion_model.*), the VAE ` +
      "(first_stage_model.*) and the text encoder (cond_stage_model.* or conditioner.*).",
  );
}
