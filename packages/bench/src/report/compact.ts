/**
 * results.json made small enough to be kept with the project: numbers with four digits, in columns, without pictures. Where
 * that is still too large, the least needed parts are left out, one after the other, and the file says which.
 *
 * Rows that share item and instructions name one script. A column of metrics has a number for each row; null where it was
 * not finite, "" where it could not be said. A series holds one metric's estimates for one group and opponent: all methods that
 * were looked at on the same turns of equally many items and rows.
 */
import type { Aggregate, BenchResults, ResultRow } from "../types.ts";
import { REDUCTIONS } from "./reductions.ts";

/** What a row shares with the same turn of other methods: turn, instruction, kind, global. */
type ScriptTurn = readonly [turn: number, instruction: string, kind: string | null, global: boolean | null];

type Cell = number | null | "";
type Repeated<T> = T | readonly T[];

export interface CompactResults extends Omit<BenchResults, "aggregates" | "rows"> {
  readonly layout: "columns";
  /** What of the full results is not here, in words. */
  readonly leftOut: readonly string[];
  readonly series: readonly {
    readonly metric: string;
    readonly group: string;
    readonly against?: string;
    /** A number k stands for the turns 1 to k. */
    readonly turns: number | readonly (number | null)[];
    readonly clusters: Repeated<number>;
    readonly n: Repeated<number>;
    /** For each method value, low and high at the first turn, then at the second, and so on. */
    readonly methods: Readonly<Record<string, readonly Cell[]>>;
  }[];
  readonly scripts: readonly {
    readonly item: string;
    readonly part: string | null;
    readonly turns: readonly ScriptTurn[];
  }[];
  /** Each as [method, script, seed], with one row for every turn of the script, in this order. */
  readonly sessions: readonly (readonly [method: string, script: number, seed: number])[];
  readonly rows: {
    /** A character for each row: 1, 0, or - for null. */
    readonly masked: string;
    readonly success: string;
    readonly collapsed: string;
    readonly unetCalls: readonly number[];
    readonly seconds: readonly number[];
    readonly metrics: Readonly<Record<string, readonly Cell[]>>;
  };
}

/** Compact results of at most `limit` bytes as JSON, or as small as they get. Default 300,000. */
export function compactResults(results: BenchResults, limit = 300_000): CompactResults {
  const leftOut = ["pictures", "digits beyond the fourth"];
  let current = results;
  let compact = inColumns(current, leftOut);
  for (const { name, apply } of REDUCTIONS) {
    if (compactJson(compact).length <= limit) break;
    const next = apply(current);
    if (next === current) continue;
    current = next;
    leftOut.push(name);
    compact = inColumns(current, leftOut);
  }
  return compact;
}

/** The file's text: one line for each part that a person may look at. */
export function compactJson(compact: CompactResults): string {
  const list = (values: readonly unknown[]) =>
    `[\n${values.map((value) => JSON.stringify(value)).join(",\n")}\n]`;
  const parts = Object.entries(compact).map(([key, value]) => {
    const isList = key === "series" || key === "scripts" || key === "methods";
    return `${JSON.stringify(key)}:${isList ? list(value as unknown[]) : JSON.stringify(value)}`;
  });
  return `{\n${parts.join(",\n")}\n}\n`;
}

function inColumns(results: BenchResults, leftOut: readonly string[]): CompactResults {
  const { aggregates, rows, ...head } = results;
  const sessions = groupBy(rows, (row) => JSON.stringify([row.method, row.item, row.seed]));
  const scripts = new Map<string, { index: number; script: CompactResults["scripts"][number] }>();
  const listed = [...sessions.values()].map((session) => session.toSorted((a, b) => a.turn - b.turn));
  const keys = listed.map((session) => {
    const { item, part, method, seed } = session[0]!;
    const turns = session.map(
      ({ turn, instruction, kind, global }): ScriptTurn => [turn, instruction, kind, global],
    );
    const script = { item, part, turns };
    const key = JSON.stringify(script);
    if (!scripts.has(key)) scripts.set(key, { index: scripts.size, script });
    return [method, scripts.get(key)!.index, seed] as const;
  });
  const ordered = listed.flat();
  const names = [...new Set(ordered.flatMap((row) => Object.keys(row.metrics)))].sort();
  return {
    ...head,
    layout: "columns",
    leftOut: [...leftOut],
    series: seriesOf(aggregates),
    scripts: [...scripts.values()].map(({ script }) => script),
    sessions: keys,
    rows: {
      masked: ordered.map(({ masked }) => flag(masked)).join(""),
      success: ordered.map(({ success }) => flag(success)).join(""),
      collapsed: ordered.map(({ collapsed }) => flag(collapsed)).join(""),
      unetCalls: ordered.map(({ unetCalls }) => unetCalls),
      seconds: ordered.map(({ seconds }) => Number(seconds.toPrecision(3))),
      metrics: Object.fromEntries(
        names.map((name) => [name, ordered.map(({ metrics }) => short(metrics[name]))]),
      ),
    },
  };
}

function seriesOf(aggregates: readonly Aggregate[]): CompactResults["series"] {
  const ofMethod = groupBy(aggregates, ({ metric, method, group, against }) =>
    JSON.stringify([metric, method, group, against]),
  );
  const lines = [...ofMethod.values()].map((some) => {
    const { metric, method, group, against } = some[0]!;
    const turns = some.map(({ turn }) => turn);
    const head = {
      metric,
      group,
      ...(against !== undefined && { against }),
      turns: turns.every((turn, i) => turn === i + 1) ? turns.length : turns,
      clusters: once(some.map(({ estimate }) => estimate.clusters)),
      n: once(some.map(({ estimate }) => estimate.n)),
    };
    const cells = some.flatMap(({ estimate: { value, low, high } }) => [value, low, high].map(short));
    return { head, method, cells };
  });
  return [...groupBy(lines, ({ head }) => JSON.stringify(head)).values()].map((alike) => ({
    ...alike[0]!.head,
    methods: Object.fromEntries(alike.map(({ method, cells }) => [method, cells])),
  }));
}

/** The results again. Rows come session by session, and have no pictures. */
export function expandResults(compact: CompactResults): BenchResults {
  const { layout: _, leftOut: __, series, scripts, sessions, rows: columns, ...head } = compact;
  const aggregates = series.flatMap(({ metric, group, against, turns, clusters, n, methods }) => {
    const at = typeof turns === "number" ? Array.from({ length: turns }, (_, i) => i + 1) : turns;
    return Object.entries(methods).flatMap(([method, cells]) =>
      at.map((turn, i): Aggregate => {
        // JSON has no infinity: an estimate that was not finite is null here as in results.json.
        const [value, low, high] = cells.slice(3 * i, 3 * i + 3) as [number, number | null, number | null];
        const counts = { clusters: repeated(clusters, i), n: repeated(n, i) };
        const estimate = { value, low, high, ...counts };
        return { metric, method, group, turn, estimate, ...(against !== undefined && { against }) };
      }),
    );
  });
  const rows: ResultRow[] = [];
  for (const [method, index, seed] of sessions) {
    const { item, part, turns } = scripts[index]!;
    for (const [turn, instruction, kind, global] of turns) {
      const i = rows.length;
      const metrics = Object.entries(columns.metrics).flatMap(([name, values]) =>
        values[i] === "" ? [] : [[name, values[i] as number | null] as const],
      );
      rows.push({
        ...{ method, item, part, seed, turn, instruction, kind, global },
        masked: columns.masked[i] === "1",
        picture: "",
        metrics: Object.fromEntries(metrics),
        success: unflag(columns.success[i]!),
        collapsed: unflag(columns.collapsed[i]!),
        unetCalls: columns.unetCalls[i]!,
        seconds: columns.seconds[i]!,
      });
    }
  }
  return { ...head, aggregates, rows };
}

/** In the order in which keys are first seen. */
function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

function short(value: number | null | undefined): Cell {
  if (value === undefined) return "";
  return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(4));
}

const flag = (value: boolean | null) => (value === null ? "-" : value ? "1" : "0");
const unflag = (character: string) => (character === "-" ? null : character === "1");

/** One number where all are the same. */
function once(values: readonly number[]): Repeated<number> {
  return values.length > 0 && values.every((value) => value === values[0]) ? values[0]! : values;
}

function repeated(values: Repeated<number>, i: number): number {
  return typeof values === "number" ? values : values[i]!;
}
