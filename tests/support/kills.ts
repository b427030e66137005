/** How many processes are killed, and when: `npm run test:kill` kills 500, a test run some. The seed is printed. */

/** A tenth part each of all kills. */
const SHARES = { library: 2, cli: 2, server: 2, worker: 4 } as const;
const QUICK = { library: 12, cli: 1, server: 1, worker: 2 } as const;
export type Killed = keyof typeof SHARES;

export function killsOf(what: Killed): number {
  const all = Number(process.env.EMILIE_KILLS ?? 0);
  return all > 0 ? Math.ceil((all * SHARES[what]) / 10) : QUICK[what];
}

/** Numbers of [0, 1) from $EMILIE_SEED, or from a seed of this run's own, which it says. */
export function seededRandom(what: Killed): () => number {
  const seed = Number(process.env.EMILIE_SEED ?? Date.now() % 2 ** 31);
  console.info(`kills (${what}): ${killsOf(what)}, EMILIE_SEED=${seed}`);
  let state = seed | 0;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
