import type { MethodSettings } from "../types.ts";

/**
 * The seed of a turn, from 0: another one at every turn, for every method, as sessions do it. Seeds of a run are small, so
 * those of its turns do not meet them.
 */
export function turnSeed({ fixedSeed }: MethodSettings, seed: number, turn: number): number {
  return fixedSeed ? seed : seed + 1_000_003 * turn;
}
