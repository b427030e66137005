/** Opening, leaving and walking through a session. */
import type { SessionView } from "../backend/backend.ts";
import { neighbour } from "../history/layout.ts";
import { restoreDraft } from "./drafts.ts";
import { attach } from "./edit.ts";
import { resetRegions } from "./mask.ts";
import { describe, get, notify, report, set, wasAborted } from "./store.ts";
import type { CompareMode } from "./types.ts";

const LAST = "emilie.session";

let opening: AbortController | null = null;

export async function start(): Promise<void> {
  const { backend } = get();
  try {
    set({ models: await backend.models() });
  } catch (error) {
    set({ phase: { kind: "broken", message: describe(error) } });
    return;
  }
  const last = new URLSearchParams(location.hash.slice(1)).get("session") ?? localStorage.getItem(LAST);
  if (last) await resume(last, true);
  else await goToStart();
}

export async function goToStart({ address = true } = {}): Promise<void> {
  cancelOpening();
  localStorage.removeItem(LAST);
  if (address) history.replaceState(null, "", "#");
  set({ phase: { kind: "start" }, session: null, compare: null, variations: [], panel: null });
  resetRegions();
  try {
    set({ recent: await get().backend.sessions() });
  } catch (error) {
    report(error);
  }
}

/** Opens a picture or a session file. */
export async function openFile(file: Blob, name: string): Promise<void> {
  const { backend, model } = get();
  if (file.size === 0) {
    notify(
      "error",
      `"${name}" is empty, or a folder. Open a picture (PNG, JPEG, WebP, AVIF) or a session (.emilie).`,
    );
    return;
  }
  await enter(name, (loading) => backend.open(file, name, model, loading));
}

export async function resume(id: string, quiet = false): Promise<void> {
  const { backend, recent } = get();
  const name = recent.find((one) => one.id === id)?.name ?? "your session";
  await enter(name, (loading) => backend.resume(id, loading), quiet);
}

async function enter(
  name: string,
  open: (loading: {
    signal: AbortSignal;
    onLoading: (what: string, fraction?: number) => void;
  }) => Promise<SessionView>,
  quiet = false,
): Promise<void> {
  cancelOpening();
  const controller = new AbortController();
  opening = controller;
  set({ phase: { kind: "opening", name, what: "Opening" } });
  try {
    const session = await open({
      signal: controller.signal,
      onLoading: (what, fraction) => {
        if (opening === controller) set({ phase: { kind: "opening", name, what, fraction } });
      },
    });
    if (opening !== controller) return;
    // First no session, so that the draft of the one before is not emptied with the places.
    set({ session: null, pictures: new Map(), compare: null, variations: [], panel: null });
    resetRegions();
    await show(session);
    localStorage.setItem(LAST, session.id);
    const address = `#session=${session.id}`;
    // Back leads from the editor to the start; a page that comes back is where it was.
    if (quiet || location.hash === address) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    set({ phase: { kind: "editing" }, model: session.model });
    if (session.notes?.length) notify("info", session.notes.join(" "));
    await restoreDraft();
    void attach();
  } catch (error) {
    if (opening !== controller) return;
    await goToStart();
    if (!quiet && !wasAborted(error)) report(error);
    if (quiet) notify("info", `Your last session was not opened again. ${describe(error)}`);
  }
}

/** The browser's Back and Forward between the start and sessions. */
export function listenToHistory(): () => void {
  const go = () => {
    const id = new URLSearchParams(location.hash.slice(1)).get("session");
    if (!id) void goToStart({ address: false });
    else if (id !== get().session?.id) void resume(id);
  };
  addEventListener("popstate", go);
  return () => removeEventListener("popstate", go);
}

export function cancelOpening(): void {
  opening?.abort();
  opening = null;
}

/** Shows a session's new view; its pictures follow. */
export async function show(session: SessionView): Promise<void> {
  set(({ session: before, showChanges }) => ({
    session,
    // Where the step that was shown had changed says nothing of another one.
    showChanges: showChanges && before?.head === session.head,
  }));
  await loadPictures();
}

/** The pictures that are on the screen or a key away. */
export async function loadPictures(): Promise<void> {
  const { backend, session, compare, pictures, variations } = get();
  if (!session) return;
  const head = session.nodes.find(({ id }) => id === session.head);
  const wanted = [session.head, head?.parent, compare?.with, ...variations].filter(
    (id) => typeof id === "string",
  );
  const kept = new Map([...pictures].filter(([id]) => wanted.includes(id)));
  for (const id of wanted) {
    if (!kept.has(id)) kept.set(id, await backend.picture(session.id, id));
  }
  if (get().session?.id === session.id) set({ pictures: kept });
}

async function update(action: (id: string) => Promise<SessionView>): Promise<void> {
  const { session } = get();
  if (!session) return;
  try {
    await show(await action(session.id));
  } catch (error) {
    report(error);
  }
}

export const goTo = (node: string) =>
  node === get().session?.head ? Promise.resolve() : update((id) => get().backend.moveHead(id, node));
export const renameNode = (node: string, name: string) =>
  update((id) => get().backend.rename(id, node, name));
export const renameSession = (name: string) => update((id) => get().backend.renameSession(id, name));
export const removeNodes = (nodes: readonly string[]) => update((id) => get().backend.remove(id, nodes));
export const measure = (node: string) => update((id) => get().backend.measure(id, node));

export async function walk(key: "up" | "down" | "left" | "right"): Promise<void> {
  const { session } = get();
  const next = session && neighbour(session.nodes, session.head, key);
  if (next) await goTo(next);
}

/** Where the head was seen last below each node: where going forward leads. */
const towards = new Map<string, string>();

export async function undoEdit(): Promise<void> {
  const { session } = get();
  const head = session?.nodes.find(({ id }) => id === session.head);
  if (!head?.parent) return;
  towards.set(head.parent, head.id);
  await goTo(head.parent);
}

export async function redoEdit(): Promise<void> {
  const { session } = get();
  if (!session) return;
  const children = session.nodes.filter(({ parent }) => parent === session.head);
  const last = children.find(({ id }) => id === towards.get(session.head)) ?? children.at(-1);
  if (last) await goTo(last.id);
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

export async function forgetSession(id: string): Promise<void> {
  try {
    await get().backend.forget(id);
    set({ recent: await get().backend.sessions() });
  } catch (error) {
    report(error);
  }
}
