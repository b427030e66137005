/**
 * An EditModel made of a diffusers checkpoint of the InstructPix2Pix kind (SD 1.x or 2.x): tokenizer, text encoder, VAE
 * and UNet, each network an ONNX graph whose weights stay where they are.
 */
import { readDefaults } from "../checkpoint/configs.ts";
import { fingerprint } from "../checkpoint/fingerprint.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import type { PlacedWeights, WeightStorage } from "../checkpoint/storage.ts";
import { EmilieError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Engine, Feeds } from "../runtime/engine.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "./autoencoder-kl.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
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

export { type Checkpoint, readCheckpoint } from "./checkpoint.ts";

export interface EditModelOptions {
  /** How weights reach the runtime. */
  readonly storage: WeightStorage;
  /**
   * "low" keeps one session alive at a time and its weights in their files alone: less memory, a few per cent slower,
   * and a session is made again whenever another network had its turn. Default "normal".
   */
  readonly memory?: MemoryMode;
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
  const weights = await placeAll(source, checkpoint, options.storage);
  return new DiffusersEditModel(engine, checkpoint, weights, {
    id: source.id,
    fingerprint: await fingerprint(source, Object.values(tables)),
    defaults: own.defaults,
    nativeSize: own.nativeSize,
    memory: options.memory ?? "normal",
  });
}

type Weights = Readonly<Record<"unet" | "vae" | "text", PlacedWeights>>;

async function placeAll(
  source: CheckpointSource,
  { tables }: Checkpoint,
  storage: WeightStorage,
): Promise<Weights> {
  const placed: PlacedWeights[] = [];
  try {
    for (const table of [tables.unet, tables.vae, tables.text])
      placed.push(await storage.place(source, table));
  } catch (error) {
    for (const weights of placed) await weights.release();
    throw error;
  }
  const [unet, vae, text] = placed;
  return { unet: unet!, vae: vae!, text: text! };
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
  readonly #weights: Weights;
  readonly #sessions: SessionCache;
  readonly #texts = new Map<string, TextEncoding>();
  #disposed = false;

  constructor(engine: Engine, checkpoint: Checkpoint, weights: Weights, facts: Facts) {
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
    const { latent } = await this.#run("encodeImage", `${height}x${width}`, build, feeds, options);
    return unbatch(latent!);
  }

  async decodeLatent(latent: Tensor, options: CallOptions = {}): Promise<Tensor> {
    const [height, width] = this.#picture("decodeLatent", latent, this.latentChannels, 1);
    const build = () => buildDecoder(this.#checkpoint.vae, this.#weights.vae, height, width);
    const feeds = { z: batch(latent) };
    const { image } = await this.#run("decodeLatent", `${height}x${width}`, build, feeds, options);
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
    const { hidden } = await this.#run("encodeText", `${tokenizer.length}`, build, feeds, options);
    const encoding = { hidden: hidden! };
    if (this.#texts.size >= MAX_TEXTS) this.#texts.delete(this.#texts.keys().next().value!);
    this.#texts.set(text, encoding);
    return encoding;
  }

  countTokens(text: string): { tokens: number; limit: number } {
    const { tokenizer } = this.#checkpoint;
    return { tokens: tokenizer.count(text), limit: tokenizer.length - 2 };
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
      const size = `${height}x${width}x${tokens}`;
      const { noise } = await this.#run("unet", size, build, feeds, options);
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
    call: keyof EditModel["calls"],
    size: string,
    build: () => Graph,
    feeds: Feeds,
    options: CallOptions,
  ): Promise<Record<string, Tensor>> {
    this.#alive();
    const network: Network = { name: call, weights: this.#weights[PARTS[call]], hot: call === "unet" };
    const outputs = await this.#sessions.run(network, size, build, feeds, options.signal);
    this.calls[call]++;
    return outputs;
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

/** Whose weights each call needs. */
const PARTS = { encodeImage: "vae", decodeLatent: "vae", encodeText: "text", unet: "unet" } as const;

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
