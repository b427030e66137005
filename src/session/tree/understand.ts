/** What would become of an instruction, before anything is computed. */
import type { CallOptions, EditModel, Understanding } from "../../method/edit-model.ts";
import type { Node } from "./tree.ts";

export async function understandBefore(
  model: Pick<EditModel, "understand">,
  instruction: string,
  from: Node,
  options?: CallOptions,
): Promise<Understanding> {
  const heard = await model.understand?.(instruction, from.latent, options);
  return heard ?? { understood: true, parts: [instruction], nearest: [] };
}
