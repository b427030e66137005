/** A session's edits as an edit script: what runs again on this picture, or on another one. */

import type { CanvasChange } from "../../images/canvas.ts";
import type { Size } from "../../images/model-image.ts";
import { scriptSettings } from "../../method/settings-derived.ts";
import { isLarger } from "../picture/original.ts";
import type { Session } from "../session.ts";
import {
  isCanvasRecipe,
  type NodeRecipe,
  type Recipe,
  type RecipeRegion,
  settingsOf,
} from "../tree/recipe.ts";
import type { Node } from "../tree/tree.ts";
import type { EditScript } from "./edit-script.ts";
import { ORIGINAL } from "./script.ts";

type Step = EditScript["steps"][number];

/**
 * The script of some edits of a session, by default of all, each node after its parent. Run in a session of the same picture
 * and model that holds the same masks, it makes the same nodes. Masks are named by their hashes; give runScript the masks, or
 * put files or shapes in their place for another picture.
 *
 * @throws EmilieError session.version where an edit is one that only earlier versions compute
 */
export function scriptOf(session: Session, nodes: Iterable<Node> = session.nodes.values()): EditScript {
  const node = (id: string) => session.nodes.get(id)!;
  return scriptOfRecipes(
    session.root.id,
    nodes,
    (id) => node(id).size,
    (id) => isLarger(node(id).size, session.canvasOf(node(id)).size),
  );
}

/**
 * The same of nodes as they are stored; the one without a recipe is the original. `sizeOf` says how large a node's picture is,
 * `canKeep` whether it may be larger than the model's size, so that an edit of it may or may not keep its detail.
 */
export function scriptOfRecipes(
  root: string,
  nodes: Iterable<{ readonly id: string; readonly recipe: NodeRecipe | null }>,
  sizeOf: (id: string) => Size,
  canKeep: (id: string) => boolean = () => true,
): EditScript {
  return {
    steps: [...nodes].flatMap(({ id, recipe }) =>
      recipe ? [stepOf(id, recipe, root, sizeOf(recipe.parent), canKeep(recipe.parent))] : [],
    ),
  };
}

function stepOf(id: string, recipe: NodeRecipe, root: string, before: Size, canKeep: boolean): Step {
  const from = recipe.parent === root ? ORIGINAL : recipe.parent;
  return {
    id,
    from,
    ...(isCanvasRecipe(recipe) ? canvasOf(recipe.canvas, before) : editOf(recipe, canKeep)),
  };
}

function canvasOf({ kind, x, y, width, height }: CanvasChange, before: Size) {
  if (kind === "crop") return { crop: { x, y, width, height } };
  const sides = { left: -x, top: -y, right: x + width - before.width, bottom: y + height - before.height };
  return { expand: Object.fromEntries(Object.entries(sides).filter(([, room]) => room > 0)) };
}

function editOf(recipe: Recipe, canKeep: boolean) {
  const { detail, ...settings } = scriptSettings(settingsOf(recipe));
  const [first, ...rest] = recipe.regions;
  return {
    ...region(first!),
    ...(rest.length === 0 ? {} : { regions: rest.map(region) }),
    ...(recipe.references ? { references: recipe.references.map((one) => `sha256:${one.sha256}`) } : {}),
    ...settings,
    ...(detail && canKeep ? { detail } : {}),
  };
}

function region({ instruction, weight, mask }: RecipeRegion) {
  return {
    instruction,
    ...(mask ? { mask: `sha256:${mask.sha256}` } : {}),
    ...(weight === undefined ? {} : { weight }),
  };
}
