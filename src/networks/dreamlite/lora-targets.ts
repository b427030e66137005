/**
 * Which weights of the UNet a LoRA's module means: DreamLite's training scripts write peft's adapters (base_model.model.…), diffusers writes "unet." before the modules, and
 * kohya's scripts underscores.
 */
import type { Addition, Additions } from "../../checkpoint/lora/additions.ts";
import { shapesOf } from "../../checkpoint/lora/forms.ts";
import { squashed } from "../../checkpoint/lora/keys.ts";
import { misfit } from "../../checkpoint/lora/misfit.ts";
import type { Change, Lora } from "../../checkpoint/lora/read.ts";
import type { WeightTable } from "../../checkpoint/weights.ts";
import { sizeOf } from "../../tensor/tensor.ts";

/** Every name that a LoRA may have for a module's weight or bias → the tensor. */
function targetsOf(table: WeightTable): Map<string, string> {
  const targets = new Map<string, string>();
  for (const tensor of table.tensors.keys()) {
    const [, module, of] = /^(.*)\.(weight|bias)$/.exec(tensor) ?? [];
    if (module === undefined) continue;
    for (const name of [module, module.replace(/\.to_out\.0$/, ".to_out")]) {
      targets.set(`${squashed(name)}.${of}`, tensor);
    }
  }
  return targets;
}

/** @throws EmilieError "checkpoint.unsupported" naming modules that the checkpoint does not have, or not in that shape. */
export function findTargets(loras: readonly Lora[], table: WeightTable): Additions {
  const targets = targetsOf(table);
  const additions = new Map<string, Addition[]>();
  for (const { changes, file } of loras) {
    const problems: string[] = [];
    for (const change of changes) {
      const name = targets.get(`${squashed(change.module)}.${change.of}`);
      const problem = problemOf(change, name === undefined ? null : table.tensors.get(name)!.shape);
      if (problem !== null) problems.push(problem);
      else additions.set(name!, [...(additions.get(name!) ?? []), { ...change, onto: "plain" }]);
    }
    if (problems.length > 0) throw misfit(file.path, problems, changes.length);
  }
  return additions.size === 0 ? new Map() : new Map([[table, additions]]);
}

/** What is wrong with a change for a tensor of that shape; null where it fits. */
function problemOf(change: Change, shape: readonly number[] | null): string | null {
  const { module, network, rows, depth, parts, dora, of } = change;
  const what = `"${module}"${of === "bias" ? "'s bias" : ""}`;
  if (network !== null && network !== "unet") {
    return `${what} of the ${network}, which is not changed by LoRAs here`;
  }
  if (!shape) return `${what} is not in the checkpoint`;
  if (shape[0] !== rows || sizeOf(shape.slice(1)) !== depth) {
    return `${what} has the matrices ${shapesOf(parts)} for a ${of} of shape [${shape}]`;
  }
  if (dora && sizeOf(parts[dora.part]!.shape) !== (dora.axis === "out" ? rows : (shape[1] ?? 0))) {
    return `${what} has the matrices ${shapesOf(parts)}, whose magnitudes are not of this weight`;
  }
  return null;
}
