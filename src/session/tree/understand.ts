/** What an instruction would become, before anything is computed: whether the model does it, and what its denoiser is given. */
import type { CallOptions, EditModel, Understanding } from "../../method/edit-model.ts";
import { resolveOptions } from "../../method/options.ts";
import type { Rephrase } from "../../method/settings.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** How an instruction is looked at before its edit. */
export interface UnderstandBefore extends CallOptions {
  /** The setting of the edit. Default: the checkpoint's own. */
  readonly rephrase?: Rephrase;
}

export async function understandBefore(
  model: EditModel,
  instruction: string,
  c: Tensor,
  { rephrase = resolveOptions(model).rephrase, signal }: UnderstandBefore = {},
): Promise<Understanding> {
  const heard = await model.understand?.(instruction, c, { signal, rephrase });
  return heard ?? { understood: true, parts: [instruction], nearest: [] };
}
