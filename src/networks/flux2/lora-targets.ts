/**
 * Which weights of a transformer a LoRA's module means, in the naming of diffusers and peft (transformer.transformer_blocks.…), of the original program, which trainers write
 * after "diffusion_model." (transformers' own names follow it too), and of kohya's scripts, with underscores.
 */
import type { Addition, Additions } from "../../checkpoint/lora/additions.ts";
import { shapesOf } from "../../checkpoint/lora/forms.ts";
import { squashed } from "../../checkpoint/lora/keys.ts";
import { misfit } from "../../checkpoint/lora/misfit.ts";
import type { Change, Lora } from "../../checkpoint/lora/read.ts";
import type { WeightTable } from "../../checkpoint/weights.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { modulesOf, originalModules } from "./names.ts";
import type { Flux2TransformerConfig } from "./transformer-config.ts";

/** A tensor, and the first row of a change that is its first. */
interface Target {
  readonly name: string;
  /** In shares of the change's rows. */
  readonly first: number;
  /** The share of the change's rows that are its. */
  readonly share: number;
}

const LAST = "norm_out.linear";

/** Every name that a LoRA may have for a module → the tensors that it changes. */
function targetsOf(table: WeightTable, config: Flux2TransformerConfig): Map<string, readonly Target[]> {
  const targets = new Map<string, readonly Target[]>();
  const set = (name: string, to: readonly Target[]) => {
    for (const prefix of ["", "transformer."]) targets.set(squashed(prefix + name), to);
  };
  for (const tensor of table.tensors.keys()) {
    const [, module] = /^(.*)\.weight$/.exec(tensor) ?? [];
    if (module === undefined) continue;
    // In diffusers' naming the last modulation is (scale, shift).
    const first = module === LAST && config.shiftFirst ? 0.5 : 0;
    const to = [{ name: tensor, first, share: 1 }];
    set(module, to);
    set(module.replace(/\.to_out\.0$/, ".to_out"), to);
    set(module.replace(/^transformer_blocks\./, "sformer_blocks."), to);
  }
  for (const original of originalModules(config.num_layers, config.num_single_layers)) {
    const modules = modulesOf(original);
    if (!modules.every((module) => table.tensors.has(`${module}.weight`))) continue;
    const share = 1 / modules.length;
    const to = modules.map((module, i) => {
      const swapped = module === LAST && !config.shiftFirst;
      return { name: `${module}.weight`, first: swapped ? 0.5 : i * share, share };
    });
    set(original, to);
  }
  return targets;
}

/** @throws EmilieError "checkpoint.unsupported" naming modules that the checkpoint does not have, or not in that shape. */
export function findTargets(
  loras: readonly Lora[],
  table: WeightTable,
  config: Flux2TransformerConfig,
): Additions {
  const targets = targetsOf(table, config);
  const additions = new Map<string, Addition[]>();
  for (const { changes, file } of loras) {
    const problems: string[] = [];
    for (const change of changes) {
      const found = additionsOf(change, targets, table);
      if (typeof found === "string") problems.push(found);
      else
        for (const [name, addition] of found) additions.set(name, [...(additions.get(name) ?? []), addition]);
    }
    if (problems.length > 0) throw misfit(file.path, problems, changes.length);
  }
  return additions.size === 0 ? new Map() : new Map([[table, additions]]);
}

/** What a change adds to which tensors, or what is wrong. */
function additionsOf(
  change: Change,
  targets: ReadonlyMap<string, readonly Target[]>,
  table: WeightTable,
): readonly (readonly [string, Addition])[] | string {
  const { module, network, rows, depth, parts, dora } = change;
  const what = `"${module}"${change.of === "bias" ? "'s bias" : ""}`;
  if (network !== null && network !== "unet")
    return `${what} of the ${network}, which is not changed by LoRAs here`;
  const found = targets.get(squashed(module));
  if (!found || change.of === "bias") return `${what} is not in the checkpoint`;
  for (const { name, share } of found) {
    const { shape } = table.tensors.get(name)!;
    if (shape[0] !== rows * share || sizeOf(shape.slice(1)) !== depth) {
      return `${what} has the matrices ${shapesOf(parts)} for a weight of shape [${shape}]`;
    }
  }
  if (dora && (found.length > 1 || found[0]!.first > 0)) {
    return `${what} is decomposed (DoRA) over what are several weights here, which is not implemented`;
  }
  if (dora && sizeOf(parts[dora.part]!.shape) !== (dora.axis === "out" ? rows : depth)) {
    return `${what} has the matrices ${shapesOf(parts)}, whose magnitudes are not of this weight`;
  }
  return found.map(({ name, first }) => [name, { ...change, onto: "plain", first: first * rows }] as const);
}
