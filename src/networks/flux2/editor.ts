/**
 * An EditModel made of a FLUX.2 klein checkpoint (Flux2KleinPipeline of diffusers): Qwen3, a transformer over tokens, AutoencoderKLFlux2. Its latents are normalised patches of
 * 16 × 16 pixels, and a condition is given as such a latent too: c of the next edit is z₀ itself.
 */
import { abilitiesOf } from "../../checkpoint/abilities.ts";
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
  GuidedBy,
  PredictionType,
  TextEncoding,
} from "../../method/edit-model.ts";
import type { Engine } from "../../runtime/engine.ts";
import { throwIfAborted } from "../../runtime/onnx-sessions.ts";
import { type Tensor, tensor } from "../../tensor/tensor.ts";
import { Recent } from "../../util/recent.ts";
import type { EditorOptions } from "../architecture.ts";
import { decodeFlux2, encodeFlux2 } from "../autoencoder-kl-flux2/autoencoder.ts";
import { flux2Factor } from "../autoencoder-kl-flux2/config.ts";
import { batch, invalid, sizeOfInput, unbatch } from "../call-inputs.ts";
import { NetworkRunner } from "../network-runner.ts";
import { encodeText } from "../qwen3/text-encoder.ts";
import { type Checkpoint, readCheckpoint, trainedSize } from "./checkpoint.ts";
import { findTargets } from "./lora-targets.ts";
import { isLean, type Networks, networksOf, placeAll, type Weights } from "./networks.ts";
import { buildTransformer, pictureInput } from "./transformer.ts";

/** As Flux2KleinPipeline's users give them beside the picture that is edited. */
export const MOST_REFERENCES = 4;
/** Encodings kept: 512 × 7680 floats are 16 megabytes. */
const MAX_TEXTS = 8;
/** For what automatic masks compare an instruction with. */
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
  checkOptions(source.id, options);
  const checkpoint = await readCheckpoint(source);
  const { transformer } = checkpoint;
  const loras = await Promise.all(files.map(readLora));
  const additions = findTargets(loras, transformer.table, transformer.config);
  const weights = await placeAll(checkpoint, storage, additions, precision);
  const variants = [
    ...(checkpoint.distilled ? [] : ["base"]),
    ...(await loraVariants(files, loras, false)),
    ...(precision === "fp32" ? [] : [`precision ${precision}`]),
  ];
  return new Flux2EditModel(new NetworkRunner(engine, source, memory), checkpoint, weights, {
    id: source.id,
    fingerprint: await fingerprintOf(checkpoint, variants, !source.single),
  });
}

function checkOptions(id: string, { vae, previewVae }: EditorOptions): void {
  if (vae || previewVae) {
    throw new EmilieError(
      "option.invalid",
      `${id} has latents of an autoencoder of its own, which no tiny autoencoder for Stable Diffusion decodes; leave out vae and previewVae.`,
    );
  }
}

/** Of each network where it lies, so that the parts of a single file tell as much as those of a folder. */
async function fingerprintOf(
  checkpoint: Checkpoint,
  variants: readonly string[],
  named: boolean,
): Promise<string> {
  const { sources, transformer, vae, text } = checkpoint;
  const parts = [
    [sources.vae, vae.table],
    [sources.text, text.table],
  ] as const;
  const others = await Promise.all(parts.map(([source, table]) => fingerprint(source, [table], [], named)));
  return fingerprint(sources.transformer, [transformer.table], [...others, ...variants], named);
}

class Flux2EditModel implements EditModel {
  readonly id: string;
  readonly fingerprint: string;
  readonly scalingFactor = 1;
  readonly conditionIsScaled = true;
  readonly factor: number;
  readonly stride: number;
  readonly nativeSize: number;
  readonly latentChannels: number;
  readonly predictionType: PredictionType = "flow_prediction";
  readonly timeShift = "empirical";
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly fewSteps: EditModel["fewSteps"];
  readonly embedsGuidance: boolean;
  readonly guidedBy: GuidedBy;
  readonly maxReferences = MOST_REFERENCES;
  readonly noOp = NO_OP;
  readonly defaults: EditDefaults;
  readonly abilities: EditModel["abilities"];
  readonly calls = { encodeImage: 0, decodeLatent: 0, encodeText: 0, denoise: 0 };
  readonly #runner: NetworkRunner;
  readonly #checkpoint: Checkpoint;
  readonly #weights: Weights;
  readonly #networks: Networks;
  readonly #texts = new Recent<string, TextEncoding>(MAX_TEXTS);

  constructor(
    runner: NetworkRunner,
    checkpoint: Checkpoint,
    weights: Weights,
    { id, fingerprint }: Pick<EditModel, "id" | "fingerprint">,
  ) {
    const { transformer, vae, scheduler, guidedBy, fewSteps, defaults, own } = checkpoint;
    this.#runner = runner;
    this.#checkpoint = checkpoint;
    this.#weights = weights;
    this.#networks = networksOf(checkpoint, weights);
    this.id = id;
    this.fingerprint = fingerprint;
    this.factor = flux2Factor(vae.config);
    this.stride = this.factor;
    this.nativeSize = trainedSize(checkpoint);
    this.latentChannels = transformer.config.in_channels;
    this.schedulerConfig = scheduler;
    this.fewSteps = fewSteps ?? undefined;
    this.embedsGuidance = transformer.config.guidance_embeds;
    this.guidedBy = guidedBy;
    this.defaults = defaults;
    this.abilities = abilitiesOf(id, own);
  }

  get device(): Device | undefined {
    return this.#runner.engine.device;
  }

  async encodeImage(image: Tensor, options: CallOptions = {}): Promise<Tensor> {
    sizeOfInput("encodeImage", image, 3, this.factor);
    const run = this.#runner.stages(this.#networks.encodeImage, options);
    const latent = await encodeFlux2(this.#checkpoint.vae, this.#weights.vae, batch(image), run);
    this.calls.encodeImage++;
    return unbatch(latent);
  }

  async decodeLatent(latent: Tensor, options: DecodeOptions = {}): Promise<Tensor> {
    sizeOfInput("decodeLatent", latent, this.latentChannels, 1);
    const run = this.#runner.stages(this.#networks.decodeLatent, options);
    const image = await decodeFlux2(this.#checkpoint.vae, this.#weights.vae, batch(latent), run);
    this.calls.decodeLatent++;
    return unbatch(image);
  }

  async encodeText(text: string, options: CallOptions = {}): Promise<TextEncoding> {
    this.#runner.requireAlive();
    throwIfAborted(options.signal);
    const known = this.#texts.get(text);
    if (known) return known;
    const { text: qwen3, sources } = this.#checkpoint;
    const run = this.#runner.stages(this.#networks.text, options);
    const { text: weights } = this.#weights;
    const { embeds } = await encodeText(qwen3, sources.text, weights, text, run, isLean(weights));
    this.calls.encodeText++;
    const encoding = { hidden: unbatch(embeds) };
    this.#texts.set(text, encoding);
    return encoding;
  }

  countTokens(text: string): { tokens: number; limit: number } {
    const { tokenizer } = this.#checkpoint.text;
    return { tokens: tokenizer.count(text), limit: tokenizer.length - tokenizer.overhead };
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
    { z, c, text, references = [], guidance = 1 }: DenoiseInput,
    timestep: number,
    options: CallOptions,
  ): Promise<Tensor> {
    if (!c) throw invalid(`denoise: ${this.id} has no answer without a picture; c is null`);
    if (references.length > MOST_REFERENCES) {
      throw invalid(`denoise: at most ${MOST_REFERENCES} references are taken, got ${references.length}`);
    }
    const { transformer } = this.#checkpoint;
    const { config } = transformer;
    const pictures = [z, c, ...references];
    const [first, ...rest] = pictures.map((picture) => {
      const [height, width] = sizeOfInput("denoise", picture, this.latentChannels, 1);
      return { height, width };
    });
    const [tokens = 0, textWidth] = text.hidden.shape;
    if (textWidth !== config.joint_attention_dim) {
      throw invalid(`denoise: a text encoding of shape [${text.hidden.shape}] is not one of this model's`);
    }
    const shape = { pictures: [first!, ...rest] as const, tokens };
    const build = (dialect: Dialect) => buildTransformer(config, this.#weights.transformer, shape, dialect);
    const size = `${shape.pictures.map(({ height, width }) => `${height}x${width}`).join("+")}+${tokens}`;
    const feeds = {
      ...Object.fromEntries(pictures.map((picture, i) => [pictureInput(i), batch(picture)])),
      text: text.hidden,
      timestep: tensor([timestep], [1, 1]),
      ...(config.guidance_embeds ? { guidance: tensor([guidance], [1, 1]) } : {}),
    };
    const { velocity } = await this.#runner.run(this.#networks.transformer, size, build, feeds, options);
    this.calls.denoise++;
    return unbatch(velocity!);
  }

  async dispose(): Promise<void> {
    this.#texts.clear();
    const { transformer, vae, text } = this.#weights;
    await this.#runner.dispose([transformer, vae, text]);
  }
}
