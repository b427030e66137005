/** English: the words that every other language has to have. */
import type { Changes } from "../../../src/web.ts";
import { formatFor } from "./format.ts";

const f = formatFor("en");

export const en = {
  format: f,
  changes: (changes: Changes) => changes.text,
  original: "original",
  whatChanged: "What this step changed",
  adds: "Small changes begin to add up. Masks, or going on from an earlier step, keep the rest sharp.",
  showWhere: "Show where",
  hideWhere: "Hide",
  sinceOriginal: (share: string) =>
    `What no mask touched is identical to the original (${share} of the picture).`,
};

export type Words = typeof en;
