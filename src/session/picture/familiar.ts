/** Whether a picture is of the world that a model was made for, and whether it understands what is asked of it. */

import type { Size } from "../../images/model-image.ts";
import { toModelImage } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel, Understanding } from "../../method/edit-model.ts";
import type { Node } from "../tree/tree.ts";

/** A model redraws pictures of its own world with some 31 dB. What it cannot redraw, it cannot edit either. */
const FAMILIAR_DB = 26;

/** What is looked at of a session. */
interface Looked {
  readonly model: EditModel;
  readonly original: Picture;
  readonly size: Size;
  readonly root: Pick<Node, "latent">;
  /** Where the model works above its native size. */
  readonly large: unknown;
}

/** Null where the model states nothing about what it understands: it takes any picture. */
export async function isFamiliar(
  { model, original, size, root, large }: Looked,
  options?: CallOptions,
): Promise<boolean | null> {
  if (!model.understand || large) return null;
  const image = toModelImage(original, size.width, size.height);
  const again = await model.decodeLatent(root.latent, options);
  let squared = 0;
  image.data.forEach((value, i) => {
    squared += (value - Math.min(1, Math.max(-1, again.data[i]!))) ** 2;
  });
  // Both run from -1 to 1, so the peak is 2.
  return 10 * Math.log10((4 * image.data.length) / Math.max(squared, 1e-9)) >= FAMILIAR_DB;
}

/** What would become of an instruction, before anything is computed. */
export async function understandBefore(
  model: Pick<EditModel, "understand">,
  instruction: string,
  from: Node,
  options?: CallOptions,
): Promise<Understanding> {
  const heard = await model.understand?.(instruction, from.latent, options);
  return heard ?? { understood: true, parts: [instruction], nearest: [] };
}
