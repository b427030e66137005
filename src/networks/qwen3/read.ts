/** A text encoder of the class Qwen3ForCausalLM with its tokenizer, in the layout of diffusers. */
import { below, countOf, type Refs, shapeOf } from "../../checkpoint/refs.ts";
import { scaledTable } from "../../checkpoint/scaled.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { openWeights, type WeightRef, type WeightTable } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { parseQwen3Config, type Qwen3Config } from "./config.ts";
import { buildQwen3, layersNeeded } from "./graph.ts";
import { type ChatTokenizer, readChatTokenizer } from "./tokenizer.ts";

/** Tokens of a text, and whose layers' results are side by side: those of FLUX.2 klein, 4B and 9B. */
export const KLEIN_TEXT = { tokens: 512, layers: [9, 18, 27] } as const;

export interface Qwen3Options {
  /** Default 512. */
  readonly tokens?: number;
  /** Whose results are wanted (Qwen3Use). Default 9, 18 and 27. */
  readonly layers?: readonly number[];
  /** Default "text_encoder". */
  readonly folder?: string;
  /** Default "tokenizer". */
  readonly tokenizer?: string;
  /** Of a file without a configuration: what shapes do not tell, as in a config.json. Default: as published. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Where the tokenizer is, if elsewhere. */
  readonly tokenizerSource?: CheckpointSource;
}

export interface Qwen3 {
  readonly config: Qwen3Config;
  readonly tokenizer: ChatTokenizer;
  /** The tensors that run: without the embeddings, which are looked up, and without what comes after the last layer that is wanted. */
  readonly table: WeightTable;
  readonly embeddings: WeightRef;
  readonly layers: readonly number[];
}

/**
 * Reads configurations and headers, and checks that every tensor fits.
 *
 * @throws EmilieError "checkpoint.*" naming the file, key or tensor
 */
export async function readQwen3(source: CheckpointSource, options: Qwen3Options = {}): Promise<Qwen3> {
  const { folder = "text_encoder" } = options;
  const path = `${folder}/config.json`;
  const config = parseQwen3Config(await readJson(source, path), path, options.tokens ?? KLEIN_TEXT.tokens);
  return qwen3Of(source, config, scaledTable(await openWeights(source, folder, "model")), path, options);
}

/** The same from tensors of a file that has no configuration: what their shapes cannot tell is what the published ones have. */
export async function readQwen3File(
  source: CheckpointSource,
  file: WeightTable["files"][number],
  tensors: Refs,
  options: Qwen3Options = {},
): Promise<Qwen3> {
  const where = `${file.path} (text_encoder, inferred)`;
  const json = { ...inferQwen3(withoutPrefix(tensors), file.path), ...options.settings };
  const config = parseQwen3Config(json, where, options.tokens ?? KLEIN_TEXT.tokens);
  const origin = `of ${file.path} (its text encoder, in the naming of transformers)`;
  return qwen3Of(source, config, { folder: "text_encoder", origin, files: [file], tensors }, where, options);
}

/** The tensors of a Qwen3 text encoder among those of a file, named without what all of them begin with; undefined where there is none. */
export function findQwen3(tensors: Refs): Refs | undefined {
  const first = [...tensors.keys()].find((name) => name.endsWith(MARK));
  if (first === undefined) return undefined;
  const prefix = first.slice(0, -MARK.length);
  const all = below(tensors, prefix.endsWith(PREFIX) ? prefix.slice(0, -PREFIX.length) : prefix);
  return new Map([...all].filter(([name]) => OWN.test(name)));
}

const OWN = /^(?:model\.)?(?:layers|embed_tokens|norm)\.|^lm_head\./;

/** Of CLIP and T5, none has it. */
const MARK = "layers.0.self_attn.q_norm.weight";
const PREFIX = "model.";
const EMBEDDINGS = "embed_tokens.weight";

/** Qwen3Model's names: Qwen3ForCausalLM has them below "model.". */
function withoutPrefix(tensors: Refs): Refs {
  return new Map(
    [...tensors].map(([name, ref]) => [name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, ref]),
  );
}

/** Qwen3's, of every size that is published. */
const ASSUMED = { model_type: "qwen3", rope_theta: 1_000_000, rms_norm_eps: 1e-6 };

function inferQwen3(refs: Refs, file: string): Readonly<Record<string, unknown>> {
  const rows = (name: string) => shapeOf(refs, file, `layers.0.${name}.weight`)[0] ?? 0;
  const [vocabulary, hidden] = shapeOf(refs, file, EMBEDDINGS);
  const width = rows("self_attn.q_norm");
  return {
    ...ASSUMED,
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: rows("mlp.gate_proj"),
    num_hidden_layers: countOf(refs, /^layers\.(\d+)\./),
    num_attention_heads: Math.floor(rows("self_attn.q_proj") / width),
    num_key_value_heads: Math.floor(rows("self_attn.k_proj") / width),
    head_dim: width,
    attention_bias: refs.has("layers.0.self_attn.q_proj.bias"),
  };
}

async function qwen3Of(
  source: CheckpointSource,
  config: Qwen3Config,
  whole: WeightTable,
  path: string,
  options: Qwen3Options,
): Promise<Qwen3> {
  const { tokens = KLEIN_TEXT.tokens, layers = KLEIN_TEXT.layers } = options;
  const needed = layersNeeded(layers);
  if (needed > config.num_hidden_layers) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path}: "num_hidden_layers" is ${config.num_hidden_layers}, and what layer ${needed} makes is wanted of it.`,
    );
  }
  const refs = withoutPrefix(whole.tensors);
  const embeddings = refs.get(EMBEDDINGS);
  const shape = [config.vocab_size, config.hidden_size];
  if (!embeddings || String(embeddings.shape) !== String(shape)) {
    throw new EmilieError(
      embeddings ? "checkpoint.malformed" : "checkpoint.missing",
      `${whole.origin ? `The tensors ${whole.origin}` : `${whole.folder}/`}: "${EMBEDDINGS}" of shape [${shape}] ` +
        `${embeddings ? `has shape [${embeddings.shape}]` : "is missing"}.`,
    );
  }
  const usesNorm = layers.includes(config.num_hidden_layers);
  const idle = (name: string) =>
    name === EMBEDDINGS ||
    name === "lm_head.weight" ||
    (name === "norm.weight" && !usesNorm) ||
    // Of a layer that the configuration has, and that is not wanted.
    isBetween(Number(/^layers\.(\d+)\./.exec(name)?.[1] ?? -1), needed, config.num_hidden_layers);
  const table = { ...whole, tensors: new Map([...refs].filter(([name]) => !idle(name))) };
  buildQwen3(config, dryPlacement(table), { tokens: 1, layers });
  const { tokenizer: folder = "tokenizer", tokenizerSource = source } = options;
  const tokenizer = await readChatTokenizer(tokenizerSource, folder, config.vocab_size, tokens);
  return { config, tokenizer, table, embeddings, layers };
}

const isBetween = (n: number, from: number, to: number) => n >= from && n < to;
