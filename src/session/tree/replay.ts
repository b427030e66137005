/** An earlier step, changed, and what follows it made again on a branch of its own. */

import { EmilieError } from "../../errors.ts";
import type { Mask } from "../../images/mask.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { resolveOptions } from "../../method/options.ts";
import { decidedByPreset } from "../../method/settings-derived.ts";
import { defined } from "../../util/defined.ts";
import { type Recipe, regionsOf, settingsOf } from "./recipe.ts";
import { type Node, pathTo, type SessionEditOptions } from "./tree.ts";

/** What is different in the changed step; everything else is as its recipe says. */
export interface ReplayChanges extends Omit<SessionEditOptions, "from" | "mask" | "signal" | "onProgress"> {
  /** Instead of the recipe's own. */
  readonly instruction?: string;
  /** null: everywhere. */
  readonly mask?: SessionEditOptions["mask"] | null;
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
  for (const { recipe } of following) settingsOf(recipe!);
  for (const [index, old] of following.entries()) {
    const from = replaced.get(old.parent!.id) ?? old.parent!;
    const made = await editAgain(session, old.recipe!, from, old === node ? changes : {}, options);
    replaced.set(old.id, made);
    onNode?.(made, index, following.length);
  }
  session.head = replaced.get(head.id) ?? replaced.get(node.id)!;
  return { node: replaced.get(node.id)!, replaced };
}

/** Does a recipe's edit from a node of the session, which has the recipe's masks. */
export function editAgain<N extends Node>(
  session: Replayed<N>,
  recipe: Recipe,
  from: Node,
  { instruction, mask, ...changes }: ReplayChanges = {},
  options: Pick<SessionEditOptions, "signal" | "onProgress" | "onWarning"> = {},
): Promise<N> {
  const [first, ...rest] = regionsOf(recipe, session.masks);
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
