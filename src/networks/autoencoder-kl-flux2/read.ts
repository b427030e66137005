/** AutoencoderKLFlux2 as it is published: a folder of diffusers, or a single file in the original program's naming (ae.safetensors). */
import { readWhole } from "../../checkpoint/convert.ts";
import { below, type Refs, shapeOf } from "../../checkpoint/refs.ts";
import { readSafetensorsHeader } from "../../checkpoint/safetensors.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { openWeights, type WeightRef, type WeightTable } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "../autoencoder-kl/graph.ts";
import { inferVae } from "../autoencoder-kl/infer.ts";
import { vaeNames } from "../autoencoder-kl/names.ts";
import { type Flux2VaeConfig, flux2Channels, parseFlux2VaeConfig } from "./config.ts";
import type { Statistics } from "./latents.ts";

type Settings = Readonly<Record<string, unknown>>;

export interface Flux2Vae {
  readonly config: Flux2VaeConfig;
  /** Without the statistics, which are read already. */
  readonly table: WeightTable;
  readonly statistics: Statistics;
}

/**
 * The autoencoder in `folder`, in the layout of diffusers.
 *
 * @throws EmilieError "checkpoint.*" naming the file, key or tensor where it is missing, damaged, or not one that is implemented
 */
export async function readFlux2Vae(source: CheckpointSource, folder = "vae"): Promise<Flux2Vae> {
  const path = `${folder}/config.json`;
  const config = parseFlux2VaeConfig(await readJson(source, path), path);
  return checked(source, config, await openWeights(source, folder, "diffusion_pytorch_model"));
}

/**
 * The same from a single file, whose configuration is told by the shapes of its tensors.
 *
 * @param settings what shapes do not tell, as in a config.json: default the published autoencoder's
 */
export async function readFlux2VaeFile(
  source: CheckpointSource,
  path: string,
  settings: Settings = {},
): Promise<Flux2Vae> {
  const { tensors, bytes } = await readSafetensorsHeader(source, path);
  const file = { path, size: await source.size(path), header: bytes };
  const refs = new Map([...tensors].map(([name, ref]) => [name, { ...ref, file: path }]));
  return flux2VaeOf(source, file, refs, settings);
}

/** The tensors of the autoencoder among those of a file, named without what all of them begin with; undefined where there is none. */
export function findFlux2Vae(tensors: Refs): Refs | undefined {
  const first = [...tensors.keys()].find((name) => name.endsWith(MARK));
  return first === undefined ? undefined : below(tensors, first.slice(0, -MARK.length));
}

/** No other network here is normalised so. */
const MARK = "bn.running_mean";

/** The same from tensors of a file, in the original naming or in that of diffusers. */
export async function flux2VaeOf(
  source: CheckpointSource,
  file: WeightTable["files"][number],
  tensors: Refs,
  settings: Settings = {},
): Promise<Flux2Vae> {
  const refs = flux2VaeNames(tensors);
  const where = `${file.path} (vae, inferred)`;
  const config = parseFlux2VaeConfig({ ...inferFlux2Vae(refs, file.path), ...settings }, where);
  const origin = `of ${file.path} (its vae, in the naming of diffusers)`;
  return checked(source, config, { folder: "vae", origin, files: [file], tensors: refs });
}

/** The original program has the 1×1 convolutions around the latent inside of encoder and decoder. */
export function flux2VaeNames(refs: Refs): Refs {
  const moved = [...vaeNames(refs)].map(
    ([name, ref]) =>
      [
        name.replace(/^encoder\.(quant_conv\.)/, "$1").replace(/^decoder\.(post_quant_conv\.)/, "$1"),
        ref,
      ] as const,
  );
  return new Map(moved);
}

function inferFlux2Vae(refs: Refs, file: string): Readonly<Record<string, unknown>> {
  const { scaling_factor: _, ...inferred } = inferVae(refs, file, 1);
  const levels = (inferred.block_out_channels as readonly number[]).length;
  const decoder = Array.from(
    { length: levels },
    (_, i) => shapeOf(refs, file, `decoder.up_blocks.${levels - 1 - i}.resnets.0.conv1.weight`)[0],
  );
  return { ...inferred, decoder_block_out_channels: decoder };
}

async function checked(
  source: CheckpointSource,
  config: Flux2VaeConfig,
  whole: WeightTable,
): Promise<Flux2Vae> {
  const own = [...whole.tensors].filter(([name]) => !name.startsWith(STATISTICS));
  const table = { ...whole, tensors: new Map(own) };
  const factor = vaeFactor(config.encoder);
  // The smallest graphs find every missing, unknown and misshapen tensor.
  buildEncoder(config.encoder, dryPlacement(table), factor, factor);
  buildDecoder(config.decoder, dryPlacement(table), 1, 1);
  return { config, table, statistics: await readStatistics(source, config, whole) };
}

const STATISTICS = "bn.";

async function readStatistics(
  source: CheckpointSource,
  config: Flux2VaeConfig,
  { tensors, folder, origin = `in ${folder}/` }: WeightTable,
): Promise<Statistics> {
  const channels = flux2Channels(config);
  const named = (name: string): readonly [string, WeightRef] => {
    const ref = tensors.get(name);
    if (ref && String(ref.shape) === String([channels])) return [name, ref];
    throw new EmilieError(
      ref ? "checkpoint.malformed" : "checkpoint.missing",
      `The tensors ${origin}: "${name}" of shape [${channels}], by which latents are normalised, ` +
        `${ref ? `has shape [${ref.shape}]` : "is missing"}.`,
    );
  };
  const mean = await readWhole(source, ...named("bn.running_mean"));
  const variance = await readWhole(source, ...named("bn.running_var"));
  const bad = variance.findIndex((value) => value < 0);
  if (bad >= 0) {
    throw new EmilieError(
      "checkpoint.malformed",
      `The tensors ${origin}: value ${bad} of "bn.running_var" is ${variance[bad]}, and a variance is not negative.`,
    );
  }
  return { mean, deviation: variance.map((value) => Math.sqrt(value + config.normEps)) };
}
