/** A node of the tree: one state of the picture, what is said of it, and how it is edited. */
import type { Difference } from "../../images/difference.ts";
import type { Mask } from "../../images/mask.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { EditOptions, StepListener } from "../../method/options.ts";
import type { RelevanceOptions } from "../../method/relevance.ts";
import type { SessionSettings } from "../../method/settings.ts";
import type { Refusal } from "../../method/understood.ts";
import type { Window } from "../../method/window.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Changes, Look } from "./changes.ts";
import type { Recipe } from "./recipe.ts";
import type { PlacedRegion } from "./run.ts";

/** One state of the picture: the original, or the result of an edit. */
export interface Node {
  /** Twelve hex digits of a hash: over the pixels for the original, over the recipe for an edit. */
  readonly id: string;
  /** What it was made from; null for the original. */
  readonly parent: Node | null;
  /** What was asked; "" for the original. */
  readonly instruction: string;
  /** What the user calls it (session.rename). */
  readonly name?: string;
  /** null for the original. */
  readonly recipe: Recipe | null;
  /**
   * c, the condition that edits of this node start from, [channels, h, w], unscaled; with a `window` only what the edit has
   * changed of it. Throws session.damaged where the session's file was damaged there.
   */
  readonly latent: Tensor;
  /** In a session above the model's native size: where in the latent grid `latent` lies, over the parent's. Absent: it is all. */
  readonly window?: Window | undefined;
  /** Where the picture was allowed to change, in its own pixels; absent: everywhere. Throws session.damaged likewise. */
  readonly mask?: Mask | undefined;
  /** False where no mask left anything to change: latent and picture are the parent's. */
  readonly changed: boolean;
  /** False where the model understood nothing of what was asked: latent and picture are the parent's, and `refused` says why. */
  readonly understood: boolean;
  /** Instructions that were not carried out, with the nearest ones the model knows; empty where all were. */
  readonly refused: readonly Refusal[];
  /** What it took: seconds with the automatic mask and without decoding, and calls of the denoiser. */
  readonly cost: { readonly seconds: number; readonly unetCalls: number };
  /** How far it has come from its parent and from the original, once session.drift has measured it. */
  readonly drift?: Drift;
  /** What the edit did to the picture, in words; once session.drift has measured it, and never of the original. */
  readonly changes?: Changes | undefined;
  /** SHA-256 over a latent that was lost with the file's damage: what computing it again must give. */
  readonly lostLatent?: string | undefined;
  /** The picture at the user's own size. Decoded on the first call. */
  render(options?: CallOptions): Promise<Picture>;
  /** Edits this node, wherever the head is: a branch, where it was edited before. The same as session.edit with `from`. */
  edit(instruction: string, options?: Omit<SessionEditOptions, "from">): Promise<Node>;
}

/** How a session's edit is made, and where. */
export interface SessionEditOptions extends SessionSettings, Omit<EditOptions, "onStep"> {
  /** The node to edit. Default: the head. */
  readonly from?: Node;
  /** White (1) may change, black (0) must stay. "auto": the model's own relevance map. Default: everywhere. */
  readonly mask?: Mask | "auto";
  /** Further instructions with places of their own, in the same pass. */
  readonly regions?: readonly PlacedRegion[];
  /** How an automatic mask is made. */
  readonly relevance?: Omit<RelevanceOptions, "signal" | "base">;
  /** Hears of every step, and is awaited; `denoised` can be shown by `preview`. "keep" ends the edit with that as its result. */
  readonly onProgress?: StepListener;
  /** Called before anything is computed with what is allowed and may surprise: words that are not read, a mask of another size or a black one. */
  readonly onWarning?: (message: string) => void;
}

/** How far a picture has come; see session.drift. */
export interface Drift {
  /** Inside and outside the node's own mask; without one everything is inside. */
  readonly parent: InsideOutside;
  /** Inside and outside of all masks from the original to here. */
  readonly original: InsideOutside;
  /**
   * Half of all pixels moved by at most this many 8-bit levels: from the parent (`step`), and since the last edit that moved
   * everything, or else the original: in all (`since`), and at most in one step (`largestStep`).
   */
  readonly quietHalf: { readonly step: number; readonly largestStep: number; readonly since: number };
  /** Relative L2 distance of the latent from the original's, outside of all masks: what the composite covers. */
  readonly hidden: number;
  /** What a person sees of the change from the parent; absent in what older versions measured. */
  readonly look?: Look;
  /** What to look at; empty where all is well. */
  readonly warnings: readonly string[];
}

/** A difference, apart for where a change was asked for and where it was not. */
export interface InsideOutside {
  /** Where the mask is above 0; everywhere without a mask. */
  readonly inside: Difference;
  /** Where it is 0. */
  readonly outside: Difference;
}

/** How a message names a node. */
export function title(node: Pick<Node, "id" | "name" | "instruction"> & { parent: unknown }): string {
  const called = node.name ?? (node.parent ? node.instruction : "the original");
  return `${JSON.stringify(called)} (${node.id})`;
}

/** The nodes from the original to this one, both included. */
export function pathTo(node: Node): Node[] {
  const path: Node[] = [];
  for (let at: Node | null = node; at; at = at.parent) path.unshift(at);
  return path;
}

/**
 * The seed of an edit of a node where none is asked for: how many edits led to it. Another one at every turn, because the
 * errors that one noise makes add up, and those of several do less so (docs/decisions/0041-seeds.md).
 */
export const nextSeed = (from: Node): number => pathTo(from).length - 1;

/** The node and everything that was made from it. `nodes` are in the order they were made, so a parent comes before its children. */
export function descendantsOf(nodes: Iterable<Node>, node: Node): Node[] {
  const found = new Set([node]);
  for (const one of nodes) if (one.parent && found.has(one.parent)) found.add(one);
  return [...found];
}
