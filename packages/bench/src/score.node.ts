/** The rows of a chain: what its pictures are worth, from the cache where that is known. */

import { join } from "node:path";
import { z } from "zod";
import { type BenchCache, type CachedTurn, hashOf } from "./cache.node.ts";
import type { Chain } from "./chain.node.ts";
import type { BenchFiles } from "./files.node.ts";
import { type Picture, readPicture, unionOf } from "./library.ts";
import { scoreTurn, TURN_METRICS_REVISION, type TurnScores, type TurnView } from "./turn-metrics.ts";
import type { ResultRow, ScoredTurn, Scorer } from "./types.ts";

const metricsSchema = z.record(z.string(), z.number().nullable());
const scoresSchema: z.ZodType<TurnScores> = z.object({
  metrics: metricsSchema,
  success: z.boolean().nullable(),
  collapsed: z.boolean().nullable(),
});

export interface Scoring {
  readonly cache: BenchCache;
  readonly files: BenchFiles;
  readonly scorers: readonly Scorer[];
  readonly signal?: AbortSignal;
}

/** One row a turn. `turns` is what the cache holds of the chain. */
export async function scoreChain(
  chain: Chain,
  turns: readonly CachedTurn[],
  scoring: Scoring,
): Promise<ResultRow[]> {
  const { item, method, seed, keys } = chain;
  const rows: ResultRow[] = [];
  for (const [i, turn] of item.turns.entries()) {
    const view = new ScoringView(chain, turns, i, scoring);
    const { metrics, success, collapsed } = await view.againstTruth();
    const all: Record<string, number | null> = { ...metrics };
    for (const scorer of scoring.scorers) Object.assign(all, await view.by(scorer));
    rows.push({
      method: method.name,
      item: item.id,
      part: item.part ?? null,
      seed,
      turn: i + 1,
      instruction: turn.instruction,
      kind: turn.kind ?? null,
      global: turn.global ?? null,
      masked: turn.mask !== undefined,
      picture: scoring.cache.pictureOf(keys[i]!),
      metrics: all,
      success,
      collapsed,
      unetCalls: turns[i]!.unetCalls,
      seconds: turns[i]!.seconds,
    });
  }
  return rows;
}

/** A turn of a chain, hashed at once and decoded only where a score has to be computed. */
class ScoringView {
  readonly #result: string;
  readonly #before: string;

  constructor(
    private readonly chain: Chain,
    turns: readonly CachedTurn[],
    private readonly index: number,
    private readonly scoring: Scoring,
  ) {
    this.#result = turns[index]!.picture;
    this.#before = index === 0 ? "original" : turns[index - 1]!.picture;
  }

  async againstTruth(): Promise<TurnScores> {
    const { cache, files } = this.scoring;
    const { item } = this.chain;
    const key = hashOf({
      turnMetrics: TURN_METRICS_REVISION,
      result: this.#result,
      before: this.#before,
      original: await files.hash(item.image),
      turns: await Promise.all(
        item.turns
          .slice(0, this.index + 1)
          .map(async ({ target, changeMask, mask }) => [
            await files.hashOrNull(target),
            await files.hashOrNull(changeMask),
            await files.hashOrNull(mask),
          ]),
      ),
    });
    return cache.score(key, scoresSchema, async () => scoreTurn(await this.#view()));
  }

  async by(scorer: Scorer): Promise<Record<string, number | null>> {
    const { cache, files, signal } = this.scoring;
    const { item } = this.chain;
    const { instruction, target, changeMask, caption } = item.turns[this.index]!;
    const words = { instruction, sourceCaption: item.caption, caption };
    const key = hashOf({
      scorer: scorer.name,
      hash: scorer.hash,
      result: this.#result,
      before: this.#before,
      original: await files.hash(item.image),
      target: await files.hashOrNull(target),
      changeMask: await files.hashOrNull(changeMask),
      ...words,
    });
    const found = await cache.score(key, metricsSchema, async () => {
      const [view, original] = [await this.#view(), await files.picture(item.image)];
      const turn: ScoredTurn = {
        original,
        before: view.before,
        result: view.result,
        target: view.target,
        changeMask: view.changed,
        ...words,
      };
      const scores = Object.entries(await scorer.score(turn, signal));
      return Object.fromEntries(scores.map(([name, v]) => [name, Number.isFinite(v) ? v : null]));
    });
    const prefix = `${scorer.name}.`;
    return Object.fromEntries(
      Object.entries(found).map(([name, v]) => [name.startsWith(prefix) ? name : prefix + name, v]),
    );
  }

  async #view(): Promise<TurnView> {
    const { files } = this.scoring;
    const { item } = this.chain;
    const turns = item.turns.slice(0, this.index + 1);
    const original = await files.picture(item.image);
    const { target, changeMask } = turns[this.index]!;
    const targets = turns.slice(0, -1).flatMap((turn) => turn.target ?? []);
    const masks = await Promise.all(
      turns.map(({ mask }) => (mask === undefined ? undefined : files.mask(mask, original))),
    );
    return {
      original,
      before: this.index === 0 ? original : await this.#picture(this.index - 1),
      result: await this.#picture(this.index),
      target: target === undefined ? undefined : await files.truth(target, original),
      truths: [original, ...(await Promise.all(targets.map((path) => files.truth(path, original))))],
      sourceKnown: this.index === 0 || turns[this.index - 1]!.target !== undefined,
      changed: changeMask === undefined ? undefined : await files.mask(changeMask, original),
      mask: masks[this.index],
      allowed: unionOf(masks),
    };
  }

  #picture(index: number): Promise<Picture> {
    return readPicture(join(this.scoring.cache.out, this.scoring.cache.pictureOf(this.chain.keys[index]!)));
  }
}
