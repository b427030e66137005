/** The configuration of CLIPTextModel (transformers), read as strictly as a UNet's. */
import { z } from "zod";
import {
  asObject,
  count,
  epsilon,
  few,
  inert,
  layers,
  only,
  parseConfig,
} from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";

const textSchema = z.strictObject({
  model_type: only("clip_text_model"),
  vocab_size: count.default(49408),
  hidden_size: count.default(512),
  intermediate_size: count.default(2048),
  num_hidden_layers: layers.default(12),
  num_attention_heads: count.default(8),
  max_position_embeddings: few(2 ** 16).default(77),
  hidden_act: z.literal(["quick_gelu", "gelu"]).default("quick_gelu"),
  layer_norm_eps: epsilon.default(1e-5),
  use_attention_mask: only(false), // diffusers would mask padding; SD 1.x and 2.x do not
  // Token ids matter to the pooled output and to the tokenizer, which has its own configuration.
  bos_token_id: inert,
  eos_token_id: inert,
  pad_token_id: inert,
  projection_dim: count.nullable().default(512), // of the pooled output, where there is one
  architectures: inert,
  gradient_checkpointing: inert,
  use_cache: inert,
  dropout: inert,
  attention_dropout: inert,
  initializer_factor: inert,
  initializer_range: inert,
  torch_dtype: inert,
  dtype: inert,
  transformers_version: inert,
});

/**
 * What transformers' PretrainedConfig writes into older files besides the model's own keys: generation and
 * training settings, which a text encoder has no use for.
 */
const PRETRAINED_KEYS = new Set(
  (
    "add_cross_attention bad_words_ids begin_suppress_tokens chunk_size_feed_forward cross_attention_hidden_size " +
    "decoder_start_token_id diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size " +
    "exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id id2label is_decoder " +
    "is_encoder_decoder label2id length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams " +
    "num_return_sequences output_attentions output_hidden_states output_scores prefix problem_type " +
    "remove_invalid_values repetition_penalty return_dict return_dict_in_generate sep_token_id suppress_tokens " +
    "task_specific_params temperature tf_legacy_loss tie_encoder_decoder tie_word_embeddings tokenizer_class top_k " +
    "top_p torchscript typical_p use_bfloat16 pruned_heads"
  ).split(" "),
);

export type ClipTextConfig = z.output<typeof textSchema>;

/** A configuration of transformers without what every one of its models may carry. */
export function ownKeys(json: unknown): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([key]) => !PRETRAINED_KEYS.has(key)));
}

export function parseClipTextConfig(json: unknown, path = "text_encoder/config.json"): ClipTextConfig {
  const config = parseConfig(ownKeys(textPart(json, path)), path, textSchema);
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: hidden_size ${config.hidden_size} cannot be split into ${config.num_attention_heads} heads.`,
    );
  }
  return config;
}

/** The configuration of a whole CLIPModel is read for its text encoder, as transformers does. */
function textPart(json: unknown, path: string): unknown {
  const { model_type, text_config } = asObject(json, path);
  return model_type === "clip" && text_config ? text_config : json;
}

export const readClipTextConfig = async (
  source: CheckpointSource,
  folder = "text_encoder",
): Promise<ClipTextConfig> =>
  parseClipTextConfig(await readJson(source, `${folder}/config.json`), `${folder}/config.json`);
