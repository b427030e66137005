/** emilie: iterative, multi-granular image editing. The Node entry; `emilie/web` is the browser's. */
export type { Precision } from "./checkpoint/derived.ts";
export type { PullProgress } from "./checkpoint/hub/progress.ts";
export { type PulledModel, type PullOptions, pullModel } from "./checkpoint/hub/pull.node.ts";
export type { Variant } from "./checkpoint/hub/select.ts";
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { type ReadOptions, readPicture, type WriteOptions, writePicture } from "./images/codec.node.ts";
export { compareInsideOutside, type Difference } from "./images/difference.ts";
export {
  type Box,
  invertMask,
  type Mask,
  maskFromAlpha,
  maskFromBox,
  maskFromPicture,
} from "./images/mask.ts";
export type { MaskSources } from "./images/mask-spec.ts";
export type { Size } from "./images/model-image.ts";
export { MAX_PICTURE_PIXELS, type Picture } from "./images/picture.ts";
export { readMask } from "./images/read-mask.node.ts";
export { maskFromEllipse, maskFromPolygon, type Point } from "./images/shapes.ts";
export { type Frame, type StripOptions, strip } from "./images/strip.ts";
export { type EditResult, edit } from "./method/edit.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export type { EditOptions, Region, StepListener } from "./method/options.ts";
export { PRESETS, type PresetName, type PresetSettings, presetOf } from "./method/presets.ts";
export { type Relevance, type RelevanceOptions, relevance } from "./method/relevance.ts";
export type { ResolvedWindow, Window, WindowOption, WindowSize } from "./method/window.ts";
export { type LoadOptions, type LoraOption, loadModel, type NodeDevice } from "./models/load.node.ts";
export type {
  CallOptions,
  Device,
  EditDefaults,
  EditModel,
  PredictionType,
  TextEncoding,
  UNetInput,
  UNetOptions,
  UNetOutput,
} from "./models/model.ts";
export type { MemoryMode } from "./models/session-cache.ts";
export { type SamplerName, samplers } from "./samplers/index.ts";
export type { Denoise, NoiseLevel, Sampler, SamplerOptions, Schedule, StepEvent } from "./samplers/types.ts";
export type { Drift, InsideOutside } from "./session/drift.ts";
export type {
  EditScript,
  EditScriptRegion,
  EditScriptSettings,
  EditScriptStep,
} from "./session/edit-script.ts";
export { type ExportOptions, exportPicture } from "./session/export.node.ts";
export type { FileEditOptions, FileNode, MaskSource } from "./session/file-node.node.ts";
export { openSession } from "./session/open.node.ts";
export type { Recipe, RecipeRegion } from "./session/recipe.ts";
export type { RelevanceMap, RelevanceMapOptions } from "./session/relevance-map.ts";
export type { Replay, ReplayChanges } from "./session/replay.ts";
export type { RunScriptOptions } from "./session/run-script.ts";
export { parseScript, readScript, runScript } from "./session/script-file.node.ts";
export { scriptOf } from "./session/script-of.ts";
export { type Node, type OpenOptions, Session, type SessionEditOptions } from "./session/session.ts";
export {
  type LoadSessionOptions,
  loadSession,
  type SaveOptions,
  type SessionWarning,
  StoredSession,
} from "./session/store.node.ts";
export type { Verification, VerifyOptions } from "./session/verify.ts";
export type { NoiseSource } from "./tensor/noise.ts";
export type { Tensor } from "./tensor/tensor.ts";
