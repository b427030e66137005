/** A checkpoint as it is read, and what its edits are by default. */
import type { EmilieDefaults } from "../../checkpoint/defaults.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import type { EditDefaults, FewSteps, GuidedBy } from "../../method/edit-model.ts";
import { checkDefaults } from "../../samplers/index.ts";
import { type Layout, readFolder } from "./layout.ts";
import { readSingleFile } from "./single-file.ts";

export interface Checkpoint extends Layout {
  readonly guidedBy: GuidedBy;
  readonly fewSteps: FewSteps | null;
  readonly defaults: EditDefaults;
}

/** Of the distilled ones, as published. */
const FEW: FewSteps = { sampler: "flow-euler", steps: 4 };
/** Of the others (Flux2KleinPipeline's own defaults). */
const BASE = { steps: 50, textGuidance: 4, imageGuidance: 1 };
/** The longer side of the pictures that all were trained on. */
const TRAINED = 1024;

export const trainedSize = ({ own }: { readonly own: EmilieDefaults }): number => own.nativeSize ?? TRAINED;

/** @throws EmilieError "checkpoint.*", naming the file, key or tensor */
export async function readCheckpoint(source: CheckpointSource): Promise<Checkpoint> {
  const layout = await (source.single ? readSingleFile(source, source.single) : readFolder(source));
  const { distilled, own, transformer, scheduler } = layout;
  const defaults = distilled ? own.defaults : { ...BASE, ...own.defaults };
  return {
    ...layout,
    notes: [...layout.notes, ...checkDefaults(scheduler, defaults)],
    // A transformer that is told its guidance answers as guided (FLUX.2 dev); it has no other answer either.
    guidedBy: distilled || transformer.config.guidance_embeds ? "nothing" : "text",
    fewSteps: distilled ? FEW : null,
    defaults,
  };
}
