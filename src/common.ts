/** What both entries have: the method, its options, and the types that they share. */
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { compareInsideOutside, type Difference } from "./images/difference.ts";
export { alongEdges } from "./images/edge-upsampling.ts";
export { otsuThreshold } from "./images/otsu.ts";
export { MAX_PICTURE_PIXELS, type Picture } from "./images/picture.ts";
export { type Selection, selectRegion } from "./images/select-region.ts";
export { maskFromEllipse, maskFromPolygon, type Point } from "./images/shapes.ts";
export { type EditResult, edit } from "./method/edit.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export type { EditOptions, Region, StepListener } from "./method/options.ts";
export {
  type DefaultsOf,
  PRESETS,
  type PresetName,
  type PresetSettings,
  presetOf,
} from "./method/presets.ts";
export { type Relevance, type RelevanceOptions, relevance } from "./method/relevance.ts";
export type { Refusal } from "./method/understood.ts";
export type { ResolvedWindow, Window, WindowOption, WindowSize } from "./method/window.ts";
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
  Understanding,
} from "./models/model.ts";
export type { MemoryMode } from "./models/session-cache.ts";
export { type SamplerName, samplers } from "./samplers/index.ts";
export type { Denoise, NoiseLevel, Sampler, SamplerOptions, Schedule, StepEvent } from "./samplers/types.ts";
export { type Changes, changesOf, type Look, visibleChange } from "./session/changes.ts";
export type { Drift, InsideOutside } from "./session/drift.ts";
export type {
  EditScript,
  EditScriptRegion,
  EditScriptSettings,
  EditScriptStep,
} from "./session/edit-script.ts";
export type { Recipe, RecipeRegion } from "./session/recipe.ts";
export type { RelevanceMap, RelevanceMapOptions } from "./session/relevance-map.ts";
export type { Replay, ReplayChanges, ReplayOptions } from "./session/replay.ts";
export type { PlacedRegion } from "./session/run.ts";
export { scriptOf } from "./session/script-of.ts";
export type { Verification, VerifyOptions } from "./session/verify.ts";
export type { NoiseSource } from "./tensor/noise.ts";
export type { Tensor } from "./tensor/tensor.ts";
