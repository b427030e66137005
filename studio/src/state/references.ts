/** The pictures that the next edit's instruction refers to. */

import { t } from "../words/index.ts";
import { beginNext } from "./asked.ts";
import { get, notify, set, useStudio } from "./store.ts";

/** How many the model of what is open takes. */
export const useMaxReferences = (): number =>
  useStudio((s) => s.models.find(({ id }) => id === (s.session?.model ?? s.model))?.maxReferences ?? 0);

export function addReferences(files: readonly File[], most: number): void {
  beginNext();
  const all = [...get().references, ...files];
  if (all.length > most) notify("info", t.references.tooMany(most));
  set({ references: all.slice(0, most) });
}

export function removeReference(index: number): void {
  beginNext();
  set(({ references }) => ({ references: references.filter((_, i) => i !== index) }));
}
