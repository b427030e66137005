/** emilie in the browser: the same method on onnxruntime-web; pictures come as Blobs or bytes. */
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { encodePng, readPicture } from "./images/codec.web.ts";
export { compareInsideOutside, type Difference } from "./images/difference.ts";
export {
  type Box,
  invertMask,
  type Mask,
  maskFromAlpha,
  maskFromBox,
  maskFromPicture,
  pictureFromMask,
  resizeMask,
} from "./images/mask.ts";
export { fromModelImage, type Size, toModelImage } from "./images/model-image.ts";
export { MAX_PICTURE_PIXELS, type Picture } from "./images/picture.ts";
export { maskFromEllipse, maskFromPolygon, type Point } from "./images/shapes.ts";
export { type EditResult, edit } from "./method/edit.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export type { EditOptions, Region, StepListener } from "./method/options.ts";
export { PRESETS, type PresetName, type PresetSettings, presetOf } from "./method/presets.ts";
export { type Relevance, type RelevanceOptions, relevance } from "./method/relevance.ts";
export type { ResolvedWindow, Window, WindowOption, WindowSize } from "./method/window.ts";
export { loadModel, type WebLoadOptions } from "./models/load.web.ts";
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
export { type PngFileOptions, pngFile, withRecipes } from "./session/export.web.ts";
export { type PreviewOptions, preview } from "./session/preview.ts";
export type { Recipe, RecipeRegion } from "./session/recipe.ts";
export type { RelevanceMap, RelevanceMapOptions } from "./session/relevance-map.ts";
export type { Replay, ReplayChanges } from "./session/replay.ts";
export { type RunScriptOptions, runScript } from "./session/run-script.ts";
export { scriptOf } from "./session/script-of.ts";
export {
  type Node,
  type OpenOptions,
  openSession,
  Session,
  type SessionEditOptions,
} from "./session/session.ts";
export {
  openStoredSession,
  readSessionFile,
  type SessionParts,
  sessionFile,
  sessionParts,
} from "./session/store.web.ts";
export { pathTo } from "./session/tree-node.ts";
export type { Verification, VerifyOptions } from "./session/verify.ts";
export type { NoiseSource } from "./tensor/noise.ts";
export type { Tensor } from "./tensor/tensor.ts";
