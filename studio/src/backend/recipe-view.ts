/** What is shown of a node's recipe, whether it comes from the library in the page or from the server. */
import type { Recipe } from "../../../src/web.ts";
import type { NodeView } from "./backend.ts";

interface Seen
  extends Pick<Recipe, "seed" | "steps" | "sampler" | "textGuidance" | "imageGuidance" | "control"> {
  readonly regions: readonly Pick<Recipe["regions"][number], "instruction" | "mask" | "weight">[];
  /** The server's messages let more through than they name. */
  readonly strength?: unknown;
  readonly gate?: unknown;
  readonly detail?: "on";
}

const isCanvas = (recipe: Seen | { readonly canvas: object }): recipe is { readonly canvas: object } =>
  "canvas" in recipe && recipe.canvas !== undefined;

/** Its regions and settings; the original has no recipe, a crop's and an expansion's names none. */
export function viewRecipe(
  recipe: Seen | { readonly canvas: object } | null,
): Pick<NodeView, "regions" | "settings"> {
  if (!recipe || isCanvas(recipe)) return { regions: [], settings: null };
  const { seed, steps, sampler, textGuidance, imageGuidance, control, strength, gate, detail } = recipe;
  return {
    regions: recipe.regions.map(({ instruction, mask, weight }) => ({
      instruction,
      hasMask: mask !== null,
      mask: mask?.sha256,
      weight,
    })),
    settings: {
      ...{ seed, steps, sampler, textGuidance, imageGuidance, control },
      strength: typeof strength === "number" ? strength : 1,
      gate: typeof gate === "number" ? gate : 0,
      detail,
    },
  };
}

/** What a reference picture is called that comes back from a step: its file's own name is not kept. */
export const referenceName = (index: number): string => `reference-${index + 1}.png`;
