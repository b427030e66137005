/** The configuration of Qwen3ForCausalLM and Qwen3Model (transformers), read as strictly as a UNet's. */
import { z } from "zod";
import {
  count,
  epsilon,
  few,
  inert,
  layers,
  only,
  parseConfig,
  show,
} from "../../checkpoint/parse-config.ts";
import { EmilieError } from "../../errors.ts";
import { ownKeys } from "../clip/config.ts";

const theta = z.number().positive().max(1e12);

/** Positions are turned by the plain rotary embedding: what stretches it for longer texts than a model was trained on is not implemented. */
const ropeSchema = z.strictObject({
  rope_type: only("default"),
  type: only("default"), // its name before transformers 4.43
  rope_theta: theta.optional(),
});

const schema = z.strictObject({
  model_type: only("qwen3"),
  vocab_size: count.default(151936),
  hidden_size: count.default(4096),
  intermediate_size: count.default(22016),
  num_hidden_layers: layers.default(32),
  num_attention_heads: few(2 ** 10).default(32),
  num_key_value_heads: few(2 ** 10)
    .nullable()
    .default(32), // null: as many as heads
  head_dim: few(2 ** 12).default(128),
  hidden_act: only("silu"),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  rope_theta: theta.default(10_000),
  rope_scaling: ropeSchema.optional(),
  rope_parameters: ropeSchema.optional(),
  use_sliding_window: z.boolean().default(false),
  sliding_window: count.default(4096),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z
    .array(z.literal(["full_attention", "sliding_attention"]))
    .max(256)
    .optional(),
  max_position_embeddings: inert, // of what it was trained on
  tie_word_embeddings: inert, // the words' scores are not computed
  // Token ids are the tokenizer's business.
  bos_token_id: inert,
  eos_token_id: inert,
  pad_token_id: inert,
  architectures: inert,
  attention_dropout: inert,
  initializer_range: inert,
  use_cache: inert,
  torch_dtype: inert,
  dtype: inert,
  transformers_version: inert,
});

export interface Qwen3Config {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rms_norm_eps: number;
  readonly attention_bias: boolean;
  /** The base of the rotary embedding. */
  readonly rope_theta: number;
}

/**
 * @param tokens of a text: layers that see only a window of the tokens before are refused where that is shorter
 * @throws EmilieError "checkpoint.unsupported" naming keys and values, "checkpoint.malformed" where they contradict each other
 */
export function parseQwen3Config(json: unknown, path: string, tokens: number): Qwen3Config {
  const parsed = parseConfig(ownKeys(json), path, schema);
  const heads = parsed.num_attention_heads;
  const keyHeads = parsed.num_key_value_heads ?? heads;
  const width = parsed.head_dim;
  const refuse = (code: "checkpoint.malformed" | "checkpoint.unsupported", problem: string) =>
    new EmilieError(code, `${path}: ${problem}.`);
  if (heads % keyHeads !== 0) {
    throw refuse(
      "checkpoint.malformed",
      `${heads} attention heads ("num_attention_heads") cannot share ${keyHeads} of keys and values ("num_key_value_heads")`,
    );
  }
  if (width % 2 !== 0) {
    throw refuse("checkpoint.malformed", `"head_dim" is ${width}; positions turn pairs of values`);
  }
  const types = parsed.layer_types;
  if (types && types.length !== parsed.num_hidden_layers) {
    throw refuse(
      "checkpoint.malformed",
      `"layer_types" has ${types.length} entries for ${parsed.num_hidden_layers} layers`,
    );
  }
  const slides = types
    ? types.includes("sliding_attention")
    : parsed.use_sliding_window && parsed.max_window_layers < parsed.num_hidden_layers;
  if (slides && parsed.sliding_window < tokens) {
    throw refuse(
      "checkpoint.unsupported",
      `"sliding_window" is ${show(parsed.sliding_window)}, and windows shorter than a text of ${tokens} tokens are not implemented`,
    );
  }
  const rope = parsed.rope_parameters ?? parsed.rope_scaling;
  return {
    vocab_size: parsed.vocab_size,
    hidden_size: parsed.hidden_size,
    intermediate_size: parsed.intermediate_size,
    num_hidden_layers: parsed.num_hidden_layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    head_dim: width,
    rms_norm_eps: parsed.rms_norm_eps,
    attention_bias: parsed.attention_bias,
    rope_theta: rope?.rope_theta ?? parsed.rope_theta,
  };
}
