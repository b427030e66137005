/**
 * The names of the original programs (CompVis/latent-diffusion, Stability-AI/generative-models, OpenCLIP) as the names that
 * diffusers and transformers have for the same tensors. Every tensor stays where it is in the file; three of OpenCLIP's
 * fused ones become three by offset. The VAE's are in autoencoder-kl/names.ts.
 */

import type { Refs } from "../../../checkpoint/refs.ts";
import type { WeightRef } from "../../../checkpoint/weights.ts";

/** Module paths of the original → module paths of diffusers. The longest that fits is taken. */
type Modules = ReadonlyMap<string, string>;

/** Renames by module; what no module fits keeps its name, and is reported as unknown when the graph is built. */
function renamed(refs: Refs, modules: Modules, inside: (module: string, rest: string) => string): Refs {
  return new Map(
    [...refs].map(([name, ref]) => {
      for (let cut = name.lastIndexOf("."); cut > 0; cut = name.lastIndexOf(".", cut - 1)) {
        const module = modules.get(name.slice(0, cut));
        if (module !== undefined) return [`${module}.${inside(module, name.slice(cut + 1))}`, ref] as const;
      }
      return [name, ref] as const;
    }),
  );
}

const RESNET: Readonly<Record<string, string>> = {
  "in_layers.0": "norm1",
  "in_layers.2": "conv1",
  "emb_layers.1": "time_emb_proj",
  "out_layers.0": "norm2",
  "out_layers.3": "conv2",
  skip_connection: "conv_shortcut",
};

/** Where the blocks of the original UNet, numbered through, lie in the levels of diffusers. */
export function unetModules(refs: Refs): Modules {
  const has = (name: string) => refs.has(`${name}.weight`);
  const modules = new Map([
    ["time_embed.0", "time_embedding.linear_1"],
    ["time_embed.2", "time_embedding.linear_2"],
    ["label_emb.0.0", "add_embedding.linear_1"],
    ["label_emb.0.2", "add_embedding.linear_2"],
    ["input_blocks.0.0", "conv_in"],
    ["middle_block.0", "mid_block.resnets.0"],
    ["middle_block.1", "mid_block.attentions.0"],
    ["middle_block.2", "mid_block.resnets.1"],
    ["out.0", "conv_norm_out"],
    ["out.2", "conv_out"],
  ]);
  let [level, layer] = [0, 0];
  for (let i = 1; has(`input_blocks.${i}.0.op`) || has(`input_blocks.${i}.0.in_layers.0`); i++) {
    if (has(`input_blocks.${i}.0.op`)) {
      modules.set(`input_blocks.${i}.0.op`, `down_blocks.${level}.downsamplers.0.conv`);
      [level, layer] = [level + 1, 0];
    } else {
      modules.set(`input_blocks.${i}.0`, `down_blocks.${level}.resnets.${layer}`);
      modules.set(`input_blocks.${i}.1`, `down_blocks.${level}.attentions.${layer++}`);
    }
  }
  [level, layer] = [0, 0];
  for (let i = 0; has(`output_blocks.${i}.0.in_layers.0`); i++) {
    const block = `output_blocks.${i}`;
    modules.set(`${block}.0`, `up_blocks.${level}.resnets.${layer}`);
    modules.set(`${block}.1`, `up_blocks.${level}.attentions.${layer++}`);
    // The upsampler comes after the attention, where there is one.
    const upsampler = [`${block}.1.conv`, `${block}.2.conv`].find(has);
    if (upsampler === undefined) continue;
    modules.set(upsampler, `up_blocks.${level}.upsamplers.0.conv`);
    [level, layer] = [level + 1, 0];
  }
  return modules;
}

export function unetNames(refs: Refs): Refs {
  return renamed(refs, unetModules(refs), (module, rest) => {
    if (!module.includes(".resnets.")) return rest;
    const cut = rest.lastIndexOf(".");
    return `${RESNET[rest.slice(0, cut)] ?? rest.slice(0, cut)}${rest.slice(cut)}`;
  });
}

/**
 * The other way: a module of diffusers' UNet in the original's naming, by the number of residual blocks of each level. An upsampler
 * has two names, as it comes after an attention or not.
 */
export function originalUNetModules(
  levels: readonly { readonly layers: number }[],
): (module: string) => readonly string[] {
  // The map above, made for a file that has these blocks and both kinds of upsampler.
  const names = ["time_embed.0", "out.0"];
  let i = 1;
  levels.forEach(({ layers }, level) => {
    for (let j = 0; j < layers; j++) names.push(`input_blocks.${i++}.0.in_layers.0`);
    if (level < levels.length - 1) names.push(`input_blocks.${i++}.0.op`);
  });
  i = 0;
  const upsamplers = new Map<string, string>();
  [...levels].reverse().forEach(({ layers }, level) => {
    for (let j = 0; j <= layers; j++) names.push(`output_blocks.${i++}.0.in_layers.0`);
    if (level === levels.length - 1) return;
    names.push(`output_blocks.${i - 1}.2.conv`);
    upsamplers.set(`up_blocks.${level}.upsamplers.0.conv`, `output_blocks.${i - 1}.1.conv`);
  });
  const ref: WeightRef = { file: "", type: "F32", shape: [], offset: 0, length: 0 };
  const modules = unetModules(new Map(names.map((name) => [`${name}.weight`, ref])));
  const back = new Map([...modules].map(([original, module]) => [module, original]));
  const inside = new Map(Object.entries(RESNET).map(([original, name]) => [name, original]));
  return (module) => {
    const other = upsamplers.get(module);
    for (let cut = module.length; cut > 0; cut = module.lastIndexOf(".", cut - 1)) {
      const original = back.get(module.slice(0, cut));
      if (original === undefined) continue;
      const rest = module.slice(cut + 1);
      const name = rest === "" ? original : `${original}.${inside.get(rest) ?? rest}`;
      return other === undefined ? [name] : [name, other];
    }
    return [];
  };
}

const OPEN_CLIP: readonly (readonly [RegExp, string])[] = [
  [/^positional_embedding$/, "embeddings.position_embedding.weight"],
  [/^token_embedding\./, "embeddings.token_embedding."],
  [/^ln_final\./, "final_layer_norm."],
  [/^transformer\.resblocks\./, "encoder.layers."],
  [/\.ln_([12])\./, ".layer_norm$1."],
  [/\.mlp\.c_fc\./, ".mlp.fc1."],
  [/\.mlp\.c_proj\./, ".mlp.fc2."],
  [/\.attn\./, ".self_attn."],
];

/** OpenCLIP's text tower. text_projection keeps its name: it is the transpose of transformers' text_projection.weight. */
export function openClipNames(refs: Refs): Refs {
  const result = new Map<string, WeightRef>();
  for (const [name, ref] of refs) {
    if (name === "text_projection") {
      result.set(name, ref);
      continue;
    }
    const moved = OPEN_CLIP.reduce((text, [from, to]) => text.replace(from, to), `${name}`);
    const fused = /^(.*)\.in_proj_(weight|bias)$/.exec(moved);
    if (!fused || ref.shape[0]! % 3 !== 0) {
      result.set(`text_model.${moved}`, ref);
      continue;
    }
    const length = ref.length / 3;
    for (const [i, part] of ["q_proj", "k_proj", "v_proj"].entries()) {
      const shape = [ref.shape[0]! / 3, ...ref.shape.slice(1)];
      const third = { ...ref, shape, length, offset: ref.offset + i * length };
      result.set(`text_model.${fused[1]}.${part}.${fused[2]}`, third);
    }
  }
  return result;
}
