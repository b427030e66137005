/** What an experiment is: which items of a dataset, which methods, and what is read off the results. */
import type { Aggregate, BenchDataset, BenchItem, ResultRow } from "../types.ts";

export interface Experiment {
  readonly name: string;
  /** What is asked. */
  readonly question: string;
  /** What it takes at its own size, as it was measured. */
  readonly cost: string;
  readonly methods: readonly string[];
  readonly seeds: number;
  /** The items to run, of a dataset in the manner of imie-picturebook; pictures that it needs beside them go into `folder`. */
  items(dataset: BenchDataset, options: ItemOptions): Promise<readonly BenchItem[]>;
  /** Whether a method makes sense on an item. Default: always. */
  readonly applies?: (method: string, item: BenchItem) => boolean;
  /** Tables beside the standard ones. */
  readonly aggregates?: (rows: readonly ResultRow[], methods: readonly string[]) => Aggregate[];
}

export interface ItemOptions {
  /** At most so many scenes of each kind; default: the experiment's own number. */
  readonly limit?: number;
  readonly folder: string;
}
