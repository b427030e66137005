/** LoRA files read and matched with a checkpoint, before anything is computed. */

import type { Additions } from "../../checkpoint/lora/additions.ts";
import { type LoraFile, readLora } from "../../checkpoint/lora/read.ts";
import { loraVariants } from "../../checkpoint/lora/variants.ts";
import type { FewSteps } from "../../method/edit-model.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { fewStepsOf } from "./few-steps.ts";
import { findTargets } from "./lora-targets.ts";

export interface MatchedLoras {
  readonly additions: Additions;
  /** What they add to the model's fingerprint. */
  readonly variants: readonly string[];
  /** The same, as it was when a file's name was part of it. */
  readonly olderVariants: readonly string[];
  /** How the checkpoint is sampled with them, where it or one of them was made for few steps. */
  readonly fewSteps: FewSteps | null;
  /** What was taken for granted. */
  readonly notes: readonly string[];
}

/** @throws EmilieError "checkpoint.*" where a file is no LoRA, or one for other weights */
export async function matchLoras(files: readonly LoraFile[], checkpoint: Checkpoint): Promise<MatchedLoras> {
  const loras = await Promise.all(files.map(readLora));
  const additions = findTargets(loras, checkpoint);
  return {
    additions,
    variants: await loraVariants(files, loras, false),
    olderVariants: await loraVariants(files, loras, true),
    fewSteps: fewStepsOf(
      checkpoint,
      loras.map(({ metadata }, i) => ({ lora: files[i]!, metadata })),
    ),
    notes: loras.flatMap(({ notes }) => notes),
  };
}
