/** The compositing mask of a node: where its picture shows its own pixels, and where its parent's. */
import { type Mask, resizeMask } from "../../images/mask.ts";
import { isGated } from "../../method/gating.ts";
import { differenceMask } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Node } from "../tree/tree.ts";

/**
 * The mask by which the node's picture is composited over its parent's: the mask of the edit, and of that, where the edit was gated,
 * what was kept. Undefined: everywhere.
 *
 * @param before the condition that the edit started from, [channels, h, w]
 */
export function compositingMask(node: Node, before: Tensor): Mask | undefined {
  const { mask, recipe, size } = node;
  if (!isGated(recipe)) return mask;
  const place = maskOfCells(differenceMask(node.latent, before), size.width, size.height);
  return mask ? { ...place, data: place.data.map((value, i) => Math.min(value, mask.data[i]!)) } : place;
}

/**
 * Cells of the latent grid [1, h, w] as a mask of the picture: 1 over them, and outside a ramp of a cell and a half, because the
 * decoder spreads what a cell holds over its neighbours.
 */
function maskOfCells({ data, shape }: Tensor, width: number, height: number): Mask {
  const [, h, w] = shape as [number, number, number];
  const around = new Float32Array(h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (data[y * w + x] === 0) continue;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(h - 1, y + 1); ny++) {
        around.fill(1, ny * w + Math.max(0, x - 1), ny * w + Math.min(w - 1, x + 1) + 1);
      }
    }
  }
  return resizeMask({ width: w, height: h, data: around }, width, height);
}
