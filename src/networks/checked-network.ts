/** A network with what its results are checked by. */
import type { CheckpointSource } from "../checkpoint/source.ts";
import type { WeightTable } from "../checkpoint/weights.ts";
import type { Network } from "../runtime/onnx-sessions.ts";

export interface CheckedNetwork extends Network {
  /** Its name in messages. */
  readonly what: string;
  readonly table: WeightTable;
  /** Where its weights are, where not in the checkpoint. */
  readonly source?: CheckpointSource;
}
