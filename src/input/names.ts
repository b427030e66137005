/**
 * One rule for names, at every door: parts of forms, keys of JSON, query parameters, arguments of tools. A clear variant of
 * a known name is that name; anything else is refused by name. Nothing is dropped, and nothing given twice is chosen from.
 */
import { InputError, quote } from "./input-error.ts";

/**
 * What names are compared by. Case, blanks, "-" and "_" say nothing (`Mask`, `working_size`), and several languages
 * write what may come more than once as `name[]` or `name[0]`.
 */
function bare(name: string): string {
  return name
    .trim()
    .replace(/\[\d{0,6}\]$/, "")
    .replace(/[\s_-]/g, "")
    .toLowerCase();
}

export interface Names {
  readonly known: readonly string[];
  /** Of the known names those that may come more than once. */
  readonly lists?: readonly string[];
  /** Other spellings, and the known names they stand for. */
  readonly aliases?: Readonly<Record<string, string>>;
}

/**
 * Sorts entries by the known names that they mean.
 *
 * @param where what holds the names, for messages: "the form", "the query"
 * @throws InputError for a name that is not known, and for one that is given twice
 */
export function sortByName<V>(
  entries: Iterable<readonly [string, V]>,
  { known, lists = [], aliases = {} }: Names,
  where: string,
): Map<string, V[]> {
  const meant = new Map([
    ...known.map((name) => [bare(name), name] as const),
    ...Object.entries(aliases).map(([alias, name]) => [bare(alias), name] as const),
  ]);
  const sorted = new Map<string, V[]>();
  for (const [given, value] of entries) {
    // What is spelt exactly is never read as a variant of something else.
    const name = known.includes(given) ? given : meant.get(bare(given));
    if (name === undefined) throw unknownName(given, known, where);
    const values = sorted.get(name) ?? [];
    if (values.length > 0 && !lists.includes(name)) {
      const message = `${quote(name)} appears more than once in ${where}. Give it once: it is not clear which value applies.`;
      throw new InputError(name, "repeated", message);
    }
    sorted.set(name, [...values, value]);
  }
  return sorted;
}

/** What is said of a name that is not known, with the known one that is nearest. */
export function unknownName(given: string, known: readonly string[], where: string): InputError {
  const near = nearest(bare(given), known);
  const meant = near === undefined ? "" : ` Did you mean ${quote(near)}?`;
  const list = known.length > 0 ? ` There may be ${known.join(", ")}.` : " Nothing is expected there.";
  const message = `${quote(given)} in ${where} is not a known name, and would be ignored.${meant}${list}`;
  return new InputError(given, "unknown", message);
}

/** The known name that one begins with, that begins with it, or that is at most two letters away. */
function nearest(given: string, known: readonly string[]): string | undefined {
  if (given === "" || given.length > 60) return undefined;
  const plain = (name: string) => bare(name);
  return (
    known.find((name) => plain(name).startsWith(given) || given.startsWith(plain(name))) ??
    known.find((name) => given.endsWith(plain(name))) ??
    known.find((name) => distance(given, plain(name)) <= 2)
  );
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
