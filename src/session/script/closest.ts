/** What somebody may have meant by a word that is not known. */

/** The known word that is at most a third of its letters away, by single letters put in, left out, changed or swapped. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const wanted = plain(word).slice(0, 100);
  let best: { name: string; away: number } | undefined;
  for (const name of known) {
    const away = distance(wanted, plain(name));
    if (away <= Math.max(1, name.length / 3) && (!best || away < best.away)) best = { name, away };
  }
  return best?.name;
}

/** Damerau and Levenshtein's, of neighbours swapped. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(row[j - 1]! + 1, rows[i - 1]![j]! + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
