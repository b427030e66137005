/** The store, and the two helpers that every action uses. */
import { create } from "zustand";
import { isEmilieError } from "../../../src/web.ts";
import type { Backend, ModelInfo } from "../backend/backend.ts";
import { t } from "../words/index.ts";
import type { Notice, StudioState } from "./types.ts";

export const newSeed = (): bigint => BigInt(crypto.getRandomValues(new Uint32Array(1))[0]!);

export const firstRegion = { id: 1, instruction: "", masked: false, automatic: null };

/** The model of new pictures; undefined where the list does not have it. */
export const modelOf = ({ models, model }: StudioState): ModelInfo | undefined =>
  models.find(({ id }) => id === model);

export const useStudio = create<StudioState>(() => ({
  // Set before anything is drawn (main.tsx).
  backend: undefined as unknown as Backend,
  phase: { kind: "starting" },
  models: [],
  model: "picturebook",
  recent: [],
  recentBin: [],
  received: null,
  session: null,
  pictures: new Map(),
  job: null,
  asked: null,
  queue: [],
  said: "",
  notices: [],
  online: navigator.onLine,
  tool: "move",
  brush: { size: 0.08, softness: 0 },
  regions: [firstRegion],
  region: 1,
  painted: 0,
  canUndoStroke: false,
  canRedoStroke: false,
  references: [],
  canvas: null,
  frame: null,
  settings: { seed: newSeed(), seedLocked: false, strength: 1, variations: 1, preset: "balanced" },
  compare: null,
  peek: false,
  showChanges: false,
  variations: [],
  stars: [],
  deleted: [],
  hovered: null,
  panel: null,
  past: [],
}));

export const { getState: get, setState: set } = useStudio;

let notices = 0;

/** Returns the notice's id, by which it can be dismissed. */
export function notify(kind: Notice["kind"], text: string, action?: Notice["action"]): number {
  const id = ++notices;
  set(({ notices, session }) => ({
    notices: [
      ...notices.filter((n) => n.text !== text).slice(-2),
      { id, kind, text, action, session: action && session?.id },
    ],
  }));
  // What offers something to do is given the time to do it.
  if (kind === "info") setTimeout(() => dismiss(id), action ? 20_000 : 6000);
  return id;
}

export function dismiss(id: number): void {
  set(({ notices }) => ({ notices: notices.filter((notice) => notice.id !== id) }));
}

export const wasAborted = (error: unknown): boolean =>
  (isEmilieError(error) && error.code === "aborted") || (error as Error)?.name === "AbortError";

/** An error in words that say what to do; aborted calls are nobody's error. */
export function report(error: unknown): void {
  if (wasAborted(error)) return;
  console.error(error);
  notify("error", describe(error));
}

export function describe(error: unknown): string {
  if (!navigator.onLine && !isEmilieError(error)) return t.noConnection;
  const message = error instanceof Error ? error.message : String(error);
  return message || t.somethingWrong;
}
