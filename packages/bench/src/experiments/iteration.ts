/**
 * Question 1: latent against image iteration, local and global edits apart, and the VAE's round trip apart from the UNet.
 * On no-ops four methods make the square {round trip or not} × {UNet or not}: `vae-once` has neither, `vae-only` the round
 * trip, `emilie-no-mask` the UNet, `image-iteration` both.
 */
import { chainSamples, groupsOf, paired, rmseSlope } from "../standard-aggregates.ts";
import type { Aggregate, ResultRow } from "../types.ts";
import type { Experiment } from "./experiment.ts";
import { drifting, firstOf, ofLength } from "./items.ts";

const TURNS = 10;
const SCENES = 5;

/** Pairs of methods that differ in one thing. */
const CONTRASTS: readonly (readonly [method: string, against: string])[] = [
  // The round trip, without and with the UNet.
  ["vae-only", "vae-once"],
  ["image-iteration", "emilie-no-mask"],
  // The UNet, without and with the round trip.
  ["emilie-no-mask", "vae-once"],
  ["image-iteration", "vae-only"],
  // The iteration, where both lay results over their parents by the mask.
  ["emilie", "image-iteration-masked"],
];

/** The paired differences in drift of those pairs, by part. */
export function driftContrasts(rows: readonly ResultRow[]): Aggregate[] {
  const parts = [...new Set(rows.flatMap(({ part }) => part ?? []))];
  return parts.flatMap((group) => {
    const own = rows.filter((row) => groupsOf(row).includes(group));
    const samples = (method: string) => chainSamples(own, method, rmseSlope);
    return CONTRASTS.flatMap(([method, against]) => {
      const estimate = paired(samples(method), samples(against));
      // Against image iteration it is among the standard tables.
      if (!estimate || against === "image-iteration") return [];
      return { metric: "slope.rmse", method, group, turn: null, against, estimate };
    });
  });
}

export const iteration: Experiment = {
  name: "iteration",
  question: "Does latent iteration drift less than image iteration, and where is it worse?",
  cost: "5 scenes × 10 turns of no-ops, local cycles, global cycles and long chains: 2,400 edits and 300 round trips",
  methods: ["emilie", "emilie-no-mask", "image-iteration", "image-iteration-masked", "vae-only", "vae-once"],
  seeds: 3,
  items: async (dataset, { limit = SCENES }) => [
    ...drifting(dataset, limit, TURNS),
    ...firstOf(dataset, "long", limit).map((item) => ofLength(item, TURNS)),
  ],
  // The VAE alone follows no instruction.
  applies: (method, { part }) => part === "noop" || !method.startsWith("vae-"),
  aggregates: driftContrasts,
};
