/**
 * An EditModel made of a checkpoint of the InstructPix2Pix kind (SD 1.x, 2.x or XL): tokenizers, text encoders, VAE and
 * UNet, each network an ONNX graph whose weights stay where they are.
 */

import { abilitiesOf } from "../../checkpoint/abilities.ts";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { decisive, readUnderstanding, type UnderstandingHead } from "../../checkpoint/understanding.ts";
import type { Dialect } from "../../graph/graph.ts";
import type {
  CallOptions,
  DecodeOptions,
  DenoiseInput,
  Device,
  EditDefaults,
  EditModel,
  PredictionType,
  TextEncoding,
} from "../../method/edit-model.ts";
import type { Engine } from "../../runtime/engine.ts";
import { type MemoryMode, throwIfAborted } from "../../runtime/onnx-sessions.ts";
import { relativeError, scale, sideBySide } from "../../tensor/ops.ts";
import { type Tensor, tensor, zeros } from "../../tensor/tensor.ts";
import { Recent } from "../../util/recent.ts";
import type { EditorOptions } from "../architecture.ts";
import { vaeFactor } from "../autoencoder-kl/graph.ts";
import { VAE_LIMITS, type VaeLimits } from "../autoencoder-kl/vae.ts";
import { checkTinyFits, type TinyAutoencoder } from "../autoencoder-tiny/read.ts";
import { batch, invalid, sizeOfInput, unbatch } from "../call-inputs.ts";
import { buildClipText } from "../clip/text.ts";
import { NetworkRunner } from "../network-runner.ts";
import { type Autoencoder, ownAutoencoder, tinyAutoencoder } from "./autoencoder.ts";
import { type Checkpoint, pooledWidth, readCheckpoint } from "./checkpoint.ts";
import { trainedSize } from "./describe.ts";
import { matchLoras } from "./loras.ts";
import { type Networks, networksOf, placeAll, type TinyAutoencoders, type Weights } from "./networks.ts";
import { predictionType } from "./prediction-type.ts";
import { buildReader, DOUBT, feedsOf, meanOfRows, readerFingerprint, readerHead } from "./reader.ts";
import { understand } from "./understanding.ts";
import { buildUNet } from "./unet.ts";

export { type Checkpoint, readCheckpoint } from "./checkpoint.ts";

/** How a checkpoint is loaded; what differs from the defaults here is for measurements and tests. */
export interface EditModelOptions extends EditorOptions {
  /** Where pictures become too large for the VAE to run whole. Default VAE_LIMITS. */
  readonly vaeLimits?: VaeLimits;
  /** From how many pixels on self-attention spares keys (UNetShape). Default: as the precision has it. */
  readonly keysFrom?: number;
}

/**
 * The model of a checkpoint. The engine belongs to the model from here on: dispose() ends it. Throws EmilieError with
 * code "checkpoint.*" where the checkpoint cannot be used; nothing has been computed then.
 */
export async function createEditModel(
  source: CheckpointSource,
  engine: Engine,
  options: EditModelOptions,
): Promise<EditModel> {
  const { precision = "fp32", keysFrom } = options;
  const read = await readCheckpoint(source, precision);
  const checkpoint = options.understanding === false ? { ...read, reader: undefined } : read;
  const { tables, texts, reader, own, variant } = checkpoint;
  const { additions, variants, olderVariants, fewSteps } = await matchLoras(options.loras ?? [], checkpoint);
  const understanding =
    options.understanding !== false &&
    own.understanding &&
    (await readUnderstanding(source, own.understanding, texts[0]!.config.hidden_size));
  const { vae, previewVae } = options;
  const latents = { channels: checkpoint.vae.latent_channels, factor: vaeFactor(checkpoint.vae) };
  for (const tiny of [vae, previewVae]) if (tiny) checkTinyFits(tiny, latents);
  const tiny = { vae, previewVae };
  const weights = await placeAll(source, checkpoint, options.storage, additions, precision, tiny);
  // What is only looked at makes no other model.
  const ownVae = vae && `vae ${await fingerprint(vae.source, [vae.table], [], false)};`;
  const all = [tables.unet, tables.vae, ...texts.map(({ table }) => table)];
  const asReader = reader && [`reader ${await readerFingerprint(source, reader)}`];
  const fingerprintOf = (loras: readonly string[], named: boolean, readers = asReader) =>
    fingerprint(
      source,
      all,
      [
        variant,
        ...loras,
        ...(precision === "fp32" ? [] : [`precision ${precision}`]),
        ...(keysFrom === undefined ? [] : [`keys ${keysFrom}`]),
        ...(ownVae === undefined ? [] : [ownVae]),
        ...(understanding
          ? [`understanding ${JSON.stringify(decisive(own.understanding!))} ${understanding.sha256}`]
          : []),
        ...(readers ?? []),
      ],
      named,
    );
  // A single file, and a LoRA, may be renamed and stays what it is; sessions of before say what its name went into.
  const renamable = source.single !== undefined || variants.length > 0;
  const older = renamable ? [await fingerprintOf(olderVariants, true)] : [];
  // What was made before there was a reader asked none, and its recipe says so.
  if (reader) older.push(await fingerprintOf(variants, !source.single, []));
  return new DiffusersEditModel(engine, checkpoint, weights, {
    source,
    fingerprint: await fingerprintOf(variants, !source.single),
    olderFingerprints: older,
    defaults: understanding ? own.defaults : inOwnWords(own.defaults),
    abilities: abilitiesOf(source.id, own),
    fewSteps: fewSteps ?? undefined,
    understanding: understanding || undefined,
    reading: understanding && reader && (await readerHead(source, understanding, reader)),
    memory: options.memory ?? "normal",
    vaeLimits: options.vaeLimits ?? VAE_LIMITS,
    keysFrom,
    tiny,
  });
}

/** Without what a checkpoint understands there is nothing to rephrase. */
function inOwnWords({ rephrase: _, ...defaults }: EditDefaults): EditDefaults {
  return defaults;
}

interface Facts {
  readonly source: CheckpointSource;
  readonly fingerprint: string;
  readonly olderFingerprints: readonly string[];
  readonly defaults: EditDefaults;
  readonly abilities: EditModel["abilities"];
  readonly fewSteps: EditModel["fewSteps"];
  readonly understanding: UnderstandingHead | undefined;
  /** The reader's, with the same look at the picture. */
  readonly reading: UnderstandingHead | undefined | false;
  readonly memory: MemoryMode;
  readonly vaeLimits: VaeLimits;
  readonly keysFrom: number | undefined;
  readonly tiny: TinyAutoencoders;
}

class DiffusersEditModel implements EditModel {
  readonly id: string;
  readonly fingerprint: string;
  readonly olderFingerprints: readonly string[];
  readonly defaults: EditDefaults;
  readonly abilities: EditModel["abilities"];
  readonly fewSteps: EditModel["fewSteps"];
  readonly embedsGuidance: boolean;
  readonly scalingFactor: number;
  readonly conditionIsScaled: boolean;
  readonly factor: number;
  readonly stride: number;
  readonly nativeSize: number;
  readonly latentChannels: number;
  readonly predictionType: PredictionType;
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly understand: EditModel["understand"];
  readonly hasReader: boolean;
  readonly isFamiliar: EditModel["isFamiliar"];
  readonly calls = { encodeImage: 0, decodeLatent: 0, encodeText: 0, denoise: 0 };
  readonly #runner: NetworkRunner;
  readonly #checkpoint: Checkpoint;
  readonly #networks: Networks;
  readonly #weights: Weights;
  readonly #autoencoder: Autoencoder;
  readonly #previews: Autoencoder | undefined;
  readonly #keysFrom: number | undefined;
  readonly #texts = new Recent<string, TextEncoding>(MAX_TEXTS);

  constructor(engine: Engine, checkpoint: Checkpoint, weights: Weights, facts: Facts) {
    const { unet, vae } = checkpoint;
    this.#runner = new NetworkRunner(engine, facts.source, facts.memory);
    this.#checkpoint = checkpoint;
    this.#weights = weights;
    this.#keysFrom = facts.keysFrom;
    const { tiny, vaeLimits } = facts;
    this.#networks = networksOf(checkpoint, weights, tiny);
    const tinyOne = (one: TinyAutoencoder, placed: PlacedWeights) =>
      tinyAutoencoder(one, placed, vae.scaling_factor, vaeLimits);
    this.#autoencoder = tiny.vae
      ? tinyOne(tiny.vae, weights.vae)
      : ownAutoencoder(vae, weights.vae, vaeLimits);
    this.#previews = tiny.previewVae && tinyOne(tiny.previewVae, weights.previewVae!);
    this.id = facts.source.id;
    this.fingerprint = facts.fingerprint;
    this.olderFingerprints = facts.olderFingerprints;
    this.defaults = facts.defaults;
    this.abilities = facts.abilities;
    this.fewSteps = facts.fewSteps;
    this.embedsGuidance = unet.time_cond_proj_dim !== null;
    this.conditionIsScaled = checkpoint.family.conditionIsScaled;
    this.scalingFactor = vae.scaling_factor;
    this.latentChannels = vae.latent_channels;
    this.factor = vaeFactor(vae);
    this.stride = this.factor * 2 ** (unet.levels.length - 1);
    this.nativeSize = trainedSize(checkpoint);
    this.schedulerConfig = checkpoint.scheduler;
    this.predictionType = predictionType(checkpoint.scheduler);
    const { understanding, reading } = facts;
    this.hasReader = Boolean(reading);
    const limit = understanding?.config.presence?.familiar;
    if (limit !== undefined) this.isFamiliar = (c, options) => this.#comesBack(c, limit, options);
    if (understanding) {
      this.understand = (instruction, c, options = {}) => {
        const { rephrase = "off" } = options;
        const how = {
          rephrase: rephrase !== "off",
          isFamiliar: this.isFamiliar && (() => this.isFamiliar!(c, options)),
        };
        return rephrase === "reader" && reading
          ? understand(reading, (text) => this.#read(text, options), instruction, c, { ...how, doubt: DOUBT })
          : understand(understanding, (text) => this.#lastToken(text, options), instruction, c, how);
      };
    }
  }

  get device(): Device | undefined {
    return this.#runner.engine.device;
  }

  /** Whether the autoencoder, which was trained on the checkpoint's own pictures, gives the latent back. */
  async #comesBack(c: Tensor, limit: number, options?: CallOptions): Promise<boolean> {
    const latent = this.conditionIsScaled ? scale(c, 1 / this.scalingFactor) : c;
    const again = await this.encodeImage(await this.decodeLatent(latent, options), options);
    return relativeError(again, latent) <= limit;
  }

  async encodeImage(image: Tensor, options: CallOptions = {}): Promise<Tensor> {
    sizeOfInput("encodeImage", image, 3, this.factor);
    const run = this.#runner.stages(this.#networks.encodeImage, options);
    const latent = await this.#autoencoder.encode(batch(image), run);
    this.calls.encodeImage++;
    return unbatch(latent);
  }

  async decodeLatent(latent: Tensor, options: DecodeOptions = {}): Promise<Tensor> {
    sizeOfInput("decodeLatent", latent, this.latentChannels, 1);
    const { decodeLatent, previewLatent = decodeLatent } = this.#networks;
    const run = this.#runner.stages(options.preview ? previewLatent : decodeLatent, options);
    const autoencoder = (options.preview && this.#previews) || this.#autoencoder;
    const image = await autoencoder.decode(batch(latent), run);
    this.calls.decodeLatent++;
    return unbatch(image);
  }

  async encodeText(text: string, options: CallOptions = {}): Promise<TextEncoding> {
    this.#runner.requireAlive();
    throwIfAborted(options.signal);
    const known = this.#texts.get(text);
    if (known) return known;
    const encoding = await this.#encode(text, options);
    this.#texts.set(text, encoding);
    return encoding;
  }

  /** What the reader makes of a text, [width]. */
  async #read(text: string, options: CallOptions): Promise<Float32Array> {
    const reader = this.#checkpoint.reader!;
    const ids = reader.tokenizer.encode(text);
    const { tokens, feeds } = feedsOf(reader, ids);
    const build = (dialect: Dialect) => buildReader(reader, this.#weights.reader!, tokens, dialect);
    const { hidden } = await this.#runner.run(this.#networks.reader!, `${tokens}`, build, feeds, options);
    return meanOfRows(hidden!, ids.length);
  }

  /** The first text encoder's output where the text ends, [width]. */
  async #lastToken(text: string, options: CallOptions): Promise<Float32Array> {
    const { hidden } = await this.encodeText(text, options);
    const { config, tokenizer } = this.#checkpoint.texts[0]!;
    const end = tokenizer.encode(text).indexOf(tokenizer.end);
    return hidden.data.subarray(end * config.hidden_size, (end + 1) * config.hidden_size);
  }

  countTokens(text: string): { tokens: number; limit: number } {
    const { reader } = this.#checkpoint;
    if (reader && this.defaults.rephrase === "reader") {
      // The denoiser is given a phrase, so what the reader takes in is what counts.
      return { tokens: reader.tokenizer.count(text), limit: reader.tokenizer.length - 2 };
    }
    // Families with several text encoders have one vocabulary; the shortest of them is what is read whole.
    const tokenizers = this.#checkpoint.texts.map(({ tokenizer }) => tokenizer);
    const limit = Math.min(...tokenizers.map(({ length }) => length)) - 2;
    return { tokens: tokenizers[0]!.count(text), limit };
  }

  /** What all text encoders say, side by side; zeros for the null text of a family that was trained so. */
  async #encode(text: string, options: CallOptions): Promise<TextEncoding> {
    const { texts, family, tokens, emptyIsZero, unet } = this.#checkpoint;
    if (text === "" && emptyIsZero) {
      const hidden = zeros([tokens, unet.levels[0]!.crossAttentionDim]);
      const width = pooledWidth(unet);
      return width > 0 ? { hidden, pooled: zeros([1, width]) } : { hidden };
    }
    const encoded: TextEncoding[] = [];
    for (const [i, { config, tokenizer }] of texts.entries()) {
      const weights = this.#weights.texts[i]!;
      const use = family.texts[i]!;
      const ids = tokenizer.encode(text);
      // The text ends where its first end token stands; padding may repeat it.
      const end = { data: Int32Array.of(ids.indexOf(tokenizer.end)), shape: [1] };
      const feeds = { ids: { data: ids, shape: [tokens] }, ...(use.pooled ? { end } : {}) };
      const build = (dialect: Dialect) => buildClipText(config, weights, tokens, use, dialect);
      const { hidden, pooled } = await this.#runner.run(
        this.#networks.texts[i]!,
        `${tokens}`,
        build,
        feeds,
        options,
      );
      encoded.push({ hidden: hidden!, pooled });
    }
    this.calls.encodeText++;
    const hidden = sideBySide(encoded.map((one) => one.hidden));
    const pooled = encoded.find((one) => one.pooled)?.pooled;
    return pooled ? { hidden, pooled } : { hidden };
  }

  /** One after the other: on a CPU that is faster than a batch, and takes a third of the memory. */
  async denoise(
    inputs: readonly DenoiseInput[],
    timestep: number,
    options: CallOptions = {},
  ): Promise<Tensor[]> {
    const results: Tensor[] = [];
    const { unet: config } = this.#checkpoint;
    const { factor } = this;
    const keysFrom = this.#keysFrom;
    for (const { z, c, text, guidance = 1 } of inputs) {
      const [height, w] = sizeOfInput("denoise", z, this.latentChannels, 1);
      if (c && String(sizeOfInput("denoise", c, this.latentChannels, 1)) !== String([height, w])) {
        throw invalid(`denoise: z is [${z.shape}] and c is [${c.shape}]; they must have the same size`);
      }
      const [tokens = 0, textWidth] = text.hidden.shape;
      const width = pooledWidth(config);
      if (textWidth !== config.levels[0]!.crossAttentionDim || (text.pooled?.shape[1] ?? 0) !== width) {
        throw invalid(`denoise: a text encoding of shape [${text.hidden.shape}] is not one of this model's`);
      }
      const shape = { height, width: w, tokens, factor, keysFrom };
      const build = (dialect: Dialect) => buildUNet(config, this.#weights.unet, shape, dialect);
      const feeds = {
        z: batch(z),
        // What InstructPix2Pix was trained to take for no picture.
        c: batch(c ?? zeros(z.shape)),
        timestep: tensor([timestep], [1, 1]),
        text: text.hidden,
        ...(text.pooled ? { pooled: text.pooled } : {}),
        ...(this.embedsGuidance ? { guidance: tensor([guidance], [1, 1]) } : {}),
      };
      const size = `${height}x${w}x${tokens}`;
      const { noise } = await this.#runner.run(this.#networks.unet, size, build, feeds, options);
      this.calls.denoise++;
      results.push(unbatch(noise!));
    }
    return results;
  }

  async dispose(): Promise<void> {
    this.#texts.clear();
    const { unet, vae, texts, reader, previewVae } = this.#weights;
    const optional = [reader, previewVae].filter((one) => one !== undefined);
    await this.#runner.dispose([unet, vae, ...texts, ...optional]);
  }
}

/** Encodings kept: 77 × 768 floats are a quarter of a megabyte. */
const MAX_TEXTS = 256;
