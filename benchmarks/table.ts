/** Rows as a table: for the terminal, and in Markdown for docs/results. */
import type { BenchRecord, Row } from "./record.ts";
import { describeMachine } from "./record.ts";

/** The columns of all rows, in the order in which they first appear. */
export function columnsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** "peakAnonymousGB" → "peak anonymous GB". */
export function heading(column: string): string {
  return column
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/\b[A-Z](?![A-Z])\w*/g, (word) => (word.length === 1 ? word : word.toLowerCase()));
}

export const cell = (value: Row[string] | undefined): string =>
  value === null || value === undefined ? "" : String(value);

export function printRows(result: BenchRecord): void {
  const columns = columnsOf(result.rows);
  const lines = [columns.map(heading), ...result.rows.map((row) => columns.map((name) => cell(row[name])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  console.log(describeMachine(result.machine));
  for (const line of lines) console.log(line.map((text, i) => text.padEnd(widths[i]!)).join("  "));
  for (const reason of result.skipped ?? []) console.log(`skipped: ${reason}`);
}

export function markdownRows(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const isNumber = (name: string) => rows.every((row) => typeof (row[name] ?? 0) === "number");
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [
    line(columns.map(heading)),
    `|${columns.map((name) => (isNumber(name) ? "---:|" : "---|")).join("")}`,
    ...rows.map((row) => line(columns.map((name) => cell(row[name])))),
  ].join("\n");
}
