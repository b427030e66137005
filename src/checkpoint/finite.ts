/**
 * Numbers that are none. A broken weight is not looked for beforehand, which would mean to read gigabytes twice: it shows in
 * the first result, and only then are the weights gone through, to name it. What is converted beforehand is checked on the way.
 */

import { EmilieError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readFloat32 } from "./convert.ts";
import type { CheckpointSource } from "./source.ts";
import type { WeightTable } from "./weights.ts";

/** Reads every weight. @throws EmilieError "checkpoint.malformed" naming file, tensor and value of the first that is not finite. */
export async function checkWeights(source: CheckpointSource, table: WeightTable): Promise<void> {
  for (const [name, ref] of table.tensors) {
    for await (const _ of readFloat32(source, name, ref)) {
      // Reading is the check.
    }
  }
}

/** Throws where an output holds NaN or infinity, after looking for the weight that is to blame. */
export async function requireFinite(
  outputs: Readonly<Record<string, Tensor>>,
  what: string,
  source: CheckpointSource,
  table: WeightTable,
): Promise<void> {
  for (const { data } of Object.values(outputs)) {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    if (!source.checked) await checkWeights(source, table);
    throw new EmilieError(
      "runtime.failed",
      `${what} of ${source.id} returned ${data[bad]} although all of its weights are finite: its values have overflowed, or ` +
        "its input was not finite. Lower guidance, fewer or other steps, a lower LoRA weight, or fp32 instead of fp16 may help.",
    );
  }
}
