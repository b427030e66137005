/**
 * Gating: what an edit hardly moved is carried over from its parent exactly (method: section 6). A sampler leaves a little of its
 * own error everywhere, also where the instruction asks for nothing, and over a chain of edits these errors add up. They are
 * small: an edit of picturebook's moves what it is about by half a standard deviation of the latents and the rest by a twentieth. So the edit itself says
 * where it is, after it has been made and at no cost, which the relevance map (relevance.ts) has to guess beforehand.
 *
 * Two thresholds, as in Canny's edge detector (1986): what moved by more than twice the gate is a change, and so is what
 * touches a change and moved by more than the gate. Noise alone rarely reaches the first.
 */

import { blend } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EditModel } from "./edit-model.ts";
import { toScaled } from "./latent-iteration.ts";

/** What moved by more than so many gates is a change by itself. */
const CERTAIN = 2;

/**
 * Where an edit changed the latent: 1 there, 0 elsewhere.
 *
 * @param z0 [channels, h, w], the result in scaled units, in which a checkpoint's latents have a standard deviation of about 1
 * @param source ẑ [channels, h, w], the parent in the same units
 * @param gate root mean square over the channels; greater than 0
 * @returns [1, h, w]
 */
export function changeMask(z0: Tensor, source: Tensor, gate: number): Tensor {
  const [, h, w] = z0.shape as [number, number, number];
  const far = distances(z0, source);
  const place = new Float32Array(h * w);
  const open: number[] = [];
  const take = (i: number) => {
    place[i] = 1;
    open.push(i);
  };
  far.forEach((distance, i) => {
    if (distance > CERTAIN * gate) take(i);
  });
  while (open.length > 0) {
    const i = open.pop()!;
    const [y, x] = [Math.floor(i / w), i % w];
    for (let ny = Math.max(0, y - 1); ny <= Math.min(h - 1, y + 1); ny++) {
      for (let nx = Math.max(0, x - 1); nx <= Math.min(w - 1, x + 1); nx++) {
        const next = ny * w + nx;
        if (place[next] === 0 && far[next]! > gate) take(next);
      }
    }
  }
  return { data: place, shape: [1, h, w] };
}

/** Whether an edit was gated, as its recipe records it. */
export const isGated = (recipe: { readonly gate?: number } | null): boolean => !!recipe?.gate;

/** Root mean square over the channels of a − b, a value for each place. */
function distances(a: Tensor, b: Tensor): Float64Array {
  const [channels, h, w] = a.shape as [number, number, number];
  const plane = h * w;
  const sum = new Float64Array(plane);
  for (let i = 0; i < a.data.length; i++) sum[i % plane]! += (a.data[i]! - b.data[i]!) ** 2;
  return sum.map((value) => Math.sqrt(value / channels));
}

/** `next` with what hardly moved taken from c, both conditions; undefined where nothing moved. A gate of 0 keeps every change. */
export function gated(model: EditModel, next: Tensor, c: Tensor, gate: number): Tensor | undefined {
  if (gate === 0) return next;
  const place = changeMask(toScaled(model, next), toScaled(model, c), gate);
  return place.data.some((value) => value > 0) ? blend(place, next, c) : undefined;
}
