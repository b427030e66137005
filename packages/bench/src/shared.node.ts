/** A benchmark on many machines: each computes the cells that it gets, and takes over the others' pictures as they come. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type BenchCache, type CachedTurn, hashOf } from "./cache.node.ts";
import { type Chain, computeChain } from "./chain.node.ts";
import { type Cells, EmilieError } from "./library.ts";

type Tools = Parameters<typeof computeChain>[1];

/**
 * Fills in the turns of all chains, and returns how many of them were computed here.
 *
 * @throws EmilieError aborted; what a method throws, on whichever machine
 */
export async function computeShared(
  cells: Cells,
  chains: readonly Chain[],
  turns: Map<Chain, CachedTurn[]>,
  tools: Tools,
  onProgress: (label: string, done: number, total: number) => void,
): Promise<number> {
  const { cache, files, signal } = tools;
  const missing = new Map(chains.map((chain) => [hashOf(chain.keys), chain]));
  await cells.offer([...missing.keys()]);
  const total = chains.reduce((sum, { keys }) => sum + keys.length, 0);
  let [done, computed] = [0, 0];
  const tell = ({ method, item, seed }: Chain) =>
    onProgress(`${method.name}, ${item.id}, seed ${seed}`, done, total);
  while (missing.size > 0) {
    if (signal?.aborted) throw new EmilieError("aborted", "the benchmark was stopped");
    const key = await cells.take(new Set(missing.keys()));
    if (key !== null) {
      const chain = missing.get(key)!;
      try {
        const made = await computeChain(chain, tools, () => {
          done++;
          tell(chain);
        });
        await cells.put(key, await partsOf(cache, chain, made));
        turns.set(chain, made);
        computed += made.length;
        missing.delete(key);
      } catch (error) {
        await cells.fail(key, error).catch(() => {});
        throw error;
      } finally {
        files.forget();
      }
      continue;
    }
    const found = await cells.results([...missing.keys()]);
    for (const [known, parts] of found) {
      const chain = missing.get(known)!;
      const taken: CachedTurn[] = [];
      for (const { key, facts, bytes } of parts) taken.push(await cache.takeTurn(key, facts, bytes));
      turns.set(chain, taken);
      missing.delete(known);
      done += taken.length;
      tell(chain);
    }
    if (found.size === 0) await cells.change();
  }
  return computed;
}

async function partsOf(cache: BenchCache, { keys }: Chain, turns: readonly CachedTurn[]) {
  return Promise.all(
    turns.map(async (facts, i) => ({
      key: keys[i]!,
      facts,
      bytes: new Uint8Array(await readFile(join(cache.out, cache.pictureOf(keys[i]!)))),
    })),
  );
}
