/**
 * LoRA files (Hu et al., arXiv 2106.09685): W + w·(alpha/r)·B·A for some of a checkpoint's weights. Read are the two common
 * namings: kohya's (lora_unet_a_b_c.lora_down.weight with .alpha) and diffusers'/peft's (unet.a.b.c.lora_A.weight, also
 * .lora.down. and .processor.to_q_lora.down. of older versions). Only headers and alphas are read here.
 */
import { EmilieError } from "../../errors.ts";
import { CHECKPOINT_JSON } from "../../limits.ts";
import { parseJson } from "../../parse-json.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { readFloat32 } from "../convert.ts";
import { readSafetensorsHeader } from "../safetensors.ts";
import type { CheckpointSource } from "../source.ts";
import type { WeightFile, WeightRef } from "../weights.ts";

/** A LoRA file as the user gave it. */
export interface LoraFile {
  readonly source: CheckpointSource;
  /** Its path in the source. */
  readonly path: string;
  /** w */
  readonly weight: number;
}

/** One pair of matrices, and the module in the file's own naming. */
export interface LoraPair {
  readonly lora: LoraFile;
  /** Without the naming's prefix: "down_blocks_0_…" or "down_blocks.0.…". */
  readonly module: string;
  /** "unet", "text_encoder" or "text_encoder_2". */
  readonly network: string;
  /** A [r, …] */
  readonly down: WeightRef;
  /** B [out, r, …] */
  readonly up: WeightRef;
  /** w·alpha/r */
  readonly scale: number;
}

export interface Lora {
  readonly file: WeightFile;
  readonly pairs: readonly LoraPair[];
}

/** The networks by the prefixes of their names, the longer ones first. */
const PREFIXES: readonly (readonly [string, string])[] = [
  ["lora_unet_", "unet"],
  ["lora_te1_", "text_encoder"],
  ["lora_te2_", "text_encoder_2"],
  ["lora_te_", "text_encoder"],
  ["text_encoder_2.", "text_encoder_2"],
  ["text_encoder.", "text_encoder"],
  ["unet.", "unet"],
];
const DOWN = /\.(lora_down|lora_A|lora\.down|lora_A\.default)\.weight$/;
const UP = /\.(lora_up|lora_B|lora\.up|lora_B\.default)\.weight$/;
const ALPHA = /\.alpha$/;

interface Half {
  down?: WeightRef;
  up?: WeightRef;
  alpha?: WeightRef;
}

/** @throws EmilieError "checkpoint.unsupported" naming keys that are no LoRA's, "checkpoint.malformed" for pairs that do not fit. */
export async function readLora(lora: LoraFile): Promise<Lora> {
  const { source, path } = lora;
  if (!Number.isFinite(lora.weight)) {
    throw new EmilieError(
      "option.invalid",
      `The weight of the LoRA ${path} must be a finite number, got ${lora.weight}.`,
    );
  }
  const header = await readSafetensorsHeader(source, path);
  const file = { path, size: await source.size(path), header: header.bytes };
  const modules = new Map<string, Half>();
  const strangers: string[] = [];
  for (const [key, tensor] of header.tensors) {
    // Old diffusers kept LoRA in the attention's processor.
    const name = key.replace(
      /\.processor\.(to_\w+)_lora\./,
      (_, to) => `.${to === "to_out" ? "to_out.0" : to}.lora.`,
    );
    const part = (
      [
        ["down", DOWN],
        ["up", UP],
        ["alpha", ALPHA],
      ] as const
    ).find(([, pattern]) => pattern.test(name));
    if (!part || !PREFIXES.some(([prefix]) => name.startsWith(prefix))) {
      strangers.push(key);
      continue;
    }
    const module = name.replace(part[1], "");
    modules.set(module, { ...modules.get(module), [part[0]]: { ...tensor, file: path } });
  }
  if (strangers.length > 0 || modules.size === 0) throw notLora(path, strangers);
  const alphas = metadataAlphas(path, header.metadata);
  const pairs: LoraPair[] = [];
  for (const [name, half] of modules) pairs.push(await pair(lora, name, half, alphas));
  return { file, pairs };
}

async function pair(
  lora: LoraFile,
  name: string,
  { down, up, alpha }: Half,
  alphas: ReadonlyMap<string, number>,
): Promise<LoraPair> {
  const bad = (what: string) =>
    new EmilieError("checkpoint.malformed", `${lora.path}: the LoRA of "${name}" ${what}.`);
  if (!down || !up) throw bad(`has no matrix ${down ? "up (B)" : "down (A)"}`);
  const [prefix, network] = PREFIXES.find(([start]) => name.startsWith(start))!;
  const rank = down.shape[0] ?? 0;
  const flat = up.shape.slice(2).every((side) => side === 1);
  if (rank < 1 || down.shape.length < 2 || up.shape.length < 2 || up.shape[1] !== rank || !flat) {
    throw bad(`has the matrices [${down.shape}] and [${up.shape}], which do not fit together`);
  }
  const value = alpha ? await readScalar(lora, `${name}.alpha`, alpha) : (alphas.get(network) ?? rank);
  const scale = (lora.weight * value) / rank;
  return { lora, module: name.slice(prefix.length), network, down, up, scale };
}

async function readScalar({ source, path }: LoraFile, name: string, ref: WeightRef): Promise<number> {
  if (sizeOf(ref.shape) !== 1) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: "${name}" should be one number, but has shape [${ref.shape}].`,
    );
  }
  for await (const [value] of readFloat32(source, name, ref)) return value!;
  return Number.NaN;
}

/** peft's lora_alpha, where diffusers has put it beside the tensors. */
function metadataAlphas(
  path: string,
  metadata: Readonly<Record<string, string>>,
): ReadonlyMap<string, number> {
  const text = metadata.lora_adapter_metadata;
  if (text === undefined) return new Map();
  const json = parseJson(text, CHECKPOINT_JSON, (what, cause) => {
    return new EmilieError("checkpoint.malformed", `${path}: its lora_adapter_metadata ${what}.`, { cause });
  }) as Record<string, unknown>;
  const alphas = new Map<string, number>();
  for (const [key, value] of Object.entries(json ?? {})) {
    const [network = "", setting] = key.split(".");
    if (setting === "lora_alpha" && typeof value === "number") alphas.set(network, value);
    const own = setting === "alpha_pattern" && Object.keys((value as object) ?? {}).length > 0;
    if (own || ((setting === "use_dora" || setting === "use_rslora") && value === true)) {
      throw new EmilieError(
        "checkpoint.unsupported",
        `${path}: "${key}" is ${JSON.stringify(value)}, which is not implemented.`,
      );
    }
  }
  return alphas;
}

function notLora(path: string, strangers: readonly string[]): EmilieError {
  const shown = strangers
    .slice(0, 4)
    .map((key) => JSON.stringify(key.slice(0, 120)))
    .join(", ");
  const rest = strangers.length > 4 ? ` and ${strangers.length - 4} more` : "";
  return new EmilieError(
    "checkpoint.unsupported",
    `${path} is not a LoRA that can be merged: ${shown ? `its keys ${shown}${rest} are` : "it has no tensors that are"} neither ` +
      "kohya's (lora_unet_*.lora_down.weight) nor diffusers' (unet.*.lora_A.weight). LoHa, LoKr, DoRA and Tucker " +
      "decompositions are not implemented.",
  );
}
