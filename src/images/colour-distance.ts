/** Colours as they are compared where things are told from each other. */

/** Colours in OKLab, scaled so that 1 is a difference that can just be seen; three values a pixel. */
export interface Colours {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Of lightness: one thing has light and shaded sides of one hue. */
const SHADE = 0.3;
/** Below this lightness, of 50, a colour is too dark for its chroma to be scaled. */
const DARK = 12;

/** Light and shade scale all of a colour together: chroma is compared as it would be at one lightness. */
export function hueDistance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const light = Math.max(DARK, a[i]!);
  const other = Math.max(DARK, b[j]!);
  const x = (light + other) / 2 / light;
  const y = (light + other) / 2 / other;
  const shade = SHADE * (a[i]! - b[j]!);
  const u = x * a[i + 1]! - y * b[j + 1]!;
  const v = x * a[i + 2]! - y * b[j + 2]!;
  return Math.sqrt(shade * shade + u * u + v * v);
}

/** Math.hypot would take many times as long. */
export function distance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const x = a[i]! - b[j]!;
  const y = a[i + 1]! - b[j + 1]!;
  const z = a[i + 2]! - b[j + 2]!;
  return Math.sqrt(x * x + y * y + z * z);
}

/** Adds what is enclosed and smaller than `share` of the region; leaves larger holes, through which one looks at something else. */
export function fillHoles(inside: Uint8Array, width: number, height: number, share = 0.15): void {
  let area = 0;
  for (const one of inside) area += one;
  const seen = new Uint8Array(inside.length);
  for (let start = 0; start < inside.length; start++) {
    if (inside[start] || seen[start]) continue;
    const hole: number[] = [start];
    let open = false;
    seen[start] = 1;
    for (let i = 0; i < hole.length; i++) {
      const at = hole[i]!;
      const [x, y] = [at % width, Math.floor(at / width)];
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) open = true;
      for (const next of [at - 1, at + 1, at - width, at + width]) {
        if (next < 0 || next >= inside.length || inside[next] || seen[next]) continue;
        if (Math.abs((next % width) - x) > 1) continue;
        seen[next] = 1;
        hole.push(next);
      }
    }
    if (!open && hole.length < share * area) for (const at of hole) inside[at] = 1;
  }
}
