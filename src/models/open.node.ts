/** Finding a checkpoint by the name that the user gave it. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { PRECISIONS, type Precision } from "../checkpoint/derived.ts";
import type { LoraFile } from "../checkpoint/lora/read.ts";
import { fileSource, folderSource } from "../checkpoint/source.node.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import { VARIANT_NAME, type Variant } from "../checkpoint/variants.ts";
import { EmilieError } from "../errors.ts";
import { readTinyAutoencoder, type TinyAutoencoder } from "../networks/autoencoder-tiny/read.ts";
import { packageRoot } from "../runtime/package-root.node.ts";
import { cachedModel } from "./hub/cache.node.ts";
import { parseRepoId } from "./hub/repo-id.ts";
import { hubCache } from "./hub/settings.node.ts";
import { cachedTokenizers } from "./hub/tokenizers.node.ts";

/** Checkpoints under models/ of the package. */
export const SHIPPED: readonly string[] = ["picturebook"];

/**
 * A checkpoint's name with LoRAs, another autoencoder and its precision: "picturebook + style.safetensors=0.8 with vae taesd in int8". This is what recipes and
 * sessions say, so that what they load computes what they were made with.
 */
export interface ModelName {
  /** A folder, a file or a name. */
  readonly base: string;
  /** LoRA files, in the order in which they are merged. */
  readonly loras: readonly LoraOption[];
  /** A tiny autoencoder in the place of the checkpoint's: a folder or a file. */
  readonly vae?: string;
  /** Default "fp32", which is not written. */
  readonly precision?: Precision;
}

/** A LoRA, and how much of it. */
export interface LoraOption {
  /** A .safetensors file. */
  readonly file: string;
  /** How much of it is merged. Default 1. */
  readonly weight?: number;
}

const PLUS = " + ";
const WITH_VAE = / with vae (.+)$/s;

/** At the end of a folder's or a pulled model's name. A drive's letter is no name. */
const VARIANT = /^(..+):([a-z0-9_]{1,32})$/i;

/** A checkpoint's name without the variant of its weights ("owner/name:fp16"), and the variant. */
export function splitVariant(base: string): { readonly name: string; readonly variant?: Variant } {
  const [, name, variant] = existsSync(base) ? [] : (VARIANT.exec(base) ?? []);
  return name === undefined || variant === undefined ? { name: base } : { name, variant };
}

/** The name of a checkpoint in a variant; as it is where there is none. Throws "option.invalid" where it names another. */
export function nameVariant(base: string, variant: Variant | undefined): string {
  const { name, variant: named } = splitVariant(base);
  if (variant === undefined || variant === named) return base;
  if (!VARIANT_NAME.test(variant)) {
    throw new EmilieError(
      "option.invalid",
      `"variant" is ${JSON.stringify(variant)}; expected full, fp16, bf16, ….`,
    );
  }
  if (named === undefined) return `${name}:${variant}`;
  throw new EmilieError(
    "option.invalid",
    `${base} names the variant ${named}, but ${variant} was requested; give only one of them.`,
  );
}

const IN_PRECISION = new RegExp(` in (${PRECISIONS.join("|")})$`);

/** Reads a name, with the LoRAs and the precision that are in it. */
export function parseModelName(name: string): ModelName {
  if (existsSync(name)) return { base: name, loras: [] };
  const precision = IN_PRECISION.exec(name)?.[1] as Precision | undefined;
  const whole = name.replace(IN_PRECISION, "");
  const vae = existsSync(whole) ? undefined : WITH_VAE.exec(whole)?.[1];
  const rest = vae === undefined ? whole : whole.replace(WITH_VAE, "");
  const [base = "", ...loras] = existsSync(rest) ? [rest] : rest.split(PLUS);
  return {
    base,
    loras: loras.map(parseLora),
    ...(vae === undefined ? {} : { vae }),
    ...(precision ? { precision } : {}),
  };
}

/** The precision that a session's name of its model says. */
export const precisionOf = (name: string): Precision => parseModelName(name).precision ?? "fp32";

/** Throws "option.invalid" for what is no precision. */
export function checkPrecision(value: unknown): Precision {
  const known = PRECISIONS.find((precision) => precision === value);
  if (known) return known;
  throw new EmilieError(
    "option.invalid",
    `"precision" is ${JSON.stringify(value)}; expected one of ${PRECISIONS.join(", ")}.`,
  );
}

/** Reads "FILE" or "FILE=0.8"; a file that is there under the whole text is that file. */
export function parseLora(text: string): Required<LoraOption> {
  if (existsSync(text)) return { file: text, weight: 1 };
  const [, file, number] = /^(.*?)(?:=([^=]*))?$/s.exec(text)!;
  const weight = number === undefined ? 1 : number.trim() === "" ? Number.NaN : Number(number);
  if (file && Number.isFinite(weight)) return { file, weight };
  throw new EmilieError(
    "option.invalid",
    `A LoRA is given as FILE or FILE=WEIGHT, with a number as the weight, as in style.safetensors=0.8; got ${text}.`,
  );
}

export function formatModelName({ base, loras, vae, precision = "fp32" }: ModelName): string {
  const name = [base, ...loras.map(({ file, weight = 1 }) => `${file}=${weight}`)].join(PLUS);
  const autoencoder = vae === undefined ? "" : ` with vae ${vae}`;
  return precision === "fp32" ? name + autoencoder : `${name}${autoencoder} in ${precision}`;
}

/**
 * A model's name as others may read it: of every folder or file on this machine only the last part. Names of the hub and of
 * what ships stay whole; what loads the model on another machine is looked for there.
 */
export function publicModelName(name: string): string {
  const mode = existsSync(name) ? "" : (IN_PRECISION.exec(name)?.[0] ?? "");
  const rest = name.slice(0, name.length - mode.length);
  const vae = existsSync(rest) ? undefined : WITH_VAE.exec(rest)?.[1];
  const whole = vae === undefined ? rest : rest.replace(WITH_VAE, "");
  const end = vae === undefined ? mode : ` with vae ${lastPart(vae)}${mode}`;
  const [base = "", ...files] = existsSync(whole) ? [whole] : whole.split(PLUS);
  const { name: plain, variant } = splitVariant(base);
  const isPath = existsSync(plain) || parseRepoId(plain) === null || /\.safetensors$/i.test(plain);
  const first = isPath ? lastPart(plain) : plain;
  return [variant ? `${first}:${variant}` : first, ...files.map(lastPart)].join(PLUS) + end;
}

const lastPart = (path: string) => basename(path.replaceAll("\\", "/"));

/** The file of a LoRA, opened. */
export function openLora({ file, weight = 1 }: LoraOption): LoraFile {
  if (!existsSync(file)) throw new EmilieError("checkpoint.missing", `There is no LoRA file ${file}.`);
  checkedFile(resolve(file), file);
  return { source: folderSource(dirname(resolve(file)), file), path: basename(file), weight };
}

/** A tiny autoencoder (TAESD, TAESDXL), by its folder or a file of it, read and checked. Throws EmilieError "checkpoint.*". */
export async function openTinyAutoencoder(name: string): Promise<TinyAutoencoder> {
  const path = resolve(name);
  if (!existsSync(path)) {
    throw new EmilieError(
      "checkpoint.missing",
      `There is no autoencoder ${JSON.stringify(name)}: expected a folder with the config.json and weights of an AutoencoderTiny (TAESD, TAESDXL), or its ` +
        ".safetensors file.",
    );
  }
  if (!statSync(path).isFile()) return readTinyAutoencoder(folderSource(path, name));
  return readTinyAutoencoder(folderSource(dirname(checkedFile(path, name)), name), basename(path));
}

const PICKLE = /\.(ckpt|bin|pt|pth|pkl|pickle)$/i;

/**
 * The checkpoint of a name: a folder, a single .safetensors file, one that ships, or one that was pulled. A file of that name
 * in the working directory comes first, then what ships with the package, then the hub's cache.
 */
export function openCheckpoint(
  name: string,
  options: { readonly tokenizer?: string } = {},
): CheckpointSource {
  const path = checkpointFolder(name);
  const { variant } = splitVariant(name);
  if (!statSync(path).isFile()) {
    if (options.tokenizer === undefined) return { ...folderSource(path, name), variant };
    throw new EmilieError(
      "option.invalid",
      `${name} has its own tokenizer; another one (${options.tokenizer}) can only be given for a single file.`,
    );
  }
  if (variant !== undefined) {
    throw new EmilieError(
      "option.invalid",
      `${path} is a single file, which has no variants; got ${variant}.`,
    );
  }
  if (options.tokenizer !== undefined) {
    return fileSource(path, name, [folderSource(checkpointFolder(options.tokenizer), options.tokenizer)]);
  }
  const source = fileSource(path, name);
  const { file, tokenizers } = source.single!;
  return { ...source, single: { file, tokenizers: [...tokenizers, ...cachedTokenizers(hubCache())] } };
}

/** The folder of a checkpoint, or its single file. */
export function checkpointFolder(model: string): string {
  const { name, variant } = splitVariant(model);
  const local = isAbsolute(name) ? name : resolve(name);
  if (existsSync(join(local, "model_index.json"))) return local;
  if (SHIPPED.includes(name)) return shippedFolder(name);
  requireSnapshot(local, name);
  if (existsSync(local)) return checkedFile(local, name);
  const id = parseRepoId(name);
  if (id && !/\.safetensors$/i.test(name)) return cachedModel(hubCache(), id, variant);
  throw new EmilieError(
    "checkpoint.missing",
    `There is no checkpoint ${JSON.stringify(name)}: expected a folder in the layout of diffusers, a .safetensors file, the ` +
      `name of a model on the hub (OWNER/NAME), or one of ${SHIPPED.join(", ")}.`,
  );
}

/** The folder of a whole repository in the hub's cache has no model in it, but folders that have. */
function requireSnapshot(path: string, name: string): void {
  const folder = join(path, "snapshots");
  if (!existsSync(folder)) return;
  const found = readdirSync(folder).map((commit) => join(name, "snapshots", commit));
  throw new EmilieError(
    "checkpoint.missing",
    `${name} is a repository folder of the hub's cache; its models are in ${found.join(", ") || "no snapshot: it is empty"}. Give one of them, or the ` +
      "model as OWNER/NAME.",
  );
}

function checkedFile(path: string, name: string): string {
  if (!statSync(path).isFile() || /\.safetensors$/i.test(path)) return path;
  if (PICKLE.test(path)) {
    throw new EmilieError(
      "checkpoint.unsafe",
      `${name} is a pickle, which can run any code when it is read, so it is not opened. Most are published as .safetensors ` +
        "too; otherwise convert it once, where you trust it: safetensors.torch.save_file(torch.load(file, weights_only=True)" +
        '["state_dict"], "model.safetensors").',
    );
  }
  if (/\.gguf$/i.test(path)) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${name} is a GGUF file, whose weights in blocks are not read. Fetch the .safetensors file of the same model (for FLUX.2 klein flux-2-klein-4b.safetensors, or emilie ` +
        'pull black-forest-labs/FLUX.2-klein-4B); the precision "int4" makes weights of four bits of it.',
    );
  }
  throw new EmilieError(
    "checkpoint.unsupported",
    `${name} is not a checkpoint: expected a folder in the layout of diffusers, or a file that ends in .safetensors.`,
  );
}

export function shippedFolder(name: string): string {
  return join(packageRoot(), "models", name);
}
