/**
 * A session: one picture and a tree of edits of it. The encoder runs once, when the session opens; every edit starts from
 * its parent's latent (latent iteration); pictures are decoded lazily and composited over the parent's, so that
 * pixels outside all masks stay those of the user's picture.
 */

import { EmilieError } from "../errors.ts";
import { type CanvasChange, cropOf, expansionOf, type Sides } from "../images/canvas.ts";
import type { Mask } from "../images/mask.ts";
import type { Size } from "../images/model-image.ts";
import type { Box, Picture } from "../images/picture.ts";
import { checkOptions } from "../input/options.ts";
import type { CallOptions, EditModel, Understanding } from "../method/edit-model.ts";
import type { EditOptions } from "../method/options.ts";
import { describeRefusal, type UnderstoodResult } from "../method/understood.ts";
import type { Window } from "../method/window.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Recent } from "../util/recent.ts";
import { Canvas, canvasWorkingSize } from "./picture/canvas.ts";
import { isLarge, NOWHERE } from "./picture/large.ts";
import { checkOpenOptions, encodeOriginal, type OpenOptions, workingSide } from "./picture/original.ts";
import { Pictures } from "./picture/pictures.ts";
import { References } from "./picture/references.ts";
import { KEPT, type RelevanceMap, type RelevanceMapOptions, relevanceMap } from "./picture/relevance-map.ts";
import { canvasRecord } from "./tree/canvas-node.ts";
import { checkEditOptions } from "./tree/check-options.ts";
import { compareNodes, type Drift, type InsideOutside, measureDrift } from "./tree/drift.ts";
import { prepareEdit } from "./tree/prepare-edit.ts";
import { nodeId, type Recipe } from "./tree/recipe.ts";
import { type Replay, type ReplayChanges, type ReplayOptions, replay } from "./tree/replay.ts";
import { type PlacedRegion, runEdit, unionOf } from "./tree/run.ts";
import { canvasRoot, descendantsOf, type Node, pathTo, type SessionEditOptions } from "./tree/tree.ts";
import { type NodeHost, type NodeRecord, TreeNode } from "./tree/tree-node.ts";
import { type UnderstandBefore, understandBefore } from "./tree/understand.ts";
import { type Verification, type VerifyOptions, verify } from "./tree/verify.ts";

export { encodeOriginal, type OpenOptions, pictureId } from "./picture/original.ts";
export type { Node, SessionEditOptions } from "./tree/tree.ts";

/** How a crop or an expansion is made. */
export interface CanvasOptions {
  /** The node. Default: the head. */
  readonly from?: Node;
}

/** The maximum length of a node's name, which is a caption in the tree. */
export const MAX_NAME_LENGTH = 200;

/**
 * Opens a session on a picture.
 *
 * @param original a picture of any size and aspect ratio. By default the model works near its native size, in multiples of 8; results
 *   have the size of the picture
 */
export async function openSession(
  model: EditModel,
  original: Picture,
  options: OpenOptions = {},
): Promise<Session> {
  checkOpenOptions(options);
  return new Session(model, original, ...(await encodeOriginal(model, original, options)));
}

/**
 * A picture and the tree of its edits. `N` is the type of its nodes: {@link Node}, which in Node.js also has `save`.
 * Create one with openSession. A session keeps everything that it has computed.
 */
export class Session<N extends Node = Node> {
  /** The original. */
  readonly root: N;
  /** All nodes by id, in the order of creation: the original first, every node after its parent. */
  readonly nodes: Map<string, N> = new Map();
  /** Parts of the original's file that are not edited, as sentences (animation, 16 bits, CMYK …); empty if the original is not from a file. */
  notes: readonly string[] = [];
  /** The masks that recipes refer to, by their SHA-256, each at the size of the picture that it is for. */
  readonly masks: Map<string, Mask> = new Map();
  /** The reference pictures that recipes refer to, by the SHA-256 of their pixels. */
  readonly references: Map<string, Picture> = new Map();
  /**
   * Maps of relevance by all that they depend on (relevance-map.ts): a node's id says what was looked at.
   * @internal
   */
  readonly relevances: Recent<string, Tensor> = new Recent(KEPT);
  /** The model as recipes record it. A saved session keeps the name with which it was created. */
  readonly modelFacts: Recipe["model"];
  /** The longer side at which the model works, if it is not the model's default. */
  readonly workingSize: number | undefined;
  #head: N;
  /** For each node, the child through which the head was last reached: where redo goes. */
  readonly #towards = new Map<string, N>();
  readonly #pictures: Pictures;
  readonly #encoder: References;
  /** By the id of the node that each begins with. */
  readonly #canvases = new Map<string, Canvas>();

  /** Use {@link openSession}. */
  constructor(
    /** The model that computes the edits. */
    readonly model: EditModel,
    /** The user's picture. */
    readonly original: Picture,
    /** The size at which the model works on the original. */
    readonly size: Size,
    c: Tensor | string,
    id: string,
    modelFacts: Recipe["model"] = { id: model.id, fingerprint: model.fingerprint },
  ) {
    this.workingSize = workingSide(model, original, size);
    this.#pictures = new Pictures(this);
    this.#encoder = new References(model);
    const window = isLarge(model, size) ? NOWHERE : undefined;
    const own = { width: original.width, height: original.height };
    const cost = { seconds: 0, unetCalls: 0 };
    const root = { id, parent: null, recipe: null, size: own, latent: c, window, changed: true, cost };
    this.root = this.makeNode(root, { ...this.#host(), render: async () => original });
    this.#head = this.root;
    this.#canvases.set(id, new Canvas(model, this.root, size, original));
    this.modelFacts = modelFacts;
    this.nodes.set(id, this.root);
  }

  /** The node from which the next edit starts: the newest one, or the one that was selected since. */
  get head(): N {
    return this.#head;
  }

  /** Throws option.invalid for a node of another session or a deleted node. */
  set head(node: Node) {
    this.#head = this.#require(node, "the head");
    for (const at of pathTo(node).slice(1)) this.#towards.set(at.parent!.id, at as N);
  }

  /**
   * Edits a node and returns the new one, which becomes the head. Without a seed, every turn of a chain uses a different one: 0 for
   * the first edit, 1 for the second, and so on. If the same recipe has been computed from the same
   * parent before, the existing node is returned.
   *
   * @throws EmilieError option.invalid, mask.invalid, aborted (the session is then as it was before); session.damaged
   */
  async edit(instruction: string, options: SessionEditOptions = {}): Promise<N> {
    checkEditOptions(options);
    const start = performance.now();
    const callsBefore = this.model.calls.denoise;
    const from = this.#require(options.from ?? this.head, "the node to edit");
    const { recipe, own, masks, resolved, pictures } = await prepareEdit(this, from, instruction, options);
    const { onProgress, onWarning, signal } = options;
    const known = (id: string) => {
      const node = this.nodes.get(id);
      if (node) this.head = node;
      return node;
    };
    const before = known(await nodeId(recipe));
    if (before) return before;

    const computing = { ...resolved, pictures, signal, onStep: onProgress };
    const result = await this.compute(from, own, computing, onWarning);
    for (const refusal of result.refused) onWarning?.(describeRefusal(refusal));
    // An edit that was ended early has a different recipe from the requested one.
    const taken: Recipe =
      result.steps < result.plannedSteps ? { ...recipe, stopAfter: result.steps } : recipe;
    const id = await nodeId(taken);
    // Meanwhile, the same edit may have been computed, or the parent deleted.
    const meanwhile = known(id);
    if (meanwhile) return meanwhile;
    this.#require(from, "the edited node");
    own.forEach(({ mask }, i) => {
      if (mask) this.masks.set(masks[i]!.sha256, mask);
    });
    recipe.references?.forEach(({ sha256 }, i) => void this.references.set(sha256, pictures[i]!));
    const node = this.restore({
      id,
      parent: from,
      recipe: taken,
      latent: result.c,
      window: result.window,
      mask: unionOf(own.map((region) => region.mask)),
      changed: result.changed,
      refused: result.refused,
      phrases: result.phrases,
      cost: {
        seconds: (performance.now() - start) / 1000,
        unetCalls: this.model.calls.denoise - callsBefore,
      },
    });
    this.head = node;
    return node;
  }

  /**
   * Computes an edit of a node, for the first time or to verify it.
   * @internal
   */
  async compute(
    from: Node,
    regions: readonly PlacedRegion[],
    { pictures = [], ...given }: EditOptions & { readonly pictures?: readonly Picture[] },
    onWarning?: (message: string) => void,
  ): Promise<UnderstoodResult & { readonly window?: Window }> {
    const canvas = this.canvasOf(from);
    const options = { ...given, references: await this.#encoder.encode(pictures, given) };
    if (canvas.large) return canvas.large.edit(from, regions, options, onWarning);
    return runEdit(this.model, await canvas.latentOf(from, options), regions, options);
  }

  /**
   * Cuts a node's picture to a window of it, as a node of its own, which becomes the head: the pixels that are left are the same bytes, and
   * no model runs. Edits of the node start from its pixels: they are encoded when the first one does.
   *
   * @param box in pixels of the node's picture, each side at least 8
   * @throws EmilieError option.invalid
   */
  async crop(box: Box, options: CanvasOptions = {}): Promise<N> {
    return this.#onCanvas(options, "crop", (size) => cropOf(size, box));
  }

  /**
   * Adds room around a node's picture, as a node of its own, which becomes the head: the picture stays as it is, byte for byte, and the room
   * is filled with its edges, drawn outwards. The node's `mask` is the new room; `edit(…, { mask: "border" })` lets the model fill it.
   *
   * @param sides left, top, right and bottom, in pixels or as a share of the picture ("25%")
   * @throws EmilieError option.invalid; image.too-large beyond 64 megapixels
   */
  async expand(sides: Sides, options: CanvasOptions = {}): Promise<N> {
    return this.#onCanvas(options, "expand", (size) => expansionOf(size, sides));
  }

  async #onCanvas(options: CanvasOptions, what: string, change: (size: Size) => CanvasChange): Promise<N> {
    checkOptions(options, { from: true }, `the options of ${what}`);
    const from = this.#require(options.from ?? this.head, `the node to ${what}`);
    const record = await canvasRecord(this, from, change(from.size));
    this.#require(from, `the node to ${what}`);
    this.head = this.nodes.get(record.id) ?? this.restore(record);
    return this.#head;
  }

  /**
   * What a node's edits are made on.
   * @internal
   */
  canvasOf(node: Node): Canvas {
    const root = canvasRoot(node);
    const known = this.#canvases.get(root.id);
    if (known) return known;
    const size = canvasWorkingSize(this.model, this.original, root.size, this.workingSize);
    const canvas = new Canvas(this.model, root, size);
    this.#canvases.set(root.id, canvas);
    return canvas;
  }

  /**
   * Adds a node that has been computed, now or before the session was saved. Its masks are in `masks`.
   * @internal
   */
  restore(record: NodeRecord): N {
    const node = this.makeNode(record, this.#host());
    this.nodes.set(node.id, node);
    return node;
  }

  /** Names a node, with up to 200 characters; "" removes the name. */
  rename(node: Node, name: string): void {
    this.#require(node, "the node to rename");
    if (name.length > MAX_NAME_LENGTH) {
      throw new EmilieError(
        "option.invalid",
        `a name has at most ${MAX_NAME_LENGTH} characters, got ${name.length}`,
      );
    }
    (node as TreeNode).name = name.trim() || undefined;
  }

  /**
   * Deletes a node and its descendants, and returns the number of deleted nodes. If the head is among them, it moves to
   * the parent of the deleted node. The original cannot be deleted.
   */
  delete(node: Node): number {
    this.#require(node, "the node to delete");
    if (!node.parent) {
      throw new EmilieError("option.invalid", "the original cannot be deleted: every edit starts from it");
    }
    const gone = this.descendants(node);
    if (gone.includes(this.#head)) this.#head = node.parent as N;
    for (const { id } of gone) {
      this.nodes.delete(id);
      this.#pictures.forget(id);
      this.#canvases.delete(id);
      this.#towards.delete(id);
    }
    if (this.#towards.get(node.parent.id) === node) this.#towards.delete(node.parent.id);
    const used = [...this.nodes.values()].flatMap((n) => n.recipe?.regions.map((r) => r.mask?.sha256) ?? []);
    for (const hash of this.masks.keys()) if (!used.includes(hash)) this.masks.delete(hash);
    const meant = [...this.nodes.values()].flatMap((n) => n.recipe?.references?.map((r) => r.sha256) ?? []);
    for (const hash of this.references.keys()) if (!meant.includes(hash)) this.references.delete(hash);
    return gone.length;
  }

  /** The children of a node, oldest first. */
  children(node: Node): N[] {
    return [...this.nodes.values()].filter(({ parent }) => parent === node);
  }

  /** The node and its descendants, each after its parent. */
  descendants(node: Node): N[] {
    return descendantsOf(this.nodes.values(), node) as N[];
  }

  /** Moves the head to its parent and returns the parent, or null at the original. No node is deleted: redo goes back. */
  undo(): N | null {
    if (!this.#head.parent) return null;
    this.head = this.#head.parent;
    return this.#head;
  }

  /** Moves the head to the child from which undo came, else to the newest child, and returns it, or null if there is none. */
  redo(): N | null {
    const next = this.#towards.get(this.#head.id) ?? this.children(this.#head).at(-1);
    if (!next) return null;
    this.head = next;
    return next;
  }

  /**
   * Compares the pictures of two nodes. `mask` defines the inside; by default it is everything that the edits on the path
   * from one to the other were allowed to change.
   */
  compare(a: Node, b: Node, mask?: Mask, options?: CallOptions): Promise<InsideOutside> {
    return compareNodes(a, b, mask, options);
  }

  /** Measures how far a node is from its parent and from the original, with warnings where errors accumulate. */
  drift(node: Node = this.head, options?: CallOptions): Promise<Drift> {
    this.#require(node, "the node to measure");
    return measureDrift(node, options);
  }

  /** Whether the original is one of the pictures that the model was made for; null if the model does not declare which those are. */
  async isFamiliar(options?: CallOptions): Promise<boolean | null> {
    // Above the native size nothing is encoded before it is needed.
    if (this.canvasOf(this.root).large) return null;
    return (await this.model.isFamiliar?.(this.root.latent, options)) ?? null;
  }

  /** Whether the model understands an instruction, and what its denoiser would be given (`parts`); the edit itself is not computed. */
  async understand(
    instruction: string,
    { from = this.head, ...options }: UnderstandBefore & { readonly from?: Node } = {},
  ): Promise<Understanding> {
    const c = await this.canvasOf(this.#require(from, "the node to edit")).latentOf(from, options);
    return understandBefore(this.model, instruction, c, options);
  }

  /**
   * Creates a new branch with one step changed, and repeats on it all steps that followed. The old branch is kept;
   * steps that the change does not affect are not computed again. Automatic masks of later steps stay as they were.
   */
  replay(node: Node, changes: ReplayChanges, options?: ReplayOptions): Promise<Replay> {
    this.#require(node, "the step to change");
    return replay(this, node, changes, options);
  }

  /** Recomputes every node from its recipe and compares the latents bit for bit; lost latents are restored. */
  verify(options?: VerifyOptions): Promise<Verification[]> {
    return verify(this, options);
  }

  /** Computes the automatic mask of an instruction, at the size of the picture, so that it can be inspected and edited. */
  async relevance(instruction: string, options: RelevanceMapOptions = {}): Promise<Mask> {
    return (await this.relevanceMap(instruction, options)).mask;
  }

  /** The same, together with the map from 0 to 1 of which the mask is the part above the threshold. */
  relevanceMap(instruction: string, options: RelevanceMapOptions = {}): Promise<RelevanceMap> {
    return relevanceMap(this, instruction, options);
  }

  /** Creates a node of this session's type; this one, without files, is sufficient for the browser. */
  protected makeNode(record: NodeRecord, host: NodeHost): N {
    return new TreeNode(record, host) as Node as N;
  }

  #host(): NodeHost {
    return {
      render: (node, options) => this.#pictures.of(node, options),
      carried: (node) => this.#pictures.carriedBy(node),
      edit: (instruction, options) => this.edit(instruction, options),
    };
  }

  #require(node: Node, what: string): N {
    const own = this.nodes.get(node.id);
    if (own === node) return own;
    throw new EmilieError("option.invalid", `${what} must be one of this session's, got "${node.id}"`);
  }
}
