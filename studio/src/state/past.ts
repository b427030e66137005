/** What was asked for before, to be asked for again by the arrow keys. */
import { get, set } from "./store.ts";

const PAST = "emilie.instructions";

export function loadPast(): void {
  try {
    const past: unknown = JSON.parse(localStorage.getItem(PAST) ?? "[]");
    if (Array.isArray(past)) set({ past: past.filter((one) => typeof one === "string") });
  } catch {
    // Somebody else's, or damaged: an empty history is no loss worth a message.
  }
}

export function remember(instruction: string): void {
  const past = [instruction, ...get().past.filter((one) => one !== instruction)].slice(0, 50);
  set({ past });
  try {
    localStorage.setItem(PAST, JSON.stringify(past));
  } catch {
    // Full; the list lives on in the page.
  }
}
