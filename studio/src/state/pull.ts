/** Fetching models. The backend knows what is under way, also after a reload and for other pages; this asks how far it is. */

import { t } from "../words/index.ts";
import { get, notify, report, set } from "./store.ts";

const PAUSE_MS = 500;

let watching = false;

const underWay = () => get().models.filter(({ pull }) => pull && pull.error === null);

/** Brings the list up to date, and keeps it so for as long as something is being fetched. */
export async function watchModels(): Promise<void> {
  if (watching || !get().backend.pull) return;
  watching = true;
  try {
    for (;;) {
      const before = underWay();
      const models = await get().backend.models();
      set({ models });
      for (const { id } of before) {
        const now = models.find((one) => one.id === id);
        if (now && !now.unavailable && !now.pull) notify("info", t.modelIsHere(now.title));
      }
      if (underWay().length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) {
    report(error);
  } finally {
    watching = false;
  }
}

/** @throws EmilieError as the backend does, which says what a name has to be */
export async function pull(name: string): Promise<void> {
  const { backend } = get();
  await backend.pull?.(name.trim());
  set({ models: await backend.models() });
  void watchModels();
}

export async function stopPull(id: string): Promise<void> {
  const { backend } = get();
  try {
    await backend.stopPull?.(id);
    set({ models: await backend.models() });
  } catch (error) {
    report(error);
  }
}

export async function removeModel(id: string): Promise<void> {
  const { backend } = get();
  try {
    await backend.removeModel?.(id);
    set({ models: await backend.models() });
  } catch (error) {
    report(error);
  }
}
