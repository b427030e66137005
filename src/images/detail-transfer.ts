/**
 * Detail transfer: an edit that was computed at the model's size, brought to the picture's own size with the picture's own detail.
 *
 * A colour transform that varies over the picture is fitted, at the model's size, from the source as the autoencoder gives it back
 * to the edit (both then carry the same blur), and applied to the source at its own size. Where the transform does not explain
 * the edit, as in new and removed objects, the model's own pixels come, enlarged.
 *
 *   M    = A(p)·I + b(p)                                   the source in the edit's colours
 *   e'   = e + g·A·(D(I) − i₀)                             the edit, with what the autoencoder had lost
 *   out  = w·M + (1 − w)·(U(e') + g·(M − U(D(M))))         w: how far the transform explains e'; g: how far its finest octave
 *
 * Where an edit changes the colours of some surfaces, M has their own changes besides (colour-unmixing.ts).
 * I: the source at its own size; D, U: to the model's size and back; i₀: its reconstruction; e: the edit. Where e and i₀ agree,
 * the source's bytes stay. docs/results/detail.md has the measurements.
 */
import { EmilieError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { applyTransform, fitColourTransform, type Grid } from "./colour-transform.ts";
import { assemble, readRow } from "./detail-assembly.ts";
import { type ChosenTransform, chooseTransform } from "./detail-choice.ts";
import { broughtBy, freeOf } from "./detail-history.ts";
import type { SmallEdit } from "./detail-kind.ts";
import { activeRows, blendMaps } from "./detail-maps.ts";
import { type Mask, resizeMask } from "./mask.ts";
import type { Picture } from "./picture.ts";
import { RowReducer } from "./resize-rows.ts";
import { UnmixedRows } from "./unmixed-rows.ts";

/** Times that what was brought is filled in for the fits. */
const FILLED = 2;

/** What {@link transferDetail} takes beside the picture. */
export interface ModelEdit {
  /** The picture as the model's decoder gives it back, [3, h, w], about −1 to 1. */
  readonly reconstruction: Tensor;
  /** The edited picture from the same decoder, of the same shape. */
  readonly edited: Tensor;
  /** Where the picture may change, at any size; where it is 0 the picture's bytes stay. Default: everywhere. */
  readonly mask?: Mask | undefined;
  /** What earlier edits brought ({@link thingsBrought}): there the model's pixels stay. Default: nothing. */
  readonly brought?: Mask | undefined;
}

/** What {@link transferDetail} gives. */
export interface Transferred {
  readonly picture: Picture;
  /** Of what changed, the share that carries the picture's own detail, 0 to 1; the rest is the model's pixels, enlarged. */
  readonly carried: number;
}

/**
 * The picture, edited, at its own size. Memory beside picture and result is some 40 floats for every pixel of the model's size.
 *
 * @throws EmilieError option.invalid where the two model images differ in shape; runtime.failed for values that are not numbers
 */
export function transferDetail(picture: Picture, modelEdit: ModelEdit): Transferred {
  const { mask, brought } = modelEdit;
  const edit = smallEditOf(modelEdit);
  const { before, after, allowed, small } = edit;
  const free = brought?.data.includes(1) ? freeOf(brought, small) : undefined;
  let filled = after;
  let fitted = fitColourTransform(before, after, small, allowed);
  // What was brought takes no part in the fits: in its place comes what they make of the source.
  for (let k = 0; free && k < FILLED; k++) {
    const guess = applyTransform(fitted.wide, before);
    filled = after.map((value, i) => guess[i]! + free[Math.floor(i / 3)]! * (value - guess[i]!));
    fitted = fitColourTransform(before, filled, small, allowed);
  }
  const chosen = onlyWhere(free, chooseTransform(picture, { ...edit, after: filled }, fitted));
  const rows = activeRows(edit, picture.height);
  const surfaces =
    chosen.surfaces && new UnmixedRows(chosen.surfaces.changes, chosen.surfaces.counts, picture);
  const source = atModelSize(picture, small, rows);
  const maps = blendMaps(edit, chosen, source, movedAtModelSize(source, chosen));
  const open = mask && resizeMask(mask, picture.width, picture.height);
  return { picture: assemble(picture, maps, surfaces, small, open, rows), carried: maps.carried };
}

/**
 * What an edit brought that the picture before it did not have, with what earlier edits brought: one value, 1 or 0, for each of some 32 × 32 squares.
 *
 * @param edit of this turn alone: `reconstruction` is the picture before it, from the decoder too, and `brought` what earlier edits brought
 * @throws EmilieError as {@link transferDetail}
 */
export function thingsBrought(edit: ModelEdit): Mask {
  return broughtBy(smallEditOf(edit), edit.brought);
}

/** The edit at the model's size, checked. */
function smallEditOf({ reconstruction, edited, mask }: ModelEdit): SmallEdit {
  const [channels, height, width] = edited.shape as [number, number, number];
  if (channels !== 3 || edited.shape.join() !== reconstruction.shape.join()) {
    throw new EmilieError(
      "option.invalid",
      `Detail transfer needs an edit and a reconstruction of one shape [3, h, w], got [${edited.shape}] and [${reconstruction.shape}].`,
    );
  }
  for (const { data } of [edited, reconstruction]) {
    if (!data.some(Number.isNaN)) continue;
    throw new EmilieError(
      "runtime.failed",
      "The model's decoder returned values that are not numbers. The checkpoint may be damaged, or its weights overflow.",
    );
  }
  const allowed = mask && resizeMask(mask, width, height).data;
  return {
    before: interleaved(reconstruction),
    after: interleaved(edited),
    allowed,
    small: { width, height },
  };
}

/** The transform, and the model's pixels where there is more than what the source has. */
function onlyWhere(free: Float32Array | undefined, chosen: ChosenTransform): ChosenTransform {
  if (!free) return chosen;
  const limit = (values: Float32Array) => values.map((value, p) => value * free[p]!);
  const { surfaces, wide, known } = chosen;
  return {
    ...chosen,
    wide: limit(wide),
    known: limit(known),
    surfaces: surfaces && { ...surfaces, counts: limit(surfaces.counts) },
  };
}

/** [3, h, w] in −1 to 1 → [h, w, 3] in 0 to 1. */
function interleaved({ data }: Tensor): Float32Array {
  const n = data.length / 3;
  const out = new Float32Array(data.length);
  for (let p = 0; p < n; p++) {
    for (let c = 0; c < 3; c++) out[3 * p + c] = data[c * n + p]! / 2 + 0.5;
  }
  return out;
}

/** D(I), [h, w, 3], of the rows that count. */
function atModelSize(picture: Picture, small: Grid, rows: Uint8Array): Float32Array {
  const reducer = new RowReducer(picture, small, 3);
  const row = new Float32Array(3 * picture.width);
  for (let y = 0; y < picture.height; y++) {
    if (rows[y] === 0) reducer.skip();
    else {
      readRow(picture, y, row);
      reducer.push(row);
    }
  }
  return reducer.result;
}

/** D(M), [h, w, 3]: the transform hardly varies over a pixel of the model's size, so it may be applied to D(I). */
function movedAtModelSize(source: Float32Array, { map, surfaces }: ChosenTransform): Float32Array {
  const moved = applyTransform(map, source);
  if (!surfaces) return moved;
  const { changes, counts } = surfaces;
  return moved.map((value, i) => value + counts[Math.floor(i / 3)]! * changes.added[i]!);
}
