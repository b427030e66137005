/**
 * An EditModel made of a DreamLite checkpoint (DreamLitePipeline and DreamLiteMobilePipeline of diffusers, arXiv 2603.28713): Qwen3-VL, a UNet over picture and source side by
 * side, AutoencoderTiny, whose latents are condition and result alike: c of the next edit is z₀ itself where the autoencoder has the scale 1, as published.
 */
import { abilitiesOf } from "../../checkpoint/abilities.ts";
import type { Precision } from "../../checkpoint/derived.ts";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import { readLora } from "../../checkpoint/lora/read.ts";
import { loraVariants } from "../../checkpoint/lora/variants.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import type { Dialect } from "../../graph/graph.ts";
import type {
  CallOptions,
  DecodeOptions,
  DenoiseInput,
  Device,
  EditDefaults,
  EditModel,
  EncodeTextOptions,
  GuidedBy,
  PredictionType,
  TextEncoding,
} from "../../method/edit-model.ts";
import type { Engine } from "../../runtime/engine.ts";
import { throwIfAborted } from "../../runtime/onnx-sessions.ts";
import { type Tensor, tensor, zeros } from "../../tensor/tensor.ts";
import type { EditorOptions } from "../architecture.ts";
import { decodeTiny, encodeTiny } from "../autoencoder-tiny/autoencoder.ts";
import { tinyFactor } from "../autoencoder-tiny/config.ts";
import { batch, invalid, sizeOfInput, unbatch } from "../call-inputs.ts";
import { NetworkRunner } from "../network-runner.ts";
import { countPromptTokens } from "../qwen3-vl/encoder.ts";
import { MOST_PROMPT_TOKENS } from "../qwen3-vl/prompts.ts";
import { type Checkpoint, readCheckpoint, strideOf, trainedSize } from "./checkpoint.ts";
import { findTargets } from "./lora-targets.ts";
import { type Networks, networksOf, placeAll, type Weights } from "./networks.ts";
import { promptOf, Reader } from "./reader.ts";
import { buildDreamLite } from "./unet.ts";

/** For what automatic masks of the distilled one compare an instruction with; the other was trained with "". */
const NO_OP = "Keep the picture exactly as it is.";

/**
 * The model of a checkpoint. The engine belongs to the model from here on: dispose() ends it.
 *
 * @throws EmilieError "checkpoint.*" where the checkpoint cannot be used, "option.invalid" for options that it does not have; nothing has been computed then
 */
export async function createEditModel(
  source: CheckpointSource,
  engine: Engine,
  options: EditorOptions,
): Promise<EditModel> {
  const { precision = "fp32", loras: files = [], storage, memory = "normal" } = options;
  checkOptions(source.id, precision, options);
  const checkpoint = await readCheckpoint(source);
  const { unet, vae, text, mobile } = checkpoint;
  const loras = await Promise.all(files.map(readLora));
  const additions = findTargets(loras, unet.table);
  const weights = await placeAll(source, checkpoint, storage, additions, precision);
  const variants = [
    mobile ? "mobile" : "base",
    ...(await loraVariants(files, loras, false)),
    ...(precision === "fp32" ? [] : [`precision ${precision}`]),
  ];
  const tables = [unet.table, vae.table, text.vision, text.text];
  return new DreamLiteEditModel(new NetworkRunner(engine, source, memory), source, checkpoint, weights, {
    id: source.id,
    fingerprint: await fingerprint(source, tables, variants),
  });
}

function checkOptions(id: string, precision: Precision, { vae, previewVae }: EditorOptions): void {
  if (vae || previewVae) {
    throw new EmilieError(
      "option.invalid",
      `${id} has a tiny autoencoder already, which decodes previews too; leave out vae and previewVae.`,
    );
  }
  if (precision === "fp16") {
    throw new EmilieError(
      "option.invalid",
      `${id} has no precision fp16: its text encoder has values beyond what half precision holds; use int8 or int4 on the CPU, or fp32.`,
    );
  }
}

/** A graph for every length of a text would be one for every instruction; most have 270 to 320 tokens with the picture's. */
const TOKENS_STEP = 64;

/** The graph's inputs for a text [rows, width], which has `tokens` rows then, and what says which are padding. */
function filledUp({ data, shape: [rows = 0, width = 0] }: Tensor, tokens: number) {
  const text = new Float32Array(tokens * width);
  text.set(data);
  const mask = { data: new Int32Array(tokens).fill(1, 0, rows), shape: [1, tokens] };
  return { text: { data: text, shape: [tokens, width] }, mask };
}

class DreamLiteEditModel implements EditModel {
  readonly id: string;
  readonly fingerprint: string;
  readonly scalingFactor: number;
  readonly conditionIsScaled = false;
  readonly factor: number;
  readonly stride: number;
  readonly nativeSize: number;
  readonly latentChannels: number;
  readonly predictionType: PredictionType = "flow_prediction";
  readonly timeShift = "given";
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly fewSteps: EditModel["fewSteps"];
  readonly guidedBy: GuidedBy;
  readonly noOp: string;
  readonly defaults: EditDefaults;
  readonly abilities: EditModel["abilities"];
  readonly calls = { encodeImage: 0, decodeLatent: 0, encodeText: 0, denoise: 0 };
  readonly #runner: NetworkRunner;
  readonly #checkpoint: Checkpoint;
  readonly #weights: Weights;
  readonly #networks: Networks;
  readonly #reader: Reader;

  constructor(
    runner: NetworkRunner,
    source: CheckpointSource,
    checkpoint: Checkpoint,
    weights: Weights,
    { id, fingerprint }: Pick<EditModel, "id" | "fingerprint">,
  ) {
    const { unet, vae, text, scheduler, mobile, fewSteps, defaults, own } = checkpoint;
    this.#runner = runner;
    this.#checkpoint = checkpoint;
    this.#weights = weights;
    this.#networks = networksOf(checkpoint, weights);
    this.#reader = new Reader(text, source, weights);
    this.id = id;
    this.fingerprint = fingerprint;
    this.scalingFactor = vae.config.scalingFactor;
    this.factor = tinyFactor(vae.config);
    this.stride = this.factor * strideOf(unet.config);
    this.nativeSize = trainedSize(checkpoint);
    this.latentChannels = unet.config.in_channels;
    this.schedulerConfig = scheduler;
    this.fewSteps = fewSteps ?? undefined;
    this.guidedBy = mobile ? "nothing" : "text and picture";
    this.noOp = mobile ? NO_OP : "";
    this.defaults = defaults;
    this.abilities = abilitiesOf(id, own);
  }

  get device(): Device | undefined {
    return this.#runner.engine.device;
  }

  async encodeImage(image: Tensor, options: CallOptions = {}): Promise<Tensor> {
    sizeOfInput("encodeImage", image, 3, this.factor);
    const { config } = this.#checkpoint.vae;
    const run = this.#runner.stages(this.#networks.encodeImage, options);
    const latent = await encodeTiny(config, this.#weights.vae, batch(image), run);
    this.calls.encodeImage++;
    return unbatch(latent);
  }

  async decodeLatent(latent: Tensor, options: DecodeOptions = {}): Promise<Tensor> {
    sizeOfInput("decodeLatent", latent, this.latentChannels, 1);
    const { config } = this.#checkpoint.vae;
    const run = this.#runner.stages(this.#networks.decodeLatent, options);
    const image = await decodeTiny(config, this.#weights.vae, batch(latent), run);
    this.calls.decodeLatent++;
    const picture = unbatch(image);
    await this.#reader.keep(latent, picture);
    return picture;
  }

  /** Of a text and the picture c, which its encoder sees. */
  async encodeText(text: string, { c, ...options }: EncodeTextOptions = {}): Promise<TextEncoding> {
    this.#runner.requireAlive();
    throwIfAborted(options.signal);
    if (!c)
      throw invalid(`encodeText: the text encoder of ${this.id} sees the picture; give its latent as c`);
    const hidden = await this.#reader.read(text, c, {
      vision: this.#runner.stages(this.#networks.vision, options),
      text: this.#runner.stages(this.#networks.text, options),
      decode: (latent) => this.decodeLatent(latent, options),
    });
    this.calls.encodeText = this.#reader.calls.texts;
    return { hidden };
  }

  countTokens(text: string): { tokens: number; limit: number } {
    const { text: qwen } = this.#checkpoint;
    const tokens = countPromptTokens(qwen, text);
    const around = countPromptTokens(qwen, promptOf(text)) - tokens;
    return { tokens, limit: MOST_PROMPT_TOKENS - around };
  }

  async denoise(
    inputs: readonly DenoiseInput[],
    timestep: number,
    options: CallOptions = {},
  ): Promise<Tensor[]> {
    const results: Tensor[] = [];
    for (const input of inputs) results.push(await this.#denoise(input, timestep, options));
    return results;
  }

  async #denoise(
    { z, c, text, references = [] }: DenoiseInput,
    timestep: number,
    options: CallOptions,
  ): Promise<Tensor> {
    if (references.length > 0) throw invalid(`denoise: ${this.id} takes no reference pictures`);
    const [height, width] = sizeOfInput("denoise", z, this.latentChannels, 1);
    if (c && String(sizeOfInput("denoise", c, this.latentChannels, 1)) !== String([height, width])) {
      throw invalid(`denoise: z is [${z.shape}] and c is [${c.shape}]; they must have the same size`);
    }
    const { config } = this.#checkpoint.unet;
    const [rows = 0, textWidth = 0] = text.hidden.shape;
    if (textWidth !== config.textWidth) {
      throw invalid(`denoise: a text encoding of shape [${text.hidden.shape}] is not one of this model's`);
    }
    const tokens = Math.ceil(rows / TOKENS_STEP) * TOKENS_STEP;
    const shape = { height, width, tokens, factor: this.factor };
    const build = (dialect: Dialect) => buildDreamLite(config, this.#weights.unet, shape, dialect);
    const feeds = {
      z: batch(z),
      // What it was trained to take for no picture.
      c: batch(c ?? zeros(z.shape)),
      ...filledUp(text.hidden, tokens),
      timestep: tensor([timestep], [1, 1]),
    };
    const size = `${height}x${width}+${tokens}`;
    const { velocity } = await this.#runner.run(this.#networks.unet, size, build, feeds, options);
    this.calls.denoise++;
    return unbatch(velocity!);
  }

  async dispose(): Promise<void> {
    this.#reader.clear();
    const { unet, vae, vision, text } = this.#weights;
    await this.#runner.dispose([unet, vae, vision, text]);
  }
}
