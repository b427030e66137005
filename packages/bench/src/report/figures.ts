/** The figures of a run: the page shows them, and figures.node.ts writes them as files. */
import type { Aggregate } from "../types.ts";
import { chart } from "./chart.ts";
import { forest } from "./forest.ts";
import { interval, shown } from "./format.ts";
import type { Markup } from "./html.ts";
import { CURVES, HEADLINES, heading, type MetricInfo, metricInfo } from "./metrics.ts";
import {
  curveMetrics,
  curvesOf,
  differenceTurn,
  estimateOf,
  groupTitle,
  isKnown,
  type Selection,
} from "./select.ts";

export interface Figure {
  /** For a file, as "drift-psnr-local". */
  readonly name: string;
  readonly title: string;
  /** Of what, for where no heading stands above the figure. */
  readonly about: string;
  readonly svg: Markup;
  /** Shown without being asked for. */
  readonly main: boolean;
}

/** A metric's curves over the turns, for every metric that has them in this group. */
export function driftFigures(selection: Selection, group: string): Figure[] {
  const rank = ({ name }: MetricInfo) => (CURVES.includes(name) ? CURVES.indexOf(name) : CURVES.length);
  const metrics = curveMetrics(selection, group).sort((a, b) => rank(a) - rank(b));
  return metrics.map((metric) => {
    const curves = curvesOf(selection, metric.name, group);
    const ends = curves.map(({ method, points }) => {
      const last = points.at(-1)!;
      return `${method} ${shown(last.estimate.value, metric)} ${interval(last.estimate, metric)} at turn ${last.turn}`;
    });
    return {
      name: fileName("drift", metric.name, group),
      title: heading(metric),
      about: groupTitle(group),
      main: CURVES.includes(metric.name),
      svg: chart({
        label: `${heading(metric)} over turns, ${groupTitle(group)}: ${ends.join("; ")}.`,
        x: { title: "turn", whole: true },
        y: metric,
        series: curves.map(({ method, points }) => ({
          name: method,
          look: selection.methods.indexOf(method),
          points: points.map(({ turn, estimate }) => ({ x: turn, y: estimate, name: `turn ${turn}` })),
        })),
      }),
    };
  });
}

/** Paired differences to the reference in this group, one plot for each metric that has them. */
export function forestFigures(selection: Selection, group: string, metrics: readonly string[]): Figure[] {
  const { results, methods, reference } = selection;
  if (reference === undefined) return [];
  return metrics.flatMap((name) => {
    const turn = differenceTurn(selection, name, group, reference);
    if (turn === undefined) return [];
    const metric = metricInfo(name);
    const rows = methods.flatMap((method, look) => {
      const estimate = estimateOf(results, { metric: name, method, group, turn, against: reference });
      return estimate && isKnown(estimate) ? [{ name: method, look, estimate }] : [];
    });
    if (rows.length === 0) return [];
    const when = turn === null || name.includes("@") ? "" : `, turn ${turn}`;
    const title = `${heading(metric)}${when}`;
    return {
      name: fileName("difference", name, group),
      title,
      about: `${groupTitle(group)}, difference to ${reference}`,
      main: HEADLINES.includes(name),
      svg: forest(rows, metric, `${title}: paired differences to ${reference}, ${groupTitle(group)}.`),
    };
  });
}

/** Leak against missed edit as the mask gets worse, and each of them over the mask's IoU. */
export function maskFigures(selection: Selection, damage: string): Figure[] {
  const leak = metricInfo("leak");
  const missed = metricInfo("missed");
  const pairs = selection.methods.map((method) => ({
    name: method,
    look: selection.methods.indexOf(method),
    points: pointsOf(selection, "missed", method, damage).flatMap(({ turn, estimate }) => {
      const y = estimateOf(selection.results, { metric: "leak", method, group: damage, turn });
      if (!y || !isKnown(y)) return [];
      return [{ x: estimate.value, y, name: `IoU ${turn! / 100}` }];
    }),
  }));
  const traded = pairs.filter(({ points }) => points.length > 1);
  const both: Figure[] =
    traded.length === 0
      ? []
      : [
          {
            name: fileName("mask", "leak-missed", damage),
            title: `${groupTitle(damage)}: leak against missed edit`,
            about: "ever worse masks, from the true one on",
            main: true,
            svg: chart({
              label: `Leak against missed edit as masks get worse by ${damage}.`,
              series: traded,
              x: { title: "missed edit" },
              square: true,
              y: leak,
            }),
          },
        ];
  return [...both, ...[leak, missed].flatMap((metric) => overIou(selection, metric, damage))];
}

function overIou(selection: Selection, metric: MetricInfo, damage: string): Figure[] {
  const series = selection.methods
    .map((method, look) => ({
      name: method,
      look,
      points: pointsOf(selection, metric.name, method, damage)
        .filter(({ estimate }) => isKnown(estimate))
        .map(({ turn, estimate }) => ({ x: turn! / 100, y: estimate, name: `IoU ${turn! / 100}` })),
    }))
    .filter(({ points }) => points.length > 0);
  if (!series.some(({ points }) => points.length > 1)) return [];
  return [
    {
      name: fileName("mask", metric.name, damage),
      title: `${groupTitle(damage)}: ${heading(metric).toLowerCase()} over the mask's IoU`,
      about: "bands: 95 % intervals",
      main: false,
      // The true mask is on the left, so that masks get worse to the right.
      svg: chart({
        label: `${heading(metric)} over IoU of the mask, ${damage}.`,
        series,
        x: { title: "IoU of the mask, worse to the right", falling: true },
        y: metric,
      }),
    },
  ];
}

/** From the best mask to the worst. */
function pointsOf({ results }: Selection, metric: string, method: string, group: string): Aggregate[] {
  return results.aggregates
    .filter((one) => one.metric === metric && one.method === method && one.group === group)
    .filter(({ against, turn }) => against === undefined && turn !== null)
    .sort((a, b) => b.turn! - a.turn!);
}

function fileName(...parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[^\w]+/g, "-").replace(/^-|-$/g, "")).join("-");
}
