/** Editors by name: what may be pulled, for whom a photograph is to be edited. */
import type { Precision } from "../checkpoint/derived.ts";
import { KNOWN_MODELS, type KnownModel } from "../checkpoint/known-models.ts";
import { ARCHITECTURES } from "./architectures.ts";
import { type Machine, type ModelPlan, takenOf } from "./plan.ts";

/** The published checkpoints that this version of emilie can run. */
export function offers(): readonly KnownModel[] {
  return KNOWN_MODELS.filter(({ architecture }) => ARCHITECTURES.some(({ name }) => name === architecture));
}

/** As planModel() has it, of a model that is not here: what its weights on the disk do to its speed is not known. */
export function planOfKnown({ needs, edit }: KnownModel, machine: Machine): ModelPlan {
  const precisions = Object.entries(needs).map(([name, needed]) => {
    const { memoryBytes, residentBytes = memoryBytes, derivedBytes } = needed;
    const lacks =
      memoryBytes > machine.memoryBytes ? "memory" : derivedBytes > machine.diskBytes ? "disk" : null;
    const works = lacks ? "no" : residentBytes > machine.memoryBytes ? "slowly" : "yes";
    return {
      precision: name as Precision,
      memoryBytes,
      residentBytes,
      derivedBytes,
      works,
      lacks,
    } as const;
  });
  return { width: edit.size, height: edit.size, precisions, takes: takenOf(precisions, edit) };
}
