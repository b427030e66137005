/** Axes: from values to places, with ticks at round numbers. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** A straight axis from `from` to `to` in the picture. The domain is widened to round ticks, unless it is `exact` and has a width. */
export function scale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
  { count = 5, whole = false, exact = false }: { count?: number; whole?: boolean; exact?: boolean } = {},
): Scale {
  // A single value is given room around it.
  const margin = high > low ? 0 : Math.abs(low) * 0.1 || (whole ? 1 : 0.1);
  const step = Math.max(roundStep((high - low + 2 * margin) / count), whole ? 1 : 0);
  const isExact = exact && high > low;
  const first = isExact ? low : Math.floor((low - margin) / step + 1e-9) * step;
  const last = isExact ? high : Math.ceil((high + margin) / step - 1e-9) * step;
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  const start = Math.ceil(first / step - 1e-9);
  const length = Math.floor(last / step + 1e-9) - start + 1;
  const values = Array.from({ length }, (_, i) => (start + i) * step);
  return {
    at: (value) => from + ((value - first) / (last - first || 1)) * (to - from),
    ticks: values.map((value) => {
      const text = Math.abs(value).toFixed(decimals);
      return { value, text: value < 0 && Number(text) !== 0 ? `−${text}` : text };
    }),
  };
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least || 1));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * 0.999)!;
}

/** A coordinate with one decimal: finer than any screen, and the same on every machine. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Moves places apart until neighbours are `gap` from each other, within limits where there is room. Order is kept. */
export function spread(
  places: readonly number[],
  gap: number,
  [low, high]: readonly [number, number],
): number[] {
  const order = places.map((place, i) => ({ place, i })).sort((a, b) => a.place - b.place);
  const out = new Array<number>(places.length);
  let floor = low;
  for (const { place, i } of order) {
    out[i] = Math.max(place, floor);
    floor = out[i] + gap;
  }
  let ceiling = Math.max(high, low + (places.length - 1) * gap);
  for (const { i } of order.reverse()) {
    out[i] = Math.min(out[i]!, ceiling);
    ceiling = out[i]! - gap;
  }
  return out;
}
