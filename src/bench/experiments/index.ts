/** The named experiments: what is asked, of which items and methods, and what is read off the results. */
import type { Experiment } from "./experiment.ts";

const all: readonly Experiment[] = [];

export const EXPERIMENTS: Readonly<Record<string, Experiment>> = Object.fromEntries(
  all.map((experiment) => [experiment.name, experiment]),
);
