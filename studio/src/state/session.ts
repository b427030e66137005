/** Opening and leaving a session, and the list of them. */
import { isEmilieError } from "../../../src/web.ts";
import type { Backend, Loading, SessionView } from "../backend/backend.ts";
import { EXAMPLES } from "../start/example-list.ts";
import { encodePicture, shrinkFile } from "../ui/pictures.ts";
import { t } from "../words/index.ts";
import { forgetDraft, hasDraft, restoreDraft, writeDraft } from "./drafts.ts";
import { isEarly, showEarly, whenOpened } from "./early.ts";
import { attach } from "./edit.ts";
import { leaveJob } from "./job.ts";
import { resetRegions } from "./mask.ts";
import { takeModel } from "./settings.ts";
import { loadStars } from "./stars.ts";
import { describe, get, notify, report, set, wasAborted } from "./store.ts";
import { open } from "./view.ts";

const LAST = "emilie.session";

let opening: AbortController | null = null;

export async function start(): Promise<void> {
  const { backend } = get();
  try {
    const models = await backend.models();
    set({ models });
    // The first is the one that was chosen where the studio was started.
    if (models[0] && !models[0].unavailable) takeModel(models[0].id);
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
  const left = untouched();
  set({ phase: { kind: "start" } });
  closeSession();
  if (left) await forgetForGood(left).catch(report);
  await listSessions();
}

const NOTHING_OPEN = {
  session: null,
  pictures: new Map(),
  compare: null,
  variations: [],
  queue: [],
  deleted: [],
  asked: null,
  panel: null,
} as const;

/** First no session, so that the draft of the one before, and what was asked for in it, are not emptied with the places. */
function closeSession(): void {
  const { session, panel } = get();
  // Where nothing is open yet, the list of models may be, and stays.
  set({ ...NOTHING_OPEN, panel: session ? null : panel });
  leaveJob();
  resetRegions();
}

/** The open session where nothing was done in it: it is not kept when it is left. */
function untouched(): string | null {
  const { session, job, queue, regions, references } = get();
  const nothing = session && session.nodes.length === 1 && session.bin.length === 0;
  // An example's own words are nobody's work.
  const own =
    references.length > 0 ||
    regions.some(
      ({ instruction, masked }) =>
        masked || (instruction !== "" && !EXAMPLES.some(({ words }) => words === instruction)),
    );
  return nothing && !job && queue.length === 0 && !own && !isEarly() ? session.id : null;
}

/** With what was begun in it. */
async function forgetForGood(id: string): Promise<void> {
  await get().backend.forget(id);
  forgetDraft(id);
}

let listing = 0;

/** Sessions by name and what was asked for in them; those in the bin beside them. */
export async function listSessions(search = ""): Promise<void> {
  const { backend } = get();
  const turn = ++listing;
  try {
    const [recent, recentBin] = await Promise.all([
      backend.sessions({ search: search || undefined }),
      backend.sessions({ search: search || undefined, bin: true }),
    ]);
    // Openings in which nothing was done, as of a tab that was closed, are nobody's work.
    const own = recent.filter(({ id, edits }) => edits > 0 || hasDraft(id));
    if (turn === listing) set({ recent: own, recentBin });
  } catch (error) {
    report(error);
  }
}

/** What is offered about a file that was opened: its steps, where it tells them. */
let afterOpening: (file: Blob) => void = () => {};

export function onOpened(listener: (file: Blob) => void): void {
  afterOpening = listener;
}

interface OpenOptions {
  /** Nothing is offered about the file afterwards. */
  readonly silent?: boolean;
  /** A picture with more pixels is scaled down to so many. */
  readonly pixels?: number;
}

/** Opens a picture or a session file; answers whether it was opened, and where not, it was said why. */
export async function openFile(file: Blob, name: string, opts: OpenOptions = {}): Promise<boolean> {
  const { backend, model } = get();
  if (file.size === 0) {
    notify("error", t.emptyFile(name));
    return false;
  }
  const picture = /\.emilie$/i.test(name) ? undefined : URL.createObjectURL(file);
  // Scaling takes seconds: it is part of the opening, which says so and can be given up.
  const source = opts.pixels === undefined ? Promise.resolve(file) : shrinkFile(file, opts.pixels);
  const open = async (loading: Loading) => {
    if (opts.pixels !== undefined) loading.onLoading?.(t.scalingDown);
    return backend.open(await source, name, model, loading);
  };
  const opened = await enter(name, open, {
    onError: (error) => offerSmaller(error, file, name),
    picture,
    early: picture === undefined ? undefined : source,
  });
  if (picture) URL.revokeObjectURL(picture);
  if (opened && !opts.silent) afterOpening(await source);
  return opened;
}

/** What a large picture is opened at where its own size is too much. */
const SMALLER_MEGAPIXELS = 40;

/** A picture beyond the limit can be opened smaller; true where that was offered. */
function offerSmaller(error: unknown, file: Blob, name: string): boolean {
  if (!isEmilieError(error) || error.code !== "image.too-large") return false;
  const megapixels = String(SMALLER_MEGAPIXELS);
  const run = () => void openFile(file, name, { pixels: SMALLER_MEGAPIXELS * 1e6 });
  notify("error", t.tooLarge(megapixels), { label: t.openSmaller(megapixels), run });
  return true;
}

export async function resume(id: string, quiet = false): Promise<void> {
  const { backend, recent } = get();
  const name = recent.find((one) => one.id === id)?.name ?? t.yourSession;
  await enter(name, (loading) => backend.resume(id, loading), { quiet });
}

interface Entering {
  readonly quiet?: boolean;
  /** True where it has said what went wrong. */
  readonly onError?: (error: unknown) => boolean;
  /** The address of the picture, to be looked at meanwhile. */
  readonly picture?: string;
  /** Its file, to be painted on meanwhile. */
  readonly early?: Promise<Blob>;
}

async function enter(
  name: string,
  load: (loading: Loading) => Promise<SessionView>,
  { quiet = false, onError, picture, early }: Entering = {},
): Promise<boolean> {
  cancelOpening();
  const controller = new AbortController();
  opening = controller;
  const { phase: before, session: openBefore } = get();
  set({ phase: { kind: "opening", name, what: t.opening, picture } });
  if (!openBefore)
    void early?.then((file) => showEarly(file, name, () => opening === controller)).catch(() => {});
  try {
    const session = await load({
      signal: controller.signal,
      onLoading: (what, fraction) => {
        if (opening !== controller) return;
        if (isEarly()) set({ phase: { kind: "editing", loading: { what, fraction } } });
        else set({ phase: { kind: "opening", name, what, fraction, picture } });
      },
    });
    if (opening !== controller) return false;
    const left = isEarly() ? null : untouched();
    const begun = isEarly() && sameSize(session, get().session);
    if (!begun) closeSession();
    await open(session);
    localStorage.setItem(LAST, session.id);
    const address = `#session=${session.id}`;
    // Back leads from the editor to the start; a page that comes back is where it was.
    if (quiet || location.hash === address) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    // Before the draft, whose settings are its own.
    takeModel(session.model);
    loadStars(session.id);
    if (begun) writeDraft();
    else await restoreDraft();
    if (opening !== controller) return false;
    set({ phase: { kind: "editing" } });
    if (session.notes?.length) notify("info", session.notes.join(" "));
    void attach();
    if (left && left !== session.id) void forgetForGood(left).catch(report);
    return true;
  } catch (error) {
    if (opening !== controller) return false;
    // What was open stays open: nothing of it was touched.
    if (before.kind === "editing" && get().session === openBefore) set({ phase: before });
    else await goToStart();
    if (!quiet && !wasAborted(error) && !onError?.(error)) report(error);
    if (quiet) notify("info", t.lastNotOpened(describe(error)));
    return false;
  }
}

const sameSize = (a: SessionView, b: SessionView | null) => a.width === b?.width && a.height === b.height;

/** Gives up what is being opened, and goes back to where one was. */
export async function cancelAndReturn(): Promise<void> {
  if (!get().session) return goToStart();
  cancelOpening();
  set({ phase: { kind: "editing" } });
}

/** Another model: for new pictures, or going on with the picture that is shown. */
export async function continueWith(model: string): Promise<void> {
  const { session, backend, models, pictures } = get();
  takeModel(model);
  set({ panel: null });
  if (!session || session.model === model) return;
  try {
    // A model that loads for long may be the wrong one: what is shown needs no session to go on with.
    const picture = isEarly() ? pictures.get(session.head) : await backend.picture(session.id, session.head);
    if (!picture) return;
    const file = await encodePicture(picture, "png", 1);
    const title = models.find(({ id }) => id === model)?.title ?? model;
    if (await openFile(file, `${session.name}.png`, { silent: true })) notify("info", t.continuedWith(title));
  } catch (error) {
    report(error);
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

export async function renameSession(id: string, name: string): Promise<void> {
  const named = name.trim() || t.untitled;
  const rename = (id: string) =>
    set(({ session, recent }) => ({
      session: session?.id === id ? { ...session, name: named } : session,
      recent: recent.map((one) => (one.id === id ? { ...one, name: named } : one)),
    }));
  try {
    if (isEarly() && get().session?.id === id) {
      // The name is shown at once, and given once there is something to give it to.
      rename(id);
      const opened = await whenOpened();
      if (!opened) return;
      id = opened;
    }
    await get().backend.renameSession(id, named);
    rename(id);
  } catch (error) {
    report(error);
  }
}

async function changeList(action: (backend: Backend) => Promise<void>): Promise<void> {
  try {
    await action(get().backend);
    await listSessions();
  } catch (error) {
    report(error);
  }
}

export const forgetSession = (id: string) => changeList(() => forgetForGood(id));
export const discardSession = (id: string) => changeList((backend) => backend.discard(id));
export const recoverSession = (id: string) => changeList((backend) => backend.recover(id));
