/** The order of one rater's questions: drawn from the study's seed and the name, so that each rater has an own one. */
import { createHash } from "node:crypto";
import type { Asked, Letter } from "./study.ts";

/** The share of questions that come again with swapped sides. */
const REPEATED = 0.1;

/**
 * All pairs in random order, each method as often on the left as on the right (within one). Then about a tenth of them again,
 * sides swapped, at least a third of the study after the first time, by which a rater's consistency is known.
 */
export function planOf(pairs: number, seed: number, rater: string): Asked[] {
  const random = generator(`${seed} ${rater.toLowerCase()}`);
  const lefts: Letter[] = Array.from({ length: pairs }, (_, i) => (i % 2 === 0 ? "a" : "b"));
  // Of an odd number, one method has the left once more; which one is drawn too.
  if (random() < 0.5) lefts.reverse();
  if (pairs % 2 === 1 && random() < 0.5) lefts[0] = lefts[0] === "a" ? "b" : "a";
  const sides = shuffled(lefts, random);
  const order = shuffled([...Array(pairs).keys()], random).map(
    (pair, i): Asked => ({ pair, left: sides[i]!, repeat: false }),
  );
  const repeats = pairs < 5 ? 0 : Math.max(1, Math.round(pairs * REPEATED));
  const early = shuffled([...Array(Math.ceil(pairs / 2)).keys()], random);
  const places = balanced(early, repeats, (i) => order[i]!.left).map((first) => {
    const from = first + Math.ceil(pairs / 3);
    return { first, at: from + Math.floor(random() * (pairs - from + 1)) };
  });
  const asked = [...order];
  // From the back, so that what is put in moves no place that is still to come.
  for (const { first, at } of places.sort((x, y) => y.at - x.at)) {
    const { pair, left } = order[first]!;
    asked.splice(at, 0, { pair, left: left === "a" ? "b" : "a", repeat: true });
  }
  return asked;
}

/** The first of them, half of one side and half of the other as far as there are enough of both. */
function balanced(indices: readonly number[], count: number, side: (i: number) => Letter): number[] {
  const of = (letter: Letter) => indices.filter((i) => side(i) === letter);
  const [a, b] = [of("a"), of("b")];
  const fromA = Math.max(count - b.length, Math.min(a.length, Math.floor(count / 2)));
  return [...a.slice(0, fromA), ...b.slice(0, count - fromA)];
}

/** Fisher–Yates. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Uniform numbers in [0, 1) from SHA-256 in counter mode: far from fast, and the same everywhere. */
export function generator(seed: string): () => number {
  let counter = 0;
  return () => createHash("sha256").update(`${seed} ${counter++}`).digest().readUInt32BE() / 2 ** 32;
}
