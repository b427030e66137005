/** What LoRAs add to the weights of a checkpoint. Which weight a module means, its architecture says. */
import type { WeightTable } from "../weights.ts";
import type { Change } from "./read.ts";

/** A change and how it lies on the weight. */
export interface Addition extends Change {
  /**
   * - "plain": row for row;
   * - "transposed": for OpenCLIP's text_projection, which single files hold transposed;
   * - "first": made for a UNet without a picture's channels, it changes the first half of the input's.
   */
  readonly onto: "plain" | "transposed" | "first";
  /** The row of the change that the weight's first row has, where it is not the first; after the last comes the first again. */
  readonly first?: number;
}

/** By tensor: what is added to it. */
export type TableAdditions = ReadonlyMap<string, readonly Addition[]>;
export type Additions = ReadonlyMap<WeightTable, TableAdditions>;
