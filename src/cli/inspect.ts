/** `emilie inspect`: what a checkpoint is, and what it costs per picture size, from its headers alone. */
import type { Command } from "commander";
import { type EmilieDefaults, readDefaults } from "../checkpoint/configs.ts";
import { folderSource } from "../checkpoint/source.node.ts";
import { dryPlacement } from "../checkpoint/storage.ts";
import type { WeightTable } from "../checkpoint/weights.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "../models/autoencoder-kl.ts";
import { type Checkpoint, readCheckpoint } from "../models/checkpoint.ts";
import { familyName, trainedSize } from "../models/describe.ts";
import { checkpointFolder } from "../models/load.node.ts";
import { buildUNet } from "../models/unet.ts";
import { defaultSampler } from "../samplers/config.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { formatLarge, type Output } from "./output.ts";
import { sayTable } from "./table.ts";

const HELP = `
Examples:
  $ emilie inspect picturebook
  $ emilie inspect timbrooks/instruct-pix2pix --json
  $ emilie inspect path/to/checkpoint

Only headers and configurations are read, so that it takes no longer for a checkpoint of many gigabytes.`;

export function addInspect(program: Command, context: Context): void {
  program
    .command("inspect")
    .description("show what a checkpoint is, and what it costs per picture size; nothing is computed")
    .argument("<checkpoint>", "a checkpoint that ships with emilie, a pulled OWNER/NAME, or a folder")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((checkpoint: string, flags: { json?: boolean }) =>
      context.run(flags.json ?? false, (output) => inspect(checkpoint, output)),
    );
}

async function inspect(name: string, output: Output): Promise<void> {
  const folder = checkpointFolder(name);
  const source = folderSource(folder, name);
  const checkpoint = await readCheckpoint(source);
  const facts = describeCheckpoint(checkpoint, await readDefaults(source));
  output.document({ id: name, folder, ...facts });

  output.say(`${name}: ${facts.family}`);
  output.say(`  ${folder}`);
  output.say(
    `  ${facts.prediction} prediction, ${facts.steps} steps of ${facts.sampler} by default, trained at about ${facts.nativeSize} px`,
  );
  output.say(
    `  pictures ${facts.factor} times as large as their latents (${facts.latentChannels} channels, scaling factor ${facts.scalingFactor})`,
  );
  output.say();
  sayTable(output, [
    ["network", "parameters", "stored as", "in the file", "in memory"],
    ...facts.networks.map((n) => [
      n.name,
      formatLarge(n.parameters),
      n.types.join(", "),
      formatLarge(n.storedBytes, "B"),
      formatLarge(4 * n.parameters, "B"),
    ]),
  ]);
  output.say();
  sayTable(output, [
    ["picture", "UNet call", "encode", "decode", "one edit", "working memory"],
    ...facts.sizes.map((s) => [
      `${s.size} px`,
      formatLarge(s.flops.unet, "FLOP"),
      formatLarge(s.flops.encode, "FLOP"),
      formatLarge(s.flops.decode, "FLOP"),
      formatLarge(s.flops.edit, "FLOP"),
      formatLarge(s.workingBytes, "B"),
    ]),
  ]);
  output.say(
    `\nOne edit: ${facts.steps} steps of three UNet calls, and one decoding. Working memory: the largest sum of`,
  );
  output.say("intermediate results, beside the weights, which are read from where they lie.");
}

function describeCheckpoint(checkpoint: Checkpoint, own: EmilieDefaults) {
  const { unet, vae, text, tokenizer, scheduler, tables } = checkpoint;
  const factor = vaeFactor(vae);
  const stride = factor * 2 ** (unet.levels.length - 1);
  const nativeSize = trainedSize(checkpoint, own);
  const steps = own.defaults.steps ?? 20;
  const sizes = [nativeSize / 2, nativeSize, 2 * nativeSize].map((size) => Math.ceil(size / stride) * stride);
  return {
    family: familyName(text),
    prediction: String(scheduler.prediction_type ?? "epsilon"),
    sampler: own.defaults.sampler ?? defaultSampler(scheduler),
    steps,
    nativeSize,
    factor,
    latentChannels: vae.latent_channels,
    scalingFactor: vae.scaling_factor,
    tokens: tokenizer.length,
    networks: [
      network("UNet", tables.unet),
      network("VAE", tables.vae),
      network("text encoder", tables.text),
    ],
    sizes: [...new Set(sizes)].map((size) => costs(checkpoint, size, steps)),
  };
}

/** Operations and memory of a square picture. */
function costs({ unet, vae, tokenizer, tables }: Checkpoint, size: number, steps: number) {
  const side = size / vaeFactor(vae);
  const graphs = {
    unet: buildUNet(unet, dryPlacement(tables.unet), { height: side, width: side, tokens: tokenizer.length }),
    encode: buildEncoder(vae, dryPlacement(tables.vae), size, size),
    decode: buildDecoder(vae, dryPlacement(tables.vae), side, side),
  };
  const { unet: call, encode, decode } = graphs;
  return {
    size,
    flops: {
      unet: call.flops,
      encode: encode.flops,
      decode: decode.flops,
      edit: 3 * steps * call.flops + decode.flops,
    },
    workingBytes: Math.max(...Object.values(graphs).map((graph) => graph.peakBytes)),
  };
}

function network(name: string, { tensors, files }: WeightTable) {
  const all = [...tensors.values()];
  return {
    name,
    parameters: all.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    types: [...new Set(all.map(({ type }) => type))].sort(),
    storedBytes: all.reduce((sum, { length }) => sum + length, 0),
    files: files.map(({ path }) => path),
  };
}
