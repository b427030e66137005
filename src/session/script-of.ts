/** A session's edits as an edit script: what runs again on this picture, or on another one. */
import type { RecipeRegion } from "./recipe.ts";
import { type EditScript, ORIGINAL } from "./script.ts";
import type { Session } from "./session.ts";
import type { Node } from "./tree-node.ts";

/**
 * The script of some edits of a session, by default of all, each node after its parent. Run in a session of the same picture
 * and model that holds the same masks, it makes the same nodes. Masks are named by their hashes; give runScript the masks, or
 * put files or shapes in their place for another picture.
 */
export function scriptOf(session: Session, nodes: Iterable<Node> = session.nodes.values()): EditScript {
  const edits = [...nodes].filter((node) => node.recipe !== null);
  const steps = edits.map((node): EditScript["steps"][number] => {
    const [first, ...rest] = node.recipe!.regions;
    const { seed, steps, sampler, textGuidance, imageGuidance, control, base, strength } = node.recipe!;
    return {
      id: node.id,
      from: node.parent === session.root ? ORIGINAL : node.parent!.id,
      ...region(first!),
      ...(rest.length === 0 ? {} : { regions: rest.map(region) }),
      // A seed is a number where that holds it exactly.
      seed: Number.isSafeInteger(Number(seed)) ? Number(seed) : seed,
      steps,
      sampler: sampler as EditScript["steps"][number]["sampler"],
      textGuidance,
      imageGuidance,
      control: control as EditScript["steps"][number]["control"],
      ...(base === "" ? {} : { base }),
      ...(strength === undefined ? {} : { strength }),
    };
  });
  return { steps };
}

function region({ instruction, weight, mask }: RecipeRegion) {
  return {
    instruction,
    ...(mask ? { mask: `sha256:${mask.sha256}` } : {}),
    ...(weight === undefined ? {} : { weight }),
  };
}
