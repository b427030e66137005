/**
 * What a transformer in a file of its own lacks: text encoder, tokenizer and autoencoder. Each is looked for beside the file, then in folders that were given: in the layout of
 * diffusers (text_encoder/, tokenizer/, vae/), or as single files (qwen_3_4b.safetensors, flux2-vae.safetensors), which are told by their tensors.
 */
import { readSafetensorsHeader } from "../../checkpoint/safetensors.ts";
import { withScales } from "../../checkpoint/scaled.ts";
import type { CheckpointSource, SingleFile } from "../../checkpoint/source.ts";
import type { WeightFile } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { type Flux2Vae, findFlux2Vae, flux2VaeOf, readFlux2Vae } from "../autoencoder-kl-flux2/read.ts";
import { findQwen3, type Qwen3, readQwen3, readQwen3File } from "../qwen3/read.ts";
import type { Refs } from "./names.ts";

export interface Companions {
  readonly text: Qwen3;
  readonly vae: Flux2Vae;
  readonly sources: Readonly<Record<"text" | "vae" | "tokenizer", CheckpointSource>>;
  /** Where each was found, in words. */
  readonly notes: readonly string[];
}

/** A part where it was found: in a folder of the layout, or a file. */
interface Found {
  readonly source: CheckpointSource;
  readonly file?: { readonly weights: WeightFile; readonly refs: Refs };
}

/** A folder of models may hold many files; their headers are read. */
const MOST_FILES = 32;

/** @throws EmilieError "checkpoint.missing" naming what is not there, and what it is read from */
export async function readCompanions(id: string, single: SingleFile): Promise<Companions> {
  // A single file's source is its folder, as soon as nothing says that it is one file.
  const candidates = single.tokenizers.map((source): CheckpointSource => ({ ...source, single: undefined }));
  const [text, vae, tokenizer] = [
    await find(candidates, "text_encoder/config.json", findQwen3),
    await find(candidates, "vae/config.json", findFlux2Vae),
    await find(candidates, "tokenizer/tokenizer_config.json"),
  ];
  if (!text || !vae || !tokenizer) {
    const lacking = Object.entries({ "text encoder": text, tokenizer, autoencoder: vae });
    const names = lacking.flatMap(([name, found]) => (found ? [] : [name])).join(", ");
    throw new EmilieError(
      "checkpoint.missing",
      `${id} holds a transformer alone, and there is no ${names} for it. Text encoder, tokenizer and autoencoder are looked for beside ${single.file} (text_encoder/, ` +
        "tokenizer/, vae/, or single files of the first and the last) and in the folder or pulled model given as the tokenizer (--tokenizer); they are the same for " +
        "every FLUX.2 klein of one size, as in emilie pull black-forest-labs/FLUX.2-klein-4B.",
    );
  }
  const options = { tokenizerSource: tokenizer.source };
  const whereOf = ({ source, file }: Found) => (file ? `${file.weights.path} of ${source.id}` : source.id);
  return {
    text: text.file
      ? await readQwen3File(text.source, text.file.weights, text.file.refs, options)
      : await readQwen3(text.source, options),
    vae: vae.file
      ? await flux2VaeOf(vae.source, vae.file.weights, vae.file.refs)
      : await readFlux2Vae(vae.source),
    sources: { text: text.source, vae: vae.source, tokenizer: tokenizer.source },
    notes: [
      `Its text encoder is from ${whereOf(text)}, its tokenizer from ${whereOf(tokenizer)}, and its autoencoder from ${whereOf(vae)}.`,
    ],
  };
}

/** The tensors of one network among those of a file. */
type FindTensors = (tensors: Refs) => Refs | undefined;

/** The first folder that has `path`, or a file with the network's tensors. */
async function find(
  candidates: readonly CheckpointSource[],
  path: string,
  among?: FindTensors,
): Promise<Found | undefined> {
  for (const source of candidates) {
    if (await source.exists(path)) return { source };
    const file = among && (await fileOf(source, among));
    if (file) return { source, file };
  }
  return undefined;
}

async function fileOf(source: CheckpointSource, among: FindTensors): Promise<Found["file"]> {
  const names = ((await source.list?.(".")) ?? []).filter((name) => name.endsWith(".safetensors"));
  for (const path of names.slice(0, MOST_FILES)) {
    // What else lies there need not be readable.
    const header = await readSafetensorsHeader(source, path).catch(() => null);
    if (!header) continue;
    const all = new Map([...header.tensors].map(([name, ref]) => [name, { ...ref, file: path }]));
    if (!among(all)) continue;
    const weights = { path, size: await source.size(path), header: header.bytes };
    return { weights, refs: among(withScales(path, all))! };
  }
  return undefined;
}
