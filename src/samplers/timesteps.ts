/**
 * Which timesteps a run visits (Lin et al., arXiv 2305.08891, table 2; the schedulers' set_timesteps in diffusers, whose
 * classes differ in small ways). All are given noisiest first.
 */
export type Spacing = "leading" | "linspace" | "trailing";

/**
 * - rounded: DDIM and DDPM, integers;
 * - exact: the Euler samplers, which take fractions;
 * - multistep: DPM-Solver++ and UniPC, integers of a grid with one step more, whose end at t = 0 is left out.
 */
export type Grid = "rounded" | "exact" | "multistep";

export interface TimestepOptions {
  readonly spacing: Spacing;
  readonly steps: number;
  readonly trainSteps: number;
  readonly offset: number; // steps_offset, of "leading" only
  readonly grid: Grid;
  /** Timesteps from here on are left out (DPM-Solver++'s lambda_min_clipped). trainSteps where none are. */
  readonly end: number;
}

export function timestepsOf({ spacing, steps, trainSteps, offset, grid, end }: TimestepOptions): number[] {
  const points = grid === "multistep" ? steps + 1 : steps;
  if (spacing === "trailing") return trailing(end, trainSteps / steps, steps);
  if (spacing === "leading") {
    const ratio = Math.floor(end / points);
    return indices(points)
      .map((i) => i * ratio)
      .reverse()
      .slice(0, steps)
      .map((t) => t + offset);
  }
  const step = points > 1 ? (end - 1) / (points - 1) : 0;
  const even = indices(points).map((i) => (i > 0 && i === points - 1 ? end - 1 : i * step));
  return (grid === "exact" ? even.map(Math.fround) : even.map(roundHalfToEven)).reverse().slice(0, steps);
}

/** numpy's arange(end, 0, −ratio), rounded, minus one. */
function trailing(end: number, ratio: number, steps: number): number[] {
  const count = Math.min(Math.ceil(end / ratio), steps);
  const stride = end - ratio - end;
  return indices(count).map((i) => roundHalfToEven(end + i * stride) - 1);
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** numpy's rounding: halves go to the even neighbour. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
