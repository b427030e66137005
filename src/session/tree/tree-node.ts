/** A node as its session keeps it: with the latent and the mask that it was made with, or the hash of what was lost. */
import { EmilieError } from "../../errors.ts";
import { borderMask, type CanvasChange, describeCanvas } from "../../images/canvas.ts";
import type { Mask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { Refusal } from "../../method/understood.ts";
import type { Window } from "../../method/window.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Changes, changesOf } from "./changes.ts";
import { isCanvasRecipe, type NodeRecipe } from "./recipe.ts";
import { type Drift, type Node, type SessionEditOptions, title } from "./tree.ts";

/** What a node asks its session for. */
export interface NodeHost {
  readonly render: (node: TreeNode, options?: CallOptions) => Promise<Picture>;
  /** See Look.carried; undefined until the node was rendered. */
  readonly carried: (node: TreeNode) => number | undefined;
  readonly edit: (instruction: string, options: SessionEditOptions) => Promise<Node>;
}

/** A node as it is stored; a string in place of the latent is the hash of one that was lost, a mask of null is lost. */
export interface NodeRecord {
  readonly id: string;
  readonly parent: Node | null;
  readonly name?: string;
  readonly recipe: NodeRecipe | null;
  /** Of the original's picture; every other node's follows from its parent's. */
  readonly size?: Size;
  readonly latent: Tensor | string;
  readonly window?: Window | undefined;
  readonly mask?: Mask | null;
  readonly changed: boolean;
  readonly refused?: readonly Refusal[];
  readonly phrases?: readonly string[];
  readonly cost: Node["cost"];
  readonly drift?: Drift;
  readonly brought?: Mask;
}

/** The node as the session keeps it; everybody else sees it read-only, as Node. */
export class TreeNode implements Node {
  readonly id: string;
  readonly parent: Node | null;
  readonly recipe: NodeRecipe | null;
  readonly size: Size;
  readonly canvas: CanvasChange | undefined;
  readonly instruction: string;
  readonly changed: boolean;
  readonly understood: boolean;
  readonly refused: readonly Refusal[];
  readonly phrases: readonly string[];
  readonly window: Window | undefined;
  readonly cost: Node["cost"];
  name?: string;
  drift?: Drift;
  /** What the edits up to this one have brought, where a picture was made with detail transfer: see thingsBrought. */
  brought?: Mask;
  readonly #host: NodeHost;
  readonly #mask?: Mask | null;
  #latent: Tensor | string;

  constructor(record: NodeRecord, host: NodeHost) {
    this.id = record.id;
    this.parent = record.parent;
    this.recipe = record.recipe;
    this.canvas = record.recipe && isCanvasRecipe(record.recipe) ? record.recipe.canvas : undefined;
    this.size = sizeOf(record, this.canvas);
    this.instruction = instructionOf(record.recipe);
    this.changed = record.changed;
    this.refused = record.refused ?? [];
    this.understood = isUnderstood(this.refused, record.recipe);
    this.phrases = record.phrases ?? [];
    this.window = record.window;
    this.cost = record.cost;
    this.name = record.name;
    this.drift = record.drift;
    this.brought = record.brought;
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
    if (this.canvas?.kind === "expand") return borderMask(this.parent!.size, this.canvas);
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

  get carried(): number | undefined {
    return this.#host.carried(this);
  }

  edit(instruction: string, options: Omit<SessionEditOptions, "from"> = {}): Promise<Node> {
    return this.#host.edit(instruction, { ...options, from: this });
  }
}

/** What a node is called where nobody has named it: its instruction, or what was done to its canvas. */
export function instructionOf(recipe: NodeRecipe | null): string {
  if (!recipe) return "";
  if (isCanvasRecipe(recipe)) return describeCanvas(recipe.canvas);
  return recipe.regions.map(({ instruction }) => instruction).join(" + ");
}

function sizeOf({ parent, size }: NodeRecord, canvas: CanvasChange | undefined): Size {
  if (canvas) return { width: canvas.width, height: canvas.height };
  return parent?.size ?? size!;
}

/** Whether anything of what a recipe asks for was carried out. */
export function isUnderstood(refused: readonly unknown[], recipe: NodeRecipe | null): boolean {
  return refused.length === 0 || refused.length < (recipe?.regions.length ?? 0);
}
