/** What of the open session is shown: its view, its pictures, the step one stands on. */
import type { SessionView } from "../backend/backend.ts";
import { isSamePlace, placeOf } from "../canvas/align.ts";
import { neighbour } from "../history/layout.ts";
import { isEarly, whenOpened } from "./early.ts";
import { chooseTool, moveMasks, prepareSelecting } from "./mask.ts";
import { get, report, set } from "./store.ts";
import type { CompareMode } from "./types.ts";
import { rememberWay } from "./way.ts";

/** Shows what became of the open session. It may have been left meanwhile: nothing of it is shown then. */
export async function show(session: SessionView): Promise<void> {
  if (get().session?.id === session.id) await open(session);
}

/** Shows a session; its pictures follow. */
export async function open(session: SessionView): Promise<void> {
  const { session: last } = get();
  set(({ session: before, showChanges }) => ({
    session,
    // Where the step that was shown had changed says nothing of another one.
    showChanges: showChanges && before?.head === session.head,
  }));
  if (last?.id === session.id && last.head !== session.head) {
    const nodes = [...session.nodes, ...session.bin, ...last.nodes];
    const [from, to] = [placeOf(nodes, last.head), placeOf(nodes, session.head)];
    // What was painted stays where it was on the picture.
    if (!isSamePlace(from, to)) moveMasks(from, to);
    if (get().canvas) chooseTool("move");
  }
  await loadPictures();
}

/** The pictures that are on the screen or a key away. */
export async function loadPictures(): Promise<void> {
  const { backend, session, compare, pictures, variations } = get();
  if (!session || isEarly()) return;
  const head = session.nodes.find(({ id }) => id === session.head);
  const wanted = [session.head, head?.parent, compare?.with, ...variations].filter(
    (id) => typeof id === "string",
  );
  const kept = new Map([...pictures].filter(([id]) => wanted.includes(id)));
  for (const id of wanted) {
    if (!kept.has(id)) kept.set(id, await backend.picture(session.id, id));
  }
  if (get().session?.id !== session.id) return;
  set({ pictures: kept });
  prepareSelecting();
}

/** Changes the open session, and shows what became of it. */
export async function update(action: (id: string) => Promise<SessionView>): Promise<void> {
  const { session } = get();
  if (!session) return;
  try {
    await show(await action(session.id));
  } catch (error) {
    report(error);
  }
}

export const goTo = (node: string) => (node === get().session?.head ? Promise.resolve() : moveTo(node));

let moving: Promise<void> = Promise.resolve();

/** Until the step that was asked for is the head: an edit goes on from there, however quickly it follows. */
export const arrived = (): Promise<void> => moving;

function moveTo(node: string): Promise<void> {
  rememberWay();
  set({ deleted: [] });
  moving = update((id) => get().backend.moveHead(id, node));
  return moving;
}

export async function renameNode(node: string, name: string): Promise<void> {
  // While a session is being opened it has its original alone, whose id is not known yet.
  const original = isEarly();
  if (!(await whenOpened())) return;
  await update((id) => get().backend.rename(id, original ? get().session!.head : node, name));
}

export const measure = (node: string) => update((id) => get().backend.measure(id, node));

export async function walk(key: "up" | "down" | "left" | "right"): Promise<void> {
  const { session } = get();
  const next = session && neighbour(session.nodes, session.head, key);
  if (next) await goTo(next);
}

export async function compareWith(node: string | null, mode?: CompareMode): Promise<void> {
  const { compare } = get();
  set({
    compare:
      node === null ? null : { with: node, mode: mode ?? compare?.mode ?? "slider", at: compare?.at ?? 0.5 },
    tool: "move",
  });
  await loadPictures().catch(report);
}
