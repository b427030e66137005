/** emilie: iterative, multi-granular image editing. The Node entry; `emilie/web` is the browser's. */

export type { Precision } from "./checkpoint/derived.ts";
export * from "./common.ts";
export {
  type PictureFile,
  type ReadOptions,
  readPicture,
  readPictureFile,
  type WriteOptions,
  writePicture,
} from "./images/codec.node.ts";
export {
  type Box,
  invertMask,
  type Mask,
  maskFromAlpha,
  maskFromBox,
  maskFromPicture,
} from "./images/mask.ts";
export {
  type MaskAnswer,
  type MaskChannel,
  type MaskPictureOptions,
  maskOfPicture,
  type ReadMask,
} from "./images/mask-question.ts";
export type { MaskSources } from "./images/mask-spec.ts";
export type { Size } from "./images/model-image.ts";
export { readMask } from "./images/read-mask.node.ts";
export { type Frame, type StripOptions, strip } from "./images/strip.ts";
export type { FitPlan } from "./models/fit.node.ts";
export type { PullProgress } from "./models/hub/progress.ts";
export { type PulledModel, type PullOptions, type PullPlan, pullModel } from "./models/hub/pull.node.ts";
export type { Variant } from "./models/hub/select.ts";
export {
  type LoadOptions,
  type LoadProgress,
  type LoraOption,
  loadModel,
  type ModelParts,
  type NodeDevice,
} from "./models/load.node.ts";
export type { Machine, PrecisionPlan } from "./models/plan.ts";
export type { FileEditOptions, FileNode, MaskSource } from "./session/file/file-node.node.ts";
export {
  type LoadSessionOptions,
  loadSession,
  type SaveOptions,
  type SessionWarning,
  StoredSession,
} from "./session/file/store.node.ts";
export { openSession } from "./session/open.node.ts";
export { type ExportOptions, exportPicture } from "./session/picture/export.node.ts";
export type { RunScriptOptions } from "./session/script/run-script.ts";
export { parseScript, readScript, runScript } from "./session/script/script-file.node.ts";
export {
  type CanvasOptions,
  type Node,
  type OpenOptions,
  Session,
  type SessionEditOptions,
} from "./session/session.ts";
