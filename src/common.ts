/** The exports that both entry points share: the method, its options, and their types. */
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { type CanvasChange, MIN_CANVAS_SIDE, type Room, type Sides } from "./images/canvas.ts";
export { compareInsideOutside, type Difference } from "./images/difference.ts";
export { alongEdges } from "./images/edge-upsampling.ts";
export type { MaskPatch } from "./images/mask-patch.ts";
export { otsuThreshold } from "./images/otsu.ts";
export { MAX_PICTURE_PIXELS, type Picture } from "./images/picture.ts";
export { type Selection, Selector, selectRegion } from "./images/select-region.ts";
export { maskFromEllipse, maskFromPolygon, type Point } from "./images/shapes.ts";
export { type AvailableSettings, availableSettings } from "./method/available.ts";
export { type EditResult, edit } from "./method/edit.ts";
export type {
  Abilities,
  CallOptions,
  DecodeOptions,
  DenoiseInput,
  Device,
  EditDefaults,
  EditModel,
  EncodeTextOptions,
  FewSteps,
  GuidedBy,
  PredictionType,
  TextEncoding,
  TimeShift,
  Understanding,
  UnderstandOptions,
} from "./method/edit-model.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export type { EditOptions, Region, StepListener } from "./method/options.ts";
export {
  type DefaultsOf,
  PRESETS,
  type PresetName,
  type PresetSettings,
  presetOf,
  presetsOf,
} from "./method/presets.ts";
export { type Relevance, type RelevanceOptions, relevance } from "./method/relevance.ts";
export {
  DETAIL,
  type Detail,
  type EditSettings,
  type OpenSettings,
  REPHRASE,
  type RecordedSettings,
  type RecordedWindow,
  type Rephrase,
  type SessionSettings,
} from "./method/settings.ts";
export type { Refusal } from "./method/understood.ts";
export type { ResolvedWindow, Window, WindowOption, WindowSize } from "./method/window.ts";
export type { MemoryMode } from "./runtime/onnx-sessions.ts";
export { type SamplerName, samplers } from "./samplers/index.ts";
export type {
  Boundary,
  Denoise,
  NoiseLevel,
  Sampler,
  SamplerOptions,
  Schedule,
  StepEvent,
} from "./samplers/types.ts";
export type { RelevanceMap, RelevanceMapOptions } from "./session/picture/relevance-map.ts";
export type {
  EditScript,
  EditScriptRegion,
  EditScriptSettings,
  EditScriptStep,
} from "./session/script/edit-script.ts";
export { scriptOf } from "./session/script/script-of.ts";
export { type Changed, type Changes, changesOf, type Look, visibleChange } from "./session/tree/changes.ts";
export type { Drift, InsideOutside } from "./session/tree/drift.ts";
export type {
  CanvasRecipe,
  NodeRecipe,
  Recipe,
  RecipeReference,
  RecipeRegion,
} from "./session/tree/recipe.ts";
export type { Replay, ReplayChanges, ReplayOptions } from "./session/tree/replay.ts";
export type { PlacedRegion } from "./session/tree/run.ts";
export type { UnderstandBefore } from "./session/tree/understand.ts";
export type { Verification, VerifyOptions } from "./session/tree/verify.ts";
export type { NoiseSource } from "./tensor/noise.ts";
export type { Tensor } from "./tensor/tensor.ts";
