/** Items made from those of a dataset: fewer turns, more turns, one turn from its truth. */
import type { BenchDataset, BenchItem, BenchTurn } from "../types.ts";

/** The first items of a part. */
export function firstOf({ items }: BenchDataset, part: string, count: number): BenchItem[] {
  return items.filter((item) => item.part === part).slice(0, count);
}

/** An item's first turns; over and over where it has fewer. Right for cycles and no-ops, whose truth comes round again. */
export function ofLength(item: BenchItem, turns: number): BenchItem {
  const repeated = Array.from({ length: turns }, (_, i) => item.turns[i % item.turns.length]!);
  return { ...item, turns: repeated };
}

/** Whether a turn is a local edit with a mask. */
export const isLocal = (turn: BenchTurn): boolean => turn.mask !== undefined && turn.global !== true;

/** One turn of an item by itself, from the true picture before it; undefined where that is not known. */
export function alone(item: BenchItem, index: number, name = String(index + 1)): BenchItem | undefined {
  const before = item.turns[index - 1];
  const image = index === 0 ? item.image : before?.target;
  if (image === undefined) return undefined;
  const caption = index === 0 ? item.caption : before?.caption;
  return { ...item, id: `${item.id}~${name}`, image, caption, turns: [item.turns[index]!] };
}

/** The indices of the first `count` turns that fit. */
export function turnsThat(item: BenchItem, fits: (turn: BenchTurn) => boolean, count: number): number[] {
  return item.turns.flatMap((turn, i) => (fits(turn) ? i : [])).slice(0, count);
}

/** No-op chains, cycles of local and of global edits, and long chains, as the parts that tables tell apart. */
export function drifting(dataset: BenchDataset, count: number, turns: number): BenchItem[] {
  const cycles = dataset.items.filter(({ part }) => part === "cycle");
  const local = cycles.filter((item) => item.turns.every(isLocal)).slice(0, count);
  const global = cycles.filter((item) => item.turns.every((turn) => turn.global)).slice(0, count);
  return [
    ...firstOf(dataset, "noop", count),
    ...local.map((item) => ({ ...item, part: "cycle-local" })),
    ...global.map((item) => ({ ...item, part: "cycle-global" })),
  ].map((item) => ofLength(item, turns));
}
