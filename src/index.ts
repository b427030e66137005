/** emilie: iterative, multi-granular image editing. The Node entry; `emilie/web` is the browser's. */
export type { PullProgress } from "./checkpoint/hub/progress.ts";
export { type PulledModel, type PullOptions, pullModel } from "./checkpoint/hub/pull.node.ts";
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { readPicture, writePicture } from "./images/codec.node.ts";
export { compareInsideOutside } from "./images/difference.ts";
export { type Mask, maskFromBox, maskFromPicture } from "./images/mask.ts";
export type { Picture } from "./images/picture.ts";
export { strip } from "./images/strip.ts";
export { type EditOptions, type EditResult, edit, type Region } from "./method/edit.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export { relevance } from "./method/relevance.ts";
export { type LoadOptions, type LoraOption, loadModel } from "./models/load.node.ts";
export type { EditModel } from "./models/model.ts";
export { type SamplerName, samplers } from "./samplers/index.ts";
export type { Drift } from "./session/drift.ts";
export { openSession } from "./session/open.node.ts";
export type { Recipe } from "./session/recipe.ts";
export type { Replay, ReplayChanges } from "./session/replay.ts";
export { type Node, Session, type SessionEditOptions } from "./session/session.ts";
export {
  type LoadSessionOptions,
  loadSession,
  type SaveOptions,
  type SessionWarning,
  StoredSession,
} from "./session/store.node.ts";
export type { Verification } from "./session/verify.ts";
export type { Tensor } from "./tensor/tensor.ts";
