/** Masks drawn as shapes, in pixels of the picture from the upper left corner. A pixel is in where its centre is. */
import { EmilieError } from "../errors.ts";
import { MAX_POLYGON_WORK } from "../limits.ts";
import type { Mask } from "./mask.ts";

/** In pixels of the picture, from the upper left corner. */
export type Point = readonly [x: number, y: number];

/** More corners than anybody draws; each costs time on every row. */
export const MAX_CORNERS = 10_000;

/**
 * A mask that is 1 inside a polygon; where its outline crosses itself, every second part is inside (even-odd). It may
 * reach beyond the picture. Throws mask.invalid for fewer than 3 corners, or where it covers no pixel.
 */
export function maskFromPolygon(width: number, height: number, corners: readonly Point[]): Mask {
  if (corners.length < 3 || corners.length > MAX_CORNERS || !corners.flat().every(Number.isFinite)) {
    throw new EmilieError(
      "mask.invalid",
      `A polygon needs 3 to ${MAX_CORNERS} corners, each two numbers, got ${corners.length}.`,
    );
  }
  const data = new Float32Array(width * height);
  const heights = corners.map(([, y]) => y);
  const top = Math.max(0, Math.floor(Math.min(...heights)));
  const bottom = Math.min(height, Math.ceil(Math.max(...heights)));
  if ((bottom - top) * corners.length > MAX_POLYGON_WORK) {
    throw new EmilieError(
      "mask.invalid",
      `A polygon of ${corners.length} corners over ${bottom - top} rows is too complex; draw it with fewer corners, or give a picture.`,
    );
  }
  for (let y = top; y < bottom; y++) {
    const crossings = crossingsAt(corners, y + 0.5);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      // Centres x + 0.5 from one crossing to the next.
      const from = Math.max(0, Math.ceil(crossings[i]! - 0.5));
      const to = Math.min(width, Math.ceil(crossings[i + 1]! - 0.5));
      if (from < to) data.fill(1, y * width + from, y * width + to);
    }
  }
  return covering({ width, height, data }, "polygon");
}

/** Where the outline crosses a horizontal line, from left to right. */
function crossingsAt(corners: readonly Point[], y: number): number[] {
  const found: number[] = [];
  corners.forEach(([x0, y0], i) => {
    const [x1, y1] = corners[(i + 1) % corners.length]!;
    if (y0 <= y !== y1 <= y) found.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  });
  return found.sort((a, b) => a - b);
}

/** A mask that is 1 inside an ellipse around (x, y). Throws mask.invalid unless both radii are positive, or where it covers no pixel. */
export function maskFromEllipse(
  width: number,
  height: number,
  ellipse: { readonly x: number; readonly y: number; readonly radiusX: number; readonly radiusY: number },
): Mask {
  const { x, y, radiusX, radiusY } = ellipse;
  if (![x, y, radiusX, radiusY].every(Number.isFinite) || radiusX <= 0 || radiusY <= 0) {
    throw new EmilieError(
      "mask.invalid",
      `An ellipse needs a centre and two radii above 0, got ${[x, y, radiusX, radiusY]}.`,
    );
  }
  const data = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const v = (row + 0.5 - y) / radiusY;
    if (Math.abs(v) >= 1) continue;
    const half = radiusX * Math.sqrt(1 - v * v);
    const from = Math.max(0, Math.ceil(x - half - 0.5));
    const to = Math.min(width, Math.ceil(x + half - 0.5));
    if (from < to) data.fill(1, row * width + from, row * width + to);
  }
  return covering({ width, height, data }, "ellipse");
}

function covering(mask: Mask, shape: string): Mask {
  if (mask.data.includes(1)) return mask;
  throw new EmilieError(
    "mask.invalid",
    `The ${shape} covers no pixel of the ${mask.width}×${mask.height} picture.`,
  );
}
