/**
 * The one contract between the method and a checkpoint. Everything the method knows about an editor is here, and what differs
 * between editors is a value, not a branch:
 *
 * - what the denoiser predicts: `predictionType` (how its answer becomes x̂₀ is in samplers/denoiser.ts);
 * - what a latent is: `latentChannels` × the picture's size / `factor`, scaled by `scalingFactor`, with sides that fit `stride`. A
 *   checkpoint that normalises channel by channel, or folds patches into channels, does so in encodeImage and decodeLatent;
 * - what a text is: TextEncoding, which the method hands from encodeText to denoise and looks into no further;
 * - how the picture enters: as its condition latent c, which the denoiser may take beside z as channels, or as further tokens;
 * - whether there is guidance: a checkpoint that was distilled states both weights as 1 in `defaults`, and is asked for ε(y, c) alone.
 */
import type { Tensor } from "../tensor/tensor.ts";

/** How the denoiser's raw output is read: ε̂, v̂ = a·ε − s·x₀, x̂₀ itself, or a rectified flow's ε − x₀. */
export type PredictionType = "epsilon" | "v_prediction" | "sample" | "flow_prediction";

/** An instruction as the denoiser sees it. */
export interface TextEncoding {
  /** [tokens, width] */
  readonly hidden: Tensor;
  /** [1, width], the whole text as one vector, where the family has it (SDXL). */
  readonly pooled?: Tensor;
}

/** One input of a batch: z_t in variance-preserving units (√ᾱ·z₀ + √(1−ᾱ)·ε), its condition and its text. */
export interface DenoiseInput {
  /** [latentChannels, h, w] */
  readonly z: Tensor;
  /** [latentChannels, h, w], scaled where conditionIsScaled says so; null for no picture at all. */
  readonly c: Tensor | null;
  /** What is to be done. */
  readonly text: TextEncoding;
  /** The guidance that the answer is to have, from 1 (none, the default), where the model embeds it. */
  readonly guidance?: number;
}

/** What every call of a network takes. */
export interface CallOptions {
  /** Stops before the network runs, with code "aborted". */
  readonly signal?: AbortSignal;
}

/** What a call of the decoder takes. */
export interface DecodeOptions extends CallOptions {
  /** Whether it is to be looked at for a moment: the autoencoder for previews decodes it, where there is one. Default false. */
  readonly preview?: boolean;
}

/** What encodeText takes. */
export interface EncodeTextOptions extends CallOptions {
  /** Condition of the picture that the text is about, [latentChannels, h, w], for text encoders that look at it. */
  readonly c?: Tensor;
}

/**
 * Where networks run: "cpu" natively, "wasm" on the processor in a browser, "webgpu" and (on Node) "cuda" on the graphics
 * card.
 */
export interface Device {
  /** What runs the networks. */
  readonly name: "cpu" | "wasm" | "webgpu" | "cuda";
  /** Why it is not the graphics card, where that was tried first. */
  readonly reason?: string;
}

/** Whether a checkpoint can do what an instruction asks of a picture. */
export interface Understanding {
  /** False: the instruction is not carried out and the picture stays as it is. */
  readonly understood: boolean;
  /** What is done, one after the other: the instruction itself, or the single edits of one that asks for several. */
  readonly parts: readonly string[];
  /**
   * Why not: "unsupported", the checkpoint has no such edit; "compound", it asks for several things that could not be told apart; "absent", what it is about
   * is not in the picture, or is there already.
   */
  readonly reason?: "unsupported" | "compound" | "absent";
  /** The reason as a sentence. */
  readonly message?: string;
  /** The nearest instructions that the checkpoint knows, best first; empty where it was understood. */
  readonly nearest: readonly string[];
}

/** How a checkpoint that was made for few steps is sampled. */
export interface FewSteps {
  /** By which sampler. */
  readonly sampler: "lcm" | "tcd";
  /** In how many steps. */
  readonly steps: number;
}

/** What a model can do, for people who choose one and write instructions. */
export interface Abilities {
  /** What it edits, in a sentence. */
  readonly summary: string;
  /** Instructions that work with it, in groups; the strongest first. */
  readonly suggestions: readonly {
    /** What the group is about, in a word. */
    readonly title: string;
    /** Each works as it stands. */
    readonly instructions: readonly string[];
  }[];
  /** What it cannot do; "" where it does not say. */
  readonly limits: string;
  /** How often it does what it is asked, as measured: the share of n cases. */
  readonly success: readonly {
    /** What was asked for. */
    readonly what: string;
    /** The share that succeeded, from 0 to 1. */
    readonly rate: number;
    /** Of how many cases. */
    readonly n: number;
  }[];
  /** Every edit that it knows, where it refuses others: "paint the roof {colour}", and the values of its fields. */
  readonly vocabulary?: {
    /** With fields in braces. */
    readonly phrases: readonly string[];
    /** What may stand in the place of each field. */
    readonly fields: Readonly<Record<string, readonly string[]>>;
  };
}

/** A checkpoint that edits: loadModel makes one. */
export interface EditModel {
  /** The checkpoint as the user named it. */
  readonly id: string;
  /** A hash over its weights, and over what else makes another model of them; renamed files leave it as it is. */
  readonly fingerprint: string;
  /** What earlier versions said of the same model: sessions and pictures that name one of these are its own. */
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
  /** How the denoiser's output is read. */
  readonly predictionType: PredictionType;
  /** scheduler/scheduler_config.json, as read. */
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  /** How it is sampled where it, or a LoRA in it, was made for few steps: what the preset "turbo" stands for. */
  readonly fewSteps?: FewSteps;
  /** Whether the strength of guidance is an input of the denoiser ({@link DenoiseInput.guidance}), in the place of a second call. */
  readonly embedsGuidance?: boolean;
  /** Defaults that belong to the checkpoint (emilie.json beside model_index.json), where it states them. */
  readonly defaults: Readonly<EditDefaults>;
  /** What it can do, where the checkpoint says so (emilie.json), or is known. */
  readonly abilities?: Abilities;

  /** E(I).mode, unscaled. image [3, H, W] in [-1, 1] → [latentChannels, H/factor, W/factor]. */
  encodeImage(image: Tensor, options?: CallOptions): Promise<Tensor>;
  /** D(latent), latent unscaled → [3, H, W], about [-1, 1], not clamped. */
  decodeLatent(latent: Tensor, options?: DecodeOptions): Promise<Tensor>;
  /** An instruction as the denoiser sees it; "" for the null text. Longer texts than the encoder reads are cut. */
  encodeText(text: string, options?: EncodeTextOptions): Promise<TextEncoding>;
  /** How many tokens a text has, and how many the text encoder reads; what is beyond them has no effect. */
  countTokens(text: string): { readonly tokens: number; readonly limit: number };
  /**
   * Whether the checkpoint can do this, where it says what it understands (`understanding` in emilie.json); absent where it says nothing and takes every
   * instruction. c [latentChannels, h, w], the condition of the picture that is to be edited.
   */
  understand?(instruction: string, c: Tensor, options?: CallOptions): Promise<Understanding>;
  /**
   * Whether a picture is one of those that the checkpoint was made for, where it says how that is measured (`understanding.presence.familiar` in
   * emilie.json). c [latentChannels, h, w], the picture's condition.
   */
  isFamiliar?(c: Tensor, options?: CallOptions): Promise<boolean>;
  /**
   * The denoiser's raw output [latentChannels, h, w] for each input at one timestep. Inputs run one after the other or batched, as
   * the device likes.
   */
  denoise(inputs: readonly DenoiseInput[], timestep: number, options?: CallOptions): Promise<Tensor[]>;
  /** Where the networks run ("cpu", "wasm", "webgpu", "cuda"), as of the last that ran; undefined before the first. */
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

/** What a checkpoint states for itself; see EditOptions. */
export interface EditDefaults {
  /** Steps of the sampler. */
  readonly steps?: number;
  /** A sampler's name. */
  readonly sampler?: string;
  /** s_T. */
  readonly textGuidance?: number;
  /** s_I. */
  readonly imageGuidance?: number;
  /** Below what an edit's change is carried over from its parent (see EditOptions). */
  readonly gate?: number;
}

/** Whether something that was made with the model of this fingerprint was made with this one. */
export function isMadeWith(
  { fingerprint, olderFingerprints = [] }: Pick<EditModel, "fingerprint" | "olderFingerprints">,
  made: string,
): boolean {
  return fingerprint === made || olderFingerprints.includes(made);
}
