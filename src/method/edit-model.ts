/**
 * The interface between the method and a checkpoint. Everything that the method knows about an editing model is here, and models
 * differ in values, not in code paths:
 *
 * - what the denoiser predicts: `predictionType` (samplers/denoiser.ts converts its output to x̂₀);
 * - the shape of a latent: `latentChannels` × the picture's size / `factor`, scaled by `scalingFactor`, for pictures whose sides are multiples of `stride`. A
 *   checkpoint that normalises each channel, or folds patches into channels, does so in encodeImage and decodeLatent;
 * - the encoding of a text: TextEncoding, which the method passes from encodeText to denoise without looking inside;
 * - how the picture enters: as its condition latent c, which the denoiser may concatenate to z as channels, or append as tokens;
 * - what guides it, `guidedBy`: a distilled checkpoint has nothing to be guided by, and only ε(y, c) is computed;
 * - further pictures that an instruction refers to: `maxReferences`, each a latent as c is, of a size of its own.
 */
import type { PredictionType, TimeShift } from "../samplers/types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EditDefaults, Rephrase } from "./settings.ts";

export type { PredictionType, TimeShift } from "../samplers/types.ts";

/** An encoded instruction, the denoiser's text input. */
export interface TextEncoding {
  /** [tokens, width] */
  readonly hidden: Tensor;
  /** [1, width], the whole text as one vector, if the model family uses it (SDXL). */
  readonly pooled?: Tensor;
}

/** One input of a batch: z_t in variance-preserving units (√ᾱ·z₀ + √(1−ᾱ)·ε), its condition and its text. */
export interface DenoiseInput {
  /** [latentChannels, h, w] */
  readonly z: Tensor;
  /** [latentChannels, h, w], scaled if `conditionIsScaled`; null without a picture. */
  readonly c: Tensor | null;
  /** The encoded instruction. */
  readonly text: TextEncoding;
  /** Reference pictures, at most `maxReferences`: [latentChannels, h, w] each, of any size. Default: none. */
  readonly references?: readonly Tensor[];
  /** The guidance scale, from 1 (none, the default), for models that take it as an input. */
  readonly guidance?: number;
}

/** Options of every network call. */
export interface CallOptions {
  /** Stops before the network runs, with code "aborted". */
  readonly signal?: AbortSignal;
}

/** Options of {@link EditModel.understand}. */
export interface UnderstandOptions extends CallOptions {
  /** Whether the parts are to be in the checkpoint's own phrases, and what understands them. Default "off": in the instruction's words. */
  readonly rephrase?: Rephrase;
}

/** Options of a decoder call. */
export interface DecodeOptions extends CallOptions {
  /** Whether the picture is only a preview, which the preview autoencoder decodes if there is one. Default false. */
  readonly preview?: boolean;
}

/** Options of encodeText. */
export interface EncodeTextOptions extends CallOptions {
  /** Condition latent of the picture to edit, [latentChannels, h, w], for text encoders that also see the picture. */
  readonly c?: Tensor;
}

/**
 * Where networks run: "cpu" natively, "wasm" on the CPU in a browser, "webgpu" and (in Node.js) "cuda" on the GPU.
 */
export interface Device {
  /** The backend that runs the networks. */
  readonly name: "cpu" | "wasm" | "webgpu" | "cuda";
  /** Why the GPU is not used, if it was tried first. */
  readonly reason?: string;
}

/** Whether a checkpoint can do what an instruction requests for a picture. */
export interface Understanding {
  /** False: the instruction is not carried out and the picture stays as it is. */
  readonly understood: boolean;
  /**
   * What the denoiser is given, one text for each edit, in order: the instruction itself, or the single edits of an instruction that asks for several; if rephrased,
   * the checkpoint's phrase for each of them, and the words of those whose phrase has a field that is neither in the words nor decided by the picture.
   */
  readonly parts: readonly string[];
  /**
   * Why it is refused. "unsupported": the checkpoint has no such edit; "compound": the instruction asks for several things that could not be separated; "absent": its
   * object is not in the picture, or the object to be added is already there.
   */
  readonly reason?: "unsupported" | "compound" | "absent";
  /** The reason as a sentence. */
  readonly message?: string;
  /** The closest instructions that the checkpoint knows, best first; empty if the instruction was understood. */
  readonly nearest: readonly string[];
}

/** How a checkpoint that was distilled for few steps is sampled. */
export interface FewSteps {
  /** The sampler. */
  readonly sampler: "lcm" | "tcd" | "flow-euler";
  /** The number of steps. */
  readonly steps: number;
}

/**
 * What the denoiser's answer to an instruction is compared with:
 *
 * - "text and picture": the answers without the instruction, and without instruction and picture (InstructPix2Pix);
 * - "text": the answer without the instruction alone, so that the weight of the picture is always 1;
 * - "nothing": a distilled checkpoint gives the guided answer itself, so that both weights are always 1.
 */
export type GuidedBy = "text and picture" | "text" | "nothing";

/** What a model can do, described for users who choose a model and write instructions. */
export interface Abilities {
  /** What it edits, in a sentence. */
  readonly summary: string;
  /** Instructions that work with it, in groups, best first. */
  readonly suggestions: readonly {
    /** The title of the group, one word. */
    readonly title: string;
    /** Instructions that can be used as they are. */
    readonly instructions: readonly string[];
  }[];
  /** What it cannot do; "" if not stated. */
  readonly limits: string;
  /** The same in other languages, by their tag ("de"); what is missing is said in English. Instructions stay as the model reads them. */
  readonly translations?: Readonly<
    Record<
      string,
      {
        /** What it edits. */
        readonly summary?: string | undefined;
        /** What it cannot do. */
        readonly limits?: string | undefined;
        /** Titles of the groups of suggestions, by the English one. */
        readonly titles?: Readonly<Record<string, string>> | undefined;
      }
    >
  >;
  /** Measured success rates. */
  readonly success: readonly {
    /** The kind of edit. */
    readonly what: string;
    /** The share of successful cases, from 0 to 1. */
    readonly rate: number;
    /** The number of cases. */
    readonly n: number;
  }[];
  /** All edits that it knows, if it refuses others: phrases such as "paint the roof {colour}", and the values of their fields. */
  readonly vocabulary?: {
    /** Phrases with fields in braces. */
    readonly phrases: readonly string[];
    /** The possible values of each field. */
    readonly fields: Readonly<Record<string, readonly string[]>>;
  };
}

export type { EditDefaults } from "./settings.ts";

/** An editing model, as loadModel returns it. */
export interface EditModel {
  /** The checkpoint as the user named it. */
  readonly id: string;
  /** A hash over its weights, and over everything else that changes its results; it does not depend on file names. */
  readonly fingerprint: string;
  /** Fingerprints that earlier versions computed for the same model: sessions and pictures with one of these belong to it. */
  readonly olderFingerprints?: readonly string[];
  /** scaling_factor of the VAE: z₀ = s · latent. */
  readonly scalingFactor: number;
  /** Whether the checkpoint's condition is scaled (CosXL) or the unscaled mode (InstructPix2Pix). */
  readonly conditionIsScaled: boolean;
  /** Picture pixels per latent pixel (8 for SD 1.x). */
  readonly factor: number;
  /** Picture sides are padded to a multiple of this (factor × the denoiser's own stride). */
  readonly stride: number;
  /** The picture size (longer side) the checkpoint was trained at, in pixels. */
  readonly nativeSize: number;
  /** Channels of a latent (4 for SD 1.x). */
  readonly latentChannels: number;
  /** The meaning of the denoiser's raw output. */
  readonly predictionType: PredictionType;
  /** scheduler/scheduler_config.json, as read. */
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  /** How it is sampled if it, or a LoRA in it, was distilled for few steps: the values of the preset "turbo". */
  readonly fewSteps?: FewSteps;
  /** Whether the guidance scale is an input of the denoiser ({@link DenoiseInput.guidance}), which replaces the second call. */
  readonly embedsGuidance?: boolean;
  /** Default "text and picture". */
  readonly guidedBy?: GuidedBy;
  /** The maximum number of reference pictures of an edit. Default 0. */
  readonly maxReferences?: number;
  /** How a rectified flow shifts its noise levels by the size of the picture. Default "linear". */
  readonly timeShift?: TimeShift;
  /** An instruction that leaves the picture as it is, with which automatic masks compare. Default "". */
  readonly noOp?: string;
  /** The checkpoint's own defaults, if it states any (emilie.json next to model_index.json). */
  readonly defaults: Readonly<EditDefaults>;
  /** What it can do, if the checkpoint states it (emilie.json) or is a known one. */
  readonly abilities?: Abilities;

  /** E(I).mode, unscaled. image [3, H, W] in [-1, 1] → [latentChannels, H/factor, W/factor]. */
  encodeImage(image: Tensor, options?: CallOptions): Promise<Tensor>;
  /** D(latent), latent unscaled → [3, H, W], about [-1, 1], not clamped. */
  decodeLatent(latent: Tensor, options?: DecodeOptions): Promise<Tensor>;
  /** Encodes an instruction for the denoiser; "" gives the null prompt. Texts longer than the encoder's limit are truncated. */
  encodeText(text: string, options?: EncodeTextOptions): Promise<TextEncoding>;
  /** The number of tokens of a text, and the text encoder's limit; tokens beyond the limit have no effect. */
  countTokens(text: string): { readonly tokens: number; readonly limit: number };
  /**
   * Whether the checkpoint can do this, if it declares what it understands (`understanding` in emilie.json); absent if it declares nothing and accepts every
   * instruction. c: condition latent of the picture to edit, [latentChannels, h, w].
   */
  understand?(instruction: string, c: Tensor, options?: UnderstandOptions): Promise<Understanding>;
  /** Whether it has a text encoder for understanding alone (`understanding.reader` in emilie.json), which `rephrase: "reader"` asks. Default: it has none. */
  readonly hasReader?: boolean;
  /**
   * Whether a picture is one of those that the checkpoint was made for, if it declares how to measure that (`understanding.presence.familiar` in
   * emilie.json). c [latentChannels, h, w], the condition of the picture.
   */
  isFamiliar?(c: Tensor, options?: CallOptions): Promise<boolean>;
  /**
   * The denoiser's raw output [latentChannels, h, w] for each input at one timestep. Inputs run one after the other or batched, depending on
   * the device.
   */
  denoise(inputs: readonly DenoiseInput[], timestep: number, options?: CallOptions): Promise<Tensor[]>;
  /** Where the most recent network ran ("cpu", "wasm", "webgpu", "cuda"); undefined before the first run. */
  readonly device?: Device;
  /** How often each network ran, for tests of the invariants and for cost tables. */
  readonly calls: Readonly<{
    encodeImage: number;
    decodeLatent: number;
    encodeText: number;
    denoise: number;
  }>;
  /** Frees the sessions and the worker. Further calls reject with code "disposed". */
  dispose(): Promise<void>;
}

/** Whether a result made with the model of fingerprint `made` was made with this model. */
export function isMadeWith(
  { fingerprint, olderFingerprints = [] }: Pick<EditModel, "fingerprint" | "olderFingerprints">,
  made: string,
): boolean {
  return fingerprint === made || olderFingerprints.includes(made);
}
