/** What would become of an instruction, before anything is computed. */
import type { CallOptions, EditModel, Understanding } from "../../method/edit-model.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export async function understandBefore(
  model: Pick<EditModel, "understand">,
  instruction: string,
  c: Tensor,
  options?: CallOptions,
): Promise<Understanding> {
  const heard = await model.understand?.(instruction, c, options);
  return heard ?? { understood: true, parts: [instruction], nearest: [] };
}
