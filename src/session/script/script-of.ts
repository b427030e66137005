/** A session's edits as an edit script: what runs again on this picture, or on another one. */

import type { Session } from "../session.ts";
import { type Recipe, type RecipeRegion, settingsOf } from "../tree/recipe.ts";
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
  return scriptOfRecipes(session.root.id, nodes);
}

/** The same of nodes as they are stored; the one without a recipe is the original. */
export function scriptOfRecipes(
  root: string,
  nodes: Iterable<{ readonly id: string; readonly recipe: Recipe | null }>,
): EditScript {
  return { steps: [...nodes].flatMap(({ id, recipe }) => (recipe ? [stepOf(id, recipe, root)] : [])) };
}

function stepOf(id: string, recipe: Recipe, root: string): Step {
  const [first, ...rest] = recipe.regions;
  const { parent, seed, steps, stopAfter, sampler, textGuidance, imageGuidance, control, base, strength } =
    recipe;
  const { gate = 0, guidanceInterval = [0, 1] as const, detail = "off" } = recipe;
  // Above the native size windows are the default.
  const computed = settingsOf(recipe).window;
  const window = computed === "off" && recipe.workingSize === undefined ? undefined : computed;
  return {
    id,
    from: parent === root ? ORIGINAL : parent,
    ...region(first!),
    ...(rest.length === 0 ? {} : { regions: rest.map(region) }),
    // A seed is a number where that holds it exactly.
    seed: Number.isSafeInteger(Number(seed)) ? Number(seed) : seed,
    steps,
    ...(stopAfter === undefined ? {} : { stopAfter }),
    sampler: sampler as Step["sampler"],
    textGuidance,
    imageGuidance,
    // Said always: where a script is silent, the preset decides.
    guidanceInterval,
    control: control as Step["control"],
    gate,
    detail,
    ...(base === "" ? {} : { base }),
    ...(strength === undefined ? {} : { strength }),
    ...(window === undefined ? {} : { window }),
  };
}

function region({ instruction, weight, mask }: RecipeRegion) {
  return {
    instruction,
    ...(mask ? { mask: `sha256:${mask.sha256}` } : {}),
    ...(weight === undefined ? {} : { weight }),
  };
}
