/**
 * Tensors of diffusers' folders under the names of the original programs, as single files have them: the way back from
 * src/networks/stable-diffusion/single-file/names.ts, written down on its own.
 */
import { originalUNetModules } from "../../src/networks/stable-diffusion/single-file/names.ts";
import type { Components, Configs, Shapes } from "./published.ts";

type Named = readonly (readonly [name: string, shape: readonly number[]])[];

/** The tensors of a whole single file. `layers` of OpenCLIP's that never run are not in `components`: they are added here. */
export function originalNames(components: Components, configs: Configs): Shapes {
  const levels = configs.vae.block_out_channels.length;
  const xl = components.texts.length === 2;
  const openClip = configs.texts.length === 2 || configs.texts[0]!.hidden_size === 1024;
  const texts: Named = components.texts.flatMap((shapes, i) => {
    if (openClip && (i === 1 || !xl)) {
      const prefix = xl ? "conditioner.embedders.1.model." : "cond_stage_model.model.";
      return under(prefix, openClipNames(xl ? shapes : withLastLayer(shapes)));
    }
    return under(xl ? "conditioner.embedders.0.transformer." : "cond_stage_model.transformer.", [...shapes]);
  });
  return new Map([
    ...under("model.diffusion_model.", unetNames(components.unet, configs)),
    ...under("first_stage_model.", vaeNames(components.vae, levels)),
    ...texts,
  ]);
}

const under = (prefix: string, named: Named): Named =>
  named.map(([name, shape]) => [prefix + name, shape] as const);

function unetNames(shapes: Shapes, { unet }: Configs): Named {
  const original = originalUNetModules(unet.levels);
  const upwards = [...unet.levels].reverse();
  return [...shapes].map(([name, shape]) => {
    const cut = name.lastIndexOf(".");
    // An upsampler has two names; which of them, its level's attention says.
    const names = original(name.slice(0, cut));
    const level = /^up_blocks\.(\d+)\.upsamplers\./.exec(name)?.[1];
    const module = level === undefined || upwards[Number(level)]!.attendsUp ? names[0] : names[1];
    return [`${module}${name.slice(cut)}`, shape] as const;
  });
}

const VAE_ATTENTION: Readonly<Record<string, string>> = {
  group_norm: "norm",
  to_q: "q",
  to_k: "k",
  to_v: "v",
  "to_out.0": "proj_out",
};

function vaeNames(shapes: Shapes, levels: number): Named {
  return [...shapes].map(([name, shape]) => {
    const attention = /^(\w+)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)$/.exec(name);
    if (attention) {
      const [, where, part, kind] = attention;
      const convolved = shape.length === 2 ? [...shape, 1, 1] : shape;
      return [`${where}.mid.attn_1.${VAE_ATTENTION[part!]}.${kind}`, convolved] as const;
    }
    const original = name
      .replace(/^encoder\.down_blocks\.(\d+)\./, "encoder.down.$1.")
      .replace(/^decoder\.up_blocks\.(\d+)\./, (_, i) => `decoder.up.${levels - 1 - Number(i)}.`)
      .replace(/\.mid_block\.resnets\.(\d)\./, (_, i) => `.mid.block_${Number(i) + 1}.`)
      .replace(".resnets.", ".block.")
      .replace(/\.(down|up)samplers\.0\./, ".$1sample.")
      .replace(".conv_shortcut.", ".nin_shortcut.")
      .replace(".conv_norm_out.", ".norm_out.");
    return [original, shape] as const;
  });
}

/** SD 2.x has a layer and a projection of OpenCLIP's that its pipeline does not run. */
function withLastLayer(shapes: Shapes): Shapes {
  const layer = /\.layers\.(\d+)\./;
  const last = Math.max(...[...shapes.keys()].map((name) => Number(layer.exec(name)?.[1] ?? 0)));
  const more = [...shapes].flatMap(([name, shape]) =>
    layer.exec(name)?.[1] === String(last)
      ? [[name.replace(layer, `.layers.${last + 1}.`), shape] as const]
      : [],
  );
  const width = shapes.get("text_model.final_layer_norm.weight")![0]!;
  return new Map([...shapes, ...more, ["text_projection.weight", [width, width]]]);
}

function openClipNames(shapes: Shapes): Named {
  return [...shapes].flatMap(([name, shape]) => {
    if (name === "text_projection.weight") return [["text_projection", [shape[1]!, shape[0]!]] as const];
    // Three matrices of an attention are one.
    if (/\.(k|v)_proj\./.test(name)) return [];
    const original = name
      .replace("text_model.embeddings.position_embedding.weight", "positional_embedding")
      .replace("text_model.embeddings.token_embedding.", "token_embedding.")
      .replace("text_model.final_layer_norm.", "ln_final.")
      .replace("text_model.encoder.layers.", "transformer.resblocks.")
      .replace(/\.layer_norm(\d)\./, ".ln_$1.")
      .replace(".mlp.fc1.", ".mlp.c_fc.")
      .replace(".mlp.fc2.", ".mlp.c_proj.")
      .replace(/\.self_attn\.q_proj\.(\w+)/, ".attn.in_proj_$1")
      .replace(".self_attn.", ".attn.");
    const fused = /\.in_proj_/.test(original) ? [3 * shape[0]!, ...shape.slice(1)] : shape;
    return [[original, fused] as const];
  });
}
