/** Selecting a thing by a point on it or a box around it: a mask that follows its edges. Without a model, and quick enough for a click. */
import { EmilieError } from "../errors.ts";
import { insideOfBox } from "./box-segmentation.ts";
import { type Colours, fillHoles } from "./colour-distance.ts";
import { type EdgeGuide, edgeGuide, patchAlongEdges } from "./edge-upsampling.ts";
import type { Box, Mask } from "./mask.ts";
import { type MaskPatch, maskOfPatch, patchOfMask } from "./mask-patch.ts";
import { withMixedPixels } from "./mixed-pixels.ts";
import type { Picture } from "./picture.ts";
import { type SegmentTree, segmentsOf } from "./segments.ts";
import { thingAt, wholeRegions } from "./thing.ts";

/** Where the thing is that is meant, in pixels of the picture. */
export type Selection =
  | {
      /** On the thing. */
      readonly point: {
        /** From the left edge. */
        readonly x: number;
        /** From the upper edge. */
        readonly y: number;
      };
    }
  | {
      /** Around the thing. */
      readonly box: Box;
    };

/** The longer side at which regions are found. */
const SMALL = 256;

/**
 * The thing under a point, or what a box was drawn around.
 *
 * @returns a mask of the picture's size, soft over about 1 % of its longer side along the thing's edges
 * @throws EmilieError option.invalid where the point or box is not in the picture
 */
export function selectRegion(picture: Picture, selection: Selection): Mask {
  return new Selector(picture).select(selection);
}

/**
 * Selects in one picture as often as it is asked: what depends on the picture alone is found on the first occasion, or by `prepare`. The
 * picture must not change.
 */
export class Selector {
  readonly #picture: Picture;
  /** Pixels of the picture to one of those that are looked at, on each side. */
  readonly #factor: number;
  #segments: { colours: Colours; tree: SegmentTree } | undefined;
  #guide: EdgeGuide | undefined;

  /** For one picture, whose pixels must not change afterwards. */
  constructor(picture: Picture) {
    this.#picture = picture;
    this.#factor = Math.max(1, Math.max(picture.width, picture.height) / SMALL);
  }

  /** Finds what every selection needs, so that the first costs no more than the next. */
  prepare(): void {
    this.#find();
    if (this.#factor > 1) this.#guideOf();
  }

  /** As {@link selectRegion}. */
  select(selection: Selection): Mask {
    const { width, height, data } = this.#inside(selection);
    if (this.#factor === 1) return withMixedPixels(data, this.#find().colours);
    return maskOfPatch(this.#along({ width, height, data: Float32Array.from(data) }), this.#picture);
  }

  /** As {@link selectRegion}, as levels in a box. */
  patch(selection: Selection): MaskPatch {
    const { width, height, data } = this.#inside(selection);
    if (this.#factor === 1) return patchOfMask(withMixedPixels(data, this.#find().colours));
    return this.#along({ width, height, data: Float32Array.from(data) });
  }

  /** A coarse mask of the picture, its borders moved to the picture's edges: {@link alongEdges} as levels in a box. */
  follow(coarse: Mask): MaskPatch {
    return this.#along(coarse);
  }

  #along(coarse: Mask): MaskPatch {
    return patchAlongEdges(coarse, this.#picture, this.#guideOf());
  }

  #guideOf(): EdgeGuide {
    this.#guide ??= edgeGuide(this.#picture);
    return this.#guide;
  }

  #find(): { colours: Colours; tree: SegmentTree } {
    if (!this.#segments) {
      const colours = coloursOf(this.#picture, this.#factor);
      this.#segments = { colours, tree: segmentsOf(colours) };
    }
    return this.#segments;
  }

  /** 1 for each pixel of the thing, in the small picture. */
  #inside(selection: Selection) {
    check(this.#picture, selection);
    const { colours, tree } = this.#find();
    const { width, height } = colours;
    const inSmall = (value: number, limit: number) =>
      Math.min(limit - 1, Math.max(0, Math.floor(value / this.#factor)));
    let data: Uint8Array;
    if ("point" in selection) {
      const { x, y } = selection.point;
      data = thingAt(tree, inSmall(x, width), inSmall(y, height));
    } else {
      const { box } = selection;
      const [x, y] = [inSmall(box.x, width), inSmall(box.y, height)];
      const small = {
        ...{ x, y },
        width: Math.max(1, Math.min(width - x, Math.round(box.width / this.#factor))),
        height: Math.max(1, Math.min(height - y, Math.round(box.height / this.#factor))),
      };
      data = wholeRegions(tree, insideOfBox(colours, small), small);
    }
    fillHoles(data, width, height);
    return { width, height, data };
  }
}

function check({ width, height }: Picture, selection: Selection): void {
  const { x, y } = "point" in selection ? selection.point : selection.box;
  const size = "point" in selection ? { width: 0, height: 0 } : selection.box;
  const good =
    [x, y, size.width, size.height].every(Number.isFinite) && x >= 0 && y >= 0 && x < width && y < height;
  if (good && ("point" in selection || (size.width > 0 && size.height > 0))) return;
  const given =
    "point" in selection ? `the point ${x},${y}` : `the box ${x},${y},${size.width},${size.height}`;
  throw new EmilieError(
    "option.invalid",
    `A selection begins in the picture, which is ${width}×${height}; got ${given}.`,
  );
}

/** Means over squares in OKLab (Ottosson, 2020), times 50: a difference of 1 can just be seen. */
function coloursOf({ width, height, data }: Picture, factor: number): Colours {
  const [w, h] = [Math.max(1, Math.round(width / factor)), Math.max(1, Math.round(height / factor))];
  const out = new Float32Array(3 * w * h);
  // A few pixels of each square say its colour.
  const stride = Math.max(1, Math.floor(factor / 4));
  const [columns, rows] = [startsOf(width, w), startsOf(height, h)];
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      let n = 0;
      for (let v = rows[y]!; v < rows[y + 1]!; v += stride) {
        const end = 4 * (v * width + columns[x + 1]!);
        for (let at = 4 * (v * width + columns[x]!); at < end; at += 4 * stride) {
          n++;
          r += LINEAR[data[at]!]!;
          g += LINEAR[data[at + 1]!]!;
          b += LINEAR[data[at + 2]!]!;
        }
      }
      okLab(r / n, g / n, b / n, out, 3 * (y * w + x));
    }
  }
  return { width: w, height: h, data: out };
}

/** Where each of the parts begins that a length is cut into, one pixel or more, and where the last one ends. */
const startsOf = (length: number, parts: number) =>
  Int32Array.from({ length: parts + 1 }, (_, i) => Math.floor((i * length) / parts));

const LINEAR = Float32Array.from({ length: 256 }, (_, i) => {
  const value = i / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

function okLab(r: number, g: number, b: number, out: Float32Array, at: number): void {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  out[at] = 50 * (0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s);
  out[at + 1] = 100 * (1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s);
  out[at + 2] = 100 * (0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s);
}
