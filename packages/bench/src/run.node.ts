/** `emilie bench`, without its command line: methods × items × seeds, computed where the cache has nothing, scored, written. */

import { cpus } from "node:os";
import { BenchCache, type CachedTurn } from "./cache.node.ts";
import { type Chain, cachedChain, computeChain, makeChain } from "./chain.node.ts";
import type { Experiment } from "./experiments/experiment.ts";
import { BenchFiles } from "./files.node.ts";
import { type Cells, type EditModel, EmilieError, publicModelName } from "./library.ts";
import { checkResultsFolder, writeResults } from "./results.node.ts";
import { scoreChain } from "./score.node.ts";
import { computeShared } from "./shared.node.ts";
import { standardAggregates } from "./standard-aggregates.ts";
import type {
  Aggregate,
  BenchDataset,
  BenchMethod,
  BenchResults,
  ResultRow,
  Scorer,
  SettingsMode,
} from "./types.ts";

export interface BenchPlan {
  readonly model: EditModel;
  /** Its items are what is run: whoever wants fewer gives fewer. */
  readonly dataset: BenchDataset;
  readonly methods: readonly BenchMethod[];
  readonly seeds: readonly number[];
  readonly mode: SettingsMode;
  /** Only the first so many turns of every item. Default: all. */
  readonly turns?: number;
  readonly scorers?: readonly Scorer[];
  /** An existing folder for results.json, results.csv and the cache. */
  readonly out: string;
  /** Says which methods make sense where, and adds its own tables. */
  readonly experiment?: Pick<Experiment, "name" | "applies" | "aggregates">;
  /** Where other machines that run the same plan take their part of it. Default: this one computes all of it. */
  readonly cells?: Cells;
  /** Arguments after `emilie bench`, for the record. */
  readonly command?: readonly string[];
  /** Stops between the steps of an edit with code "aborted"; what is finished stays in the cache. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BenchProgress) => void;
}

export interface BenchProgress {
  readonly phase: "pictures" | "scores";
  /** What was just done: "emilie, chains-03, seed 1, turn 2". */
  readonly label: string;
  /** Turns, of those that were not in the cache for "pictures", of all for "scores". */
  readonly done: number;
  readonly total: number;
  /** Since the phase began. */
  readonly seconds: number;
}

export interface BenchRun {
  readonly results: BenchResults;
  /** Turns whose pictures were computed now, and turns that the cache had. */
  readonly computed: number;
  readonly reused: number;
}

/**
 * Runs a benchmark and writes results.json and results.csv. A second run computes nothing, an interrupted one goes on: at
 * most the chain that was under way is computed again from its start.
 *
 * @throws EmilieError aborted; image.unreadable and option.invalid for the dataset's pictures; io.failed;
 * io.exists, before anything is computed, where `out` has files of somebody else under a run's names; what a method throws
 */
export async function runBench(plan: BenchPlan): Promise<BenchRun> {
  const { model, dataset, methods, seeds, mode, scorers = [], out, signal } = plan;
  await checkResultsFolder(out);
  const items = dataset.items.map((item) => ({ ...item, turns: item.turns.slice(0, plan.turns) }));
  const [cache, files] = [new BenchCache(out), new BenchFiles()];
  const settings = new Map(methods.map((method) => [method, method.settings(model, mode)]));
  const chains: Chain[] = [];
  // Methods innermost, so that their timings are taken side by side.
  for (const item of items) {
    for (const seed of seeds) {
      for (const method of methods) {
        if (plan.experiment?.applies?.(method.name, item) === false) continue;
        chains.push(await makeChain(files, model, { item, method, settings: settings.get(method)!, seed }));
      }
    }
  }
  const { turns, computed } = await computeMissing(chains, plan, cache, files);
  const rows = await scoreAll(chains, turns, plan, { cache, files, scorers, signal });
  const names = methods.map(({ name }) => name);
  const order = (row: ResultRow) => names.indexOf(row.method);
  rows.sort((a, b) => order(a) - order(b));
  const results: BenchResults = rounded({
    version: 1,
    experiment: plan.experiment?.name ?? null,
    command: plan.command ?? [],
    created: new Date().toISOString(),
    environment: environment(model),
    model: { id: publicModelName(model.id), fingerprint: model.fingerprint },
    scorers: scorers.map(({ name, model, hash }) => ({ name, model, hash })),
    dataset: {
      name: dataset.name,
      hash: dataset.hash,
      items: items.length,
      licence: dataset.licence ?? null,
    },
    seeds,
    methods: methods.map((method) => ({
      name: method.name,
      title: method.title,
      reference: method.reference,
      settings: settings.get(method)!,
    })),
    intervals: "scenes-t",
    aggregates: allAggregates(rows, names, plan.experiment),
    rows,
  });
  await writeResults(results, out);
  return { results, computed, reused: rows.length - computed };
}

/** An experiment's own table stands in place of the standard one of the same name. */
function allAggregates(
  rows: readonly ResultRow[],
  names: readonly string[],
  experiment: BenchPlan["experiment"],
): readonly Aggregate[] {
  const own = experiment?.aggregates?.(rows, names) ?? [];
  const table = ({ metric, group, method, against }: Aggregate) =>
    JSON.stringify([metric, group, method, against]);
  const replaced = new Set(own.map(table));
  return [...standardAggregates(rows, names).filter((one) => !replaced.has(table(one))), ...own];
}

/** Six digits are more than any of these numbers is worth, and halve the file. */
function rounded(results: BenchResults): BenchResults {
  const short = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  return JSON.parse(JSON.stringify(results, short));
}

async function computeMissing(
  chains: readonly Chain[],
  { model, signal, onProgress, cells }: BenchPlan,
  cache: BenchCache,
  files: BenchFiles,
): Promise<{ turns: Map<Chain, CachedTurn[]>; computed: number }> {
  const turns = new Map<Chain, CachedTurn[]>();
  for (const chain of chains) {
    const known = await cachedChain(cache, chain);
    if (known) turns.set(chain, known);
  }
  const missing = chains.filter((chain) => !turns.has(chain));
  if (cells) {
    const begun = performance.now();
    const tools = { model, cache, files, signal };
    const computed = await computeShared(cells, missing, turns, tools, (label, done, total) =>
      onProgress?.({ phase: "pictures", label, done, total, seconds: (performance.now() - begun) / 1000 }),
    );
    return { turns, computed };
  }
  const total = missing.reduce((sum, { keys }) => sum + keys.length, 0);
  const start = performance.now();
  let done = 0;
  let item = missing[0]?.item;
  for (const chain of missing) {
    throwIfStopped(signal);
    if (chain.item !== item) files.forget();
    item = chain.item;
    const label = (turn: number) => `${chain.method.name}, ${item!.id}, seed ${chain.seed}, turn ${turn}`;
    const computed = await computeChain(chain, { model, cache, files, signal }, (turn) => {
      done++;
      const seconds = (performance.now() - start) / 1000;
      onProgress?.({ phase: "pictures", label: label(turn), done, total, seconds });
    });
    turns.set(chain, computed);
  }
  files.forget();
  return { turns, computed: total };
}

async function scoreAll(
  chains: readonly Chain[],
  turns: ReadonlyMap<Chain, CachedTurn[]>,
  { onProgress }: BenchPlan,
  scoring: Parameters<typeof scoreChain>[2],
): Promise<ResultRow[]> {
  const total = chains.reduce((sum, { keys }) => sum + keys.length, 0);
  const start = performance.now();
  const rows: ResultRow[] = [];
  let item = chains[0]?.item;
  for (const chain of chains) {
    throwIfStopped(scoring.signal);
    if (chain.item !== item) scoring.files.forget();
    item = chain.item;
    rows.push(...(await scoreChain(chain, turns.get(chain)!, scoring)));
    const seconds = (performance.now() - start) / 1000;
    onProgress?.({
      phase: "scores",
      label: `${item.id}, seed ${chain.seed}`,
      done: rows.length,
      total,
      seconds,
    });
  }
  scoring.files.forget();
  return rows;
}

function throwIfStopped(signal?: AbortSignal): void {
  if (signal?.aborted) throw new EmilieError("aborted", "the benchmark was stopped");
}

/** What the costs depend on. */
function environment({ device }: EditModel): BenchResults["environment"] {
  return {
    // Undefined where nothing was computed: all of it was there already.
    ...(device ? { device: device.name } : {}),
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    processors: cpus().length,
    peakMemoryMB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}
