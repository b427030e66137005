/**
 * What @emilie/bench needs of emilie beyond its public interface: published as `emilie/internal` for that package alone, of the
 * same version. It may change with any release.
 */
export type { Precision } from "./checkpoint/derived.ts";
export { fingerprint } from "./checkpoint/fingerprint.ts";
export { requireFinite } from "./checkpoint/finite.ts";
export { folderSource } from "./checkpoint/source.node.ts";
export { type CheckpointSource, readJson } from "./checkpoint/source.ts";
export { cacheFolder, mappedStorage } from "./checkpoint/storage.node.ts";
export { dryPlacement, type PlacedWeights, type WeightStorage } from "./checkpoint/storage.ts";
export { openWeights, type WeightTable } from "./checkpoint/weights.ts";
export { type Context, makeFolder, stoppable } from "./cli/context.ts";
export { databaseOf, databaseOptions } from "./cli/database-options.ts";
export { EXIT, Unsuccessful, UsageError } from "./cli/errors.ts";
export { loadTold } from "./cli/load.ts";
export { deviceOption, fitOption, precisionOption } from "./cli/model-options.ts";
export { openInBrowser } from "./cli/open-browser.ts";
export { portNumber, positive, shuffleSeed, steps } from "./cli/options.ts";
export { formatCount, formatSeconds, type Output } from "./cli/output.ts";
export { sayTable } from "./cli/table.ts";
export { EmilieError, isEmilieError } from "./errors.ts";
export type { Graph } from "./graph/graph.ts";
export { encodePng, MAX_PICTURE_BYTES, readPicture, writePicture } from "./images/codec.node.ts";
export { composite } from "./images/composite.ts";
export { compareInsideOutside } from "./images/difference.ts";
export { distanceTo } from "./images/distance.ts";
export { convertPicture } from "./images/encode.node.ts";
export {
  isEmptyMask,
  type Mask,
  maskFromPicture,
  maskToLatent,
  pictureFromMask,
  resizeMask,
} from "./images/mask.ts";
export { parseMaskSpec } from "./images/mask-spec.ts";
export { fromModelImage, type Size, workingSize } from "./images/model-image.ts";
export type { Picture } from "./images/picture.ts";
export { readPictureSize } from "./images/picture-size.node.ts";
export { readMask } from "./images/read-mask.node.ts";
export { type BytePlanes, resizeBytes } from "./images/resize-bytes.ts";
export { BENCH_JSON, DATASET_JSON } from "./limits.ts";
export { edit } from "./method/edit.ts";
export type { CallOptions, EditModel } from "./method/edit-model.ts";
export type { Control } from "./method/gradient-control.ts";
export { withGuidance } from "./method/guidance.ts";
export { nextCondition, toCondition, toDecoderInput, toScaled } from "./method/latent-iteration.ts";
export { type EditOptions, resolveOptions } from "./method/options.ts";
export { findSnapshot } from "./models/hub/cache.node.ts";
export { parseRepoId } from "./models/hub/repo-id.ts";
export { hubCache } from "./models/hub/settings.node.ts";
export type { NodeDevice } from "./models/load.node.ts";
export { publicModelName } from "./models/open.node.ts";
export { readWordPiece } from "./networks/bert/wordpiece.ts";
export { buildBlipText, buildBlipVision } from "./networks/blip/graph.ts";
export { buildClipText } from "./networks/clip/text.ts";
export { readTokenizer, type Tokenizer } from "./networks/clip/tokenizer.ts";
export { buildClipVision } from "./networks/clip/vision.ts";
export { buildDino } from "./networks/dino/graph.ts";
export {
  type ClipConfig,
  parseBlipConfig,
  parseClipConfig,
  parseDinoConfig,
} from "./networks/vision/configs.ts";
export {
  type Preprocessor,
  type PreprocessorDefaults,
  readPreprocessor,
} from "./networks/vision/preprocessor.ts";
export type { Engine, Feeds } from "./runtime/engine.ts";
export { createNodeEngine } from "./runtime/node.ts";
export { OnnxSessions, throwIfAborted } from "./runtime/onnx-sessions.ts";
export { packageRoot } from "./runtime/package-root.node.ts";
export {
  betaQuantile,
  contiguous,
  createSchedule,
  type Denoise,
  invertDdim,
  modelInput,
  type NoiseLevel,
  type NoiseSource,
  noised,
  type SamplerName,
  samplers,
  scheduleFrom,
  stepwise,
} from "./samplers/index.ts";
export { type Cells, openSharedCells } from "./server/database/open-cells.ts";
export { ALL_HEADERS, guard } from "./server/guard.ts";
export { listen, shut } from "./server/listen.ts";
export { staticFiles } from "./server/pages/static.ts";
export { locked, writeAtomically } from "./session/file/atomic.node.ts";
export { conditionOf } from "./session/picture/condition.ts";
export { printable } from "./session/script/printable.ts";
export { openSession, type Session } from "./session/session.ts";
export { unionOf } from "./session/tree/run.ts";
export { boxMean } from "./tensor/box-mean.ts";
export { createNoise } from "./tensor/noise.ts";
export { blend } from "./tensor/ops.ts";
export { type Tensor, tensor, zeros } from "./tensor/tensor.ts";
export { readFileWithin } from "./util/open-file.node.ts";
export { parseJson } from "./util/parse-json.ts";
export { sha256 } from "./util/sha256.ts";
