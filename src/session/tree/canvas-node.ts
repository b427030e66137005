/** A crop or an expansion as a node: its recipe, and a latent that is encoded only when an edit starts from it. */
import type { CanvasChange } from "../../images/canvas.ts";
import type { Size } from "../../images/model-image.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { zeros } from "../../tensor/tensor.ts";
import { canvasWorkingSize } from "../picture/canvas.ts";
import { NOWHERE } from "../picture/large.ts";
import { type CanvasRecipe, nodeId } from "./recipe.ts";
import type { Node } from "./tree.ts";
import type { NodeRecord } from "./tree-node.ts";

/** Where the node comes: a session. */
interface Place {
  readonly model: EditModel;
  readonly original: Size;
  readonly workingSize: number | undefined;
  readonly modelFacts: CanvasRecipe["model"];
}

/** Throws option.invalid for a canvas that is too large for the model to work on. */
export async function canvasRecord(
  { model, original, workingSize, modelFacts }: Place,
  from: Node,
  canvas: CanvasChange,
): Promise<NodeRecord> {
  canvasWorkingSize(model, original, canvas, workingSize);
  const recipe: CanvasRecipe = {
    version: 1,
    model: modelFacts,
    parent: from.id,
    regions: [],
    canvas,
    workingSize,
  };
  return {
    id: await nodeId(recipe),
    parent: from,
    recipe,
    latent: zeros([model.latentChannels, 0, 0]),
    window: NOWHERE,
    changed: true,
    cost: { seconds: 0, unetCalls: 0 },
  };
}
