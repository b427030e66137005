/** Vision transformers: a picture cut into patches, each a token, with a class token before them. */

import type { Value } from "../../graph/graph.ts";
import { add, concat, conv2d, reshape, transpose } from "../../graph/ops.ts";
import type { Scope } from "../layers/scope.ts";
import type { VisionConfig } from "./configs.ts";

/** Tokens that a picture of the configuration's own size becomes. */
export function visionTokens({ image_size: side, patch_size: patch }: VisionConfig): number {
  return 1 + Math.floor(side / patch) ** 2;
}

/** image [1, 3, h, w] → [patches, width], row by row */
export function patchTokens(s: Scope, image: Value, config: VisionConfig, bias: boolean): Value {
  const { hidden_size: width, patch_size: patch } = config;
  const weight = s.parameter("weight", [width, 3, patch, patch]);
  const grid = conv2d(s, image, weight, bias ? s.parameter("bias", [width]) : null, { stride: patch });
  const [, , h = 0, w = 0] = grid.shape;
  return transpose(s, reshape(s, grid, [width, h * w]));
}

/** The class token before the patches, and every token's position: first [1, width], positions [1 + patches, width]. */
export function withPositions(s: Scope, first: Value, patches: Value, positions: Value): Value {
  return add(s, concat(s, [first, patches], 0), positions);
}
