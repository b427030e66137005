/** emilie in the browser: the same method on onnxruntime-web; pictures come as Blobs or bytes. */

export {
  KNOWN_MODELS,
  type KnownModel,
  type License,
  type Needs,
  type PageNeeds,
} from "./checkpoint/known-models.ts";
export * from "./common.ts";
export { encodePng, readPicture } from "./images/codec.web.ts";
export {
  type Box,
  invertMask,
  type Mask,
  maskFromAlpha,
  maskFromBox,
  maskFromPicture,
  moveMask,
  pictureFromMask,
  resizeMask,
} from "./images/mask.ts";
export {
  type MaskAnswer,
  type MaskChannel,
  type MaskPictureOptions,
  maskOfPicture,
  type ReadMask,
} from "./images/mask-question.ts";
export { fromModelImage, type Size, toModelImage } from "./images/model-image.ts";
export { type InspectedModel, inspectModel } from "./models/inspect.web.ts";
export {
  describeModel,
  type KeptModel,
  keptModels,
  type LoadProgress,
  loadModel,
  type ModelDescription,
  removeKeptModel,
  type WebLoadOptions,
  type WebPrecision,
} from "./models/load.web.ts";
export type { PageNetwork, PagePlan } from "./models/plan-page.ts";
export { lackOfPage } from "./models/room.web.ts";
export {
  openStoredSession,
  readSessionFile,
  type SessionParts,
  sessionFile,
  sessionParts,
} from "./session/file/store.web.ts";
export { type PngFileOptions, pngFile, withRecipes } from "./session/picture/export.web.ts";
export { type PicturePath, readPicturePath } from "./session/picture/picture-path.web.ts";
export { type PreviewOptions, preview } from "./session/picture/preview.ts";
export { type RunScriptOptions, runScript } from "./session/script/run-script.ts";
export {
  type Node,
  type OpenOptions,
  openSession,
  Session,
  type SessionEditOptions,
} from "./session/session.ts";
export { pathTo } from "./session/tree/tree.ts";
