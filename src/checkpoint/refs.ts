/** Tensors of a single file by name, and what their names alone tell. */
import { EmilieError } from "../errors.ts";
import type { WeightRef } from "./weights.ts";

/** Tensors by name, as they lie in the file. */
export type Refs = ReadonlyMap<string, WeightRef>;

/** The tensors below `prefix`, named without it. */
export function below(refs: Refs, prefix: string): Map<string, WeightRef> {
  const found = [...refs].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, ref]) => [name.slice(prefix.length), ref]));
}

/** Blocks, layers and levels of one kind in any network that is read here; their numbers in names are counted through. */
const MOST_NUMBERED = 256;

/** One more than the highest number that the pattern finds. Throws "checkpoint.malformed" where it is no number of a block. */
export function countOf(refs: Refs, pattern: RegExp): number {
  return [...refs.keys()].reduce((count, name) => {
    const found = pattern.exec(name);
    if (!found) return count;
    const number = Number(found[1]);
    if (number < MOST_NUMBERED) return Math.max(count, number + 1);
    throw new EmilieError(
      "checkpoint.malformed",
      `The tensor "${name.slice(0, 120)}" is numbered ${number}; networks have fewer than ${MOST_NUMBERED} of anything.`,
    );
  }, 0);
}

/** The shape of a tensor that has to be there. @throws EmilieError "checkpoint.missing", naming it in the naming of diffusers */
export function shapeOf(refs: Refs, file: string, name: string): readonly number[] {
  const ref = refs.get(name);
  if (ref) return ref.shape;
  throw new EmilieError(
    "checkpoint.missing",
    `${file} has no tensor for "${name}" (in diffusers' naming), so its architecture cannot be determined.`,
  );
}
