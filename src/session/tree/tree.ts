/** A node of the tree: one state of the picture, its description, and how it is edited. */
import type { CanvasChange } from "../../images/canvas.ts";
import type { Difference } from "../../images/difference.ts";
import type { Mask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { EditOptions, StepListener } from "../../method/options.ts";
import type { RelevanceOptions } from "../../method/relevance.ts";
import type { SessionSettings } from "../../method/settings.ts";
import type { Refusal } from "../../method/understood.ts";
import type { Window } from "../../method/window.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Changes, Look } from "./changes.ts";
import type { NodeRecipe } from "./recipe.ts";
import type { PlacedRegion } from "./run.ts";

/** One state of the picture: the original, the result of an edit, or a crop or an expansion. */
export interface Node {
  /** Twelve hex digits of a hash: of the pixels for the original, of the recipe for an edit. */
  readonly id: string;
  /** The node that was edited; null for the original. */
  readonly parent: Node | null;
  /** The instruction; "" for the original, and what was done for a crop or an expansion, as in "crop to 640×480". */
  readonly instruction: string;
  /** The name that the user gave it (session.rename). */
  readonly name?: string;
  /** The recipe of the edit, the crop or the expansion; null for the original. */
  readonly recipe: NodeRecipe | null;
  /** The size of its picture, in pixels. */
  readonly size: Size;
  /** The crop or the expansion that this node is, as a box in the pixels of its parent's picture; absent for an edit and the original. */
  readonly canvas?: CanvasChange | undefined;
  /**
   * c, the condition from which edits of this node start, [channels, h, w], unscaled; with a `window`, only the part inside it. Empty for a
   * crop or an expansion, whose picture is encoded when the first edit starts from it.
   * Throws session.damaged if this part of the session's file was damaged.
   */
  readonly latent: Tensor;
  /** In a session above the model's native size: the position of `latent` in the latent grid, over the parent's. Absent: `latent` covers all of it. */
  readonly window?: Window | undefined;
  /** Where the picture was allowed to change, at the size of the picture; absent: everywhere. For an expansion, its new border. Throws session.damaged likewise. */
  readonly mask?: Mask | undefined;
  /** False if nothing was left to change: latent and picture are the parent's. */
  readonly changed: boolean;
  /** False if the model understood none of the instructions: latent and picture are the parent's, and `refused` gives the reasons. */
  readonly understood: boolean;
  /** Instructions that were not carried out, with the closest ones that the model knows; empty if all were carried out. */
  readonly refused: readonly Refusal[];
  /** What the denoiser was given in place of the instructions, one edit each (the setting `rephrase`); empty if it was given their own words. */
  readonly phrases: readonly string[];
  /** The cost of the edit: seconds (including the automatic mask, excluding decoding), and calls of the denoiser. */
  readonly cost: { readonly seconds: number; readonly unetCalls: number };
  /** How far it is from its parent and from the original, once session.drift has measured it. */
  readonly drift?: Drift;
  /** The effect of the edit on the picture, in words, once session.drift has measured it; undefined for the original. */
  readonly changes?: Changes | undefined;
  /** SHA-256 of a latent that was lost because the file is damaged: recomputing it must give this hash. */
  readonly lostLatent?: string | undefined;
  /** The picture at the user's own size. Decoded on the first call. */
  render(options?: CallOptions): Promise<Picture>;
  /** Edits this node, wherever the head is; if it has been edited before, this starts a branch. The same as session.edit with `from`. */
  edit(instruction: string, options?: Omit<SessionEditOptions, "from">): Promise<Node>;
}

/** The options of an edit in a session. */
export interface SessionEditOptions extends SessionSettings, Omit<EditOptions, "onStep" | "references"> {
  /** The node to edit. Default: the head. */
  readonly from?: Node;
  /**
   * White (1) may change, black (0) must stay. "auto": computed by the model from the relevance of the instruction. "border": what the expansion
   * before it has added. Default: everywhere.
   */
  readonly mask?: Mask | "auto" | "border";
  /** Pictures that the instruction refers to, at most the model's `maxReferences`. Default: none. */
  readonly references?: readonly Picture[];
  /** Further instructions in the same pass, each with its own mask. */
  readonly regions?: readonly PlacedRegion[];
  /** Options of the automatic mask. */
  readonly relevance?: Omit<RelevanceOptions, "signal" | "base">;
  /** Called after every step, and awaited; `preview` converts `denoised` to a picture. Returning "keep" ends the edit with `denoised` as its result. */
  readonly onProgress?: StepListener;
  /** Called, before anything is computed, for input that is valid but may have an unexpected effect: an instruction that is too long, a mask of another size, an empty mask. */
  readonly onWarning?: (message: string) => void;
}

/** How far a picture is from its parent and from the original; see session.drift. */
export interface Drift {
  /** Difference from the parent, inside and outside the node's own mask; without a mask everything is inside. */
  readonly parent: InsideOutside;
  /** Difference from the original, inside and outside the union of all masks from the original to this node. */
  readonly original: InsideOutside;
  /**
   * Half of all pixels changed by at most this many 8-bit levels: from the parent (`step`); and, since the last edit that changed
   * everything, or else since the original, in total (`since`) and in the largest single step (`largestStep`).
   */
  readonly quietHalf: { readonly step: number; readonly largestStep: number; readonly since: number };
  /** Relative L2 distance of the latent from the original's, outside all masks; compositing hides this difference. */
  readonly hidden: number;
  /** The visible change from the parent; absent in measurements of older versions. */
  readonly look?: Look;
  /** Problems to look at; empty if there are none. */
  readonly warnings: readonly string[];
}

/** A difference, separately for where a change was requested and where it was not. */
export interface InsideOutside {
  /** Where the mask is above 0; everywhere without a mask. */
  readonly inside: Difference;
  /** Where it is 0. */
  readonly outside: Difference;
}

/** The name of a node in messages. */
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

/** The node that a node's canvas begins with: itself, or the nearest one before it, that is a crop, an expansion or the original. */
export function canvasRoot(node: Node): Node {
  let at = node;
  while (at.parent && !at.canvas) at = at.parent;
  return at;
}

/** The nodes from the one that a node's canvas begins with to the node, both included. */
export function canvasPath(node: Node): Node[] {
  const path = [node];
  for (let at = node; at.parent && !at.canvas; at = at.parent) path.unshift(at.parent);
  return path;
}

/**
 * The default seed of an edit of a node: the number of edits that led to the node. It differs at every turn, because the errors of
 * the same noise add up, and those of different noise do less so (docs/decisions/0041-seeds.md).
 */
export const nextSeed = (from: Node): number => pathTo(from).length - 1;

/** The node and its descendants. `nodes` are in the order of creation, so a parent comes before its children. */
export function descendantsOf(nodes: Iterable<Node>, node: Node): Node[] {
  const found = new Set([node]);
  for (const one of nodes) if (one.parent && found.has(one.parent)) found.add(one);
  return [...found];
}
