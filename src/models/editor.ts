/**
 * An EditModel made of a diffusers checkpoint of the InstructPix2Pix kind (SD 1.x or 2.x): tokenizer, text encoder, VAE
 * and UNet, each network an ONNX graph whose weights stay where they are.
 */
import {
  type ClipTextConfig,
  checkPipeline,
  readClipTextConfig,
  readDefaults,
  readUNetConfig,
  readVaeConfig,
  type UNetConfig,
  type VaeConfig,
} from "../checkpoint/configs.ts";
import { fingerprint } from "../checkpoint/fingerprint.ts";
import { type CheckpointSource, readJson } from "../checkpoint/source.ts";
import { dryPlacement, type PlacedWeights, type WeightStorage } from "../checkpoint/storage.ts";
import { readTokenizer, type Tokenizer } from "../checkpoint/tokenizer.ts";
import { openWeights, type WeightTable } from "../checkpoint/weights.ts";
import { EmilieError } from "../errors.ts";
import type { Engine } from "../runtime/engine.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "./autoencoder-kl.ts";
import { buildClipText } from "./clip-text.ts";
import type {
  CallOptions,
  EditDefaults,
  EditModel,
  PredictionType,
  TextEncoding,
  UNetInput,
} from "./model.ts";
import { type MemoryMode, type Network, SessionCache, throwIfAborted } from "./session-cache.ts";
import { buildUNet } from "./unet.ts";

export interface EditModelOptions {
  /** How weights reach the runtime. */
  readonly storage: WeightStorage;
  /**
   * "low" keeps one session alive at a time and its weights in their files alone: less memory, a few per cent slower,
   * and a session is made again whenever another network had its turn. Default "normal".
   */
  readonly memory?: MemoryMode;
}

/** Everything that is read before the first network runs. */
export interface Checkpoint {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  readonly text: ClipTextConfig;
  readonly tokenizer: Tokenizer;
  readonly scheduler: Readonly<Record<string, unknown>>;
  readonly tables: Readonly<Record<"unet" | "vae" | "text", WeightTable>>;
}

/**
 * Reads configurations and headers of a checkpoint and checks that every tensor fits. Throws EmilieError with code
 * "checkpoint.*", naming the file, key or tensor.
 */
export async function readCheckpoint(source: CheckpointSource): Promise<Checkpoint> {
  await checkPipeline(source);
  const [unet, vae, text] = await Promise.all([
    readUNetConfig(source),
    readVaeConfig(source),
    readClipTextConfig(source),
  ]);
  checkTogether(source.id, unet, vae, text);
  const tokenizer = await readTokenizer(source, "tokenizer", text.max_position_embeddings);
  const scheduler = (await readJson(source, "scheduler/scheduler_config.json")) as Record<string, unknown>;
  const tables = {
    unet: await openWeights(source, "unet", "diffusion_pytorch_model"),
    vae: await openWeights(source, "vae", "diffusion_pytorch_model"),
    text: await openWeights(source, "text_encoder", "model"),
  };
  // Building the smallest graphs finds every missing, unknown and misshapen tensor before anything is computed.
  const side = 2 ** (unet.levels.length - 1);
  buildUNet(unet, dryPlacement(tables.unet), { height: side, width: side, tokens: tokenizer.length });
  buildEncoder(vae, dryPlacement(tables.vae), vaeFactor(vae), vaeFactor(vae));
  buildDecoder(vae, dryPlacement(tables.vae), 1, 1);
  buildClipText(text, dryPlacement(tables.text), tokenizer.length);
  return { unet, vae, text, tokenizer, scheduler, tables };
}

function checkTogether(id: string, unet: UNetConfig, vae: VaeConfig, text: ClipTextConfig): void {
  const latent = vae.latent_channels;
  if (unet.in_channels !== 2 * latent || unet.out_channels !== latent) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${id} cannot edit: unet/config.json has in_channels ${unet.in_channels} and out_channels ${unet.out_channels}, ` +
        `where an InstructPix2Pix UNet of a VAE with ${latent} latent channels has ${2 * latent} and ${latent}. ` +
        "A text-to-image checkpoint has no input for the picture; use an instruction checkpoint.",
    );
  }
  const wrong = unet.levels.find((level) => level.crossAttentionDim !== text.hidden_size);
  if (wrong) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${id}: unet/config.json has "cross_attention_dim" ${wrong.crossAttentionDim}, but the text encoder's ` +
        `"hidden_size" is ${text.hidden_size}.`,
    );
  }
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
  const checkpoint = await readCheckpoint(source);
  const own = await readDefaults(source);
  const { tables } = checkpoint;
  const place = (table: WeightTable) => options.storage.place(source, table);
  const weights = {
    unet: await place(tables.unet),
    vae: await place(tables.vae),
    text: await place(tables.text),
  };
  return new DiffusersEditModel(engine, checkpoint, weights, {
    id: source.id,
    fingerprint: await fingerprint(source, Object.values(tables)),
    defaults: own.defaults,
    nativeSize: own.nativeSize,
    memory: options.memory ?? "normal",
  });
}

interface Facts {
  readonly id: string;
  readonly fingerprint: string;
  readonly defaults: EditDefaults;
  readonly nativeSize: number | undefined;
  readonly memory: MemoryMode;
}

class DiffusersEditModel implements EditModel {
  readonly id: string;
  readonly fingerprint: string;
  readonly defaults: EditDefaults;
  readonly scalingFactor: number;
  /** InstructPix2Pix feeds the unscaled mode. */
  readonly conditionIsScaled = false;
  readonly factor: number;
  readonly stride: number;
  readonly nativeSize: number;
  readonly latentChannels: number;
  readonly predictionType: PredictionType;
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly calls = { encodeImage: 0, decodeLatent: 0, encodeText: 0, unet: 0 };
  readonly #engine: Engine;
  readonly #checkpoint: Checkpoint;
  readonly #weights: Record<"unet" | "vae" | "text", PlacedWeights>;
  readonly #sessions: SessionCache;
  readonly #texts = new Map<string, TextEncoding>();
  #disposed = false;

  constructor(
    engine: Engine,
    checkpoint: Checkpoint,
    weights: Record<"unet" | "vae" | "text", PlacedWeights>,
    facts: Facts,
  ) {
    const { unet, vae } = checkpoint;
    this.#engine = engine;
    this.#checkpoint = checkpoint;
    this.#weights = weights;
    this.#sessions = new SessionCache(engine, facts.memory);
    this.id = facts.id;
    this.fingerprint = facts.fingerprint;
    this.defaults = facts.defaults;
    this.scalingFactor = vae.scaling_factor;
    this.latentChannels = vae.latent_channels;
    this.factor = vaeFactor(vae);
    this.stride = this.factor * 2 ** (unet.levels.length - 1);
    this.nativeSize = facts.nativeSize ?? this.factor * Math.max(...[unet.sample_size ?? 64].flat());
    this.schedulerConfig = checkpoint.scheduler;
    this.predictionType = predictionType(checkpoint.scheduler);
  }

  async encodeImage(image: Tensor, options: CallOptions = {}): Promise<Tensor> {
    const [height, width] = this.#picture("encodeImage", image, 3, this.factor);
    const build = () => buildEncoder(this.#checkpoint.vae, this.#weights.vae, height, width);
    const feeds = { image: batch(image) };
    this.calls.encodeImage++;
    const { latent } = await this.#run("encoder", "vae", `${height}x${width}`, build, feeds, options);
    return unbatch(latent!);
  }

  async decodeLatent(latent: Tensor, options: CallOptions = {}): Promise<Tensor> {
    const [height, width] = this.#picture("decodeLatent", latent, this.latentChannels, 1);
    const build = () => buildDecoder(this.#checkpoint.vae, this.#weights.vae, height, width);
    const feeds = { z: batch(latent) };
    this.calls.decodeLatent++;
    const { image } = await this.#run("decoder", "vae", `${height}x${width}`, build, feeds, options);
    return unbatch(image!);
  }

  async encodeText(text: string, options: CallOptions = {}): Promise<TextEncoding> {
    this.#alive();
    throwIfAborted(options.signal);
    const known = this.#texts.get(text);
    if (known) return known;
    const { tokenizer, text: config } = this.#checkpoint;
    const build = () => buildClipText(config, this.#weights.text, tokenizer.length);
    const feeds = { ids: { data: tokenizer.encode(text), shape: [tokenizer.length] } };
    this.calls.encodeText++;
    const { hidden } = await this.#run("text", "text", `${tokenizer.length}`, build, feeds, options);
    const encoding = { hidden: hidden! };
    if (this.#texts.size >= MAX_TEXTS) this.#texts.delete(this.#texts.keys().next().value!);
    this.#texts.set(text, encoding);
    return encoding;
  }

  /** One after the other: on a CPU that is faster than a batch, and takes a third of the memory. */
  async unet(inputs: readonly UNetInput[], timestep: number, options: CallOptions = {}): Promise<Tensor[]> {
    const results: Tensor[] = [];
    for (const { z, c, text } of inputs) {
      const [height, width] = this.#picture("unet", z, this.latentChannels, 1);
      const [h, w] = this.#picture("unet", c, this.latentChannels, 1);
      if (h !== height || w !== width) {
        throw invalid(`unet: z is [${z.shape}] and c is [${c.shape}]; they must have the same size`);
      }
      const [tokens = 0, textWidth] = text.hidden.shape;
      if (textWidth !== this.#checkpoint.text.hidden_size) {
        throw invalid(`unet: a text encoding of shape [${text.hidden.shape}] is not one of this model's`);
      }
      const build = () => buildUNet(this.#checkpoint.unet, this.#weights.unet, { height, width, tokens });
      const feeds = {
        z: batch(z),
        c: batch(c),
        timestep: tensor([timestep], [1, 1]),
        text: text.hidden,
      };
      this.calls.unet++;
      const size = `${height}x${width}x${tokens}`;
      const { noise } = await this.#run("unet", "unet", size, build, feeds, options);
      results.push(unbatch(noise!));
    }
    return results;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#texts.clear();
    await this.#engine.dispose();
    for (const weights of Object.values(this.#weights)) await weights.release();
  }

  async #run(
    name: string,
    part: "unet" | "vae" | "text",
    size: string,
    build: Parameters<SessionCache["run"]>[2],
    feeds: Parameters<SessionCache["run"]>[3],
    options: CallOptions,
  ): Promise<Record<string, Tensor>> {
    this.#alive();
    const network: Network = { name, weights: this.#weights[part], hot: part === "unet" };
    return this.#sessions.run(network, size, build, feeds, options.signal);
  }

  #alive(): void {
    if (this.#disposed) {
      throw new EmilieError("disposed", `The model ${this.id} was disposed; load it again to use it.`);
    }
  }

  /** Height and width of x [channels, height, width], both multiples of `step`. */
  #picture(call: string, x: Tensor, channels: number, step: number): [number, number] {
    const [c, height = 0, width = 0] = x.shape;
    const good = x.shape.length === 3 && c === channels && height > 0 && width > 0;
    if (!good || height % step !== 0 || width % step !== 0) {
      const sides = step > 1 ? `, height and width multiples of ${step}` : "";
      throw invalid(
        `${call}: expected a tensor of shape [${channels}, height, width]${sides}; got [${x.shape}]`,
      );
    }
    return [height, width];
  }
}

/** Encodings kept: 77 × 768 floats are a quarter of a megabyte. */
const MAX_TEXTS = 256;

const batch = (x: Tensor): Tensor => ({ data: x.data, shape: [1, ...x.shape] });
const unbatch = (x: Tensor): Tensor => ({ data: x.data, shape: x.shape.slice(1) });
const invalid = (message: string) => new EmilieError("option.invalid", `${message}.`);

function predictionType(scheduler: Readonly<Record<string, unknown>>): PredictionType {
  const value = scheduler.prediction_type ?? "epsilon";
  if (value === "epsilon" || value === "v_prediction" || value === "sample") return value;
  throw new EmilieError(
    "checkpoint.unsupported",
    `scheduler/scheduler_config.json: "prediction_type" is ${JSON.stringify(value)}; ` +
      'expected "epsilon", "v_prediction" or "sample".',
  );
}
