/** LoRA files read and matched with a checkpoint, before anything is computed. */

import { type FewSteps, fewStepsOf } from "../../checkpoint/few-steps.ts";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import type { Additions } from "../../checkpoint/lora/additions.ts";
import { type LoraFile, readLora } from "../../checkpoint/lora/read.ts";
import type { Checkpoint } from "./checkpoint.ts";
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
  const variantsOf = (named: boolean) =>
    Promise.all(
      loras.map(async ({ file }, i) => {
        const { source, weight } = files[i]!;
        const table = { folder: "", files: [file], tensors: new Map() };
        return `lora ${weight} ${await fingerprint(source, [table], [], named)};`;
      }),
    );
  return {
    additions,
    variants: await variantsOf(false),
    olderVariants: await variantsOf(true),
    fewSteps: fewStepsOf(
      checkpoint,
      loras.map(({ metadata }, i) => ({ lora: files[i]!, metadata })),
    ),
    notes: loras.flatMap(({ notes }) => notes),
  };
}
