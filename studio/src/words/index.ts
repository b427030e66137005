/** The page's words in the language of whoever looks at it. All of them stand in one file a language. */
import { de } from "./de.ts";
import { en, type Words } from "./en.ts";

const KEY = "emilie.language";
const ALL = { en, de } as const;
export type Language = keyof typeof ALL;
/** As each calls itself. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch" };

function chosen(): Language {
  const wishes = [globalThis.localStorage?.getItem(KEY), ...(globalThis.navigator?.languages ?? [])];
  for (const wish of wishes) {
    const found = (Object.keys(ALL) as Language[]).find((one) => wish?.toLowerCase().split("-")[0] === one);
    if (found) return found;
  }
  return "en";
}

export const language = chosen();
export const t: Words = ALL[language];

/** The page is drawn anew: what was typed and painted is kept as the session's draft. */
export function chooseLanguage(next: Language): void {
  localStorage.setItem(KEY, next);
  location.reload();
}
