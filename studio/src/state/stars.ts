/** Variations that were marked to be kept in sight. */
import { get, set } from "./store.ts";

const starsOf = (session: string) => `emilie.stars.${session}`;

export function loadStars(session: string): void {
  const kept = localStorage.getItem(starsOf(session));
  set({ stars: kept ? kept.split(",") : [] });
}

/** A variation with a star has a row of its own in the tree. */
export function star(id: string): void {
  const { stars, session } = get();
  const next = stars.includes(id) ? stars.filter((one) => one !== id) : [...stars, id];
  set({ stars: next });
  try {
    if (session) localStorage.setItem(starsOf(session.id), next.join(","));
  } catch {
    // Full, or forbidden: the stars live on in the page.
  }
}
