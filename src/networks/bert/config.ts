/** The configuration of BertModel (transformers), read as strictly as a UNet's. */
import { z } from "zod";
import { count, epsilon, few, inert, layers, only, parseConfig } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { ownKeys } from "../clip/config.ts";

const bertSchema = z.strictObject({
  model_type: only("bert"),
  vocab_size: count.default(30522),
  hidden_size: count.default(768),
  num_hidden_layers: layers.default(12),
  num_attention_heads: count.default(12),
  intermediate_size: count.default(3072),
  hidden_act: z.literal("gelu").default("gelu"),
  max_position_embeddings: few(2 ** 16).default(512),
  type_vocab_size: few(2 ** 10).default(2),
  layer_norm_eps: epsilon.default(1e-12),
  position_embedding_type: only("absolute"),
  architectures: inert,
  attention_probs_dropout_prob: inert,
  bos_token_id: inert,
  classifier_dropout: inert,
  dtype: inert,
  eos_token_id: inert,
  gradient_checkpointing: inert,
  hidden_dropout_prob: inert,
  initializer_range: inert,
  pad_token_id: inert,
  torch_dtype: inert,
  transformers_version: inert,
  use_cache: inert,
});

export type BertConfig = z.output<typeof bertSchema>;

/** config.json of `folder`. Throws "checkpoint.missing", "checkpoint.unsupported" or "checkpoint.malformed" naming the key. */
export async function readBertConfig(source: CheckpointSource, folder: string): Promise<BertConfig> {
  const path = `${folder}/config.json`;
  const config = parseConfig(ownKeys(await readJson(source, path)), path, bertSchema);
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: hidden_size ${config.hidden_size} cannot be split into ${config.num_attention_heads} heads.`,
    );
  }
  return config;
}
