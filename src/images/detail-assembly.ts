/** The last step of detail transfer, a row of the picture at a time: its colours through the transform, and the model's pixels where that says little. */
import type { Grid } from "./colour-transform.ts";
import { type BlendMaps, CUBIC, LINEAR } from "./detail-maps.ts";
import type { Mask } from "./mask.ts";
import { withoutWhite } from "./model-image.ts";
import type { Picture } from "./picture.ts";
import { LineEnlarger } from "./resize-rows.ts";
import type { UnmixedRows } from "./unmixed-rows.ts";

/** From this weight of the transform on the rest is not computed: less than half a level of 8 bits, where they are less than a fifth apart. */
const ALL = 0.99;

/** A row of the picture as it looks on white, [width, 3]. */
export function readRow({ width, data }: Picture, y: number, out: Float32Array): void {
  for (let at = 4 * y * width, to = 0; at < 4 * (y + 1) * width; at += 4, to += 3) {
    const alpha = data[at + 3]! / 255;
    for (let c = 0; c < 3; c++) {
      const value = data[at + c]! / 255;
      out[to + c] = alpha === 1 ? value : value * alpha + 1 - alpha;
    }
  }
}

/** @param open where the picture may change; `rows`: in which rows anything may */
export function assemble(
  picture: Picture,
  maps: BlendMaps,
  surfaces: UnmixedRows | undefined,
  small: Grid,
  open: Mask | undefined,
  rows: Uint8Array,
): Picture {
  const { width, height } = picture;
  const data = new Uint8ClampedArray(picture.data);
  const linear = new LineEnlarger(maps.linear, small, picture, LINEAR, "linear");
  const cubic = new LineEnlarger(maps.cubic, small, picture, CUBIC);
  const { at: reads, weights, count } = linear.columns;
  const source = new Float32Array(3 * width);
  /** What the surfaces' own changes add to M. */
  const change = new Float32Array(3 * width);
  const edited = new Float64Array(CUBIC);
  const moved = new Float64Array(3);
  for (let y = 0; y < height; y++) {
    if (rows[y] === 0) continue;
    if (open && !open.data.subarray(y * width, (y + 1) * width).some((m) => m > 0)) continue;
    readRow(picture, y, source);
    surfaces?.add(y, source, change.fill(0));
    const l = linear.line(y);
    let u: Float64Array | undefined;
    for (let x = 0; x < width; x++) {
      // Two old pixels, and how far it is from the first to the second.
      const i = reads[count * x]!;
      const j = reads[count * x + 1]!;
      const t = weights[count * x + 1]!;
      const active = l[i + 13]! + t * (l[j + 13]! - l[i + 13]!);
      if (active === 0 || (open && open.data[y * width + x] === 0)) continue;
      const r = source[3 * x]!;
      const g = source[3 * x + 1]!;
      const b = source[3 * x + 2]!;
      for (let c = 0; c < 3; c++) {
        const [p, q] = [i + 3 * c, j + 3 * c];
        const one = l[p]! * r + l[p + 1]! * g + l[p + 2]! * b + l[i + 9 + c]!;
        const other = l[q]! * r + l[q + 1]! * g + l[q + 2]! * b + l[j + 9 + c]!;
        moved[c] = one + t * (other - one) + change[3 * x + c]!;
      }
      const weight = l[i + 12]! + t * (l[j + 12]! - l[i + 12]!);
      if (weight < ALL) {
        u ??= cubic.line(y);
        enlarge(u, cubic, x, edited);
        const trusted = Math.min(1, Math.max(0, edited[6]!));
        for (let c = 0; c < 3; c++) {
          const from = edited[c]! + trusted * (moved[c]! - edited[3 + c]!);
          moved[c] = weight * moved[c]! + (1 - weight) * from;
        }
      }
      const at = 4 * (y * width + x);
      const alpha = data[at + 3]!;
      for (let c = 0; c < 3; c++) {
        const was = source[3 * x + c]!;
        const value = 255 * (was + active * (moved[c]! - was));
        data[at + c] = alpha === 255 ? value : withoutWhite(value, alpha, data[at + c]!);
      }
    }
  }
  return { width, height, data };
}

/** e' (3), D(M) (3) and g at a pixel. */
function enlarge(line: Float64Array, { columns }: LineEnlarger, x: number, out: Float64Array): void {
  const { at, weights, count } = columns;
  out.fill(0);
  for (let k = count * x; k < count * (x + 1); k++) {
    const weight = weights[k]!;
    const from = at[k]!;
    for (let c = 0; c < CUBIC; c++) out[c] = out[c]! + weight * line[from + c]!;
  }
}
