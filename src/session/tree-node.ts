/** A node of the tree: one state of the picture, and the recipe that made it from its parent. */
import { EmilieError } from "../errors.ts";
import type { Mask } from "../images/mask.ts";
import type { Picture } from "../images/picture.ts";
import type { Refusal } from "../method/understood.ts";
import type { Window } from "../method/window.ts";
import type { CallOptions } from "../models/model.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Changes, changesOf } from "./changes.ts";
import type { Drift } from "./drift.ts";
import type { Recipe } from "./recipe.ts";
import type { SessionEditOptions } from "./session.ts";

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
  /** What it took: seconds with the automatic mask and without decoding, and UNet calls. */
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

/** What a node asks its session for. */
export interface NodeHost {
  readonly render: (node: TreeNode, options?: CallOptions) => Promise<Picture>;
  readonly edit: (instruction: string, options: SessionEditOptions) => Promise<Node>;
}

/** A node as it is stored; a string in place of the latent is the hash of one that was lost, a mask of null is lost. */
export interface NodeRecord {
  readonly id: string;
  readonly parent: Node | null;
  readonly name?: string;
  readonly recipe: Recipe | null;
  readonly latent: Tensor | string;
  readonly window?: Window | undefined;
  readonly mask?: Mask | null;
  readonly changed: boolean;
  readonly refused?: readonly Refusal[];
  readonly cost: Node["cost"];
  readonly drift?: Drift;
}

/** The node as the session keeps it; everybody else sees it read-only, as Node. */
export class TreeNode implements Node {
  readonly id: string;
  readonly parent: Node | null;
  readonly recipe: Recipe | null;
  readonly instruction: string;
  readonly changed: boolean;
  readonly understood: boolean;
  readonly refused: readonly Refusal[];
  readonly window: Window | undefined;
  readonly cost: Node["cost"];
  name?: string;
  drift?: Drift;
  readonly #host: NodeHost;
  readonly #mask?: Mask | null;
  #latent: Tensor | string;

  constructor(record: NodeRecord, host: NodeHost) {
    this.id = record.id;
    this.parent = record.parent;
    this.recipe = record.recipe;
    this.instruction = record.recipe?.regions.map((r) => r.instruction).join(" + ") ?? "";
    this.changed = record.changed;
    this.refused = record.refused ?? [];
    this.understood = isUnderstood(this.refused, record.recipe);
    this.window = record.window;
    this.cost = record.cost;
    this.name = record.name;
    this.drift = record.drift;
    this.#latent = record.latent;
    this.#mask = record.mask;
    this.#host = host;
  }

  get latent(): Tensor {
    if (typeof this.#latent !== "string") return this.#latent;
    throw new EmilieError(
      "session.damaged",
      `The latent of ${title(this)} was lost when the session's file was damaged. Compute it again from its recipe with ` +
        "session.verify(), or `emilie replay`.",
    );
  }

  get changes(): Changes | undefined {
    return changesOf(this);
  }

  get lostLatent(): string | undefined {
    return typeof this.#latent === "string" ? this.#latent : undefined;
  }

  /** Puts a lost latent back. */
  restoreLatent(latent: Tensor): void {
    this.#latent = latent;
  }

  get mask(): Mask | undefined {
    if (this.#mask !== null) return this.#mask;
    throw new EmilieError(
      "session.damaged",
      `A mask of ${title(this)} was lost when the session's file was damaged. Open the session with the mask given ` +
        "again: loadSession(path, { masks: [mask] }).",
    );
  }

  render(options?: CallOptions): Promise<Picture> {
    return this.#host.render(this, options);
  }

  edit(instruction: string, options: Omit<SessionEditOptions, "from"> = {}): Promise<Node> {
    return this.#host.edit(instruction, { ...options, from: this });
  }
}

/** Whether anything of what a recipe asks for was carried out. */
export function isUnderstood(refused: readonly unknown[], recipe: Recipe | null): boolean {
  return refused.length === 0 || refused.length < (recipe?.regions.length ?? 0);
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
