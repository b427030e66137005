/**
 * How far a picture has come: from its parent, from the original, and where nobody asked for a change.
 *
 * Outside of every mask of a path the picture is the user's own, byte for byte, so drift can hide in two places only:
 * in edits without a mask, which repaint everything a little, and in latents that a control such as "direction" does not
 * hold outside its mask; the composite covers those until an edit without a mask shows them.
 */
import { compareInsideOutside } from "../../images/difference.ts";
import { type Mask, maskToLatent } from "../../images/mask.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { lookAtChange } from "./changes.ts";
import { unionOf } from "./run.ts";
import { type Drift, type InsideOutside, type Node, pathTo } from "./tree.ts";
import type { TreeNode } from "./tree-node.ts";

export type { Drift, InsideOutside } from "./tree.ts";

/**
 * An edit that is meant for one place leaves the quieter half of the picture alone, and one that is meant for everything
 * moves it in one step; what was before it is then no measure any more, and one measures from there. Where that half is
 * farther from there than any one step moved it, small errors add up. The figures behind the three numbers are in
 * docs/decisions/0016-drift-since.md.
 */
const ACCUMULATES = { levels: 6, timesLargestStep: 1.5 };
const MOVES_EVERYTHING = 10;
/** A tenth of the latent's own size shows in a decoded picture. */
const HIDDEN = 0.1;

/** Measures a node and those before it that were not measured yet; keeps the result in `node.drift`. */
export async function measureDrift(node: Node, options?: CallOptions): Promise<Drift> {
  if (node.drift?.look) return node.drift;
  const path = pathTo(node);
  const root = path[0]!;
  if (node.parent) await measureDrift(node.parent, options);
  const picture = await node.render(options);
  const [parent, original] = [await (node.parent ?? node).render(options), await root.render(options)];
  const union = allowed(path.slice(1));
  const step = quietHalf(parent, picture);
  const halves = await sinceEverythingMoved(path, picture, step, options);
  // A node of a large session keeps no latent outside of its window: nothing is hidden there.
  const hidden = union && !node.window ? outsideDistance(root.latent, node.latent, union) : 0;
  const drift: Drift = {
    parent: compareInsideOutside(parent, picture, node.mask),
    original: compareInsideOutside(original, picture, union),
    quietHalf: halves,
    hidden,
    look: { ...lookAtChange(parent, picture), carried: (node as TreeNode).carried },
    warnings: driftWarnings(halves, hidden),
  };
  (node as TreeNode).drift = drift;
  return drift;
}

async function sinceEverythingMoved(
  path: readonly Node[],
  picture: Picture,
  step: number,
  options?: CallOptions,
): Promise<Drift["quietHalf"]> {
  const steps = path.map((node) => node.drift?.quietHalf.step ?? step);
  const base = Math.max(
    0,
    steps.findLastIndex((moved) => moved >= MOVES_EVERYTHING),
  );
  const since = base === path.length - 1 ? 0 : quietHalf(await path[base]!.render(options), picture);
  return { step, largestStep: Math.max(0, ...steps.slice(base + 1)), since };
}

/** The pictures of two nodes, inside and outside of a mask; by default of what any edit between them was allowed to change. */
export async function compareNodes(
  a: Node,
  b: Node,
  mask?: Mask,
  options?: CallOptions,
): Promise<InsideOutside> {
  const [toA, toB] = [pathTo(a), pathTo(b)];
  const between = [...toA.filter((n) => !toB.includes(n)), ...toB.filter((n) => !toA.includes(n))];
  return compareInsideOutside(await a.render(options), await b.render(options), mask ?? allowed(between));
}

/** Where any of these edits was allowed to change the picture; undefined: everywhere. */
export function allowed(edits: readonly Node[]): Mask | undefined {
  return unionOf(edits.map((node) => node.mask));
}

export function driftWarnings({ largestStep, since }: Drift["quietHalf"], hidden: number): string[] {
  const warnings: string[] = [];
  if (since >= ACCUMULATES.levels && since > ACCUMULATES.timesLargestStep * largestStep) {
    warnings.push(
      `Small changes add up: even the quieter half of the picture has moved by ${since.toFixed(1)} levels since the original ` +
        `or the last edit of everything, and no single edit moved it by more than ${largestStep.toFixed(1)}. Use masks, or ` +
        "continue from an earlier picture.",
    );
  }
  if (hidden > HIDDEN) {
    warnings.push(
      `Outside of the masks the latent is ${(100 * hidden).toFixed(0)} % from the original's. The picture shows your own ` +
        'pixels there, but an edit without a mask would not. The control "anchored" keeps it exactly.',
    );
  }
  return warnings;
}

/** The median over the pixels of the mean absolute difference of the colour channels, in levels. */
export function quietHalf(a: Picture, b: Picture): number {
  // Sums of three channels are whole numbers from 0 to 765.
  const counts = new Uint32Array(766);
  for (let i = 0; i < a.data.length; i += 4) {
    let sum = 0;
    for (let at = i; at < i + 3; at++) sum += Math.abs(a.data[at]! - b.data[at]!);
    counts[sum] = counts[sum]! + 1;
  }
  const half = a.data.length / 8;
  let seen = 0;
  const median = counts.findIndex((count) => {
    seen += count;
    return seen >= half;
  });
  return median / 3;
}

function outsideDistance(from: Tensor, to: Tensor, mask: Mask): number {
  const [, h, w] = from.shape as [number, number, number];
  const m = maskToLatent(mask, h, w).data;
  let [distance, size] = [0, 0];
  for (let i = 0; i < from.data.length; i++) {
    if (m[i % m.length]! > 0) continue;
    distance += (to.data[i]! - from.data[i]!) ** 2;
    size += from.data[i]! ** 2;
  }
  return size === 0 ? 0 : Math.sqrt(distance / size);
}
