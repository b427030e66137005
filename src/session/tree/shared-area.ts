/**
 * What two nodes show of the same picture. A crop moves the picture's upper left corner out of view and an expansion moves it in, so
 * every node has its place in one plane, in pixels from the original's upper left corner.
 */
import { type Mask, moveMask, resizeMask } from "../../images/mask.ts";
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
