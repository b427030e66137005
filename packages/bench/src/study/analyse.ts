/** What a study says: win rates with intervals, how consistent each rater is, and whether one leans to a side. */
import { estimate } from "../aggregate.ts";
import { clusterOf } from "../standard-aggregates.ts";
import { isSimulated, type Letter, type Pair, type Rater, type Study } from "./study.ts";

/** A share of `n` with its 95 % interval; low and high are null where fewer than four scenes were looked at. */
export interface Rate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly count: number;
  readonly n: number;
}

/** A share that is about the rater, and has an interval over votes. */
export type RaterRate = Rate & { readonly low: number; readonly high: number };

/** Two-sided 95 % of the normal distribution. */
const Z = 1.959963984540054;

/** What a rater does whatever the picture is, with Wilson's score interval (1927). Null without votes. */
export function wilson(count: number, n: number): RaterRate | null {
  if (n === 0) return null;
  const p = count / n;
  const scale = 1 + Z ** 2 / n;
  const middle = (p + Z ** 2 / (2 * n)) / scale;
  const half = (Z / scale) * Math.sqrt((p * (1 - p)) / n + Z ** 2 / (4 * n ** 2));
  // At 0 and at n the interval ends there; rounding should not say otherwise.
  const low = count === 0 ? 0 : middle - half;
  return { value: p, low, high: count === n ? 1 : middle + half, count, n };
}

/** The share of votes for method a, with the benchmark's interval over scenes: votes on one scene are not independent. Null without votes. */
export function preference(pairs: readonly Pick<Pair, "item">[], votes: readonly Vote[]): Rate | null {
  const samples = votes.map(({ pair, chosen }) => ({
    cluster: clusterOf(pairs[pair]!),
    value: Number(chosen === "a"),
  }));
  const found = estimate(samples, "rate");
  if (!found) return null;
  const { value, low, high, n } = found;
  return { value, low, high, count: countA(votes), n };
}

/** How often method a was preferred; of b it is the rest. */
export interface Group {
  /** "all", "local", "global", "turn 5", "kind winter", "part chains". */
  readonly group: string;
  readonly a: Rate;
}

export interface RaterReport {
  readonly name: string;
  readonly simulated: boolean;
  readonly answered: number;
  readonly asked: number;
  /** First sight of each pair; repeats count for consistency alone. */
  readonly a: Rate | null;
  /** Repeated questions that were answered as the first time. */
  readonly consistency: RaterRate | null;
  /** Choices of the left picture, repeats included; a rater without bias has about a half. */
  readonly left: RaterRate | null;
  readonly medianSeconds: number | null;
}

export interface Voters {
  readonly raters: number;
  readonly groups: readonly Group[];
  /** Pairs by what most of the raters chose: one vote a pair, however many looked at it. */
  readonly majority: { readonly a: number; readonly b: number; readonly tied: number };
}

export interface Analysis {
  readonly methods: Study["methods"];
  readonly dataset: Study["dataset"];
  readonly pairs: number;
  /** Pairs that nobody was asked about, since both methods made the same picture. */
  readonly identical: number;
  readonly people: Voters;
  /** Each simulated rater by itself. */
  readonly simulated: readonly (Voters & { readonly name: string })[];
  readonly raters: readonly RaterReport[];
}

export interface Vote {
  readonly pair: number;
  readonly chosen: Letter;
}

export function analyse(study: Study): Analysis {
  const { methods, dataset, pairs, identical, raters } = study;
  const answered = raters.filter(({ choices }) => choices.length > 0);
  const people = answered.filter((rater) => !isSimulated(rater));
  return {
    ...{ methods, dataset, identical, pairs: pairs.length },
    people: votersOf(pairs, people),
    simulated: answered
      .filter(isSimulated)
      .map((rater) => ({ name: rater.name, ...votersOf(pairs, [rater]) })),
    raters: answered.map((rater) => reportOf(pairs, rater)),
  };
}

function votersOf(pairs: readonly Pair[], raters: readonly Rater[]): Voters {
  const votes = raters.flatMap(firstVotes);
  const groups = new Map<string, Vote[]>();
  for (const vote of votes) {
    for (const name of groupsOf(pairs[vote.pair]!)) {
      const group = groups.get(name) ?? [];
      group.push(vote);
      groups.set(name, group);
    }
  }
  const majority = { a: 0, b: 0, tied: 0 };
  for (const pair of new Set(votes.map((vote) => vote.pair))) {
    const ofPair = votes.filter((vote) => vote.pair === pair);
    const lead = 2 * countA(ofPair) - ofPair.length;
    majority[lead > 0 ? "a" : lead < 0 ? "b" : "tied"]++;
  }
  return {
    raters: raters.length,
    groups: [...groups]
      // A group that is everything says nothing of its own.
      .filter(([name, of]) => name === "all" || of.length < votes.length)
      .sort(([x], [y]) => rankOf(x) - rankOf(y) || x.localeCompare(y, "en", { numeric: true }))
      .map(([group, of]) => ({ group, a: preference(pairs, of)! })),
    majority,
  };
}

const RANKS = ["all", "local", "global", "part", "turn", "kind"];
const rankOf = (group: string): number => RANKS.indexOf(group.split(" ")[0]!);

const countA = (votes: readonly Vote[]): number => votes.filter(({ chosen }) => chosen === "a").length;

function groupsOf({ global, turn, kind, part }: Pair): string[] {
  return [
    "all",
    ...(global === null ? [] : [global ? "global" : "local"]),
    ...(part === null ? [] : [`part ${part}`]),
    `turn ${turn}`,
    ...(kind === null ? [] : [`kind ${kind}`]),
  ];
}

function firstVotes({ order, choices }: Rater): Vote[] {
  return choices.flatMap(({ chosen }, i) => {
    const { pair, repeat } = order[i]!;
    return repeat ? [] : [{ pair, chosen }];
  });
}

function reportOf(pairs: readonly Pair[], rater: Rater): RaterReport {
  const { name, order, choices } = rater;
  const first = firstVotes(rater);
  const chosenFirst = new Map(first.map(({ pair, chosen }) => [pair, chosen]));
  const again = choices.flatMap(({ chosen }, i) => {
    const { pair, repeat } = order[i]!;
    return repeat ? [chosen === chosenFirst.get(pair)] : [];
  });
  const lefts = choices.filter(({ chosen }, i) => chosen === order[i]!.left).length;
  const times = choices.map(({ seconds }) => seconds).sort((x, y) => x - y);
  const simulated = isSimulated(rater);
  return {
    ...{ name, simulated, answered: choices.length, asked: order.length },
    a: preference(pairs, first),
    consistency: wilson(again.filter(Boolean).length, again.length),
    left: wilson(lefts, choices.length),
    medianSeconds: simulated || times.length === 0 ? null : median(times),
  };
}

function median(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
