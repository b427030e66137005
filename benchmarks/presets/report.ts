/** From rows to the tables of docs/results/speed-presets.md. */
import { estimate } from "../../packages/bench/src/aggregate.ts";
import { mean, median } from "../../packages/bench/src/picture-metrics.ts";
import type { Estimate } from "../../packages/bench/src/types.ts";
import type { Row, Rows } from "./rows.ts";
import { BASELINE } from "./settings.ts";

export interface Result {
  readonly setting: string;
  readonly n: number;
  /** Share of edits whose squared error inside is under a quarter of the source's. */
  readonly success: Estimate;
  /** The same minus the baseline's on the same pictures; absent where it was not run on any of them. */
  readonly difference?: Estimate;
  /** Root mean squared errors in 8-bit levels, averaged over pictures. */
  readonly inside: number;
  readonly outside: number;
  readonly unetCalls: number;
  /** Median, from the instruction to the picture. */
  readonly seconds: number;
  /** Median over pictures of the baseline's seconds through this one's. */
  readonly faster?: number;
}

const succeeded = ({ inside, source }: Row) => Number(inside < source / 4);

export function resultOf(setting: string, rows: Rows): Result {
  const own = rows[setting]!;
  const base = new Map((rows[BASELINE] ?? []).map((row) => [row.item, row]));
  const pairs = own.flatMap((row) => {
    const other = base.get(row.item);
    return other ? [{ row, other }] : [];
  });
  const { unetCalls } = own[0]!;
  return {
    setting,
    n: own.length,
    success: estimate(
      own.map((row) => ({ cluster: row.item, value: succeeded(row) })),
      "rate",
    )!,
    difference: estimate(
      pairs.map(({ row, other }) => ({ cluster: row.item, value: succeeded(row) - succeeded(other) })),
      "difference of rates",
    ),
    inside: mean(own.map((row) => Math.sqrt(row.inside))),
    outside: mean(own.flatMap((row) => (row.outside === null ? [] : [Math.sqrt(row.outside)]))),
    unetCalls,
    seconds: median(own.map((row) => row.seconds)),
    faster: pairs.length > 0 ? median(pairs.map(({ row, other }) => other.seconds / row.seconds)) : undefined,
  };
}

/** Seconds are comparable where all settings ran one after the other on every picture: in the group with the baseline. */
export function tableOf(results: readonly Result[]): string {
  const timed = results.some(({ setting }) => setting === BASELINE);
  const head = [
    ...["setting", "n", "UNet calls", "success", "against diffusers, paired"],
    ...["error inside", "error outside"],
    ...(timed ? ["seconds", "times faster"] : []),
  ];
  const lines = results.map((r) => [
    r.setting,
    String(r.n),
    String(r.unetCalls),
    interval(r.success),
    r.setting === BASELINE || !r.difference ? "" : interval(r.difference, true),
    r.inside.toFixed(1),
    r.outside.toFixed(1),
    ...(timed ? [r.seconds.toFixed(2), r.faster?.toPrecision(2) ?? ""] : []),
  ]);
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function interval({ value, low, high }: Estimate, signed = false): string {
  const text = (x: number) => `${signed && x > 0 ? "+" : x < 0 ? "−" : ""}${Math.abs(x).toFixed(2)}`;
  return low === null || high === null ? text(value) : `${text(value)} [${text(low)}, ${text(high)}]`;
}
