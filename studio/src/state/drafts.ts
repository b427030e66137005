/**
 * The draft of a session: what was typed and painted for the next edit, and what was asked for and has not ended, kept across reloads and
 * crashes. Words go to localStorage at every key, masks to IndexedDB at the end of every stroke; both belong to this browser alone.
 */
import { draftNow, layOut, placeNow } from "./ask.ts";
import { takeUpAsked } from "./asked.ts";
import { forgetStored, readStored, writeAsked, writeMasks, writeReferences } from "./draft-store.ts";
import { isEarly } from "./early.ts";
import { chooseRegion, isBlankDraft } from "./mask.ts";
import { firstRegion, get, set, useStudio } from "./store.ts";
import { PAINTING, type RegionView, type Settings, type StudioState, type Tool } from "./types.ts";

interface Words {
  readonly regions: readonly RegionView[];
  readonly region: number;
  readonly tool: Tool;
  readonly seed: string;
  readonly settings: Omit<Settings, "seed">;
  /** Nothing was typed, painted or laid beside it. */
  readonly blank: boolean;
  /** Milliseconds since 1970. */
  readonly kept: number;
}

/** Settings that are kept, by their types: what another version of the page has kept may be of another. */
const KEPT_SETTINGS = {
  ...{ seedLocked: "boolean", strength: "number", variations: "number", preset: "string", steps: "number" },
  ...{ sampler: "string", textGuidance: "number", imageGuidance: "number", control: "string" },
  ...{ gate: "number", detail: "string" },
} satisfies Record<keyof Omit<Settings, "seed">, string>;

const key = (session: string) => `emilie.draft.${session}`;
/** Drafts of sessions that were not opened for long make room for others. */
const MOST = 40;

/** Whether something was typed or painted for a session, here. */
export const hasDraft = (session: string): boolean => readWords(session)?.blank === false;

/** While a draft is being laid out nothing is written over it. */
let restoring = false;

/** Keeps the draft of the open session from here on. */
export function keepDrafts(): void {
  useStudio.subscribe((state, before) => {
    const { session } = state;
    if (!session || isEarly() || restoring || session.id !== before.session?.id) return;
    const keys = ["regions", "region", "tool", "references", "settings"] as const;
    if (keys.some((one) => state[one] !== before[one])) writeWords(session.id, state);
    if (state.references !== before.references) tryTo(writeReferences(session.id, state.references));
    if (state.painted !== before.painted) keepMasks(session.id);
    if (state.asked !== before.asked || state.queue !== before.queue)
      tryTo(writeAsked(session.id, notEnded(state)));
  });
}

/** Full, or forbidden: the draft lives on in the page. */
const tryTo = (writing: Promise<void>) => void writing.catch(() => {});

function keepMasks(session: string): void {
  const { layers, place } = draftNow();
  tryTo(writeMasks(session, layers, place));
}

/** What was asked for in the dock; the rest is in a step already. */
const notEnded = ({ asked, queue }: StudioState) =>
  [...(asked ? [asked] : []), ...queue]
    .filter(({ draft }) => draft !== null)
    .map(({ id: _, given: __, ...one }) => one);

/** Keeps what was begun before the session had an id. */
export function writeDraft(): void {
  const state = get();
  if (!state.session || isEarly()) return;
  const { id } = state.session;
  writeWords(id, state);
  keepMasks(id);
  tryTo(writeReferences(id, state.references));
}

function writeWords(session: string, state: StudioState): void {
  const { regions, region, tool, settings: all } = state;
  const { seed, ...settings } = all;
  const words: Words = {
    ...{ regions, region, tool, settings, seed: String(seed) },
    ...{ blank: isBlankDraft(), kept: Date.now() },
  };
  try {
    localStorage.setItem(key(session), JSON.stringify(words));
    makeRoom(session);
  } catch {
    // Full, or forbidden: the draft lives on in the page.
  }
}

/** Those go first in which nothing was begun, and of the others the oldest. */
function makeRoom(session: string): void {
  const ids = Object.keys(localStorage).filter((name) => name.startsWith(key("")));
  if (ids.length <= MOST) return;
  const all = ids.map((name) => ({
    id: name.slice(key("").length),
    words: readWords(name.slice(key("").length)),
  }));
  const worth = ({ words }: (typeof all)[number]) => (words === null ? -1 : words.blank ? 0 : words.kept);
  const old = all.filter(({ id }) => id !== session).sort((a, b) => worth(a) - worth(b));
  for (const { id } of old.slice(0, ids.length - MOST)) forgetDraft(id);
}

/** Of a session that is deleted. */
export function forgetDraft(session: string): void {
  localStorage.removeItem(key(session));
  tryTo(forgetStored(session));
}

/** Lays out what was typed, painted and asked for in this session before; nothing where nothing was. */
export async function restoreDraft(): Promise<void> {
  const { session } = get();
  if (!session) return;
  restoring = true;
  try {
    const words = readWords(session.id);
    const { layers, place = placeNow(), references, asked } = await readStored(session.id);
    if (get().session?.id !== session.id) return;
    if (words) {
      const fits = ({ width, height }: { readonly width: number; readonly height: number }) =>
        width === place.width && height === place.height;
      const own = new Map([...layers].filter(([, layer]) => fits(layer)));
      layOut({ regions: words.regions, layers: own, references, seed: BigInt(words.seed), place });
      chooseRegion(words.region);
      set(({ settings }) => ({
        settings: { ...settings, ...readSettings(words.settings) },
        tool: PAINTING.includes(words.tool) ? words.tool : "move",
      }));
    }
    takeUpAsked(asked.map((one) => ({ ...one, id: 0, given: null })));
  } catch {
    // A draft that cannot be read is no reason not to open the session.
  } finally {
    restoring = false;
  }
}

function readSettings(kept: Partial<Settings> = {}): Partial<Settings> {
  const known = Object.entries(KEPT_SETTINGS).filter(
    ([name, type]) => typeof kept[name as keyof Settings] === type,
  );
  return Object.fromEntries(known.map(([name]) => [name, kept[name as keyof Settings]]));
}

function readWords(session: string): Words | null {
  const words = parse(localStorage.getItem(key(session)));
  const good = words?.regions?.every((r) => typeof r.instruction === "string" && Number.isInteger(r.id));
  if (!words || !good || words.regions.length === 0 || !/^\d{1,20}$/.test(words.seed)) return null;
  const regions = words.regions.map((one) => ({ ...firstRegion, ...one }));
  return {
    ...words,
    regions,
    region: regions.some(({ id }) => id === words.region) ? words.region : regions[0]!.id,
    // Versions before this one kept nothing else than drafts that were begun.
    blank: words.blank ?? false,
    kept: words.kept ?? 1,
  };
}

function parse(text: string | null): Words | null {
  try {
    return JSON.parse(text ?? "null") as Words | null;
  } catch {
    return null;
  }
}
