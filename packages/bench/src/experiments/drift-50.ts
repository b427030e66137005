/**
 * Question 1 in the long run: fifty turns of no-ops and of cycles, whose truth stays known; and twenty-five local edits one
 * after the other, after which everything outside of their masks must still be the user's own.
 */
import { chainSamples, numberOf, paired } from "../standard-aggregates.ts";
import type { Aggregate, BenchItem, ResultRow } from "../types.ts";
import type { Experiment } from "./experiment.ts";
import { drifting, firstOf, isLocal, ofLength } from "./items.ts";
import { driftContrasts } from "./iteration.ts";

const TURNS = 50;
const LOCAL_TURNS = 25;
const SCENES = 2;

/**
 * A long chain without its global edits, repeated to 25. What the edits leave out is not drawn by anybody, so there is no
 * truth; what no mask allowed needs none.
 */
function localChain(item: BenchItem): BenchItem[] {
  const turns = item.turns
    .filter(isLocal)
    .map(({ instruction, kind, global, mask }) => ({ instruction, kind, global, mask }));
  if (turns.length === 0) return [];
  return [ofLength({ ...item, id: `${item.id}~local`, part: "local-25", turns }, LOCAL_TURNS)];
}

/** Visits to the encoder and other rules for latents are measured against latent iteration without them, gated where they are. */
const ruleAgainst = (method: string): string | undefined => {
  if (!/^(reencode-every|vae-lfa)/.test(method)) return undefined;
  return method.endsWith("-gated") ? "emilie-gated" : "emilie";
};

/** The turns at which those differences are read. */
const READ_AT = [10, 25, TURNS];

function ruleContrasts(rows: readonly ResultRow[], methods: readonly string[]): Aggregate[] {
  const parts = [...new Set(rows.flatMap(({ part }) => part ?? []))];
  return parts.flatMap((group) => {
    const own = rows.filter(({ part }) => part === group);
    return methods.flatMap((method) => {
      const against = ruleAgainst(method);
      if (against === undefined) return [];
      return READ_AT.flatMap((turn) => {
        const at = (name: string) =>
          chainSamples(own, name, (chain) => chain[turn - 1] && numberOf(chain[turn - 1]!, "psnr"));
        const estimate = paired(at(method), at(against));
        return estimate ? [{ metric: "psnr", method, group, turn, against, estimate }] : [];
      });
    });
  });
}

export const drift50: Experiment = {
  name: "drift-50",
  question: "What remains of a picture after 25 local edits, and after 50 turns?",
  cost: "2 scenes × 50 turns of no-ops, local and global cycles, 2 × 25 local edits: 3,150 edits",
  methods: ["emilie-gated", "emilie", "image-iteration"],
  seeds: 3,
  items: async (dataset, { limit = SCENES }) => [
    ...drifting(dataset, limit, TURNS),
    ...firstOf(dataset, "long", limit).flatMap(localChain),
  ],
  // A rule for latents is not needed where masks keep everything, and one that knows no masks has nothing to keep.
  applies: (method, { part }) => part !== "local-25" || ruleAgainst(method) === undefined,
  aggregates: (rows, methods) => [...driftContrasts(rows), ...ruleContrasts(rows, methods)],
};
