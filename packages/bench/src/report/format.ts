/** Numbers as they are written in tables and figures: the same everywhere. */
import type { Estimate } from "../types.ts";
import type { MetricInfo } from "./metrics.ts";

/** Stands where nothing can be said. */
export const NOTHING = "–";

/** A metric's value in its shown unit; JSON has no infinity, so null is what is left of it. */
export function shown(
  value: number | null | undefined,
  metric: Pick<MetricInfo, "digits" | "scale">,
): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return fixed(value * (metric.scale ?? 1), metric.digits);
}

/** Decimals with a true minus; an exact 0 is "0", so that it is not mistaken for something small. */
export function fixed(value: number, digits: number): string {
  if (value === 0) return "0";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** With a sign, for differences. */
export function signed(
  value: number | null | undefined,
  metric: Pick<MetricInfo, "digits" | "scale">,
): string {
  const text = shown(value, metric);
  return typeof value === "number" && value > 0 ? `+${text}` : text;
}

/** "[0.41, 0.52]"; where there are too few scenes for one, "[–]". */
export function interval(
  { low, high }: Pick<Estimate, "low" | "high">,
  metric: Pick<MetricInfo, "digits" | "scale">,
): string {
  if (low === null && high === null) return `[${NOTHING}]`;
  return `[${shown(low, metric)}, ${shown(high, metric)}]`;
}

/** True where an interval says on which side of 0 the difference lies; without an interval nothing does. */
export function excludesZero({ low, high }: Pick<Estimate, "low" | "high">): boolean {
  return low !== null && high !== null && (low > 0 || high < 0);
}

/** How far a mark reaches in a figure: its interval, or the value alone where there is none. */
export function ends({ value, low, high }: Estimate): [low: number, high: number] {
  return [low ?? value, high ?? value];
}
