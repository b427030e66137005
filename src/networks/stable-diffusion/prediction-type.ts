/** What a checkpoint's UNet predicts, by its scheduler's configuration. */
import { EmilieError } from "../../errors.ts";
import type { PredictionType } from "../../method/edit-model.ts";
import { isFlow } from "../../samplers/index.ts";

/** @throws EmilieError "checkpoint.unsupported" */
export function predictionType(scheduler: Readonly<Record<string, unknown>>): PredictionType {
  if (isFlow(scheduler)) return "flow_prediction";
  const value = scheduler.prediction_type ?? "epsilon";
  if (value === "epsilon" || value === "v_prediction" || value === "sample") return value;
  throw new EmilieError(
    "checkpoint.unsupported",
    `scheduler/scheduler_config.json: "prediction_type" is ${JSON.stringify(value)}; ` +
      'expected "epsilon", "v_prediction" or "sample".',
  );
}
