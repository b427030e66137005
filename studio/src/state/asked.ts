/** What was asked for and has not ended: the edit that runs and those that wait for it. None of their words is lost where they come to nothing. */
import { t } from "../words/index.ts";
import { draftNow, isSameDraft, layOut, settingsOf, stands } from "./ask.ts";
import { isRunning } from "./job.ts";
import { isBlankDraft, resetRegions } from "./mask.ts";
import { get, newSeed, notify, set } from "./store.ts";
import type { Asked, Queued } from "./types.ts";

let last = 0;

export const newQueued = (queued: Omit<Queued, "id">): Queued => ({ ...queued, id: ++last });

/** The draft, asked for. */
export function askFor(): Queued {
  const { settings, models, model } = get();
  const draft = draftNow();
  const title = draft.regions.map(({ instruction }) => instruction.trim()).join(" + ");
  const steps =
    settings.steps ?? models.find(({ id }) => id === model)?.presets[settings.preset]?.steps ?? 20;
  const asked = { title, steps, count: settings.variations, settings: settingsOf(settings) };
  return newQueued({ ...asked, draft, given: null });
}

/** Whether the draft is what the edit that runs was asked for with. */
export const isAskedFor = (): boolean => {
  const { asked } = get();
  return isRunning() && asked?.draft != null && stands(asked.draft);
};

/** Before the first change to the draft: while an edit runs, words and masks are the next one's. */
export function beginNext(): void {
  if (isAskedFor()) clearDraft();
}

/** A blank draft with a seed of its own. */
export function clearDraft(): void {
  const { tool } = get();
  resetRegions();
  set(({ settings }) => ({
    tool,
    settings: settings.seedLocked ? settings : { ...settings, seed: newSeed() },
  }));
}

/**
 * An edit was stopped, failed or was refused: what it was asked for with comes back as the draft, or where another draft was begun
 * meanwhile, waits in its row until it is asked for again. True where it is the draft.
 */
export function giveBack(asked: Queued): boolean {
  const { draft } = asked;
  if (!draft) return false;
  if (stands(draft)) return true;
  if (isBlankDraft()) {
    layOut(draft);
    return true;
  }
  set(({ queue }) => ({ queue: [{ ...asked, held: true }, ...queue] }));
  return false;
}

/** Words, places and seed have served where a step came of them; they go where they are still those that were asked for. */
export function served({ draft }: Queued): void {
  if (!draft || !stands(draft)) return;
  const { settings } = get();
  resetRegions();
  if (settings.seed === draft.seed && !settings.seedLocked)
    set({ settings: { ...settings, seed: newSeed() } });
}

/** What a page that is gone had asked for: the draft of the first may still be the one that stands. */
export function takeUpAsked(kept: readonly (Queued & { readonly from?: string })[]): void {
  const now = draftNow();
  const all = kept.map((one) => {
    const queued = { ...one, id: ++last };
    return queued.draft && isSameDraft(queued.draft, now) ? { ...queued, draft: now } : queued;
  });
  const asked = all.find((one): one is Asked => one.from !== undefined) ?? null;
  set({ asked, queue: all.filter((one) => one !== asked) });
}

/** Takes a queued edit back; it is the draft again where nothing else was begun meanwhile. */
export function unqueue(id: number): void {
  const { queue } = get();
  const taken = queue.find((one) => one.id === id);
  set({ queue: queue.filter((one) => one.id !== id) });
  if (!taken?.draft) return;
  if (isBlankDraft()) {
    layOut(taken.draft);
    return;
  }
  const back = () => set(({ queue }) => ({ queue: [...queue, taken] }));
  notify("info", t.takenBack(taken.title), { label: t.undo, run: back });
}
