/**
 * LoRA files and their kin: which weights they change and by how much, in any naming of keys.ts and any form of forms.ts. Only
 * headers, alphas and settings are read here. What is not understood is refused by name, all of it.
 */
import { EmilieError } from "../../errors.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { readFloat32 } from "../convert.ts";
import { readSafetensorsHeader } from "../safetensors.ts";
import type { CheckpointSource } from "../source.ts";
import type { WeightFile, WeightRef } from "../weights.ts";
import { BIAS, type Form, type FormShape, formOf, type Parts, shapesOf, UP_BIAS } from "./forms.ts";
import { isPeft, type Key, type Part, parseKey, refusedKind, squashed } from "./keys.ts";
import { type AdapterSettings, alphaOf, readAdapterSettings, type Settings } from "./settings.ts";

/** A LoRA file as the user gave it. */
export interface LoraFile {
  readonly source: CheckpointSource;
  /** Its path in the source. */
  readonly path: string;
  /** w */
  readonly weight: number;
}

/** The change of one weight or bias: W + w·(D·scale), or as DoRA has it. */
export interface Change extends FormShape {
  readonly lora: LoraFile;
  /** In the file's own naming, without its prefix: "down_blocks_0_…" or "down_blocks.0.…". */
  readonly module: string;
  /** "unet", "text_encoder" or "text_encoder_2"; null where the file does not say. */
  readonly network: string | null;
  readonly of: "weight" | "bias";
  readonly form: Form;
  readonly parts: Parts;
  /** alpha / r, without w. */
  readonly scale: number;
  /** DoRA's magnitudes, and which axis of W they are of (arXiv 2402.09353). */
  readonly dora?: { readonly part: Part; readonly axis: "out" | "in" };
}

export interface Lora {
  readonly file: WeightFile;
  readonly changes: readonly Change[];
  /** What its header says beside the tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What was taken for granted. */
  readonly notes: readonly string[];
}

interface Module extends Omit<Key, "part"> {
  readonly parts: Parts;
}

/** @throws EmilieError "checkpoint.unsupported" naming keys that are no LoRA's, "checkpoint.malformed" for tensors that do not match. */
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
  const modules = modulesOf(path, header.tensors);
  const peft = isPeft(header.tensors.keys());
  const besides = peft || /(^|\/)adapter_model[^/]*$/.test(path);
  const settings = await readAdapterSettings(source, path, header.metadata, besides);
  const changes: Change[] = [];
  for (const module of modules) changes.push(...(await changesOf(lora, module, settings)));
  const assumed = peft && settings.size === 0 && modules.some(({ parts }) => !parts.alpha);
  const without = changes.filter(({ scale }) => scale === 0).length;
  const notes = [
    ...(assumed
      ? [`${path}: peft's adapter_config.json is not beside it, so its alpha is taken to be its rank.`]
      : []),
    ...(without > 0
      ? [`${path}: its alpha is 0 in ${without} of ${changes.length} places, which it does not change.`]
      : []),
  ];
  return { file, changes, metadata: header.metadata, notes };
}

function modulesOf(path: string, tensors: ReadonlyMap<string, Omit<WeightRef, "file">>): readonly Module[] {
  const modules = new Map<string, Module>();
  const strangers: string[] = [];
  for (const [name, tensor] of tensors) {
    const key = parseKey(name);
    if (!key) {
      strangers.push(name);
      continue;
    }
    const { module, network, part } = key;
    const id = `${network} ${squashed(module)}`;
    const parts = modules.get(id)?.parts ?? {};
    if (parts[part]) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${path}: "${name.slice(0, 200)}" is the second tensor of its kind for "${module}". A file may hold one adapter.`,
      );
    }
    modules.set(id, { module, network, parts: { ...parts, [part]: { ...tensor, file: path } } });
  }
  if (strangers.length > 0 || modules.size === 0) throw notLora(path, strangers);
  return [...modules.values()];
}

/** At most a weight's change and a bias's. */
async function changesOf(lora: LoraFile, from: Module, all: Settings): Promise<Change[]> {
  const { module, network, parts } = from;
  const bad = (what: string) =>
    new EmilieError("checkpoint.malformed", `${lora.path}: the LoRA of "${module}" ${what}.`);
  const settings = all.get(network ?? "") ?? all.get("");
  const form = formOf(parts);
  const changes: Change[] = [];
  const base = { lora, module, network, parts };
  let scale = 1;
  if (form) {
    const lacking = form.needs.filter((part) => !parts[part]);
    if (lacking.length > 0)
      throw bad(`has no matrix ${lacking.map((part) => MATRICES[part] ?? part).join(", ")}`);
    const shape = form.shape(parts);
    if (!shape) throw bad(`has the matrices ${shapesOf(parts)}, which do not fit together as ${form.name}`);
    scale = await scaleOf(lora, from, shape, settings);
    changes.push({ ...base, ...shape, of: "weight", form, scale, ...doraOf(parts, bad) });
  }
  for (const own of [BIAS, UP_BIAS]) {
    if (!own.needs.every((part) => parts[part])) continue;
    changes.push({
      ...base,
      ...own.shape(parts)!,
      of: "bias",
      form: own,
      scale: own === UP_BIAS ? scale : 1,
    });
  }
  const used = new Set<string>([...(form ? [...form.needs, ...form.mayHave] : []), "bias"]);
  if (form && form.name !== "difference") for (const part of ["alpha", "dora", "magnitude"]) used.add(part);
  const left = Object.keys(parts).filter((part) => !used.has(part));
  if (left.length > 0) throw bad(`has tensors that do not go together: ${shapesOf(parts)}`);
  return changes;
}

const MATRICES: Partial<Record<Part, string>> = { down: "down (A)", up: "up (B)" };

/** alpha / r: by the file's own alpha, else by peft's settings, else 1. */
async function scaleOf(
  lora: LoraFile,
  { module, parts }: Module,
  { rank }: FormShape,
  settings: AdapterSettings | undefined,
): Promise<number> {
  const own = parts.alpha && (await readScalar(lora, `${module}.alpha`, parts.alpha));
  const alpha = own ?? (settings && alphaOf(settings, module));
  // LoKr of two whole matrices has no rank of its own, and LyCORIS then keeps one that means 1.
  const r = rank ?? (own === undefined ? settings?.rank : undefined);
  if (alpha === undefined || r === undefined) return 1;
  return own === undefined && settings?.rslora ? alpha / Math.sqrt(r) : alpha / r;
}

function doraOf(parts: Parts, bad: (what: string) => EmilieError): Pick<Change, "dora"> {
  if (parts.dora && parts.magnitude) throw bad("has both dora_scale and lora_magnitude_vector");
  if (parts.magnitude) return { dora: { part: "magnitude", axis: "out" } };
  if (!parts.dora) return {};
  // kohya's scripts and LyCORIS write [1, in, …], or [out, 1, …] where it is of the outputs.
  const [first, second = 0] = parts.dora.shape;
  return { dora: { part: "dora", axis: first === 1 && second > 1 ? "in" : "out" } };
}

/** One number of any type: trainers keep alphas as halves, floats, doubles and whole numbers. */
async function readScalar({ source, path }: LoraFile, name: string, ref: WeightRef): Promise<number> {
  const bad = (what: string) => new EmilieError("checkpoint.malformed", `${path}: "${name}" ${what}.`);
  if (sizeOf(ref.shape) !== 1) throw bad(`should be one number, but has shape [${ref.shape}]`);
  const value = await readNumber(source, name, ref);
  if (!Number.isFinite(value)) throw bad(`is ${value}, which is not a finite number`);
  return value;
}

async function readNumber(source: CheckpointSource, name: string, ref: WeightRef): Promise<number> {
  const bytes = await source.read(ref.file, ref.offset, ref.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (ref.type) {
    case "F64":
      return view.getFloat64(0, true);
    case "I64":
      return Number(view.getBigInt64(0, true));
    case "U64":
      return Number(view.getBigUint64(0, true));
    case "I32":
      return view.getInt32(0, true);
    case "U32":
      return view.getUint32(0, true);
    case "I16":
      return view.getInt16(0, true);
    case "U16":
      return view.getUint16(0, true);
    case "I8":
      return view.getInt8(0);
    case "U8":
      return view.getUint8(0);
    default:
      for await (const [value] of readFloat32(source, name, ref)) return value!;
      return Number.NaN;
  }
}

function notLora(path: string, strangers: readonly string[]): EmilieError {
  const shown = strangers
    .slice(0, 4)
    .map((key) => JSON.stringify(key.slice(0, 120)))
    .join(", ");
  const rest = strangers.length > 4 ? ` and ${strangers.length - 4} more` : "";
  const kind = refusedKind(strangers);
  return new EmilieError(
    "checkpoint.unsupported",
    `${path} is not a LoRA that can be merged: ${shown ? `its keys ${shown}${rest} are` : "it has no tensors that are"} ` +
      `${kind ? `${kind}, which is not implemented` : "of no form that is known"}. Read are LoRA, LoCon, LoHa, LoKr, DoRA and ` +
      "differences (diff, diff_b, w_norm, b_norm) as kohya's scripts (lora_unet_*.lora_down.weight), LyCORIS, OneTrainer, ComfyUI " +
      "(diffusion_model.*), diffusers (unet.*.lora_A.weight, or without unet.) and peft (base_model.model.*) name them.",
  );
}
