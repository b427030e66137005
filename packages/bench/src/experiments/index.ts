/** The named experiments: what is asked, of which items and methods, and what is read off the results. */
import { control } from "./control.ts";
import { drift50 } from "./drift-50.ts";
import type { Experiment } from "./experiment.ts";
import { iteration } from "./iteration.ts";
import { maskQuality } from "./mask-quality.ts";

const all: readonly Experiment[] = [iteration, control, maskQuality, drift50];

export const EXPERIMENTS: Readonly<Record<string, Experiment>> = Object.fromEntries(
  all.map((experiment) => [experiment.name, experiment]),
);
