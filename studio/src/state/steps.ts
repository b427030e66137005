/** What is done to steps that are there: deleted and brought back, made again, changed, chosen among variations. */
import type { Progress, ReplayRequest, SessionView } from "../backend/backend.ts";
import { groupOf } from "../history/groups.ts";
import { nameOf } from "../history/names.ts";
import { t } from "../words/index.ts";
import { draftOf, layOut, requestAgain } from "./ask.ts";
import { editAs } from "./edit.ts";
import { run } from "./job.ts";
import { isBlankDraft, resetRegions } from "./mask.ts";
import { dismiss, get, newSeed, notify, report, set } from "./store.ts";
import type { Settings, StudioState } from "./types.ts";
import { goTo, show, update } from "./view.ts";
import { cameFrom } from "./way.ts";

export function descendants(session: Pick<SessionView, "nodes">, node: string): string[] {
  const found = new Set([node]);
  for (const { id, parent } of session.nodes) if (parent && found.has(parent)) found.add(id);
  return [...found];
}

/** The notices that say that a step is in the bin, by the step. */
const told = new Map<string, number>();

/** Into the bin; a notice and Ctrl+Z bring it back. */
export async function deleteNode(id: string): Promise<void> {
  const { session, backend } = get();
  const node = session?.nodes.find((one) => one.id === id);
  if (!session || !node?.parent) return;
  const count = descendants(session, id).length;
  await update((session) => backend.remove(session, [id]));
  set({ deleted: [id] });
  const undo = { label: t.undo, run: () => void restoreNodes([id]) };
  told.set(id, notify("info", t.deleted(nameOf(node), count), undo));
}

export async function restoreNodes(ids: readonly string[]): Promise<void> {
  set({ deleted: [] });
  await update((session) => get().backend.restore(session, ids));
  for (const id of ids) if (told.has(id)) dismiss(told.get(id)!);
}

/** Brings back what was deleted last; false where nothing was, or something else was done since. */
export function undoDelete(): boolean {
  const { deleted } = get();
  if (deleted.length === 0) return false;
  void restoreNodes(deleted);
  return true;
}

/** Words and places that stepping back has brought; going forward again takes them away. */
let brought: Pick<StudioState, "regions" | "painted" | "references"> | null = null;

/** To the step before; the words and places of the one that is left come with it, where nothing else was begun. */
export async function undoEdit(): Promise<void> {
  const { session } = get();
  const head = session?.nodes.find(({ id }) => id === session.head);
  if (!head?.parent) return;
  const takes = isBlankDraft() || isBrought();
  await goTo(head.parent);
  if (!takes) return;
  try {
    const draft = await draftOf(head);
    // Something may have been begun while it was fetched.
    if (!draft || !(isBlankDraft() || isBrought())) return;
    layOut(draft);
  } catch (error) {
    return report(error);
  }
  const { regions, painted, references } = get();
  brought = { regions, painted, references };
}

const isBrought = () =>
  brought !== null &&
  brought.regions === get().regions &&
  brought.painted === get().painted &&
  brought.references === get().references;

export async function redoEdit(): Promise<void> {
  const { session } = get();
  if (!session) return;
  const children = session.nodes.filter(({ parent }) => parent === session.head);
  const last = children.find(({ id }) => id === cameFrom(session.head)) ?? children.at(-1);
  if (!last) return;
  await goTo(last.id);
  if (isBrought()) resetRegions();
}

/** The same words, places and settings with another seed, as a sibling. */
export async function tryAgain(id: string): Promise<void> {
  const { session } = get();
  const node = session?.nodes.find((one) => one.id === id);
  if (!node?.parent || !node.settings) return;
  try {
    await editAs(node.instruction, await requestAgain(node, newSeed()), node.settings.steps);
  } catch (error) {
    report(error);
  }
}

/** The same step with the picture's own detail, or without; what was made before is shown at once. */
export async function withDetail(id: string, detail: boolean): Promise<void> {
  const { session } = get();
  const node = session?.nodes.find((one) => one.id === id);
  if (!session || !node?.settings) return;
  const same = ({ settings, parent, instruction }: typeof node) =>
    parent === node.parent && instruction === node.instruction && settings?.seed === node.settings!.seed;
  const made = session.nodes.find((one) => same(one) && (one.settings?.detail === "on") === detail);
  if (made) return goTo(made.id);
  try {
    const request = await requestAgain(node, BigInt(node.settings.seed));
    await editAs(node.instruction, { ...request, detail: detail ? "on" : "off" }, node.settings.steps);
  } catch (error) {
    report(error);
  }
}

/** A step with changes on a branch of its own, and what follows it: all of it, or only the way to `until`. */
export async function changeStep(
  id: string,
  changes: Partial<Settings> & Pick<ReplayRequest, "instruction" | "crop" | "expand">,
  until?: string,
): Promise<void> {
  const { backend, session } = get();
  if (!session) return;
  const old = session.nodes.find((one) => one.id === id);
  const count = until === undefined ? descendants(session, id).length : wayTo(session, id, until).length;
  const title = changes.instruction ?? old?.instruction ?? "";
  await run({ kind: "replay", title, steps: old?.settings?.steps ?? 20, count }, async (call, next) => {
    let [index, last] = [1, 0];
    const onProgress = (progress: Progress) => {
      if (progress.step < last) next(++index);
      last = progress.step;
      call.onProgress?.(progress);
    };
    const onNode = (view: SessionView) => {
      if (get().session?.id === view.id) set({ session: atHead(view, get().session!.head) });
    };
    await show(
      await backend.replay(session.id, { node: id, until, ...changes }, { ...call, onProgress, onNode }),
    );
  });
}

/** The view with another head, whose picture may be of another size. */
function atHead(view: SessionView, head: string): SessionView {
  const { width, height } = view.nodes.find(({ id }) => id === head) ?? view;
  return { ...view, head, width, height };
}

/** From a step to a later one, both included; empty where it is not later. */
export function wayTo({ nodes }: Pick<SessionView, "nodes">, from: string, to: string): string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const way: string[] = [];
  for (let at = byId.get(to); at; at = byId.get(at.parent ?? "")) {
    way.unshift(at.id);
    if (at.id === from) return way;
  }
  return [];
}

/** Opens the strip of a step's variations. */
export async function openVariations(id: string): Promise<void> {
  const { session } = get();
  if (!session) return;
  set({ variations: groupOf(session.nodes, id) });
  await goTo(id);
}

/** Flips to another variation at full size. */
export async function flip(by: number): Promise<void> {
  const { variations, session } = get();
  if (!session || variations.length === 0) return;
  const at = variations.indexOf(session.head);
  await goTo(variations[(at + by + variations.length) % variations.length]!);
}

/** Goes on with the one that is shown; the others stay in the tree, under one row. */
export function acceptVariation(): void {
  set({ variations: [] });
}
