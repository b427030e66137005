/** Comma-separated values as RFC 4180 has them: quoted fields may hold commas, line ends, and "" for a quote. */
import { wrong } from "./draft.ts";

/** Rows as objects by the names of the first line. Blank lines are skipped. */
export function parseCsv(text: string, name: string): Record<string, string>[] {
  const [header = [], ...rows] = rowsOf(text, name);
  return rows
    .filter((row) => row.length > 1 || row[0] !== "")
    .map((row, i) => {
      if (row.length !== header.length) {
        throw wrong(
          `${name}, row ${i + 1}`,
          `has ${row.length} fields, and the first line ${header.length}.`,
        );
      }
      return Object.fromEntries(header.map((key, j) => [key.trim(), row[j]!]));
    });
}

function rowsOf(text: string, name: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  // A field, and what ends it; of a quoted one the quotes are around it.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length || row.length > 0) {
    const at = field.lastIndex;
    const match = field.exec(text);
    if (!match)
      throw wrong(
        name,
        `a quote is out of place in row ${rows.length}, near ${JSON.stringify(text.slice(at, at + 30))}.`,
      );
    row.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] !== ",") {
      rows.push(row);
      row = [];
      if (match[3] === "") break;
    }
  }
  return rows;
}
