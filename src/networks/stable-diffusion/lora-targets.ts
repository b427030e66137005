/**
 * Which weight of a checkpoint a LoRA's module means. kohya writes dots as underscores, and names SDXL's UNet as the original does;
 * diffusers' old names for attention, and files that do not say which network they are for, are found as well.
 */

import type { Addition, Additions } from "../../checkpoint/lora/additions.ts";
import { shapesOf } from "../../checkpoint/lora/forms.ts";
import { squashed } from "../../checkpoint/lora/keys.ts";
import { misfit } from "../../checkpoint/lora/misfit.ts";
import type { Change, Lora } from "../../checkpoint/lora/read.ts";
import type { WeightTable } from "../../checkpoint/weights.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { Layout } from "./layout.ts";
import { originalUNetModules } from "./single-file/names.ts";

type Describing = Pick<Layout, "tables" | "texts" | "unet">;

/** A network's tensors by every name that a LoRA may have for their modules: ".weight" and ".bias". */
interface Network {
  readonly name: string;
  readonly table: WeightTable;
  readonly names: ReadonlyMap<string, string>;
}

function networksOf(layout: Describing): Network[] {
  const encoders = layout.texts.map(
    ({ table }, i) => [i === 0 ? "text_encoder" : `text_encoder_${i + 1}`, table] as const,
  );
  return [["unet", layout.tables.unet] as const, ...encoders].map(([name, table]) => ({
    name,
    table,
    names: namesOf(name, table, layout),
  }));
}

function namesOf(network: string, table: WeightTable, { unet }: Describing): Map<string, string> {
  const original = network === "unet" ? originalUNetModules(unet.levels) : null;
  const names = new Map<string, string>();
  for (const name of table.tensors.keys()) {
    const [, module = name, of = "weight"] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
    if (module === name && name !== "text_projection") continue;
    const aliases = original ? [...unetAliases(module), ...original(module)] : textAliases(module);
    for (const alias of aliases) names.set(`${squashed(alias)}.${of}`, name);
  }
  return names;
}

/** diffusers' attention processors had "to_out" for what is now "to_out.0". */
const unetAliases = (module: string): string[] => [module, module.replace(/\.to_out\.0$/, ".to_out")];

/** With transformers' "text_model." and without, and in the words that diffusers had for the UNet's projections. */
function textAliases(module: string): string[] {
  const bare = module.replace(/^text_model\./, "");
  const old = bare.replace(/\.self_attn\.(q|k|v|out)_proj$/, ".self_attn.to_$1");
  return [bare, old].flatMap((name) => [name, `text_model.${name}`]);
}

/** @throws EmilieError "checkpoint.unsupported" naming modules that the checkpoint does not have, or not in that shape. */
export function findTargets(loras: readonly Lora[], layout: Describing): Additions {
  const networks = networksOf(layout);
  const additions = new Map<WeightTable, Map<string, Addition[]>>();
  for (const { changes, file } of loras) {
    const problems: string[] = [];
    for (const change of changes) {
      const found = findTarget(change, networks);
      if (typeof found === "string") {
        problems.push(found);
        continue;
      }
      const { table, name, onto } = found;
      const ofTable = additions.get(table) ?? new Map<string, Addition[]>();
      additions.set(table, ofTable.set(name, [...(ofTable.get(name) ?? []), { ...change, onto }]));
    }
    if (problems.length > 0) throw misfit(file.path, problems, changes.length);
  }
  return additions;
}

interface Target {
  readonly table: WeightTable;
  readonly name: string;
  readonly onto: Addition["onto"];
}

/** The weight that a change means, or what is wrong. */
function findTarget(change: Change, networks: readonly Network[]): Target | string {
  const { module, network, of } = change;
  const key = `${squashed(module)}.${of}`;
  const named = networks.filter(({ name, names }) => (network ?? name) === name && names.has(key));
  const what = `"${module}"${of === "bias" ? "'s bias" : ""}`;
  if (named.length === 0) return `${what} ${network ? `of the ${network} ` : ""}is not in the checkpoint`;
  const fitting = named.flatMap(({ table, names }): Target[] => {
    const name = names.get(key)!;
    const onto = lieOf(change, name, table.tensors.get(name)!.shape);
    return onto ? [{ table, name, onto }] : [];
  });
  if (fitting.length > 1) {
    return `${what} is in ${named.map(({ name }) => name).join(" and in ")}, and the file does not say which is meant`;
  }
  if (fitting[0]) return fitting[0];
  const { table, names } = named[0]!;
  return (
    `${what} has the matrices ${shapesOf(change.parts)} for a ${of} of shape ` +
    `[${table.tensors.get(names.get(key)!)!.shape}]`
  );
}

function lieOf(change: Change, name: string, shape: readonly number[]): Addition["onto"] | null {
  const { rows, depth, dora, parts } = change;
  const own = sizeOf(shape.slice(1));
  if (rows !== shape[0] && name !== "text_projection") return null;
  const first = name === "conv_in.weight" && own === 2 * depth;
  const onto =
    name === "text_projection" && rows === own && depth === shape[0]
      ? "transposed"
      : first
        ? "first"
        : rows === shape[0] && depth === own
          ? "plain"
          : null;
  if (!dora || onto === null) return onto;
  // Magnitudes are of the whole row, or of each input.
  const count = dora.axis === "out" ? rows : (shape[1] ?? 0);
  return onto === "plain" && sizeOf(parts[dora.part]!.shape) === count ? onto : null;
}
