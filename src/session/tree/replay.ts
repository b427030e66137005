/** An earlier step, changed, and what follows it made again on a branch of its own. */

import { EmilieError } from "../../errors.ts";
import { type CanvasChange, keptBox, type Sides } from "../../images/canvas.ts";
import { type Mask, moveMask } from "../../images/mask.ts";
import type { Box } from "../../images/picture.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { resolveOptions } from "../../method/options.ts";
import { decidedByPreset } from "../../method/settings-derived.ts";
import { defined } from "../../util/defined.ts";
import { isCanvasRecipe, type NodeRecipe, type Recipe, regionsOf, settingsOf } from "./recipe.ts";
import type { PlacedRegion } from "./run.ts";
import { placeOf } from "./shared-area.ts";
import { canvasRoot, type Node, pathTo, type SessionEditOptions } from "./tree.ts";

/** What is different in the changed step; everything else is as its recipe says. */
export interface ReplayChanges extends Omit<SessionEditOptions, "from" | "mask" | "signal" | "onProgress"> {
  /** Instead of the recipe's own. */
  readonly instruction?: string;
  /** null: everywhere. */
  readonly mask?: SessionEditOptions["mask"] | null;
  /** Of a crop: another window. */
  readonly crop?: Box;
  /** Of an expansion: other room. */
  readonly expand?: Sides;
}

/** How a replay is carried out. */
export interface ReplayOptions extends Pick<SessionEditOptions, "signal" | "onProgress" | "onWarning"> {
  /** Of what follows the step, only the way to this node is made again. Default: everything. */
  readonly until?: Node;
  /** Hears of every node that is finished, with how many there will be. */
  readonly onNode?: (node: Node, index: number, count: number) => void;
}

/** What a replay needs of a session. */
interface Replayed<N extends Node = Node> {
  readonly model: EditModel;
  readonly masks: ReadonlyMap<string, Mask>;
  get head(): N;
  set head(node: Node);
  descendants(node: Node): N[];
  edit(instruction: string, options: SessionEditOptions): Promise<N>;
  crop(box: Box, options: { from: Node }): Promise<N>;
  expand(sides: Sides, options: { from: Node }): Promise<N>;
}

/** What session.replay made. */
export interface Replay {
  /** The changed step's node; the old one itself where nothing changed. */
  readonly node: Node;
  /** Every node made again, by the id of the one it stands for; the changed step is the first. */
  readonly replaced: ReadonlyMap<string, Node>;
}

/**
 * Repeats `node` with changes and all its descendants with their own recipes. The head moves to where it was, on the new
 * branch. Aborted, the session keeps what was finished.
 *
 * @throws EmilieError option.invalid for the original; session.version where one of them is an edit that only earlier versions compute
 */
export async function replay(
  session: Replayed,
  node: Node,
  changes: ReplayChanges,
  { until, onNode, ...options }: ReplayOptions = {},
): Promise<Replay> {
  if (!node.parent) {
    throw new EmilieError("option.invalid", "the original has no recipe to change: choose an edit");
  }
  const head = session.head;
  const replaced = new Map<string, Node>();
  const way = until && pathTo(until);
  if (way && !way.includes(node)) {
    throw new EmilieError(
      "option.invalid",
      "what is made again ends at a node that follows the changed step",
    );
  }
  const following = session.descendants(node).filter((one) => !way || way.includes(one));
  // What is computed no more is refused before anything is computed.
  for (const { recipe } of following) if (recipe && !isCanvasRecipe(recipe)) settingsOf(recipe);
  checkChanges(node, changes);
  for (const [index, old] of following.entries()) {
    const from = replaced.get(old.parent!.id) ?? old.parent!;
    const made = await stepAgain(session, old, from, old === node ? changes : {}, options);
    replaced.set(old.id, made);
    onNode?.(made, index, following.length);
  }
  session.head = replaced.get(head.id) ?? replaced.get(node.id)!;
  return { node: replaced.get(node.id)!, replaced };
}

/** Throws option.invalid for changes that a step of this kind does not have. */
export function checkChanges({ canvas }: Node, { crop, expand, onWarning: _, ...edit }: ReplayChanges): void {
  const refuse = (message: string) => {
    throw new EmilieError("option.invalid", message);
  };
  const given = { crop, expand };
  for (const kind of ["crop", "expand"] as const) {
    if (given[kind] !== undefined && canvas?.kind !== kind) {
      refuse(
        `${kind} changes ${kind === "crop" ? "a crop" : "an expansion"}, and this step is ${called(canvas)}`,
      );
    }
  }
  const [key] = Object.keys(defined(edit));
  if (canvas && key !== undefined) {
    refuse(`${called(canvas)} has no ${key} to change; give ${canvas.kind}`);
  }
}

const called = (canvas: CanvasChange | undefined) =>
  canvas ? (canvas.kind === "crop" ? "a crop" : "an expansion") : "an edit";

/**
 * Makes a step of the session again from another node. Where that one has another canvas, masks and crops move with the picture, and
 * a mask that was an expansion's border is the new one's.
 */
export async function stepAgain<N extends Node>(
  session: Replayed<N>,
  old: Node,
  from: Node,
  changes: ReplayChanges = {},
  options: Pick<SessionEditOptions, "signal" | "onProgress" | "onWarning"> = {},
): Promise<N> {
  const recipe = old.recipe!;
  const { crop, expand } = changes;
  if (crop) return session.crop(crop, { from });
  if (expand) return session.expand(expand, { from });
  const before = old.parent!;
  const [was, is] = [placeOf(before), placeOf(from)];
  const moved = was.x !== is.x || was.y !== is.y || was.width !== is.width || was.height !== is.height;
  if (!moved) return recipeAgain(session, recipe, from, changes, options);
  if (isCanvasRecipe(recipe)) return canvasAgain(session, recipe.canvas, before, from);
  const border = canvasRoot(before).canvas?.kind === "expand" ? canvasRoot(before).mask : undefined;
  const place = (mask: Mask | undefined): Mask | undefined =>
    mask && border && sameMask(mask, border) && canvasRoot(from).canvas?.kind === "expand"
      ? canvasRoot(from).mask
      : mask && moveMask(mask, was, is);
  const regions = regionsOf(recipe, session.masks).map((region) => ({ ...region, mask: place(region.mask) }));
  return again(session, recipe, regions, from, changes, options);
}

/** A crop keeps its place on the picture, as far as that is still there; an expansion adds the same room. */
function canvasAgain<N extends Node>(
  session: Replayed<N>,
  canvas: CanvasChange,
  before: Node,
  from: Node,
): Promise<N> {
  const { x, y, width, height, kind } = canvas;
  if (kind === "expand") {
    const [right, bottom] = [x + width - before.size.width, y + height - before.size.height];
    return session.expand({ left: -x, top: -y, right, bottom }, { from });
  }
  const [was, is] = [placeOf(before), placeOf(from)];
  const box = keptBox(from.size, { x: x + was.x - is.x, y: y + was.y - is.y, width, height });
  // All that is left of the picture is in it.
  if (box.width === from.size.width && box.height === from.size.height) return Promise.resolve(from as N);
  return session.crop(box, { from });
}

function sameMask(a: Mask, b: Mask): boolean {
  return a.width === b.width && a.height === b.height && a.data.every((value, i) => value === b.data[i]);
}

/** Does what a recipe says from a node of the session, which has the recipe's masks. */
export async function recipeAgain<N extends Node>(
  session: Replayed<N>,
  recipe: NodeRecipe,
  from: Node,
  changes: ReplayChanges = {},
  options: Pick<SessionEditOptions, "signal" | "onProgress" | "onWarning"> = {},
): Promise<N> {
  if (!isCanvasRecipe(recipe)) {
    return again(session, recipe, regionsOf(recipe, session.masks), from, changes, options);
  }
  return canvasAgain(session, recipe.canvas, from, from);
}

function again<N extends Node>(
  session: Replayed<N>,
  recipe: Recipe,
  [first, ...rest]: readonly PlacedRegion[],
  from: Node,
  { instruction, mask, crop: _, expand: __, ...changes }: ReplayChanges,
  options: Pick<SessionEditOptions, "signal" | "onProgress" | "onWarning">,
): Promise<N> {
  const given = defined(changes);
  return session.edit(instruction ?? first!.instruction, {
    ...settingsOf(recipe),
    // What a preset stands for takes the place of what the recipe says: its own settings would override the preset.
    ...(changes.preset === undefined
      ? {}
      : decidedByPreset(resolveOptions(session.model, { preset: changes.preset }))),
    regions: rest,
    // A step that was ended early is done whole again where its steps change.
    ...(given.steps === undefined && changes.preset === undefined ? {} : { stopAfter: undefined }),
    ...given,
    mask: mask === null ? undefined : (mask ?? first!.mask),
    from,
    ...options,
  });
}
