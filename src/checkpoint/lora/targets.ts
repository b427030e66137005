/** Which weight of a checkpoint a LoRA's module means. kohya writes dots as underscores, and names SDXL's UNet as the original does. */
import { EmilieError } from "../../errors.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { Layout } from "../layout.ts";
import { originalUNetModules } from "../single-file/names.ts";
import type { WeightTable } from "../weights.ts";
import type { Lora, LoraPair } from "./read.ts";

/** By tensor: what is added to it. */
export type TableAdditions = ReadonlyMap<string, readonly LoraPair[]>;
export type Additions = ReadonlyMap<WeightTable, TableAdditions>;

const squashed = (module: string): string => module.replaceAll(".", "_");

/** The tables that LoRAs speak of. */
function networks({ tables, texts }: Pick<Layout, "tables" | "texts">): ReadonlyMap<string, WeightTable> {
  const encoders = texts.map(
    ({ table }, i) => [i === 0 ? "text_encoder" : `text_encoder_${i + 1}`, table] as const,
  );
  return new Map([["unet", tables.unet] as const, ...encoders]);
}

/** A network's weights by every name that a LoRA may have for them. */
function namesOf(network: string, table: WeightTable, layout: Pick<Layout, "unet">): Map<string, string> {
  const original = network === "unet" ? originalUNetModules(layout.unet.levels) : () => null;
  const names = new Map<string, string>();
  for (const name of table.tensors.keys()) {
    if (!name.endsWith(".weight")) continue;
    const module = name.slice(0, -".weight".length);
    const bare = module.replace(/^text_model\./, "");
    const known = network === "unet" ? [module, original(module)] : [bare, `text_model.${bare}`];
    for (const alias of known) if (alias !== null) names.set(squashed(alias), name);
  }
  return names;
}

/** @throws EmilieError "checkpoint.unsupported" naming modules that the checkpoint does not have, or not in that shape. */
export function findTargets(
  loras: readonly Lora[],
  layout: Pick<Layout, "tables" | "texts" | "unet">,
): Additions {
  const tables = networks(layout);
  const additions = new Map<WeightTable, Map<string, LoraPair[]>>();
  const names = new Map([...tables].map(([network, table]) => [network, namesOf(network, table, layout)]));
  for (const { pairs, file } of loras) {
    const problems: string[] = [];
    for (const pair of pairs) {
      const name = names.get(pair.network)?.get(squashed(pair.module));
      if (name === undefined) {
        problems.push(`"${pair.module}" of the ${pair.network} is not in the checkpoint`);
        continue;
      }
      const table = tables.get(pair.network)!;
      const { shape } = table.tensors.get(name)!;
      const depth = sizeOf(pair.down.shape.slice(1));
      if (pair.up.shape[0] !== shape[0] || depth !== sizeOf(shape.slice(1))) {
        problems.push(
          `"${pair.module}" has the matrices [${pair.down.shape}] and [${pair.up.shape}] for a weight of shape [${shape}]`,
        );
        continue;
      }
      const ofTable = additions.get(table) ?? new Map<string, LoraPair[]>();
      additions.set(table, ofTable.set(name, [...(ofTable.get(name) ?? []), pair]));
    }
    if (problems.length > 0) throw misfit(file.path, problems, pairs.length);
  }
  return additions;
}

function misfit(path: string, problems: readonly string[], all: number): EmilieError {
  const shown = problems.slice(0, 4).join("; ");
  const rest = problems.length > 4 ? `; and ${problems.length - 4} more of ${all}` : "";
  return new EmilieError(
    "checkpoint.unsupported",
    `The LoRA ${path} was made for another architecture: ${shown}${rest}. Nothing of it was merged.`,
  );
}
