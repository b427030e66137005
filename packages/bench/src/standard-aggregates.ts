/** The tables and curves that every run has: levels of each metric, chains that stay right, drift, and what image iteration does. */
import { estimate, type Sample, slope } from "./aggregate.ts";
import type { Quantity } from "./interval.ts";
import type { Aggregate, Estimate, ResultRow } from "./types.ts";

/** What all others are measured against: the first of these that is among the methods. */
const BASELINES = ["image-iteration", "image-iteration-masked"];

/** Also told turn by turn. */
const CURVES = [
  "success",
  "success.strict",
  "collapsed",
  "l2",
  "psnr",
  "psnr.outside",
  "ssim",
  "sharpness",
  "changed.outside",
  "clip.text",
  "clip.image",
  "clip.image.original",
];
/** A slope through fewer turns says nothing. */
const SLOPE_TURNS = 3;

/** The scene of a row: what stands before "~" in its item. */
export const clusterOf = ({ item }: Pick<ResultRow, "item">): string => item.split("~")[0]!;

/** Rows under the names that tables know them by: all, each part, and local, global and no-op turns. */
export function groupsOf(row: ResultRow): string[] {
  const groups = new Set(["all"]);
  if (row.part) groups.add(row.part);
  if (row.kind === "noop") groups.add("noop");
  else if (row.global !== null) groups.add(row.global ? "global" : "local");
  return [...groups];
}

/** A metric, or one of the columns that are numbers; undefined where the row does not say. */
export function numberOf(row: ResultRow, metric: string): number | undefined {
  switch (metric) {
    case "success":
      return row.success === null ? undefined : Number(row.success);
    case "collapsed":
      return row.collapsed === null ? undefined : Number(row.collapsed);
    case "seconds":
      return row.seconds;
    case "unetCalls":
      return row.unetCalls;
    default:
      return row.metrics[metric] ?? undefined;
  }
}

/** A number of something that another method did too: the same turn, the same chain. */
export interface PairedSample extends Sample {
  readonly pair: string;
}

export type SamplesOf = (method: string) => readonly PairedSample[];

/** What the others are measured against, where nobody says: image iteration, if it was run. */
const baselineOf = (methods: readonly string[]) => BASELINES.find((name) => methods.includes(name));

/** What a metric's level or difference is, which decides its interval. */
export function quantityOf(metric: string, isDifference: boolean): Quantity {
  const isRate = /^(success|collapsed)(\.strict)?$|^(SR|SR-strict|CR)@/.test(metric);
  return isRate ? (isDifference ? "difference of rates" : "rate") : "mean";
}

/** The level for each method, and the paired difference of each to the baseline. Methods without samples are left out. */
export function compareMethods(
  methods: readonly string[],
  named: Pick<Aggregate, "metric" | "group" | "turn">,
  samplesOf: SamplesOf,
  baseline = baselineOf(methods),
): Aggregate[] {
  const samples = new Map(methods.map((method) => [method, samplesOf(method)]));
  return methods.flatMap((method) => {
    const level = estimate(samples.get(method)!, quantityOf(named.metric, false));
    if (!level) return [];
    const difference =
      baseline === undefined || method === baseline
        ? undefined
        : paired(samples.get(method)!, samples.get(baseline), quantityOf(named.metric, true));
    return [
      { ...named, method, estimate: level },
      ...(difference ? [{ ...named, method, estimate: difference, against: baseline }] : []),
    ];
  });
}

/** The mean difference over what both have done. */
export function paired(
  own: readonly PairedSample[],
  others: readonly PairedSample[] = [],
  quantity?: Quantity,
): Estimate | undefined {
  const known = new Map(others.map(({ pair, value }) => [pair, value]));
  return estimate(
    own.flatMap(({ cluster, pair, value }) =>
      known.has(pair) ? { cluster, value: value - known.get(pair)! } : [],
    ),
    quantity,
  );
}

/** What is told of each kind of edit. */
const KIND_METRICS = ["success", "psnr"];

/** What every run's results.json holds. */
export function standardAggregates(
  rows: readonly ResultRow[],
  methods: readonly string[],
  baseline = baselineOf(methods),
): Aggregate[] {
  const compared: Compared = { methods, baseline };
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))].sort();
  const aggregates: Aggregate[] = [];
  const byGroup = new Map<string, ResultRow[]>();
  for (const row of rows) {
    for (const group of groupsOf(row)) {
      const own = byGroup.get(group);
      if (own) own.push(row);
      else byGroup.set(group, [row]);
    }
  }
  for (const [group, own] of byGroup) {
    const names = ["success", "collapsed", ...metrics, "seconds", "unetCalls"];
    for (const metric of names) {
      aggregates.push(...levels(own, compared, metric, group, null));
    }
  }
  for (const kind of new Set(rows.flatMap((row) => row.kind ?? []))) {
    const own = rows.filter((row) => row.kind === kind);
    for (const metric of KIND_METRICS)
      aggregates.push(...levels(own, compared, metric, `kind:${kind}`, null));
  }
  const wholeChains = new Set(["all", ...rows.flatMap((row) => row.part ?? [])]);
  for (const [group, own] of byGroup) {
    const turns = [...new Set(own.map(({ turn }) => turn))].sort((a, b) => a - b);
    for (const metric of turns.length > 1 ? CURVES : []) {
      for (const turn of turns) aggregates.push(...levels(own, compared, metric, group, turn));
    }
    if (wholeChains.has(group)) aggregates.push(...chainAggregates(own, compared, group));
  }
  return aggregates;
}

interface Compared {
  readonly methods: readonly string[];
  readonly baseline: string | undefined;
}

function levels(
  rows: readonly ResultRow[],
  { methods, baseline }: Compared,
  metric: string,
  group: string,
  turn: number | null,
): Aggregate[] {
  const chosen = turn === null ? rows : rows.filter((row) => row.turn === turn);
  const samplesOf = (method: string) =>
    chosen.flatMap((row) => {
      const value = row.method === method ? numberOf(row, metric) : undefined;
      if (value === undefined) return [];
      return { cluster: clusterOf(row), pair: `${row.item} ${row.seed} ${row.turn}`, value };
    });
  return compareMethods(methods, { metric, group, turn }, samplesOf, baseline);
}

/** The turns of one item, method and seed, in order. */
export function chainsOf(rows: readonly ResultRow[]): ResultRow[][] {
  const chains = new Map<string, ResultRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.method, row.item, row.seed]);
    const chain = chains.get(key);
    if (chain) chain.push(row);
    else chains.set(key, [row]);
  }
  return [...chains.values()].map((chain) => chain.sort((a, b) => a.turn - b.turn));
}

/** A number for every chain of a method; chains that have none are left out. */
export function chainSamples(
  rows: readonly ResultRow[],
  method: string,
  valueOfChain: (chain: readonly ResultRow[]) => number | undefined,
): PairedSample[] {
  return chainsOf(rows.filter((row) => row.method === method)).flatMap((chain) => {
    const value = valueOfChain(chain);
    if (value === undefined || Number.isNaN(value)) return [];
    const [first] = chain;
    return { cluster: clusterOf(first!), pair: `${first!.item} ${first!.seed}`, value };
  });
}

/**
 * SR@k, the share of chains whose first k turns all came out right; CR@k, the share that has collapsed by turn k; and the
 * drift, as the slope of the squared error (slope.l2) and of its root (slope.rmse) over the turns.
 */
function chainAggregates(
  rows: readonly ResultRow[],
  { methods, baseline }: Compared,
  group: string,
): Aggregate[] {
  const longest = Math.max(...rows.map(({ turn }) => turn));
  const perChain = (metric: string, valueOfChain: (chain: readonly ResultRow[]) => number | undefined) =>
    compareMethods(
      methods,
      { metric, group, turn: null },
      (method) => chainSamples(rows, method, valueOfChain),
      baseline,
    );
  const upTo = Array.from({ length: longest }, (_, i) => i + 1).filter((k) => k <= 10 || k % 5 === 0);
  return [
    ...upTo.flatMap((k) => perChain(`SR@${k}`, (chain) => allRight(chain, k, ({ success }) => success))),
    ...upTo.flatMap((k) => perChain(`SR-strict@${k}`, (chain) => allRight(chain, k, strictly))),
    ...upTo.flatMap((k) => perChain(`CR@${k}`, (chain) => anyCollapsed(chain, k))),
    ...perChain("slope.l2", (chain) => slopeOf(chain, (l2) => l2)),
    ...perChain("slope.rmse", rmseSlope),
  ];
}

/** null where nobody can say, as in results from before there was this rule. */
const strictly = ({ metrics }: ResultRow): boolean | null => {
  const strict = metrics["success.strict"];
  return typeof strict === "number" ? strict === 1 : null;
};

function allRight(
  chain: readonly ResultRow[],
  k: number,
  ofTurn: (row: ResultRow) => boolean | null,
): number | undefined {
  const turns = chain.slice(0, k).map(ofTurn);
  if (turns.length < k || turns.includes(null)) return undefined;
  return Number(turns.every(Boolean));
}

function anyCollapsed(chain: readonly ResultRow[], k: number): number | undefined {
  const turns = chain.slice(0, k).map(({ collapsed }) => collapsed);
  if (turns.length < k || turns.includes(null)) return undefined;
  return Number(turns.some(Boolean));
}

/** How much the root mean squared error to the truth grows in a turn. */
export const rmseSlope = (chain: readonly ResultRow[]): number => slopeOf(chain, Math.sqrt);

function slopeOf(chain: readonly ResultRow[], scale: (l2: number) => number): number {
  const points = chain.flatMap(({ turn, metrics }) =>
    typeof metrics.l2 === "number" ? { x: turn, y: scale(metrics.l2) } : [],
  );
  return points.length < SLOPE_TURNS ? Number.NaN : slope(points);
}
