/** A recipe's edit, computed: masks of the picture's size brought to the latent grid, then Algorithm 1 (method/edit.ts). */
import { type Mask, maskToLatent } from "../../images/mask.ts";
import type { EditModel } from "../../method/edit-model.ts";
import type { EditOptions } from "../../method/options.ts";
import { editUnderstood, type UnderstoodResult } from "../../method/understood.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** An instruction and its place in the picture's own pixels. */
export interface PlacedRegion {
  /** What should change there. */
  readonly instruction: string;
  /** Where, white (1) may change. Default: everywhere. */
  readonly mask?: Mask;
  /** Instead of the edit's textGuidance; negative pushes away. */
  readonly weight?: number;
}

/** Edits the picture whose condition latent is c, [channels, h, w]. */
export function runEdit(
  model: EditModel,
  c: Tensor,
  regions: readonly PlacedRegion[],
  options: EditOptions,
): Promise<UnderstoodResult> {
  const [, h, w] = c.shape as [number, number, number];
  const placed = regions.map((r) => ({ ...r, mask: r.mask && maskToLatent(r.mask, h, w) }));
  return editUnderstood(model, c, placed, options);
}

/** The largest value of any mask at each pixel; undefined (everywhere) where a region has no mask. All are of one size. */
export function unionOf(masks: readonly (Mask | undefined)[]): Mask | undefined {
  const [first, ...rest] = masks;
  if (!first || rest.some((mask) => !mask)) return undefined;
  if (rest.length === 0) return first;
  const data = first.data.map((m, i) => rest.reduce((max, mask) => Math.max(max, mask!.data[i]!), m));
  return { width: first.width, height: first.height, data };
}
