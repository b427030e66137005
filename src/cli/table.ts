import type { Output } from "./output.ts";

/** Rows of equal length in aligned columns: the first to the left, the others to the right unless named in `left`. */
export function sayTable(
  output: Output,
  rows: readonly (readonly string[])[],
  left: readonly number[] = [0],
): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      left.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    );
    output.say(`  ${cells.join("   ")}`.trimEnd());
  }
}
