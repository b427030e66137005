/**
 * Many damaged inputs through one entry. Whatever comes, the answer is a result or an error of ours; one that is not is shown with the
 * seed that makes it again. `npm run test:fuzz` runs all cases and holds each to a second of processor time; `npm run test:long` a
 * share of them, `npm test` a quarter of that.
 */
import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { isEmilieError } from "../../src/errors.ts";
import { Damage } from "./mutate.ts";

/** "1" for all cases; a larger number for so many of each suite. */
const MOST = Number(process.env.EMILIE_FUZZ ?? 0);
const FULL = MOST > 0;
const SEED = Number(process.env.EMILIE_FUZZ_SEED ?? 20261129);
/** A single case, to look at: its number. */
const ONLY = process.env.EMILIE_FUZZ_CASE;

/** Processor time of one case, all threads together, in milliseconds. */
const MAX_CASE_MS = 1000;
const MAX_RESIDENT_BYTES = 500e6;

export const FUZZ_TIMEOUT = 7_200_000;

export interface Suite {
  readonly name: string;
  /** Cases of the whole suite, and of the share that every change is tested with. */
  readonly cases: number;
  readonly share: number;
  /** One case. Errors of ours are answers. */
  readonly run: (damage: Damage, number: number) => unknown | Promise<unknown>;
  /** Megabytes that the process has to begin with, where a model is loaded in it. */
  readonly resident?: number;
}

export async function fuzz({ name, cases, share, run, resident = 0 }: Suite): Promise<void> {
  const [from, to] =
    ONLY === undefined
      ? [0, FULL ? Math.min(cases, MOST === 1 ? cases : MOST) : share]
      : [Number(ONLY), Number(ONLY) + 1];
  const untyped: string[] = [];
  const slow: string[] = [];
  let [refused, slowest, peak] = [0, 0, 0];
  const begun = performance.now();
  const before = process.memoryUsage.rss();
  for (let number = from; number < to; number++) {
    const start = process.cpuUsage();
    try {
      await run(new Damage(SEED + 7919 * number), number);
    } catch (error) {
      if (isEmilieError(error)) refused++;
      else
        untyped.push(`case ${number}: ${error instanceof Error ? error.stack : String(error)}`.slice(0, 900));
    }
    const { user, system } = process.cpuUsage(start);
    const ms = (user + system) / 1000;
    if (ms > slowest) slowest = ms;
    if (ms > MAX_CASE_MS) slow.push(`case ${number}: ${Math.round(ms)} ms`);
    const rss = process.memoryUsage.rss();
    peak = Math.max(peak, rss);
    if (rss > MAX_RESIDENT_BYTES + resident * 1e6) {
      untyped.push(`case ${number}: the process has grown to ${Math.round(rss / 1e6)} MB`);
      break;
    }
  }
  const seconds = (performance.now() - begun) / 1000;
  const line =
    `${name}: ${to - from} cases, ${refused} refused, ${untyped.length} untyped, ${slow.length} over ${MAX_CASE_MS} ms ` +
    `(slowest ${Math.round(slowest)} ms), ${Math.round(before / 1e6)} → ${Math.round(peak / 1e6)} MB, ${seconds.toFixed(0)} s`;
  if (FULL) console.log(line);
  const log = process.env.EMILIE_FUZZ_LOG;
  if (log)
    writeFileSync(log, `${[line, ...untyped.slice(0, 50), ...slow.slice(0, 50)].join("\n")}\n`, {
      flag: "a",
    });
  expect(untyped.slice(0, 5)).toEqual([]);
  if (!FULL) return;
  // The processor may be another's for a while, and the first cases compile the program: a case is slow if it is so again.
  const stillSlow: string[] = [];
  for (const one of slow) {
    const number = Number(/\d+/.exec(one)![0]);
    const start = process.cpuUsage();
    await Promise.resolve(run(new Damage(SEED + 7919 * number), number)).catch(() => {});
    const { user, system } = process.cpuUsage(start);
    if ((user + system) / 1000 > MAX_CASE_MS) stillSlow.push(one);
  }
  expect(stillSlow).toEqual([]);
}
