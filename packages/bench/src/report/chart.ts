/** Curves with interval bands, as SVG: labels at the lines, values in the points' tooltips, no script. */
import type { Estimate } from "../types.ts";
import { ends, interval, shown } from "./format.ts";
import { html, type Markup } from "./html.ts";
import type { MetricInfo } from "./metrics.ts";
import { seriesLook } from "./palette.ts";
import { at, type Scale, scale, spread } from "./scale.ts";

export interface ChartPoint {
  readonly x: number;
  readonly y: Estimate;
  /** What the tooltip says before the value, as "turn 3". */
  readonly name: string;
}

export interface ChartSeries {
  readonly name: string;
  /** Which of the colours; a method has the same one in every figure. */
  readonly look: number;
  readonly points: readonly ChartPoint[];
}

export interface Chart {
  /** Said to who cannot see it. */
  readonly label: string;
  readonly series: readonly ChartSeries[];
  readonly x: { readonly title: string; readonly whole?: boolean; readonly falling?: boolean };
  readonly y: MetricInfo;
  /** Both axes begin at 0, and end at a round number: for two metrics, one against the other. */
  readonly square?: boolean;
}

const WIDTH = 420;
const HEIGHT = 280;
const TOP = 12;
const BOTTOM = HEIGHT - 42;
const LEFT = 48;
/** Of a letter of the labels, on average. */
const LETTER = 6.6;
/** Between the labels of two lines. */
const LINE = 14;

/** The chart, without a heading: that stands in the page. */
export function chart({ label, series, x, y, square = false }: Chart): Markup {
  const right = WIDTH - 16 - LETTER * Math.max(0, ...series.map(({ name }) => name.length));
  const factor = y.scale ?? 1;
  const points = series.flatMap((one) => one.points);
  const base = square ? [0] : [];
  const xs = [...base, ...points.map((point) => point.x)];
  const across = scale([Math.min(...xs), Math.max(...xs)], x.falling ? [right, LEFT] : [LEFT, right], {
    whole: x.whole ?? false,
    exact: !square,
  });
  const ys = [...base, ...points.flatMap((point) => ends(point.y).map((value) => value * factor))];
  const up = scale(y.range ?? [Math.min(...ys), Math.max(...ys)], [BOTTOM, TOP]);
  const place = (point: ChartPoint, value: number): string =>
    `${at(across.at(point.x))},${at(Math.min(BOTTOM, Math.max(TOP, up.at(value * factor))))}`;
  // What lies last in the document lies on top: the first method, which the run is about.
  const drawn = series.toReversed();
  return html`<svg class="fig" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}" font-size="12.5">${axes(across, up, right, x.title)}${aim(y, up, right)}${drawn.map((one) => band(one, place))}${drawn.map((one) => line(one, place, y))}${labels(
    series,
    right,
    (point) => up.at(point.y.value * factor),
    (point) => across.at(point.x),
  )}</svg>`;
}

function axes(across: Scale, up: Scale, right: number, title: string): Markup {
  return html`<g class="axis" aria-hidden="true">${up.ticks.map(({ value, text }) => {
    const y = at(up.at(value));
    return html`<line class="grid" x1="${LEFT}" x2="${at(right)}" y1="${y}" y2="${y}"/><text class="axis" x="${LEFT - 7}" y="${y}" dy="0.34em" text-anchor="end">${text}</text>`;
  })}${across.ticks.map(
    ({ value, text }) =>
      html`<text class="axis" x="${at(across.at(value))}" y="${BOTTOM + 17}" text-anchor="middle">${text}</text>`,
  )}<text class="axis" x="${at((LEFT + right) / 2)}" y="${HEIGHT - 7}" text-anchor="middle">${title}</text></g>`;
}

/** The line that a metric should stay on, where there is one and it is in the picture. */
function aim({ better }: MetricInfo, up: Scale, right: number): Markup | null {
  const value = better === "one" ? 1 : 0;
  const y = up.at(value);
  if ((better !== "one" && better !== "zero") || y < TOP || y > BOTTOM) return null;
  return html`<line class="zero" x1="${LEFT}" x2="${at(right)}" y1="${at(y)}" y2="${at(y)}"/>`;
}

function band(one: ChartSeries, place: (point: ChartPoint, value: number) => string): Markup | null {
  if (one.points.length < 2 || one.points.every(({ y }) => y.low === null)) return null;
  const upper = one.points.map((point) => place(point, ends(point.y)[1]));
  const lower = one.points.toReversed().map((point) => place(point, ends(point.y)[0]));
  return html`<path class="${seriesLook(one.look).className}" fill-opacity="0.1" style="stroke:none" d="M${[...upper, ...lower].join("L")}Z"/>`;
}

function line(one: ChartSeries, place: (point: ChartPoint, value: number) => string, y: MetricInfo): Markup {
  const { className, dash } = seriesLook(one.look);
  const path = one.points.map((point) => place(point, point.y.value)).join("L");
  const small = one.points.length > 12;
  return html`<g class="${className}"><path style="fill:none" stroke-width="${one.look === 0 ? 2.6 : 1.8}" stroke-linejoin="round"${dash && html` stroke-dasharray="${dash}"`} d="M${path}"/>${one.points.map(
    (point) => {
      const [px, py] = place(point, point.y.value).split(",");
      return html`<circle cx="${px}" cy="${py}" r="${small ? 1.6 : 2.8}"><title>${one.name}, ${point.name}: ${shown(point.y.value, y)} ${interval(point.y, y)}</title></circle>`;
    },
  )}</g>`;
}

/** Names at the lines' ends, moved apart, with a thread to the end where they were moved. */
function labels(
  series: readonly ChartSeries[],
  right: number,
  yOf: (point: ChartPoint) => number,
  xOf: (point: ChartPoint) => number,
): Markup {
  const ends = series.map(({ points }) => points.at(-1)!);
  const places = spread(ends.map(yOf), LINE, [TOP + 2, BOTTOM]);
  return html`<g aria-hidden="true">${series.map((one, i) => {
    const { className } = seriesLook(one.look);
    const [x, y] = [xOf(ends[i]!), yOf(ends[i]!)];
    return html`<path class="${className}" style="fill:none" stroke-width="0.8" stroke-opacity="0.6" d="M${at(x + 3)},${at(y)}L${at(right + 8)},${at(places[i]!)}"/><text class="${className}" x="${at(right + 11)}" y="${at(places[i]!)}" dy="0.34em"${one.look === 0 && html` font-weight="700"`}>${one.name}</text>`;
  })}</g>`;
}
