/** One item, method and seed: its keys in the cache, and how its pictures are computed. */

import { type BenchCache, type CachedTurn, hashOf } from "./cache.node.ts";
import type { BenchFiles } from "./files.node.ts";
import { type EditModel, EmilieError, isEmilieError } from "./library.ts";
import type { BenchItem, BenchMethod, MethodSettings } from "./types.ts";

export interface Chain {
  readonly item: BenchItem;
  readonly method: BenchMethod;
  readonly settings: MethodSettings;
  readonly seed: number;
  /** Of each turn: a hash over everything that its picture depends on, the turns before it included. */
  readonly keys: readonly string[];
}

export async function makeChain(
  files: BenchFiles,
  model: EditModel,
  { item, method, settings, seed }: Omit<Chain, "keys">,
): Promise<Chain> {
  const image = await files.hash(item.image);
  const turns = await Promise.all(
    item.turns.map(async ({ instruction, mask }) => ({ instruction, mask: await files.hashOrNull(mask) })),
  );
  const keys = turns.map((_, i) =>
    hashOf({
      version: 1,
      method: method.name,
      revision: method.revision,
      settings,
      model: model.fingerprint,
      image,
      turns: turns.slice(0, i + 1),
      seed,
    }),
  );
  return { item, method, settings, seed, keys };
}

/** What the cache has of a chain; undefined unless it has every turn. */
export async function cachedChain(cache: BenchCache, { keys }: Chain): Promise<CachedTurn[] | undefined> {
  const turns = await Promise.all(keys.map((key) => cache.turn(key)));
  return turns.includes(undefined) ? undefined : (turns as CachedTurn[]);
}

/**
 * Computes a chain from its start, since a method's state between turns is its own, and keeps every turn as it comes.
 * What the method throws is thrown on, with the name of the turn.
 */
export async function computeChain(
  chain: Chain,
  {
    model,
    cache,
    files,
    signal,
  }: { model: EditModel; cache: BenchCache; files: BenchFiles; signal?: AbortSignal },
  onTurn: (turn: number) => void,
): Promise<CachedTurn[]> {
  const { item, method, settings, seed, keys } = chain;
  const start = await files.picture(item.image);
  const turns = await Promise.all(
    item.turns.map(async ({ instruction, mask }) => ({
      instruction,
      mask: mask === undefined ? undefined : await files.mask(mask, start),
    })),
  );
  const done: CachedTurn[] = [];
  try {
    for await (const result of method.run(model, start, turns, settings, { seed, signal })) {
      const { width, height } = result.picture;
      if (done.length === turns.length || width !== start.width || height !== start.height) {
        throw new Error(`${method.name} must give one picture a turn, of the first picture's size`);
      }
      done.push(await cache.putTurn(keys[done.length]!, result));
      onTurn(done.length);
      if (signal?.aborted) throw new EmilieError("aborted", "the benchmark was stopped");
    }
  } catch (error) {
    if (!isEmilieError(error) || error.code === "aborted") throw error;
    const at = `${method.name} on ${item.id}, turn ${done.length + 1}, seed ${seed}`;
    throw new EmilieError(error.code, `${at}: ${error.message}`, { cause: error });
  }
  if (done.length < turns.length)
    throw new Error(`${method.name} gave ${done.length} of ${turns.length} turns`);
  return done;
}
