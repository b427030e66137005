/**
 * The names that trainers give to a LoRA's tensors: PREFIX.MODULE.PART, with dots or, in kohya's naming, underscores.
 *
 * | writer | prefix | module | part |
 * |---|---|---|---|
 * | diffusers, `save_lora_weights` | unet. text_encoder. text_encoder_2. | diffusers' | lora_A.weight, before peft lora.down.weight |
 * | diffusers, `save_lora_adapter` | none | diffusers' | lora_A.weight |
 * | diffusers, `save_attn_procs` of 2023 | none, unet. | …attn1.processor.to_q | _lora.down.weight |
 * | diffusers' text encoders of 2023 | text_encoder. | …self_attn.to_q, …q_proj | _lora.down.weight, lora_linear_layer.down.weight |
 * | peft, `save_pretrained` | base_model.model. | diffusers', transformers' | lora_A.weight, lora_magnitude_vector, hada_*, lokr_* |
 * | kohya's sd-scripts, diffusers' export to it | lora_unet_ lora_te_ lora_te1_ lora_te2_ | diffusers', for SDXL the original's | lora_down.weight, alpha, dora_scale |
 * | LyCORIS | the same, lycoris_ | the same | lora_mid.weight, hada_*, lokr_*, diff, diff_b, w_norm, b_norm |
 * | OneTrainer | lora_unet. lora_te. lora_te1., unet. clip_l. clip_g. | both, with dots | kohya's |
 * | ComfyUI | diffusion_model. text_encoders.clip_l.transformer. | the original's | kohya's, diff, diff_b |
 */

/** One tensor's part in the change of a module. */
export type Part =
  | "down"
  | "up"
  | "mid"
  | "upBias"
  | "embeddingA"
  | "embeddingB"
  | "alpha"
  | "dora"
  | "magnitude"
  | `hada_w${1 | 2}_${"a" | "b"}`
  | "hada_t1"
  | "hada_t2"
  | `lokr_w${1 | 2}${"" | "_a" | "_b"}`
  | "lokr_t2"
  | "diff"
  | "bias";

export interface Key {
  /** Its module in diffusers' or the original's naming, without prefix and with the file's own dots. */
  readonly module: string;
  /** The network that its prefix names; null where it has none. */
  readonly network: string | null;
  readonly part: Part;
}

/** An adapter's name in peft, which its files mostly leave out. */
const NAME = String.raw`(?:\.[\w-]+)?`;
const plain = <T extends Part>(part: T) => [part, String.raw`\.${part}${NAME}`] as const;
const PARTS: readonly (readonly [Part, RegExp])[] = (
  [
    ["down", String.raw`(?:\.lora_down|\.lora_A${NAME}|[._]lora\.down|\.lora_linear_layer\.down)\.weight`],
    ["up", String.raw`(?:\.lora_up|\.lora_B${NAME}|[._]lora\.up|\.lora_linear_layer\.up)\.weight`],
    ["mid", String.raw`\.lora_mid\.weight`],
    ["upBias", String.raw`(?:\.lora_up|\.lora_B${NAME})\.bias`],
    ["embeddingA", String.raw`\.lora_embedding_A${NAME}`],
    ["embeddingB", String.raw`\.lora_embedding_B${NAME}`],
    ["alpha", String.raw`(?:[._]lora)?\.alpha`],
    ["dora", String.raw`\.dora_scale`],
    ["magnitude", `[._]lora_magnitude_vector${NAME}`],
    ...(["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"] as const).map(plain),
    ...(["lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"] as const).map(
      plain,
    ),
    ["diff", String.raw`\.(?:diff|w_norm)`],
    ["bias", String.raw`\.(?:diff_b|b_norm)`],
  ] as const
).map(([part, pattern]) => [part, new RegExp(`${pattern}$`)] as const);

/** What else trainers make, by the ends of its keys: named in the refusal. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^bundle_emb\.|^emb_params$|\.(string_to_param|emb_params)\b/, "textual inversion embeddings"],
  [/\boft_(blocks|diag|r)\b|\bboft_/, "OFT or BOFT"],
  [/\.[ab][12]\.weight$|\.bm\.weight$/, "GLoRA"],
  [/\.on_input$|\.ia3_l\b/, "(IA)³"],
  [/\.lora_E\b|\.ranknum\b/, "AdaLoRA"],
  [/\bvera_lambda_/, "VeRA"],
  [/\.lambda_layer$|\.[pq]_layer\.weight$/, "T-LoRA"],
  [/\.scalar$/, "LyCORIS's trained scalars"],
  [/_custom_diffusion\b/, "Custom Diffusion"],
  [/\.(set_weight|reshape_weight)$/, "replaced weights"],
  [/:(up|down)$|:\d+:/, "cloneofsimo's LoRA"],
  [/\bcontrolnet\b|^lora_controlnet|\blllite_/, "a ControlNet's"],
  [/\bip_adapter\b|\bto_[kv]_ip\b/, "IP-Adapter"],
  [/motion_modules/, "AnimateDiff"],
];

/** Wrappers of PyTorch and peft around the model's own names. */
const WRAPPERS = /^(?:base_model\.model\.|_orig_mod\.|module\.)+/;
/** The networks by the beginnings of their names, dots being underscores; the longer ones first. */
const PREFIXES: readonly (readonly [string, string])[] = [
  ["model_diffusion_model_", "unet"],
  ["diffusion_model_", "unet"],
  ["lora_unet_", "unet"],
  ["lycoris_unet_", "unet"],
  ["lycoris_", "unet"],
  ["unet_", "unet"],
  ["text_encoders_clip_l_", "text_encoder"],
  ["text_encoders_clip_h_", "text_encoder"],
  ["text_encoders_clip_g_", "text_encoder_2"],
  ["clip_l_", "text_encoder"],
  ["clip_h_", "text_encoder"],
  ["clip_g_", "text_encoder_2"],
  ["lora_te1_", "text_encoder"],
  ["lora_te2_", "text_encoder_2"],
  ["lora_te_", "text_encoder"],
  ["text_encoder_2_", "text_encoder_2"],
  ["text_encoder_1_", "text_encoder"],
  ["text_encoder_", "text_encoder"],
];

/** A module's name in the form in which names are compared. */
export const squashed = (module: string): string => module.replaceAll(".", "_");

/** A tensor's key taken apart; null for one that is no LoRA's. */
export function parseKey(key: string): Key | null {
  // Long names are nobody's, and patterns need not be tried on them.
  if (key.length > 500) return null;
  const found = PARTS.find(([, pattern]) => pattern.test(key));
  if (!found || refusedKind([key]) !== null) return null;
  const [part, pattern] = found;
  const bare = key
    .replace(pattern, "")
    .replace(WRAPPERS, "")
    .replace(/\.base_layer$/, "")
    .replace(".processor.", ".");
  const prefix = PREFIXES.find(([start]) => squashed(bare).startsWith(start));
  const module = prefix ? bare.slice(prefix[0].length) : bare;
  const network = prefix?.[1] ?? null;
  return {
    module: network === "unet" ? module : module.replace(/^transformer[._](?=text_)/, ""),
    network,
    part,
  };
}

/** The kind, where keys are of one that is known and not read. */
export function refusedKind(keys: readonly string[]): string | null {
  return REFUSED.find(([pattern]) => keys.some((key) => key.length <= 500 && pattern.test(key)))?.[1] ?? null;
}

/** Whether a file has the keys of peft's own `save_pretrained`, whose settings lie in a file beside it. */
export const isPeft = (keys: Iterable<string>): boolean =>
  [...keys].some((key) => key.startsWith("base_model.model."));
