/** Every choice as a row, for whoever wants to reckon with them: which picture was where, and what was chosen. */
import { isSimulated, type Study } from "./study.ts";

export interface StudyRow {
  readonly rater: string;
  readonly simulated: boolean;
  /** In the rater's order, from 1. */
  readonly question: number;
  readonly repeat: boolean;
  readonly item: string;
  readonly part: string | null;
  readonly seed: number;
  readonly turn: number;
  readonly kind: string | null;
  readonly global: boolean | null;
  /** Methods. */
  readonly left: string;
  readonly right: string;
  readonly chosen: string;
  readonly side: "left" | "right";
  readonly seconds: number;
  readonly at: string;
}

export function rowsOf({ raters, pairs, methods }: Study): StudyRow[] {
  // The same method of two runs is told apart by its letter.
  const same = methods.a.name === methods.b.name;
  const name = (letter: "a" | "b") => (same ? `${methods[letter].name} (${letter})` : methods[letter].name);
  return raters.flatMap((rater) =>
    rater.choices.map(({ chosen, seconds, at }, i): StudyRow => {
      const { pair, left, repeat } = rater.order[i]!;
      const { item, part, seed, turn, kind, global } = pairs[pair]!;
      return {
        ...{ rater: rater.name, simulated: isSimulated(rater), question: i + 1, repeat },
        ...{ item, part, seed, turn, kind, global },
        ...{ left: name(left), right: name(left === "a" ? "b" : "a"), chosen: name(chosen) },
        ...{ side: chosen === left ? "left" : "right", seconds, at },
      };
    }),
  );
}

const COLUMNS = [
  ...["rater", "simulated", "question", "repeat", "item", "part", "seed", "turn", "kind", "global"],
  ...["left", "right", "chosen", "side", "seconds", "at"],
] as (keyof StudyRow)[];

/** RFC 4180, with a first line of names. */
export function csvOf(rows: readonly StudyRow[]): string {
  const cell = (value: StudyRow[keyof StudyRow]) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [COLUMNS.join(","), ...rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(","))];
  return `${lines.join("\r\n")}\r\n`;
}
