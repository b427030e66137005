/** Editing: what stands in the box and on the picture is asked for, now or after the edit that runs. */
import type { EditRequest, NodeView, SessionView } from "../backend/backend.ts";
import { t } from "../words/index.ts";
import { requestOf } from "./ask.ts";
import { askFor, clearDraft, giveBack, isAskedFor, newQueued, served } from "./asked.ts";
import { isEarly, whenOpened } from "./early.ts";
import { isRunning, run, say } from "./job.ts";
import { changeRegion, chooseRegion, currentRegion, setHeat } from "./mask.ts";
import { remember } from "./past.ts";
import { dismiss, get, notify, report, set } from "./store.ts";
import type { Asked, Queued, Settings } from "./types.ts";
import { arrived, loadPictures, show } from "./view.ts";

/** An edit was asked for before the session was there. */
let waiting = false;
/** Until it is known what became of what a page that is gone had asked for. */
let attached: Promise<void> = Promise.resolve();

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
  await attached;
  const { session } = get();
  if (!session) return;
  const empty = firstWithoutWords();
  if (empty !== null) return askForWords(empty);
  // Enter again, and nothing was written since: it runs already.
  if (isAskedFor()) return;
  const asked = askFor();
  remember(asked.title);
  if (isRunning()) {
    set(({ queue }) => ({ queue: [...queue, asked] }));
    clearDraft();
    return;
  }
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

/** Makes an edit, then what was queued on its result. */
async function carryOut(asked: Queued, from: string): Promise<void> {
  await goOn(await make(asked, from));
}

/** Goes on with what is queued, from the node that was made; not where it is null. */
async function goOn(made: string | null): Promise<void> {
  const { queue, session } = get();
  const next = queue.find(({ held }) => !held);
  if (made === null || !next || !session) return;
  set({ queue: queue.filter((one) => one !== next) });
  await carryOut(next, session.nodes.some(({ id }) => id === made) ? made : session.head);
}

/** The node that the next edit goes on from; null where it was stopped, or failed. */
async function make(queued: Queued, from: string): Promise<string | null> {
  const { backend, session } = get();
  if (!session) return null;
  const { title, steps, count } = queued;
  const asked: Asked = { ...queued, held: false, from };
  const before = new Set(session.nodes.map(({ id }) => id));
  let view: SessionView | null = null;
  const made: string[] = [];
  set({ asked });
  const outcome = await run(
    { kind: count > 1 ? "variations" : "edit", title, steps, count },
    async (call, next) => {
      const request = requestOf(asked);
      for (let i = 0; i < count; i++) {
        if (i > 0) next(i + 1);
        const one: EditRequest = { ...request, from, seed: request.seed + BigInt(i) };
        view = await backend.edit(session.id, one, call);
        if (!before.has(view.head)) made.push(view.head);
      }
      // The picture is there before the preview goes; a step that only says that the model has no such edit is never shown.
      if (refusedIn(view!, made).length === 0) await show(view!);
    },
    () => again(asked),
  );
  if (outcome === "left") return null;
  set({ asked: null });
  if (outcome === "done") return conclude(asked, view!, before, made);
  giveBack(asked);
  // What was finished before the stop stays.
  if (made.length > 0 && view) await show(view);
  if (made.length > 1) await offer(made);
  return null;
}

/** After an edit that ran to its end; the node that the next one goes on from. */
async function conclude(
  asked: Asked,
  view: SessionView,
  before: ReadonlySet<string>,
  made: readonly string[],
): Promise<string> {
  const refused = refusedIn(view, made);
  if (refused.length > 0) {
    await decline(refused, giveBack(asked));
    return asked.from;
  }
  if (made.length > 1) await offer(made);
  if (made.length > 0) served(asked);
  await judge(view, before);
  return view.head;
}

/** What failed is asked for again as it was, or as its words have been changed since. */
function again(asked: Asked): void {
  if (get().queue.some(({ id }) => id === asked.id)) runQueue(asked.id);
  else if (asked.draft) void edit();
  else void carryOut(asked, asked.from);
}

/** Goes on with what was queued, where an edit before it was stopped. */
export function runQueue(id: number): void {
  const { queue, session } = get();
  const next = queue.find((one) => one.id === id);
  if (!next || !session || isRunning()) return;
  set({ queue: queue.filter((one) => one !== next) });
  void carryOut(next, session.head);
}

/** Edits as asked for elsewhere, as a sibling of a step; the draft stays as it is. */
export async function editAs(title: string, request: EditRequest, steps: number): Promise<void> {
  const { from, regions, references, ...settings } = request;
  const given = { regions, references };
  await carryOut(newQueued({ title, settings, steps, count: 1, draft: null, given }), from);
}

/** What was made of words that the model has no edit for. */
const refusedIn = ({ nodes }: SessionView, made: readonly string[]): NodeView[] =>
  nodes.filter(({ id, understood }) => made.includes(id) && !understood);

/**
 * The model has no such edit: the step that says so is taken away again, the words stay to be changed, and where they are in the box the
 * nearest that it knows is a click away.
 */
async function decline(nodes: readonly NodeView[], inBox: boolean): Promise<void> {
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
    nearest[0] === undefined || !inBox
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

/** Goes on with what still runs in this session, begun by a page that was left or closed; and says what became of what does not. */
export function attach(): Promise<void> {
  let known = () => {};
  attached = new Promise((resolve) => {
    known = resolve;
  });
  return followRunning(known).finally(known);
}

/** `known` is called once it is clear whether something runs. */
async function followRunning(known: () => void): Promise<void> {
  const { backend, session, asked } = get();
  if (!session || isRunning()) return;
  const isOpen = () => get().session?.id === session.id;
  const found = await backend.running?.(session.id).catch(() => null);
  if (!isOpen()) return;
  if (isRunning()) {
    // Something else was begun meanwhile.
    if (asked) giveBack(asked);
    return set({ asked: null });
  }
  const own = found && asked?.from === found.from && asked.title.startsWith(found.title) ? asked : null;
  if (asked && !own) await settle(asked);
  if (!found || isRunning() || !isOpen()) return;
  const before = new Set(get().session!.nodes.map(({ id }) => id));
  let view: SessionView | null = null;
  const job = { kind: "edit", title: own?.title ?? found.title, steps: own?.steps ?? 0, count: 1 } as const;
  const following = run(
    job,
    async (call) => {
      view = await found.follow(call);
      await show(view);
    },
    own ? () => again(own) : undefined,
  );
  known();
  const outcome = await following;
  if (outcome === "left" || !own) return;
  set({ asked: null });
  if (outcome !== "done") {
    giveBack(own);
    return;
  }
  const made = view!.nodes.filter(({ id }) => !before.has(id)).map(({ id }) => id);
  // Of several variations the page that is gone asked for one at a time.
  if (own.count > 1) giveBack(own);
  await goOn(own.count > 1 ? view!.head : await conclude(own, view!, before, made));
}

/** What a page that is gone had asked for, and runs no more: it was made meanwhile, or its words come back. */
async function settle(asked: Asked): Promise<void> {
  const { backend, session } = get();
  // It may have ended after the session was asked for.
  const view = await backend.resume(session!.id).catch(() => session!);
  if (get().session?.id !== view.id) return;
  await show(view);
  set({ asked: null });
  const seed = String(asked.settings.seed + BigInt(asked.count - 1));
  const isIt = ({ parent, instruction, settings }: NodeView) =>
    parent === asked.from && instruction === asked.title && settings?.seed === seed;
  if (view.nodes.some((node) => node.understood && isIt(node))) served(asked);
  else giveBack(asked);
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

export function changeSettings(changes: Partial<Settings>): void {
  set(({ settings }) => ({ settings: { ...settings, ...changes } }));
}
