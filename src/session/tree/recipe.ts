/** A recipe says everything an edit's result depends on, so that it can be done again bit for bit (method, invariant 5). */

import { EmilieError } from "../../errors.ts";
import type { Mask } from "../../images/mask.ts";
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

/** Everything that an edit's result depends on. */
export interface Recipe extends RecordedSettings {
  /** Of this structure. */
  readonly version: 1;
  /** What computes it: the name for people, the fingerprint for sure. */
  readonly model: { readonly id: string; readonly fingerprint: string };
  /** Id of the node that was edited. */
  readonly parent: string;
  /** At least one; several are composed in one pass. */
  readonly regions: readonly RecipeRegion[];
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
export async function nodeId(recipe: Recipe): Promise<string> {
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

/** The regions of a recipe with their masks. Throws session.damaged for a mask that is not among `masks`. */
export function regionsOf(recipe: Recipe, masks: ReadonlyMap<string, Mask>): PlacedRegion[] {
  return recipe.regions.map(({ instruction, weight, mask }) => {
    if (mask && !masks.has(mask.sha256)) {
      throw new EmilieError(
        "session.damaged",
        `The mask of "${instruction}" (${mask.width}×${mask.height}, SHA-256 ${mask.sha256}) is missing. Give it again.`,
      );
    }
    return { instruction, weight, mask: mask ? masks.get(mask.sha256) : undefined };
  });
}
