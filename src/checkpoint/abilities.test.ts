import { describe, expect, it } from "vitest";
import { abilitiesSchema } from "./abilities.ts";
import { KNOWN_MODELS } from "./known-models.ts";

const own = {
  summary: "Edits drawings.",
  suggestions: [{ title: "Season", instructions: ["make it winter"] }],
};

describe("what a checkpoint says of itself", () => {
  it("may be said in other languages, in part", () => {
    const translations = {
      de: { summary: "Bearbeitet Zeichnungen.", titles: { Season: "Jahreszeit" } },
      "pt-BR": {},
    };
    expect(abilitiesSchema.parse({ ...own, translations }).translations).toEqual(translations);
    expect(abilitiesSchema.parse(own).translations).toBeUndefined();
  });

  it("is refused where a language has no tag, or says what is not known", () => {
    expect(() => abilitiesSchema.parse({ ...own, translations: { German: {} } })).toThrow(
      /tag of a language/,
    );
    expect(() => abilitiesSchema.parse({ ...own, translations: { de: { sumary: "" } } })).toThrow(/sumary/);
  });
});

describe.each(KNOWN_MODELS)("$title", ({ abilities }) => {
  it("has limits that its download, memory and licence do not say already", () => {
    expect(abilities.limits).not.toMatch(/\d GB|commercial/);
  });

  it("says the same in German", () => {
    const german = abilities.translations!.de!;
    expect(german.summary).toBeTruthy();
    expect(german.limits).toBeTruthy();
    expect(Object.keys(german.titles!)).toEqual(
      expect.arrayContaining(abilities.suggestions.map(({ title }) => title)),
    );
  });
});
