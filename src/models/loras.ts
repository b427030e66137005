/** LoRA files read and matched with a checkpoint, before anything is computed. */
import { fingerprint } from "../checkpoint/fingerprint.ts";
import { type LoraFile, readLora } from "../checkpoint/lora/read.ts";
import { type Additions, findTargets } from "../checkpoint/lora/targets.ts";
import type { Checkpoint } from "./checkpoint.ts";

export interface MatchedLoras {
  readonly additions: Additions;
  /** What they add to the model's fingerprint. */
  readonly variants: readonly string[];
  /** What was taken for granted. */
  readonly notes: readonly string[];
}

/** @throws EmilieError "checkpoint.*" where a file is no LoRA, or one for other weights */
export async function matchLoras(files: readonly LoraFile[], checkpoint: Checkpoint): Promise<MatchedLoras> {
  const loras = await Promise.all(files.map(readLora));
  const additions = findTargets(loras, checkpoint);
  const variants: string[] = [];
  for (const [i, { file }] of loras.entries()) {
    const { source, weight } = files[i]!;
    const own = await fingerprint(source, [{ folder: "", files: [file], tensors: new Map() }]);
    variants.push(`lora ${weight} ${own};`);
  }
  return { additions, variants, notes: loras.flatMap(({ notes }) => notes) };
}
