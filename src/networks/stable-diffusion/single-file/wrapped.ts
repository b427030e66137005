/** Checkpoints as training programs save them: everything below one more name, as "state_dict." or a wrapper's "model.". */
import type { Refs } from "../../../checkpoint/refs.ts";
import { EmilieError } from "../../../errors.ts";

const NETWORKS =
  /^(.*?)(?:model\.diffusion_model|model_ema\.diffusion_model|first_stage_model|cond_stage_model|conditioner\.embedders)/;
const MAX_SHOWN = 60;

/**
 * The tensors without what all networks are wrapped in; as they are where some are not. Throws "checkpoint.unsupported" where
 * networks are in different wrappings: which of them belong together, nothing says.
 */
export function unwrapped(path: string, all: Refs): Refs {
  const wrappers = new Set([...all.keys()].flatMap((name) => NETWORKS.exec(name)?.[1] ?? []));
  const [wrapper, another] = wrappers;
  if (!wrapper || wrappers.has("")) return all;
  if (another !== undefined) {
    const shown = [wrapper, another].map((one) => JSON.stringify(one.slice(0, MAX_SHOWN))).join(" and ");
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} has networks below different names, ${shown}, as files with several checkpoints have. Write the one that is ` +
        "wanted to a file of its own, with its tensors' names beginning with model.diffusion_model, first_stage_model and cond_stage_model.",
    );
  }
  return new Map(
    [...all].map(([name, ref]) => [name.startsWith(wrapper) ? name.slice(wrapper.length) : name, ref]),
  );
}
