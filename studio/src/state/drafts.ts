/**
 * The draft of a session: what was typed and painted for the next edit, kept across reloads and crashes. Words go to localStorage at every key, masks to
 * IndexedDB at the end of every stroke; both belong to this browser alone.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { place } from "../painting/layer.ts";
import { paint, paintedOf } from "../painting/regions.ts";
import { isEarly } from "./early.ts";
import { touched } from "./mask.ts";
import { firstRegion, get, set, useStudio } from "./store.ts";
import { PAINTING, type RegionView, type StudioState, type Tool } from "./types.ts";

interface Words {
  readonly regions: readonly RegionView[];
  readonly region: number;
  readonly tool: Tool;
  readonly seed: string;
}

interface StoredMask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

interface Schema extends DBSchema {
  masks: { key: [session: string, region: number]; value: StoredMask };
  /** Reference pictures in their order. */
  references: { key: string; value: readonly File[] };
}

const key = (session: string) => `emilie.draft.${session}`;
/** Drafts of sessions that were not opened for long make room for others. */
const MOST = 40;

let database: Promise<IDBPDatabase<Schema>> | undefined;

function connect(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>("emilie-drafts", 2, {
    upgrade(db, before) {
      if (before < 1) db.createObjectStore("masks");
      db.createObjectStore("references");
    },
    // Another tab has a newer version of the page.
    blocking(_current, _blocked, { target }) {
      (target as IDBDatabase).close();
      database = undefined;
    },
    terminated() {
      database = undefined;
    },
  });
  return database;
}

const masksOf = (session: string) => IDBKeyRange.bound([session, -Infinity], [session, Infinity]);
const isBlank = ({ regions, references }: Pick<StudioState, "regions" | "references">) =>
  references.length === 0 && regions.every(({ instruction, masked }) => instruction === "" && !masked);

/** Whether something was typed or painted for a session, here. */
export const hasDraft = (session: string): boolean => localStorage.getItem(key(session)) !== null;

/** While a draft is being laid out nothing is written over it. */
let restoring = false;

/** Keeps the draft of the open session from here on. */
export function keepDrafts(): void {
  useStudio.subscribe((state, before) => {
    const { session } = state;
    if (!session || isEarly() || restoring || session.id !== before.session?.id) return;
    const seed = state.settings.seed !== before.settings.seed;
    if (
      state.regions !== before.regions ||
      state.region !== before.region ||
      state.tool !== before.tool ||
      state.references !== before.references ||
      seed
    )
      writeWords(session.id, state);
    if (state.references !== before.references) void writeReferences(session.id, state).catch(() => {});
    if (state.painted !== before.painted) void writeMasks(session.id, state).catch(() => {});
  });
}

/** Keeps what was begun before the session had an id. */
export function writeDraft(): void {
  const state = get();
  if (!state.session || isEarly()) return;
  writeWords(state.session.id, state);
  void writeMasks(state.session.id, state).catch(() => {});
  void writeReferences(state.session.id, state).catch(() => {});
}

function writeWords(session: string, state: StudioState): void {
  const { regions, region, tool, settings } = state;
  try {
    localStorage.removeItem(key(session));
    if (isBlank(state)) return;
    const words: Words = { regions, region, tool, seed: String(settings.seed) };
    localStorage.setItem(key(session), JSON.stringify(words));
    const drafts = Object.keys(localStorage).filter((name) => name.startsWith(key("")));
    for (const old of drafts.slice(0, -MOST)) if (old !== key(session)) localStorage.removeItem(old);
  } catch {
    // Full, or forbidden: the draft lives on in the page.
  }
}

async function writeMasks(session: string, { regions }: StudioState): Promise<void> {
  const transaction = (await connect()).transaction("masks", "readwrite");
  await transaction.store.delete(masksOf(session));
  for (const { id, masked } of regions) {
    const layer = masked ? paintedOf(id)?.layer : undefined;
    if (layer) {
      const { width, height, data } = layer;
      await transaction.store.put({ width, height, data: data.slice() }, [session, id]);
    }
  }
  await transaction.done;
}

async function writeReferences(session: string, { references }: StudioState): Promise<void> {
  const db = await connect();
  if (references.length === 0) await db.delete("references", session);
  else await db.put("references", references, session);
}

/** Lays out what was typed and painted for this session before; nothing where nothing was. */
export async function restoreDraft(): Promise<void> {
  const { session } = get();
  if (!session) return;
  restoring = true;
  try {
    const words = readWords(session.id);
    if (!words) return;
    const db = await connect();
    const masks = new Map<number, StoredMask>();
    for (const { id, masked } of words.regions) {
      const mask = masked ? await db.get("masks", [session.id, id]) : undefined;
      if (mask && mask.width === session.width && mask.height === session.height) masks.set(id, mask);
    }
    const references = (await db.get("references", session.id)) ?? [];
    if (get().session?.id !== session.id) return;
    for (const [id, { data, ...size }] of masks) {
      place(paint(id, size.width, size.height).layer, {
        ...size,
        data: Float32Array.from(data, (v) => v / 255),
      });
    }
    const regions = words.regions.map((one) => ({ ...one, automatic: null, masked: masks.has(one.id) }));
    const { settings } = get();
    set({
      regions,
      references,
      region: words.region,
      tool: PAINTING.includes(words.tool) ? words.tool : "move",
      settings: { ...settings, seed: BigInt(words.seed) },
    });
    touched();
  } catch {
    // A draft that cannot be read is no reason not to open the session.
  } finally {
    restoring = false;
  }
}

function readWords(session: string): Words | null {
  const words = JSON.parse(localStorage.getItem(key(session)) ?? "null") as Words | null;
  const good = words?.regions?.every((r) => typeof r.instruction === "string" && Number.isInteger(r.id));
  if (!words || !good || words.regions.length === 0 || !/^\d{1,20}$/.test(words.seed)) return null;
  const regions = words.regions.map((one) => ({ ...firstRegion, ...one }));
  return {
    ...words,
    regions,
    region: regions.some(({ id }) => id === words.region) ? words.region : regions[0]!.id,
  };
}
