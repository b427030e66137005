/**
 * Which files of a repository an editor needs, by name alone: the configurations, the tokenizers, and of each network's
 * weights one precision as safetensors. Pickles are never among them, nor safety_checker and feature_extractor.
 * Names follow diffusers' and transformers' save_pretrained().
 */

import { chooseVariant, requireOffered, type Variant, weightSets } from "../../checkpoint/variants.ts";
import { EmilieError } from "../../errors.ts";
import type { Files } from "../../networks/architecture.ts";
import { architectureOfFiles } from "../architectures.ts";

export { VARIANT_NAME, type Variant } from "../../checkpoint/variants.ts";

const TOKENIZER_FILES = [
  "tokenizer.json",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
  "special_tokens_map.json",
  "tokenizer_config.json",
  "chat_template.jinja",
];
/** Of what also looks at pictures. */
const PROCESSOR_FILES = ["preprocessor_config.json", "processor_config.json"];

const INDEX = "model_index.json";
const SCHEDULER = "scheduler/scheduler_config.json";
/** What a checkpoint understands, beside the emilie.json that says so. */
const UNDERSTANDING = "understanding.safetensors";

/** Configurations, and what tokenizers are read from. */
const smallFiles = ({ networks, tokenizers }: Files): ReadonlySet<string> =>
  new Set([
    ...[INDEX, "emilie.json", SCHEDULER],
    ...tokenizers.flatMap((folder) =>
      [...TOKENIZER_FILES, ...PROCESSOR_FILES].map((name) => `${folder}/${name}`),
    ),
    ...Object.keys(networks).map((folder) => `${folder}/config.json`),
  ]);

const requiredFiles = ({ required }: Files): readonly string[] => [
  ...[INDEX, SCHEDULER],
  ...required.map((folder) => `${folder}/config.json`),
];

const PICKLE = /\.(bin|ckpt|pt|pth|pickle|pkl)$/;

export interface Selection {
  /** Configurations, tokenizers and weight indices: kilobytes, and enough to judge the checkpoint. */
  readonly small: readonly string[];
  readonly weights: readonly string[];
  /** By network, the variant that was chosen. */
  readonly variants: Readonly<Record<string, Variant>>;
}

/**
 * Chooses among `paths`. With `variant`, networks that have it are taken in it and the others as they are; without, full
 * precision comes first. Throws "checkpoint.missing" where files are lacking and "checkpoint.unsafe" where there are only
 * pickles; `id` is the checkpoint's name for the message.
 */
export function selectFiles(id: string, paths: readonly string[], variant?: Variant): Selection {
  const all = new Set(paths);
  if (!all.has(INDEX)) throw notDiffusers(id, paths);
  const { files } = architectureOfFiles(paths);
  const lacking = requiredFiles(files).find((path) => !all.has(path));
  if (lacking !== undefined) throw missing(id, lacking);
  const [tokenizer] = files.tokenizers;
  const hasTokenizer = all.has(`${tokenizer}/tokenizer.json`) || all.has(`${tokenizer}/vocab.json`);
  if (!hasTokenizer) throw missing(id, `${tokenizer}/vocab.json`);

  const wanted = smallFiles(files);
  const small = paths.filter((path) => wanted.has(path));
  const weights: string[] = [];
  const variants: Record<string, Variant> = {};
  const offered = new Set<Variant>();
  for (const [folder, base] of Object.entries(files.networks)) {
    const names = paths.filter((p) => p.startsWith(`${folder}/`)).map((p) => p.slice(folder.length + 1));
    if (names.length === 0 && !files.required.includes(folder)) continue;
    const sets = weightSets(names, base);
    for (const name of sets.keys()) offered.add(name);
    const chosen = chooseVariant(sets, `${folder} of ${id}`, variant);
    if (chosen === undefined) throw noWeights(id, folder, base, names);
    variants[folder] = chosen;
    for (const name of sets.get(chosen)!.files) {
      const path = `${folder}/${name}`;
      (name.endsWith(".json") ? small : weights).push(path);
    }
  }
  requireOffered(id, variant, offered);
  if (all.has(UNDERSTANDING)) weights.push(UNDERSTANDING);
  return { small, weights, variants };
}

/** What a scorer of `emilie bench` has beside its weights, all in the repository's own folder. */
const SCORER_SMALL = new Set(["config.json", ...PROCESSOR_FILES, ...TOKENIZER_FILES]);

/** Whether a repository has a network that looks at pictures, as transformers saves it, rather than an editor. */
export function looksLikeScorer(paths: readonly string[]): boolean {
  const has = (path: string) => paths.includes(path);
  const processor = has("preprocessor_config.json") || has("processor_config.json");
  return !has("model_index.json") && has("config.json") && processor;
}

/** Chooses as selectFiles() does among the files of a repository that looks like a scorer's. Throws the same. */
export function selectScorer(id: string, paths: readonly string[], variant?: Variant): Selection {
  const sets = weightSets(
    paths.filter((path) => !path.includes("/")),
    "model",
  );
  const chosen = variant === undefined || sets.has(variant) ? chooseVariant(sets, id, variant) : undefined;
  if (chosen === undefined) {
    const pickle = paths.find((path) => PICKLE.test(path));
    if (pickle !== undefined && sets.size === 0) throw onlyPickles(id, pickle, "transformers: model");
    throw new EmilieError(
      "checkpoint.missing",
      `${id} has no weights ${variant === undefined ? "model.safetensors" : `of the variant "${variant}"`}, or not all of their parts.`,
    );
  }
  const { files } = sets.get(chosen)!;
  const isWeights = (path: string) => path.endsWith(".safetensors");
  return {
    small: [...paths.filter((path) => SCORER_SMALL.has(path)), ...files.filter((path) => !isWeights(path))],
    weights: files.filter(isWeights),
    variants: { model: chosen },
  };
}

function notDiffusers(id: string, paths: readonly string[]): EmilieError {
  const pickle = paths.find((path) => PICKLE.test(path));
  if (pickle !== undefined && !paths.some((path) => path.endsWith(".safetensors")))
    return onlyPickles(id, pickle);
  return new EmilieError(
    "checkpoint.missing",
    `${id} has no model_index.json, so it is not an image model in the layout of diffusers. Look for a repository with ` +
      "model_index.json beside unet/, vae/ and text_encoder/, such as timbrooks/instruct-pix2pix.",
  );
}

function noWeights(id: string, folder: string, base: string, names: readonly string[]): EmilieError {
  const pickle = names.find((name) => PICKLE.test(name));
  return pickle ? onlyPickles(id, `${folder}/${pickle}`) : missing(id, `${folder}/${base}.safetensors`);
}

function onlyPickles(id: string, pickle: string, by = "diffusers: pipe"): EmilieError {
  const repo = id.split("@")[0];
  return new EmilieError(
    "checkpoint.unsafe",
    `${id} has only pickled weights (${pickle}), which can run any code when they are read. The hub often holds a pull ` +
      `request with safetensors (see the repository's Community tab, then ${repo}@refs/pr/N), or convert it once with ` +
      `${by}.save_pretrained(folder, safe_serialization=True), and use the folder.`,
  );
}

function missing(id: string, path: string): EmilieError {
  return new EmilieError(
    "checkpoint.missing",
    `${id} has no file ${path}, or not all of its parts, which an editing checkpoint in the diffusers layout needs.`,
  );
}
