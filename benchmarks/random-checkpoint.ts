/**
 * A whole full-size checkpoint of the InstructPix2Pix kind with random weights: UNet (859.5 M parameters), VAE (83.7 M) and CLIP
 * text encoder (123.1 M), 4.3 GB of fp32 in the layout of diffusers, written once into the folder of random-unet.ts. It edits nothing, and takes
 * as long as a real one. Loading it checks every name and shape given here.
 */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folder, makeRandomUNet, CONFIG as UNET } from "./random-unet.ts";
import { writeRandomWeights } from "./random-weights.ts";

const VAE = {
  in_channels: 3,
  out_channels: 3,
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
  block_out_channels: [128, 256, 512, 512],
  layers_per_block: 2,
  latent_channels: 4,
  norm_num_groups: 32,
  sample_size: 512,
  scaling_factor: 0.18215,
};

const TEXT = {
  model_type: "clip_text_model",
  architectures: ["CLIPTextModel"],
  vocab_size: 49408,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 77,
  hidden_act: "quick_gelu",
  projection_dim: 768,
};

const SCHEDULER = {
  _class_name: "EulerAncestralDiscreteScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  num_train_timesteps: 1000,
  prediction_type: "epsilon",
  steps_offset: 1,
};

const INDEX = {
  _class_name: "StableDiffusionInstructPix2PixPipeline",
  feature_extractor: [null, null],
  image_encoder: [null, null],
  requires_safety_checker: false,
  safety_checker: [null, null],
  scheduler: ["diffusers", SCHEDULER._class_name],
  text_encoder: ["transformers", "CLIPTextModel"],
  tokenizer: ["transformers", "CLIPTokenizer"],
  unet: ["diffusers", "UNet2DConditionModel"],
  vae: ["diffusers", "AutoencoderKL"],
};

/** Which words there are does not matter to the time, so a small vocabulary does. */
const TOKENIZER = new URL("../tests/fixtures/parity/sd1/checkpoint/tokenizer/", import.meta.url).pathname;

/** Makes the checkpoint where it is missing. Returns its folder and how many parameters each part has. */
export async function makeRandomCheckpoint(): Promise<{
  folder: string;
  parameters: Record<string, number>;
}> {
  const configs = {
    "unet/config.json": { _class_name: "UNet2DConditionModel", ...UNET },
    "vae/config.json": { _class_name: "AutoencoderKL", ...VAE },
    "text_encoder/config.json": TEXT,
    "scheduler/scheduler_config.json": SCHEDULER,
    "model_index.json": INDEX,
  };
  for (const part of ["unet", "vae", "text_encoder", "scheduler", "tokenizer"])
    await mkdir(join(folder, part), { recursive: true });
  for (const [path, json] of Object.entries(configs))
    await writeFile(join(folder, path), `${JSON.stringify(json, null, 2)}\n`);
  for (const file of await readdir(TOKENIZER))
    await copyFile(join(TOKENIZER, file), join(folder, "tokenizer", file));
  const vae = join(folder, "vae", "diffusion_pytorch_model.safetensors");
  const text = join(folder, "text_encoder", "model.safetensors");
  return {
    folder,
    parameters: {
      unet: await makeRandomUNet(),
      vae: await writeRandomWeights(vae, new Map(vaeShapes())),
      text: await writeRandomWeights(text, new Map(textShapes())),
    },
  };
}

type Named = readonly [name: string, shape: readonly number[]];

function* layer(name: string, out: number, ...rest: readonly number[]): Generator<Named> {
  yield [`${name}.weight`, [out, ...rest]];
  yield [`${name}.bias`, [out]];
}

/** AutoencoderKL: two residual blocks a level on the way down, three on the way up, one attention in the middle. */
function* vaeShapes(): Generator<Named> {
  const { block_out_channels: channels, layers_per_block: layers, latent_channels: latent } = VAE;
  const [first, last] = [channels[0]!, channels.at(-1)!];
  yield* layer("encoder.conv_in", first, 3, 3, 3);
  yield* vaeBlocks("encoder.down_blocks", channels, first, layers, "downsamplers");
  yield* vaeMiddle("encoder.mid_block", last);
  yield* layer("encoder.conv_norm_out", last);
  yield* layer("encoder.conv_out", 2 * latent, last, 3, 3);
  yield* layer("quant_conv", 2 * latent, 2 * latent, 1, 1);
  yield* layer("post_quant_conv", latent, latent, 1, 1);
  yield* layer("decoder.conv_in", last, latent, 3, 3);
  yield* vaeMiddle("decoder.mid_block", last);
  yield* vaeBlocks("decoder.up_blocks", channels.toReversed(), last, layers + 1, "upsamplers");
  yield* layer("decoder.conv_norm_out", first);
  yield* layer("decoder.conv_out", 3, first, 3, 3);
}

function* vaeBlocks(
  path: string,
  channels: readonly number[],
  from: number,
  layers: number,
  samplers: string,
): Generator<Named> {
  let before = from;
  for (const [i, out] of channels.entries()) {
    for (let j = 0; j < layers; j++) {
      yield* resnet(`${path}.${i}.resnets.${j}`, before, out);
      before = out;
    }
    if (i < channels.length - 1) yield* layer(`${path}.${i}.${samplers}.0.conv`, out, out, 3, 3);
  }
}

function* vaeMiddle(path: string, c: number): Generator<Named> {
  yield* resnet(`${path}.resnets.0`, c, c);
  yield* layer(`${path}.attentions.0.group_norm`, c);
  for (const name of ["to_q", "to_k", "to_v", "to_out.0"]) yield* layer(`${path}.attentions.0.${name}`, c, c);
  yield* resnet(`${path}.resnets.1`, c, c);
}

function* resnet(path: string, from: number, out: number): Generator<Named> {
  yield* layer(`${path}.norm1`, from);
  yield* layer(`${path}.conv1`, out, from, 3, 3);
  yield* layer(`${path}.norm2`, out);
  yield* layer(`${path}.conv2`, out, out, 3, 3);
  if (from !== out) yield* layer(`${path}.conv_shortcut`, out, from, 1, 1);
}

/** CLIPTextModel, under "text_model." as published files have it. */
function* textShapes(): Generator<Named> {
  const { hidden_size: width, intermediate_size: inner } = TEXT;
  const root = "text_model";
  yield [`${root}.embeddings.token_embedding.weight`, [TEXT.vocab_size, width]];
  yield [`${root}.embeddings.position_embedding.weight`, [TEXT.max_position_embeddings, width]];
  for (let i = 0; i < TEXT.num_hidden_layers; i++) {
    const at = `${root}.encoder.layers.${i}`;
    yield* layer(`${at}.layer_norm1`, width);
    for (const name of ["q_proj", "k_proj", "v_proj", "out_proj"])
      yield* layer(`${at}.self_attn.${name}`, width, width);
    yield* layer(`${at}.layer_norm2`, width);
    yield* layer(`${at}.mlp.fc1`, inner, width);
    yield* layer(`${at}.mlp.fc2`, width, inner);
  }
  yield* layer(`${root}.final_layer_norm`, width);
}
