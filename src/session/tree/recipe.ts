/** A recipe says everything an edit's result depends on, so that it can be done again bit for bit (method, invariant 5). */

import { EmilieError } from "../../errors.ts";
import type { CanvasChange } from "../../images/canvas.ts";
import type { Mask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import type { Recorded } from "../../method/options.ts";
import type { RecordedSettings } from "../../method/settings.ts";
import { type ReplaySettings, replaySettings } from "../../method/settings-derived.ts";
import { sha256 } from "../../util/sha256.ts";
import type { PlacedRegion } from "./run.ts";

/** An instruction of a recipe and its place. */
export interface RecipeRegion {
  /** What should change. */
  readonly instruction: string;
  /** Instead of the recipe's textGuidance. */
  readonly weight?: number;
  /** Size of the mask and a hash over its values; null: everywhere. The session keeps the masks by their hashes. */
  readonly mask: { readonly width: number; readonly height: number; readonly sha256: string } | null;
}

/** A reference picture of a recipe: its size, and a hash over its pixels (RGBA). The session keeps the pictures by their hashes. */
export interface RecipeReference {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Of its pixels (RGBA), in hexadecimal digits. */
  readonly sha256: string;
}

/** Everything that an edit's result depends on. */
export interface Recipe extends RecordedSettings {
  /** Only of a crop or an expansion. */
  readonly canvas?: undefined;
  /** Of this structure. */
  readonly version: 1;
  /** What computes it: the name for people, the fingerprint for sure. */
  readonly model: { readonly id: string; readonly fingerprint: string };
  /** Id of the node that was edited. */
  readonly parent: string;
  /** At least one; several are composed in one pass. */
  readonly regions: readonly RecipeRegion[];
  /** Reference pictures, in the order in which the instruction means them. Absent: none. */
  readonly references?: readonly RecipeReference[];
}

/**
 * A crop or an expansion: the only thing that its result depends on beside the parent. The model encodes it when an edit starts from it.
 * Nothing is computed by it, so none of an edit's settings is recorded.
 */
export type CanvasRecipe = Pick<Recipe, "version" | "model" | "parent" | "workingSize"> & {
  readonly [K in Exclude<keyof RecordedSettings, "workingSize"> | "references"]?: undefined;
} & {
  /** None: no model is asked. */
  readonly regions: readonly [];
  /** The new canvas in the pixels of the parent's picture. */
  readonly canvas: CanvasChange;
};

/** How a node was made: an edit's recipe, or that of a crop or an expansion, which has a `canvas`. */
export type NodeRecipe = Recipe | CanvasRecipe;

/** Whether it is that of a crop or an expansion. */
export function isCanvasRecipe(recipe: NodeRecipe): recipe is CanvasRecipe {
  return recipe.canvas !== undefined;
}

/** The sizes of the pictures of nodes, each after its parent, by their ids. */
export function pictureSizes(
  nodes: Iterable<{
    readonly id: string;
    readonly parent: string | null;
    readonly recipe: NodeRecipe | null;
  }>,
  original: Size,
): Map<string, Size> {
  const sizes = new Map<string, Size>();
  for (const { id, parent, recipe } of nodes) {
    sizes.set(id, recipe?.canvas ?? (parent === null ? original : sizes.get(parent)!));
  }
  return sizes;
}

/** The bytes of a latent's or a mask's values, as they lie in a session file. */
export function bytesOf({ data }: { readonly data: Float32Array | Uint8ClampedArray }): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export async function describeMask(mask: Mask): Promise<NonNullable<RecipeRegion["mask"]>> {
  const { width, height } = mask;
  return { width, height, sha256: await sha256(bytesOf(mask)) };
}

/** The id of the node that a recipe makes: twelve hex digits of its hash. The parent's id is part of the recipe. */
export async function nodeId(recipe: NodeRecipe): Promise<string> {
  return (await sha256(JSON.stringify(recipe))).slice(0, 12);
}

/**
 * Which setting of a recipe this version computes no more (decision 77); undefined where it computes the recipe, bit for bit:
 * deep features were shared between steps by `reuse`, and by windows with some steps on the whole picture, so an edit of one step,
 * or one whose every step was whole, shared none.
 */
export function retiredSetting({ steps, stopAfter = steps, reuse, window }: Recipe): string | undefined {
  if (reuse !== undefined && stopAfter > 1) return `deep features shared between steps (reuse ${reuse})`;
  if (!window?.whole || isWhole(window.whole, steps)) return undefined;
  return `a window with a share of ${window.whole} of its steps on the whole picture`;
}

/** Whether all of so many steps ran on the whole picture, of which two did at least. */
const isWhole = (share: number, steps: number) => Math.max(2, Math.round(share * steps)) >= steps;

/**
 * The settings of a recipe, as a session's edit takes them; what is recorded there stays computable.
 *
 * @throws EmilieError session.version for one that only earlier versions compute
 */
export function settingsOf(recipe: Recipe): ReplaySettings & { readonly recorded: Recorded } {
  const retired = retiredSetting(recipe);
  if (retired !== undefined) {
    throw new EmilieError(
      "session.version",
      `"${recipe.regions[0]!.instruction}" was made with ${retired}, which this version of emilie no longer computes. Its result ` +
        "is kept and can be edited further; to make it anew, edit its parent with the same instruction and seed.",
    );
  }
  const settings = replaySettings(recipe);
  const regions = recipe.regions.map(({ weight }) => weight);
  return { ...settings, recorded: { ...settings, regions } };
}

/** A recipe's mask. Its hash is over the values alone: one that is white everywhere stands for several sizes. */
export function heldMask(
  { width, height, sha256: hash }: NonNullable<RecipeRegion["mask"]>,
  masks: ReadonlyMap<string, Mask>,
): Mask | undefined {
  const held = masks.get(hash);
  if (!held || (held.width === width && held.height === height)) return held;
  return { width, height, data: held.data };
}

/** The regions of a recipe with their masks. Throws session.damaged for a mask that is not among `masks`. */
export function regionsOf(recipe: Recipe, masks: ReadonlyMap<string, Mask>): PlacedRegion[] {
  return recipe.regions.map(({ instruction, weight, mask }) => {
    if (mask && !masks.has(mask.sha256)) {
      throw new EmilieError(
        "session.damaged",
        `The mask of "${instruction}" (${mask.width}×${mask.height}, SHA-256 ${mask.sha256}) is missing. Give it again.`,
      );
    }
    return { instruction, weight, mask: mask ? heldMask(mask, masks) : undefined };
  });
}
