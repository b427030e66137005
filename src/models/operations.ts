/** What an edit with default settings takes to compute, told by a checkpoint's configurations. */
import { costsOf } from "../method/costs.ts";
import type { CheckpointFacts } from "../networks/architecture.ts";
import { costsOfFacts } from "./plan.ts";
import type { EditOperations } from "./speed.ts";

/** What the model of a checkpoint says about its settings. */
export async function asModel(facts: CheckpointFacts) {
  const { schedulerConfig, own, embedsGuidance, guidedBy } = facts;
  const fewSteps = (await facts.loras([])).fewSteps ?? undefined;
  return { defaults: own.defaults, schedulerConfig, fewSteps, embedsGuidance, guidedBy };
}

/** Of an edit with default settings, at the model's native size. */
export async function operationsOf(facts: CheckpointFacts): Promise<EditOperations> {
  const { denoise, encode, decode } = costsOfFacts(facts);
  const { calls } = costsOf(await asModel(facts), "balanced");
  return { denoise: calls * denoise, picture: encode + decode };
}
