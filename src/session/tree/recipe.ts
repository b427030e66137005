/** A recipe says everything an edit's result depends on, so that it can be done again bit for bit (method, invariant 5). */

import { EmilieError } from "../../errors.ts";
import type { Mask } from "../../images/mask.ts";
import type { EditOptions } from "../../method/options.ts";
import type { ResolvedWindow } from "../../method/window.ts";
import { sha256 } from "../../util/sha256.ts";
import type { PlacedRegion } from "./run.ts";

/** The window of a recipe. */
export interface RecordedWindow extends ResolvedWindow {
  /** In recipes of earlier versions, the share of the steps that ran on the whole picture: computed no more. */
  readonly whole?: number;
}

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
export interface Recipe {
  /** Of this structure. */
  readonly version: 1;
  /** What computes it: the name for people, the fingerprint for sure. */
  readonly model: { readonly id: string; readonly fingerprint: string };
  /** Id of the node that was edited. */
  readonly parent: string;
  /** At least one; several are composed in one pass. */
  readonly regions: readonly RecipeRegion[];
  /** Decimal, since seeds reach 2⁶⁴ − 1. */
  readonly seed: string;
  /** Steps of the sampler. */
  readonly steps: number;
  /** A sampler's name. */
  readonly sampler: string;
  /** s_T. */
  readonly textGuidance: number;
  /** s_I. */
  readonly imageGuidance: number;
  /** How masks act, one of CONTROLS. */
  readonly control: string;
  /** What ε(∅, c) is told, mostly "". */
  readonly base: string;
  /** Absent at full strength (1), as in recipes from before there was one. */
  readonly strength?: number;
  /** Absent where everything was taken (0). */
  readonly gate?: number;
  /** The window around the masks that the edit ran on, where it was given one. */
  readonly window?: RecordedWindow;
  /** The longer side of the picture that the model worked on, where it was another than the model's own choice. */
  readonly workingSize?: number;
  /** Where the edit was ended before its last step: how many it took. */
  readonly stopAfter?: number;
  /** Where in the schedule guidance acts; absent where it does everywhere ([0, 1]). */
  readonly guidanceInterval?: readonly [from: number, to: number];
  /** In recipes of earlier versions, for how many steps deep UNet features served: computed no more. */
  readonly reuse?: number;
  /** Where the result has the picture's own detail; absent where it is the model's pixels, enlarged, as before there was any choice. */
  readonly detail?: "on";
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

/** What a recipe records of how computing was spared; nothing where it was not, as in recipes from before it could be. */
export function nonDefaultSettings({
  guidanceInterval: [from, to],
}: Required<Pick<EditOptions, "guidanceInterval">>): Pick<Recipe, "guidanceInterval"> {
  return from === 0 && to === 1 ? {} : { guidanceInterval: [from, to] };
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

/** What a recipe records of an edit's settings. */
export type RecipeSettings = Required<Omit<EditOptions, "preset" | "signal" | "onStep" | "stopAfter">> &
  Pick<EditOptions, "stopAfter">;

/**
 * The settings of a recipe, as the method takes them; resolveOptions checks the names.
 *
 * @throws EmilieError session.version for one that only earlier versions compute
 */
export function settingsOf(recipe: Recipe): RecipeSettings {
  const retired = retiredSetting(recipe);
  if (retired !== undefined) {
    throw new EmilieError(
      "session.version",
      `"${recipe.regions[0]!.instruction}" was made with ${retired}, which this version of emilie no longer computes. Its result ` +
        "is kept and can be edited further; to make it anew, edit its parent with the same instruction and seed.",
    );
  }
  const { steps, textGuidance, imageGuidance, base, stopAfter } = recipe;
  return {
    seed: BigInt(recipe.seed),
    steps,
    sampler: recipe.sampler as RecipeSettings["sampler"],
    textGuidance,
    imageGuidance,
    control: recipe.control as RecipeSettings["control"],
    base,
    strength: recipe.strength ?? 1,
    gate: recipe.gate ?? 0,
    window: recipe.window && !recipe.window.whole ? recipe.window : "off",
    stopAfter,
    guidanceInterval: recipe.guidanceInterval ?? [0, 1],
    recorded: { textGuidance, imageGuidance, regions: recipe.regions.map(({ weight }) => weight) },
  };
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
