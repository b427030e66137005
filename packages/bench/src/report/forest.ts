/** Paired differences as a forest plot: one line for each method, a line at 0, and the numbers beside it. */
import type { Estimate } from "../types.ts";
import { ends, excludesZero, interval, signed } from "./format.ts";
import { html, type Markup } from "./html.ts";
import type { MetricInfo } from "./metrics.ts";
import { seriesLook } from "./palette.ts";
import { at, scale } from "./scale.ts";

export interface ForestRow {
  readonly name: string;
  readonly look: number;
  readonly estimate: Estimate;
}

const WIDTH = 460;
const ROW = 23;
const TOP = 8;
const LETTER = 6.6;

/** The plot, without a heading. Filled marks: the interval excludes 0. */
export function forest(rows: readonly ForestRow[], metric: MetricInfo, label: string): Markup {
  const factor = metric.scale ?? 1;
  const values = rows.map(
    ({ estimate }) => `${signed(estimate.value, metric)} ${interval(estimate, metric)}`,
  );
  const left = 12 + LETTER * Math.max(...rows.map(({ name }) => name.length));
  const right = WIDTH - 12 - 6.1 * Math.max(...values.map(({ length }) => length));
  const reach = rows.flatMap(({ estimate }) => ends(estimate).map((value) => value * factor));
  const across = scale([Math.min(0, ...reach), Math.max(0, ...reach)], [left, right], { count: 3 });
  const bottom = TOP + rows.length * ROW;
  const height = bottom + (metric.better === "higher" || metric.better === "lower" ? 40 : 24);
  const zero = at(across.at(0));
  return html`<svg class="fig" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}" font-size="12.5"><g aria-hidden="true">${across.ticks.map(
    ({ value, text }) =>
      html`<line class="${value === 0 ? "zero" : "grid"}" x1="${at(across.at(value))}" x2="${at(across.at(value))}" y1="${TOP}" y2="${bottom}"/><text class="axis" x="${at(across.at(value))}" y="${bottom + 16}" text-anchor="middle">${text}</text>`,
  )}${direction(metric, Number(zero), bottom + 34)}</g>${rows.map((row, i) => {
    const { className } = seriesLook(row.look);
    const y = TOP + (i + 0.5) * ROW;
    const x = (value: number) => at(across.at(value * factor));
    const { value } = row.estimate;
    const [low, high] = ends(row.estimate);
    return html`<g class="${className}"><text class="${className}" x="${at(left - 10)}" y="${y}" dy="0.34em" text-anchor="end"${row.look === 0 && html` font-weight="700"`}>${row.name}</text><line x1="${x(low)}" x2="${x(high)}" y1="${y}" y2="${y}" stroke-width="2"/><circle cx="${x(value)}" cy="${y}" r="4.2" stroke-width="1.8"${!excludesZero(row.estimate) && html` class="hollow"`}/><text x="${WIDTH - 2}" y="${y}" dy="0.34em" text-anchor="end" font-size="11.5" style="font-variant-numeric:tabular-nums">${values[i]}</text></g>`;
  })}</svg>`;
}

/** Which side is good, where one is. */
function direction({ better }: MetricInfo, zero: number, y: number): Markup | null {
  if (better !== "higher" && better !== "lower") return null;
  const [leftward, rightward] = better === "higher" ? ["← worse", "better →"] : ["← better", "worse →"];
  return html`<text class="axis" x="${at(zero - 8)}" y="${y}" text-anchor="end">${leftward}</text><text class="axis" x="${at(zero + 8)}" y="${y}">${rightward}</text>`;
}
