/**
 * What an architecture is to the rest of the house: a folder beside this file that reads its checkpoints, describes them, and makes
 * an EditModel of them. Which there are is one table, src/models/architectures.ts.
 */
import type { EmilieDefaults } from "../checkpoint/defaults.ts";
import type { Precision } from "../checkpoint/derived.ts";
import type { LoraFile } from "../checkpoint/lora/read.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import type { Needs, WeightStorage } from "../checkpoint/storage.ts";
import type { WeightRef, WeightTable } from "../checkpoint/weights.ts";
import type { EditModel, FewSteps, GuidedBy, PredictionType } from "../method/edit-model.ts";
import type { Engine } from "../runtime/engine.ts";
import type { MemoryMode } from "../runtime/onnx-sessions.ts";
import type { TinyAutoencoder } from "./autoencoder-tiny/read.ts";

/** How a checkpoint is loaded. */
export interface EditorOptions {
  /** How weights reach the runtime. */
  readonly storage: WeightStorage;
  /** LoRA files to merge, in their order. */
  readonly loras?: readonly LoraFile[];
  /**
   * "low" keeps one session alive at a time and its weights in their files alone: less memory, a few per cent slower,
   * and a session is made again whenever another network had its turn. Default "normal".
   */
  readonly memory?: MemoryMode;
  /** How the denoiser computes. Default "fp32". */
  readonly precision?: Precision;
  /** A tiny autoencoder in the place of the checkpoint's own. */
  readonly vae?: TinyAutoencoder;
  /** A tiny autoencoder for previews. */
  readonly previewVae?: TinyAutoencoder;
  /** Whether what the checkpoint says it understands (emilie.json) is asked before an edit. Default true. */
  readonly understanding?: boolean;
}

/** What a checkpoint is, told by its headers and configurations alone. */
export interface CheckpointFacts {
  /** Of which family, for people. */
  readonly family: string;
  /** The longer side, in pixels, of the pictures that it was trained on. */
  readonly nativeSize: number;
  /** As EditModel has them. */
  readonly conditionIsScaled: boolean;
  readonly predictionType: PredictionType;
  readonly factor: number;
  readonly latentChannels: number;
  readonly scalingFactor: number;
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly embedsGuidance: boolean;
  /** As EditModel has it. Default "text and picture". */
  readonly guidedBy?: GuidedBy;
  /** As EditModel has it. Default 0. */
  readonly maxReferences?: number;
  /** Tokens of a text's encoding. */
  readonly tokens: number;
  /** emilie.json */
  readonly own: EmilieDefaults;
  readonly networks: readonly { readonly name: string; readonly table: WeightTable }[];
  /** Tables of which single rows are read from their file, in no network. Default: none. */
  readonly lookedUp?: readonly WeightRef[];
  /** What was taken for granted or passed over, in words. */
  readonly notes: readonly string[];
  /** What LoRA files would change. @throws EmilieError "checkpoint.*" where one does not fit */
  loras(files: readonly LoraFile[]): Promise<{
    readonly merged: number;
    readonly notes: readonly string[];
    readonly fewSteps: FewSteps | null;
  }>;
  /** Operations of each network on a picture of that size, in pixels, and the largest sum of intermediate results. */
  costs(width: number, height: number): Costs;
  /** Its networks in a precision on the CPU, as createEditModel places them; null where it has no such precision. */
  planned(precision: Precision): readonly PlannedNetwork[] | null;
}

export interface Costs {
  readonly denoise: number;
  readonly encode: number;
  readonly decode: number;
  readonly workingBytes: number;
  /** The denoiser's own largest sum of intermediate results. */
  readonly denoiserBytes: number;
  /** How many times as much its runtime keeps allocated, where that is more: an allocator that grows by doubling, and kernels that unroll convolutions. Default 1. */
  readonly denoiserArena?: number;
  /** Whether the picture is so large that no other large network waits beside the autoencoder. */
  readonly pictureAlone: boolean;
}

/** A network as it is placed in a precision, told before any of its weights is read. */
export interface PlannedNetwork {
  readonly name: string;
  readonly table: WeightTable;
  /** What it needs in the precision; absent where its tensors are used as they are. */
  readonly needs?: Needs;
  /** As OnnxSessions has it: true for the denoiser alone. */
  readonly hot: boolean;
}

/** The files of a checkpoint in the layout of diffusers, by folder. */
export interface Files {
  /** The folder of the denoiser, by which a list of files is told to be of this architecture. */
  readonly denoiser: string;
  /** A folder beside it by which it is told from others whose denoiser has the same; absent where there is no such. */
  readonly beside?: string;
  /** What the names of each network's weights begin with. */
  readonly networks: Readonly<Record<string, string>>;
  /** The networks that every checkpoint has. */
  readonly required: readonly string[];
  /** Folders of tokenizers, of which the first is needed. */
  readonly tokenizers: readonly string[];
}

export interface Architecture {
  /** Its folder. */
  readonly name: string;
  /** The classes ("_class_name" of model_index.json) whose checkpoints it reads. */
  readonly pipelines: RegExp;
  /** Whether a single file is its, by the names of its tensors; absent where it reads folders alone. */
  readonly isSingleFile?: (tensors: ReadonlySet<string>) => boolean;
  readonly files: Files;
  /** Checks a folder's small files, before there are weights. @throws EmilieError "checkpoint.*" where it cannot be used */
  check(source: CheckpointSource): Promise<void>;
  /** Reads configurations and headers, no weights. @throws EmilieError "checkpoint.*", naming the file, key or tensor */
  describe(source: CheckpointSource): Promise<CheckpointFacts>;
  /**
   * The model of a checkpoint. The engine belongs to the model from here on: dispose() ends it.
   *
   * @throws EmilieError "checkpoint.*" where the checkpoint cannot be used; nothing has been computed then
   */
  createEditModel(source: CheckpointSource, engine: Engine, options: EditorOptions): Promise<EditModel>;
}
