/**
 * How far a picture has come: from its parent, from the original, and where nobody asked for a change.
 *
 * Outside of every mask of a path the picture is the user's own, byte for byte, so drift can hide in two places only:
 * in edits without a mask, which repaint everything a little, and in latents that a control such as "direction" does not
 * hold outside its mask; the composite covers those until an edit without a mask shows them.
 */
import { EmilieError } from "../../errors.ts";
import { compareInsideOutside } from "../../images/difference.ts";
import { type Mask, maskToLatent } from "../../images/mask.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { lookAtChange } from "./changes.ts";
import { unionOf } from "./run.ts";
import { allowed, maskOfArea, sharedArea, sharedPictures } from "./shared-area.ts";
import { canvasPath, type Drift, type InsideOutside, type Node, pathTo, title } from "./tree.ts";
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
  const before = node.parent ?? node;
  const [parent, picture] = (await sharedPictures(before, node, options)) ?? NOTHING;
  const step = quietHalf(parent, picture);
  const halves = await sinceEverythingMoved(path, step, options);
  const drift: Drift = {
    // What is left of a picture by a crop, or lies in an expanded one, is the picture's own.
    parent: compareInsideOutside(parent, picture, node.canvas ? undefined : node.mask),
    original: await compareShared(root, node, path.slice(1), options),
    quietHalf: halves,
    hidden: hiddenIn(node),
    look: { ...lookAtChange(parent, picture), carried: (node as TreeNode).carried },
    warnings: driftWarnings(halves, hiddenIn(node)),
  };
  (node as TreeNode).drift = drift;
  return drift;
}

/** The pictures of two nodes have no pixel in common. */
const NOTHING: [Picture, Picture] = [
  { width: 0, height: 0, data: new Uint8ClampedArray(0) },
  { width: 0, height: 0, data: new Uint8ClampedArray(0) },
];

/** Since the last crop or expansion: an edit after one starts from the pixels alone. */
function hiddenIn(node: Node): number {
  const [root, ...edits] = canvasPath(node);
  // A node of a large session keeps no latent outside of its window, and a crop or an expansion none at all: nothing is hidden there.
  if (edits.length === 0 || node.window || root!.window) return 0;
  const union = unionOf(edits.map(({ mask }) => mask));
  return union ? outsideDistance(root!.latent, node.latent, union) : 0;
}

async function sinceEverythingMoved(
  path: readonly Node[],
  step: number,
  options?: CallOptions,
): Promise<Drift["quietHalf"]> {
  const steps = path.map((node) => node.drift?.quietHalf.step ?? step);
  const base = Math.max(
    0,
    steps.findLastIndex((moved) => moved >= MOVES_EVERYTHING),
  );
  const last = path.length - 1;
  const shared = base === last ? null : await sharedPictures(path[base]!, path[last]!, options);
  const since = shared ? quietHalf(...shared) : 0;
  return { step, largestStep: Math.max(0, ...steps.slice(base + 1)), since };
}

/**
 * The pictures of two nodes, inside and outside of a mask; by default of what any edit between them was allowed to change. Where a crop
 * or an expansion lies between them, what both show of the picture is compared.
 *
 * @throws EmilieError option.invalid where they show nothing in common
 */
export async function compareNodes(
  a: Node,
  b: Node,
  mask?: Mask,
  options?: CallOptions,
): Promise<InsideOutside> {
  const [toA, toB] = [pathTo(a), pathTo(b)];
  const between = [...toA.filter((n) => !toB.includes(n)), ...toB.filter((n) => !toA.includes(n))];
  const { width, height } = sharedArea(a, b);
  if (width > 0 && height > 0) return compareShared(a, b, between, options, mask);
  throw new EmilieError(
    "option.invalid",
    `${title(a)} and ${title(b)} show different parts of the picture, and nothing of one is in the other`,
  );
}

async function compareShared(
  a: Node,
  b: Node,
  between: readonly Node[],
  options?: CallOptions,
  mask?: Mask,
): Promise<InsideOutside> {
  const area = sharedArea(a, b);
  const pictures = (await sharedPictures(a, b, options)) ?? NOTHING;
  return compareInsideOutside(...pictures, mask ? maskOfArea(mask, area) : allowed(between, area));
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
