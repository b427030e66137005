/**
 * The names of the original program (black-forest-labs/flux2) and those of diffusers for the same tensors. Every tensor stays where it is in the file; a fused query, key and
 * value become three by their rows, and the last modulation, which the original has as (shift, scale), is read so.
 */
import { rowsOf, type WeightRef } from "../../checkpoint/weights.ts";

export type Refs = ReadonlyMap<string, WeightRef>;

const DOUBLE: Readonly<Record<string, string>> = {
  "img_attn.norm.query_norm": "attn.norm_q",
  "img_attn.norm.key_norm": "attn.norm_k",
  "img_attn.proj": "attn.to_out.0",
  "img_mlp.0": "ff.linear_in",
  "img_mlp.2": "ff.linear_out",
  "txt_attn.norm.query_norm": "attn.norm_added_q",
  "txt_attn.norm.key_norm": "attn.norm_added_k",
  "txt_attn.proj": "attn.to_add_out",
  "txt_mlp.0": "ff_context.linear_in",
  "txt_mlp.2": "ff_context.linear_out",
};
const SINGLE: Readonly<Record<string, string>> = {
  linear1: "attn.to_qkv_mlp_proj",
  linear2: "attn.to_out",
  "norm.query_norm": "attn.norm_q",
  "norm.key_norm": "attn.norm_k",
};
const OTHER: Readonly<Record<string, string>> = {
  img_in: "x_embedder",
  txt_in: "context_embedder",
  "time_in.in_layer": "time_guidance_embed.timestep_embedder.linear_1",
  "time_in.out_layer": "time_guidance_embed.timestep_embedder.linear_2",
  "guidance_in.in_layer": "time_guidance_embed.guidance_embedder.linear_1",
  "guidance_in.out_layer": "time_guidance_embed.guidance_embedder.linear_2",
  "double_stream_modulation_img.lin": "double_stream_modulation_img.linear",
  "double_stream_modulation_txt.lin": "double_stream_modulation_txt.linear",
  "single_stream_modulation.lin": "single_stream_modulation.linear",
  "final_layer.linear": "proj_out",
  "final_layer.adaLN_modulation.1": "norm_out.linear",
};
const FUSED: Readonly<Record<string, readonly string[]>> = {
  "img_attn.qkv": ["attn.to_q", "attn.to_k", "attn.to_v"],
  "txt_attn.qkv": ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
};

/** The modules of diffusers that an original one is: itself, or the parts that it is put together from, in their order. Empty for one that is not known. */
export function modulesOf(original: string): readonly string[] {
  const [, kind, block, inner = ""] = /^(double|single)_blocks\.(\d+)\.(.+)$/.exec(original) ?? [];
  if (kind === undefined) return OTHER[original] === undefined ? [] : [OTHER[original]];
  const prefix = kind === "double" ? `transformer_blocks.${block}` : `single_transformer_blocks.${block}`;
  const name = (kind === "double" ? DOUBLE : SINGLE)[inner];
  const names = name === undefined ? (kind === "double" ? (FUSED[inner] ?? []) : []) : [name];
  return names.map((one) => `${prefix}.${one}`);
}

/** Every original module of a transformer of so many blocks. */
export function originalModules(doubles: number, singles: number): string[] {
  const numbered = (kind: string, count: number, inner: readonly string[]) =>
    Array.from({ length: count }, (_, i) => inner.map((name) => `${kind}_blocks.${i}.${name}`)).flat();
  return [
    ...Object.keys(OTHER),
    ...numbered("double", doubles, [...Object.keys(DOUBLE), ...Object.keys(FUSED)]),
    ...numbered("single", singles, Object.keys(SINGLE)),
  ];
}

/** What other programs write before the transformer's names. */
const PREFIXES = ["model.diffusion_model.", "diffusion_model.", "transformer."];
/** Tensors of both namings by which a file is told to be of this architecture. */
const MARKS = ["single_stream_modulation.lin.weight", "single_stream_modulation.linear.weight"];

/** What the transformer's names in a file begin with; undefined where there is none in it. */
export function prefixIn(names: Iterable<string>): string | undefined {
  for (const name of names) {
    const mark = MARKS.find((one) => name.endsWith(one));
    const prefix = mark === undefined ? undefined : name.slice(0, -mark.length);
    if (prefix === "" || PREFIXES.includes(prefix ?? "")) return prefix;
  }
  return undefined;
}

/** Whether names are those of the original program. */
export const isOriginal = (refs: Refs): boolean => refs.has(MARKS[0]!);

/** Tensors in the naming of diffusers. What is not known keeps its name, and is reported when a graph is built. */
export function diffusersNames(refs: Refs): Refs {
  if (!isOriginal(refs)) return refs;
  const named: [string, WeightRef][] = [];
  for (const [name, ref] of refs) {
    const [, module = name, leaf = ""] = /^(.*)\.(weight|scale)$/.exec(name) ?? [];
    const modules = leaf === "" ? [] : modulesOf(module);
    const rows = (ref.shape[0] ?? 0) / modules.length;
    if (modules.length === 0 || !Number.isInteger(rows)) named.push([name, ref]);
    else if (modules.length === 1) named.push([`${modules[0]}.weight`, ref]);
    else
      for (const [i, one] of modules.entries())
        named.push([`${one}.weight`, rowsOf(ref, i * rows, (i + 1) * rows)]);
  }
  return new Map(named);
}
