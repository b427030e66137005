/** Editing: what stands in the box and on the picture is asked for, now or after the edit that runs. */
import type { EditRequest, NodeView, SessionView } from "../backend/backend.ts";
import { t } from "../words/index.ts";
import { layersNow, layOut, type Places, requestOf } from "./ask.ts";
import { isEarly, whenOpened } from "./early.ts";
import { isRunning, run, say } from "./job.ts";
import { changeRegion, chooseRegion, currentRegion, isBlankDraft, resetRegions, setHeat } from "./mask.ts";
import { dismiss, get, newSeed, notify, report, set } from "./store.ts";
import type { Queued, Settings } from "./types.ts";
import { arrived, loadPictures, show } from "./view.ts";

/** The draft that the running edit was made of; null once the next one was begun. */
let served: Places | null = null;
/** What was laid aside when the next one was begun while an edit ran: it comes back where that edit came to nothing. */
let aside: Places | null = null;
let queued = 0;
/** An edit was asked for before the session was there. */
let waiting = false;

export async function edit(): Promise<void> {
  if (isEarly()) {
    // Enter again while the first waits asks for nothing more.
    if (waiting) return;
    waiting = true;
    const notice = notify("info", t.startsWhenLoaded);
    await whenOpened();
    waiting = false;
    dismiss(notice);
  }
  await arrived();
  const { session, settings, models, model } = get();
  if (!session) return;
  const empty = firstWithoutWords();
  if (empty !== null) return askForWords(empty);
  // Enter again, and nothing was written since: it runs already.
  if (isRunning() && isServed()) return;
  const request = requestOf(settings);
  const title = request.regions.map((r) => r.instruction).join(" + ");
  remember(title);
  const steps =
    settings.steps ?? models.find(({ id }) => id === model)?.presets[settings.preset]?.steps ?? 20;
  const asked: Queued = { id: ++queued, title, request, steps, count: settings.variations };
  if (isRunning()) {
    set(({ queue }) => ({ queue: [...queue, asked] }));
    clearDraft();
    return;
  }
  const { regions, painted, references } = get();
  served = { regions, painted, references, layers: layersNow() };
  document.querySelector<HTMLInputElement>("#instruction")?.select();
  await carryOut(asked, session.head);
}

/** The place whose words are missing: one that was painted or added, or the only one. */
function firstWithoutWords(): number | null {
  const { regions } = get();
  return regions.find(({ instruction }) => instruction.trim() === "")?.id ?? null;
}

function askForWords(region: number): void {
  const { regions } = get();
  if (region !== get().region) chooseRegion(region);
  const index = regions.findIndex(({ id }) => id === region);
  notify("info", regions.length > 1 ? t.wordsMissing(index + 1) : t.sayFirst);
  document.getElementById("instruction")?.focus();
}

const isServed = () =>
  served !== null &&
  served.regions === get().regions &&
  served.painted === get().painted &&
  served.references === get().references;

/** Before the first change to the draft: while an edit runs, words and masks are the next one's. */
export function beginNext(): void {
  if (!isRunning() || !isServed()) return;
  aside = served;
  served = null;
  clearDraft();
}

/** A blank draft with a seed of its own. */
function clearDraft(): void {
  const { tool } = get();
  resetRegions();
  set(({ settings }) => ({
    tool,
    settings: settings.seedLocked ? settings : { ...settings, seed: newSeed() },
  }));
}

/** Makes an edit, then what was queued on its result. */
async function carryOut(asked: Queued, from: string): Promise<void> {
  const made = await make(asked, from);
  const [next, ...rest] = get().queue;
  const { session } = get();
  if (made === null || !next || !session) return;
  set({ queue: rest });
  await carryOut(next, session.nodes.some(({ id }) => id === made) ? made : session.head);
}

/** The node that the next edit goes on from; null where it was stopped, or failed. */
async function make({ title, request, steps, count }: Queued, from: string): Promise<string | null> {
  const { backend, session, settings } = get();
  if (!session) return null;
  const before = new Set(session.nodes.map(({ id }) => id));
  let view: SessionView | null = null;
  const made: string[] = [];
  const done = await run(
    { kind: count > 1 ? "variations" : "edit", title, steps, count },
    async (call, next) => {
      for (let i = 0; i < count; i++) {
        if (i > 0) next(i + 1);
        const one: EditRequest = { ...request, from, seed: request.seed + BigInt(i) };
        view = await backend.edit(session.id, one, call);
        if (!before.has(view.head)) made.push(view.head);
      }
      // The picture is there before the preview goes; a step that only says that the model has no such edit is never shown.
      if (refusedIn(view!, made).length === 0) await show(view!);
    },
    () => void edit(),
  );
  // What was finished before the stop stays.
  if (!done && made.length > 0 && view) await show(view);
  const refused = done ? refusedIn(view!, made) : [];
  if (made.length > 1 && refused.length === 0) await offer(made);
  if (!done) {
    if (aside && isBlankDraft()) layOut(aside);
    [served, aside] = [null, null];
    return null;
  }
  if (refused.length > 0) {
    await decline(refused);
    return from;
  }
  const head = view!.nodes.find(({ id }) => id === view!.head)!;
  // Words, places and seed have served only where a step came of them, and are still those that were asked for.
  if (made.length > 0 && isServed()) {
    const same = get().settings.seed === settings.seed;
    const { seed } = get().settings;
    resetRegions();
    if (same && !settings.seedLocked) set(({ settings }) => ({ settings: { ...settings, seed: newSeed() } }));
    else set(({ settings }) => ({ settings: { ...settings, seed } }));
  }
  [served, aside] = [null, null];
  await judge(view!, before);
  return head.id;
}

/** Goes on with what was queued, where an edit before it was stopped. */
export function runQueue(): void {
  const { queue, session } = get();
  const [next, ...rest] = queue;
  if (!next || !session || isRunning()) return;
  set({ queue: rest });
  void carryOut(next, session.head);
}

/** Takes a queued edit back; its words return where nothing else was written meanwhile. */
export function unqueue(id: number): void {
  const { queue } = get();
  const taken = queue.find((one) => one.id === id);
  set({ queue: queue.filter((one) => one.id !== id) });
  if (taken && isBlankDraft())
    changeRegion(get().region, { instruction: taken.request.regions[0]!.instruction });
}

/** Edits as asked for elsewhere, as a sibling of a step; the draft stays as it is. */
export async function editAs(title: string, request: EditRequest, steps: number): Promise<void> {
  const { from, ...rest } = request;
  await carryOut({ id: ++queued, title, request: rest, steps, count: 1 }, from);
}

/** What was made of words that the model has no edit for. */
const refusedIn = ({ nodes }: SessionView, made: readonly string[]): NodeView[] =>
  nodes.filter(({ id, understood }) => made.includes(id) && !understood);

/**
 * The model has no such edit: the step that says so is taken away again, the words stay to be changed, and the nearest that it knows is a click
 * away.
 */
async function decline(nodes: readonly NodeView[]): Promise<void> {
  const { backend, session } = get();
  if (session)
    await show(
      await backend.remove(
        session.id,
        nodes.map(({ id }) => id),
      ),
    );
  const [{ refused }] = nodes as [NodeView];
  const [{ instruction, message, nearest }] = refused as [NodeView["refused"][number]];
  const region = currentRegion().id;
  // It was remarked on as well while it was carried out: said once is enough.
  set(({ notices }) => ({ notices: notices.filter(({ text }) => !text.includes(message)) }));
  notify(
    "info",
    t.notDone(instruction, message, nearest),
    nearest[0] === undefined
      ? undefined
      : { label: t.take(nearest[0]), run: () => changeRegion(region, { instruction: nearest[0] }) },
  );
}

async function offer(made: readonly string[]): Promise<void> {
  set({ variations: made });
  await loadPictures().catch(report);
}

/** Measures how far the new picture has come, and says so where nothing has changed. */
async function judge(view: SessionView, before: ReadonlySet<string>): Promise<void> {
  const { backend, settings } = get();
  const head = view.nodes.find(({ id }) => id === view.head)!;
  if (before.has(head.id)) {
    notify("info", t.madeBefore);
    return;
  }
  try {
    const measured = await backend.measure(view.id, head.id);
    if (get().session?.id === view.id && get().session?.head === head.id) await show(measured);
    const node = measured.nodes.find(({ id }) => id === head.id);
    say(t.done(node?.changes ? t.changes(node.changes) : ""));
    const inside = node?.drift?.parent.inside;
    // On average over what changed: a small thing in a large picture is not hardly anything.
    if (!inside || inside.mae * inside.pixels > inside.changedPixels) return;
    const guided = get().models.find((one) => one.id === view.model)?.leastTextGuidance !== null;
    notify("info", t.hardlyChanged(settings.strength < 1, guided));
  } catch (error) {
    report(error);
  }
}

/** Goes on with what still runs in this session, begun by a page that was left or closed. */
export async function attach(): Promise<void> {
  const { backend, session } = get();
  if (!session || isRunning()) return;
  const found = await backend.running?.(session.id).catch(() => null);
  if (!found || isRunning() || get().session?.id !== session.id) return;
  await run({ kind: "edit", title: found.title, steps: 0, count: 1 }, async (call) => {
    const view = await found.follow(call);
    if (get().session?.id === view.id) await show(view);
  });
}

/** Puts an automatic mask on the current region: where its instruction acts, to be painted on. */
export async function findPlace(): Promise<void> {
  await whenOpened();
  const { backend, session } = get();
  const region = currentRegion();
  if (!session || isRunning()) return;
  const instruction = region.instruction.trim();
  if (!instruction) {
    notify("info", t.sayFirstForAuto);
    document.getElementById("instruction")?.focus();
    return;
  }
  await run({ kind: "heat", title: t.lookingForPlace, steps: 0, count: 1 }, async ({ signal }) => {
    const heat = await backend.heat(session.id, session.head, instruction, { signal });
    changeRegion(region.id, { instruction });
    set(({ tool }) => ({ tool: tool === "move" ? "brush" : tool }));
    await setHeat(region.id, heat);
  });
}

const PAST = "emilie.instructions";

export function loadPast(): void {
  try {
    const past: unknown = JSON.parse(localStorage.getItem(PAST) ?? "[]");
    if (Array.isArray(past)) set({ past: past.filter((one) => typeof one === "string") });
  } catch {
    // Somebody else's, or damaged: an empty history is no loss worth a message.
  }
}

function remember(instruction: string): void {
  const past = [instruction, ...get().past.filter((one) => one !== instruction)].slice(0, 50);
  set({ past });
  try {
    localStorage.setItem(PAST, JSON.stringify(past));
  } catch {
    // Full; the list lives on in the page.
  }
}

export function changeSettings(changes: Partial<Settings>): void {
  set(({ settings }) => ({ settings: { ...settings, ...changes } }));
}
