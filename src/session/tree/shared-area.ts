/**
 * What two nodes show of the same picture. A crop moves the picture's upper left corner out of view and an expansion moves it in, so
 * every node has its place in one plane, in pixels from the original's upper left corner.
 */
import { cropMask, type Mask, resizeMask } from "../../images/mask.ts";
import { type Box, cropPicture, type Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import { unionOf } from "./run.ts";
import { type Node, pathTo } from "./tree.ts";

/** Where a node's picture lies in the plane. */
export function placeOf(node: Node): Box {
  let [x, y] = [0, 0];
  for (const { canvas } of pathTo(node)) {
    x += canvas?.x ?? 0;
    y += canvas?.y ?? 0;
  }
  return { x, y, width: node.size.width, height: node.size.height };
}

/** The part of the plane that both show; without a width or a height where there is none. */
export function sharedArea(a: Node, b: Node): Box {
  const [one, other] = [placeOf(a), placeOf(b)];
  const [x, y] = [Math.max(one.x, other.x), Math.max(one.y, other.y)];
  return {
    x,
    y,
    width: Math.max(0, Math.min(one.x + one.width, other.x + other.width) - x),
    height: Math.max(0, Math.min(one.y + one.height, other.y + other.height) - y),
  };
}

/** The pictures of two nodes as far as they show the same part of the plane; null where they do not at all. */
export async function sharedPictures(
  a: Node,
  b: Node,
  options?: CallOptions,
): Promise<[Picture, Picture] | null> {
  const area = sharedArea(a, b);
  if (area.width === 0 || area.height === 0) return null;
  const part = async (node: Node): Promise<Picture> => {
    const picture = await node.render(options);
    const { x, y, width, height } = placeOf(node);
    if (width === area.width && height === area.height) return picture;
    return cropPicture(picture, { ...area, x: area.x - x, y: area.y - y });
  };
  return [await part(a), await part(b)];
}

/** A mask that somebody gives for the area, brought to its size. */
export function maskOfArea(mask: Mask, { width, height }: Box): Mask {
  return resizeMask(mask, width, height);
}

/** Where in an area of the plane any of these steps was allowed to change the picture; undefined: everywhere. */
export function allowed(steps: readonly Node[], area: Box): Mask | undefined {
  // A crop changes nothing of what it leaves.
  const masks = steps.filter(({ canvas }) => canvas?.kind !== "crop").map((node) => maskIn(node, area));
  if (masks.length > 0) return unionOf(masks);
  return steps.length === 0 ? undefined : emptyMask(area);
}

function emptyMask({ width, height }: Box): Mask {
  return { width, height, data: new Float32Array(width * height) };
}

function maskIn(node: Node, area: Box): Mask | undefined {
  const { mask } = node;
  const place = placeOf(node);
  return mask && moveMask(mask, place, area);
}

/** What of a mask, which lies at `place` in the plane, lies in another box of it; 0 beyond the mask. */
export function moveMask(mask: Mask, place: Box, to: Box): Mask {
  const [x, y] = [to.x - place.x, to.y - place.y];
  if (x === 0 && y === 0 && to.width === mask.width && to.height === mask.height) return mask;
  if (x >= 0 && y >= 0 && x + to.width <= mask.width && y + to.height <= mask.height) {
    return cropMask(mask, { x, y, width: to.width, height: to.height });
  }
  const moved = emptyMask(to);
  for (let row = 0; row < to.height; row++) {
    const from = row + y;
    if (from < 0 || from >= mask.height) continue;
    const [first, end] = [Math.max(0, -x), Math.min(to.width, mask.width - x)];
    if (first >= end) continue;
    const start = from * mask.width + first + x;
    moved.data.set(mask.data.subarray(start, start + end - first), row * to.width + first);
  }
  return moved;
}
