/** emilie in the browser: the same method on onnxruntime-web; pictures come as Blobs or bytes. */
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { encodePng, readPicture } from "./images/codec.web.ts";
export { compareInsideOutside } from "./images/difference.ts";
export { type Mask, maskFromBox, maskFromPicture, pictureFromMask, resizeMask } from "./images/mask.ts";
export { fromModelImage, type Size, toModelImage } from "./images/model-image.ts";
export type { Picture } from "./images/picture.ts";
export { type EditOptions, type EditResult, edit, type Region } from "./method/edit.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export { relevance } from "./method/relevance.ts";
export { loadModel } from "./models/load.web.ts";
export type { EditModel } from "./models/model.ts";
export { type SamplerName, samplers } from "./samplers/index.ts";
export type { Drift } from "./session/drift.ts";
export { preview } from "./session/preview.ts";
export type { Recipe } from "./session/recipe.ts";
export type { Replay, ReplayChanges } from "./session/replay.ts";
export { type Node, openSession, Session, type SessionEditOptions } from "./session/session.ts";
export {
  openStoredSession,
  readSessionFile,
  type SessionParts,
  sessionFile,
  sessionParts,
} from "./session/store.web.ts";
export { pathTo } from "./session/tree-node.ts";
export type { Verification } from "./session/verify.ts";
export type { Tensor } from "./tensor/tensor.ts";
