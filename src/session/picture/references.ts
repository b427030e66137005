/** Reference pictures of an edit: kept in the session by their content, encoded once for the model. */
import { EmilieError } from "../../errors.ts";
import { workingSize } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Recent } from "../../util/recent.ts";
import { sha256 } from "../../util/sha256.ts";
import type { NodeRecipe, RecipeReference } from "../tree/recipe.ts";
import { conditionOf } from "./condition.ts";

/** Encoded references are as large as latents; a model takes a few. */
const KEPT = 16;

/** A picture as a recipe names it. */
export async function describeReference({ width, height, data }: Picture): Promise<RecipeReference> {
  return {
    width,
    height,
    sha256: await sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  };
}

/** The reference pictures of a recipe. Throws session.damaged for one that is not among `held`. */
export function referencesOf(recipe: NodeRecipe, held: ReadonlyMap<string, Picture>): Picture[] {
  return (recipe.references ?? []).map(({ width, height, sha256: hash }) => {
    const picture = held.get(hash);
    if (picture) return picture;
    throw new EmilieError(
      "session.damaged",
      `A reference picture (${width}×${height}, SHA-256 ${hash}) is missing. Give it again.`,
    );
  });
}

/** Encodes references at the model's native size, each once. */
export class References {
  readonly #model: EditModel;
  readonly #encoded = new Recent<Picture, Promise<Tensor>>(KEPT);

  constructor(model: EditModel) {
    this.#model = model;
  }

  /** Their latents, [channels, h, w] each. */
  async encode(pictures: readonly Picture[], options?: CallOptions): Promise<Tensor[]> {
    const latents: Tensor[] = [];
    for (const picture of pictures) latents.push(await this.#latentOf(picture, options));
    return latents;
  }

  #latentOf(picture: Picture, options?: CallOptions): Promise<Tensor> {
    const { nativeSize, factor } = this.#model;
    const size = workingSize(picture.width, picture.height, nativeSize, factor);
    const encoded = this.#encoded.get(picture) ?? conditionOf(this.#model, picture, size, options);
    this.#encoded.set(picture, encoded);
    encoded.catch(() => this.#encoded.delete(picture));
    return encoded;
  }
}
