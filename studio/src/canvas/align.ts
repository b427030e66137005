/** Pictures of different canvases over each other: each has its place in one plane, from the original's upper left corner. */
import type { Picture } from "../../../src/web.ts";
import type { NodeView } from "../backend/backend.ts";

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where a node's picture lies. */
export function placeOf(nodes: readonly NodeView[], id: string): Place {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const node = byId.get(id);
  let [x, y] = [0, 0];
  for (let at = node; at; at = byId.get(at.parent ?? "")) {
    x += at.canvas?.x ?? 0;
    y += at.canvas?.y ?? 0;
  }
  return { x, y, width: node?.width ?? 0, height: node?.height ?? 0 };
}

export const isSamePlace = (a: Place, b: Place): boolean =>
  a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;

const made = new WeakMap<Picture, { key: string; picture: Picture }>();

/** What of a picture, which lies at `from`, is seen at `to`; transparent where it is not. */
export function aligned(picture: Picture, from: Place, to: Place): Picture {
  if (isSamePlace(from, to)) return picture;
  const key = [from, to].flatMap(({ x, y, width, height }) => [x, y, width, height]).join();
  const known = made.get(picture);
  if (known?.key === key) return known.picture;
  const data = new Uint8ClampedArray(4 * to.width * to.height);
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const [first, end] = [Math.max(0, -dx), Math.min(to.width, picture.width - dx)];
  for (let y = Math.max(0, -dy); y < Math.min(to.height, picture.height - dy); y++) {
    if (first >= end) break;
    const start = 4 * ((y + dy) * picture.width + first + dx);
    data.set(picture.data.subarray(start, start + 4 * (end - first)), 4 * (y * to.width + first));
  }
  const shown = { width: to.width, height: to.height, data };
  made.set(picture, { key, picture: shown });
  return shown;
}
