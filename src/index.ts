/** emilie: iterative, multi-granular image editing. The Node entry; `emilie/web` is the browser's. */
export { EmilieError, type ErrorCode, isEmilieError } from "./errors.ts";
export { readPicture, writePicture } from "./images/codec.node.ts";
export { compareInsideOutside } from "./images/difference.ts";
export { type Mask, maskFromBox, maskFromPicture } from "./images/mask.ts";
export type { Picture } from "./images/picture.ts";
export { strip } from "./images/strip.ts";
export { type EditOptions, type EditResult, edit, type Region } from "./method/edit.ts";
export { CONTROLS, type Control } from "./method/gradient-control.ts";
export { relevance } from "./method/relevance.ts";
export { loadModel } from "./models/load.node.ts";
export type { EditModel } from "./models/model.ts";
export { type SamplerName, samplers } from "./samplers/index.ts";
export { openSession } from "./session/open.node.ts";
export type { Recipe } from "./session/recipe.ts";
export { type Node, Session, type SessionEditOptions } from "./session/session.ts";
export type { Tensor } from "./tensor/tensor.ts";
