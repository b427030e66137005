/** Looking things up among the aggregates of a run. */
import type { Aggregate, BenchResults, Estimate } from "../types.ts";
import { excludesZero } from "./format.ts";
import { inOrder, type MetricInfo, metricInfo } from "./metrics.ts";

/** Ways of damaging a mask, in the order of their figures. */
export const DAMAGES: readonly string[] = ["dilate", "erode", "shift", "jitter", "holes"];
const GROUPS: Readonly<Record<string, string>> = {
  all: "All turns",
  local: "Local edits",
  global: "Global edits",
  noop: "No-op instructions",
  cycle: "There and back",
  long: "Long chains",
  chains: "Chains",
  dilate: "Dilated masks",
  erode: "Eroded masks",
  shift: "Shifted masks",
  jitter: "Masks with ragged borders",
  holes: "Masks with holes",
};

export interface Selection {
  readonly results: BenchResults;
  /** Names of methods, in the order of the run. */
  readonly methods: readonly string[];
  /** Groups that get tables and curves of their own: "all" first. */
  readonly groups: readonly string[];
  /** Groups that are kinds of edits. */
  readonly kinds: readonly string[];
  /** Groups that are damaged masks. */
  readonly damages: readonly string[];
  /** What the paired differences are taken against: the method that most of them name. */
  readonly reference: string | undefined;
}

/** What a run's aggregates are about. */
export function select(results: BenchResults): Selection {
  const { aggregates } = results;
  const found = [...new Set(aggregates.map(({ group }) => group))];
  const damages = DAMAGES.filter((group) => found.includes(group));
  const known = Object.keys(GROUPS).filter((group) => found.includes(group) && !damages.includes(group));
  const kindsOfRows = new Set(results.rows.map(({ kind }) => kind));
  const isKind = (group: string) => group.startsWith("kind:") || kindsOfRows.has(group);
  const others = found.filter((group) => !known.includes(group) && !damages.includes(group)).sort();
  const named = new Set(aggregates.map(({ method }) => method));
  const listed = results.methods.map(({ name }) => name);
  return {
    results,
    methods: [...listed, ...[...named].filter((name) => !listed.includes(name))],
    groups: [...known, ...others.filter((group) => !isKind(group))],
    kinds: others.filter(isKind),
    damages,
    reference: mostFrequent(aggregates.flatMap(({ against }) => (against === undefined ? [] : [against]))),
  };
}

function mostFrequent(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** A group's name for people. */
export function groupTitle(group: string): string {
  return GROUPS[group] ?? group.replace(/^kind:/, "").replaceAll("_", " ");
}

export interface Where {
  readonly metric: string;
  readonly method: string;
  readonly group: string;
  /** null: over all turns. */
  readonly turn?: number | null;
  /** Without it a level, with it the paired difference to this method. */
  readonly against?: string;
}

/** The aggregate's estimate. A rate at a turn, as SR@5, is found whether or not its turn is given beside its name. */
export function estimateOf(results: BenchResults, where: Where): Estimate | undefined {
  const { turn = null } = where;
  const at = /^(?:SR|SR-strict|CR)@(\d+)$/.exec(where.metric);
  return indexOf(results).get(keyOf({ ...where, turn: at && turn === null ? Number(at[1]) : turn }));
}

/** True where a PSNR cannot be told because nothing differs: no pixel outside the masks did. */
export function isIdentical(results: BenchResults, where: Where): boolean {
  if (where.metric !== "psnr.original.outside" || estimateOf(results, where)) return false;
  return estimateOf(results, { ...where, metric: "changed.outside" })?.value === 0;
}

/** Metrics with a value over all turns in this group, in their order. */
export function metricsOf(results: BenchResults, group: string): MetricInfo[] {
  const names = results.aggregates
    .filter((one) => one.group === group && one.against === undefined)
    .filter((one) => one.turn === null || /@\d+$/.test(one.metric))
    .map(({ metric }) => metric);
  return inOrder(names).map(metricInfo);
}

export interface Series {
  readonly method: string;
  readonly points: readonly { readonly turn: number; readonly estimate: Estimate }[];
}

/** A metric's curves over turns, one for each method; empty where no method has two turns. SR and CR go over their k. */
export function curvesOf({ results, methods }: Selection, metric: string, group: string): Series[] {
  const found = results.aggregates.flatMap((one) => {
    if (one.group !== group || one.against !== undefined || curveOf(one) !== metric) return [];
    return isKnown(one.estimate) ? [{ ...one, turn: turned(one).turn! }] : [];
  });
  const series = methods.map((method) => ({
    method,
    points: found.filter((one) => one.method === method).sort((a, b) => a.turn - b.turn),
  }));
  return series.some(({ points }) => points.length > 1)
    ? series.filter(({ points }) => points.length > 0)
    : [];
}

/** Metrics that have curves in this group. */
export function curveMetrics(selection: Selection, group: string): MetricInfo[] {
  const names = selection.results.aggregates.flatMap((one) => (one.group === group && curveOf(one)) || []);
  return inOrder(names)
    .filter((name) => curvesOf(selection, name, group).length > 0)
    .map(metricInfo);
}

/** The curve that an aggregate is a point of. */
function curveOf({ metric, turn }: Aggregate): string | undefined {
  const rate = /^(SR|SR-strict|CR)@\d+$/.exec(metric);
  return rate?.[1] ?? (turn === null ? undefined : metric);
}

/** JSON has no infinity: what was not finite comes back as null. */
export function isKnown({ value }: Estimate): boolean {
  return Number.isFinite(value);
}

const indexes = new WeakMap<BenchResults, Map<string, Estimate>>();

/** Tables ask thousands of times, so the aggregates are put in order once. */
function indexOf(results: BenchResults): Map<string, Estimate> {
  let index = indexes.get(results);
  if (!index) {
    index = new Map(results.aggregates.map((one) => [keyOf(turned(one)), one.estimate]));
    indexes.set(results, index);
  }
  return index;
}

/** SR@5 stands at turn 5, whether or not that is said beside its name. */
function turned(one: Aggregate): Where {
  const at = /^(?:SR|SR-strict|CR)@(\d+)$/.exec(one.metric);
  return at && one.turn === null ? { ...one, turn: Number(at[1]) } : one;
}

function keyOf({ metric, method, group, turn = null, against }: Where): string {
  return JSON.stringify([metric, method, group, turn, against ?? null]);
}

/** The turn at which a difference is read: over all turns where there is one, else the last turn. */
export function differenceTurn(
  { results }: Selection,
  metric: string,
  group: string,
  against: string,
): number | null | undefined {
  const turns = results.aggregates
    .filter((one) => one.metric === metric && one.group === group && one.against === against)
    .map(({ turn }) => turn);
  if (turns.length === 0) return undefined;
  return turns.includes(null) ? null : Math.max(...turns.map((turn) => turn!));
}

/** The best methods by their level (several where they are equal), if paired differences to the reference exclude 0. */
export function bestOf(selection: Selection, metric: MetricInfo, group: string): readonly string[] {
  const { results, methods, reference } = selection;
  if (!metric.better || reference === undefined) return [];
  const levels = methods.flatMap((method) => {
    const where = { metric: metric.name, method, group };
    if (isIdentical(results, where)) return [{ method, cost: Number.NEGATIVE_INFINITY }];
    const estimate = estimateOf(results, where);
    return estimate && Number.isFinite(estimate.value)
      ? [{ method, cost: costOf(metric, estimate.value) }]
      : [];
  });
  const least = Math.min(...levels.map(({ cost }) => cost));
  const best = levels.filter(({ cost }) => cost === least).map(({ method }) => method);
  if (best.length === levels.length) return [];
  const isCertain = (method: string) => {
    const paired = estimateOf(results, { metric: metric.name, method, group, against: reference });
    return paired !== undefined && isKnown(paired) && excludesZero(paired);
  };
  // The reference has no difference to itself: it is best where every other method's difference says so.
  if (!best.includes(reference)) return best.filter(isCertain);
  return levels.every(({ method }) => best.includes(method) || isCertain(method)) ? best : [];
}

function costOf({ better }: MetricInfo, value: number): number {
  if (better === "one") return Math.abs(value - 1);
  if (better === "zero") return Math.abs(value);
  return better === "higher" ? -value : value;
}
