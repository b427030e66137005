/**
 * What a model can do, in words, for people who choose one and write instructions: `abilities` in its emilie.json, else what is known
 * of a published checkpoint.
 */
import { z } from "zod";
import type { Abilities } from "../method/edit-model.ts";
import { knownModel } from "./known-models.ts";
import type { UnderstandingConfig } from "./understanding.ts";

const instruction = z.string().min(1).max(200);

export const abilitiesSchema = z.strictObject({
  /** What it edits, in a sentence. */
  summary: z.string().min(1).max(400),
  /** Instructions that work with it, in groups; within a group and among the groups the strongest first. */
  suggestions: z
    .array(
      z.strictObject({ title: z.string().min(1).max(40), instructions: z.array(instruction).min(1).max(50) }),
    )
    .max(50)
    .default([]),
  /** What it cannot do, before it is tried. */
  limits: z.string().max(400).default(""),
  /** The same in other languages, by their tag: what is missing is said in English. */
  translations: z
    .record(
      z.string().regex(/^[a-z]{2,3}(-[A-Za-z]+)*$/, 'expected the tag of a language, such as "de"'),
      z.strictObject({
        summary: z.string().min(1).max(400).optional(),
        limits: z.string().max(400).optional(),
        titles: z.record(z.string(), z.string().min(1).max(40)).optional(),
      }),
    )
    .optional(),
  /** How often it does what it is asked, as it was measured. */
  success: z
    .array(
      z.strictObject({ what: z.string().min(1).max(100), rate: z.number().min(0).max(1), n: z.int().min(1) }),
    )
    .max(50)
    .default([]),
});

/** What emilie.json has to say of it. */
interface Stated {
  readonly about?: string | undefined;
  readonly abilities?: z.output<typeof abilitiesSchema> | undefined;
  readonly understanding?: UnderstandingConfig | undefined;
}

/** Undefined where neither the checkpoint nor this version of emilie says anything. */
export function abilitiesOf(id: string, { about, abilities, understanding }: Stated): Abilities | undefined {
  const own = abilities ?? (about === undefined ? undefined : { ...NOTHING, summary: `Edits ${about}.` });
  if (!own) return knownModel(id)?.abilities;
  if (!understanding) return own;
  const phrases = understanding.intents.filter(({ keeps }) => !keeps).map(({ phrase }) => phrase);
  const fields = Object.fromEntries(understanding.fields.map(({ name, values }) => [name, values]));
  return { ...own, vocabulary: { phrases, fields } };
}

const NOTHING = { suggestions: [], limits: "", success: [] };

/** For lists of models, where one says nothing of itself. */
export const UNSTATED = "An instruction-following editor that does not say what it edits.";

/** Suggestions in one list: the first of each group, then the second of each, and so on. */
export function suggestionsOf({ suggestions }: Abilities): string[] {
  const most = Math.max(0, ...suggestions.map(({ instructions }) => instructions.length));
  const rounds = Array.from({ length: most }, (_, i) =>
    suggestions.map(({ instructions }) => instructions[i]),
  );
  return rounds.flat().filter((one) => one !== undefined);
}
