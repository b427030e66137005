/** What a model can do, in words: the checkpoint's own where it says so, else what is known of a published one. */
import type { EmilieDefaults } from "../checkpoint/defaults.ts";
import type { Abilities } from "./model.ts";

/** Published checkpoints that say nothing of themselves. They are offered for download where they are not on the machine. */
export const KNOWN_MODELS: readonly {
  readonly id: string;
  readonly title: string;
  readonly family: string;
  readonly nativeSize: number;
  readonly abilities: Abilities;
}[] = [
  {
    id: "timbrooks/instruct-pix2pix",
    title: "InstructPix2Pix",
    family: "InstructPix2Pix (Stable Diffusion 1.x)",
    nativeSize: 512,
    abilities: {
      summary:
        "Edits photographs and drawings by instruction at about 512 pixels: season, weather, time of day, style, material, swapping one " +
        "thing for another.",
      suggestions: [
        { title: "Season and time", instructions: ["make it winter", "make it sunset"] },
        {
          title: "Style",
          instructions: ["turn it into a watercolour painting", "make it look like a pencil sketch"],
        },
        {
          title: "Exchange",
          instructions: ["replace the sky with a starry night", "make the house out of bricks"],
        },
      ],
      limits: "Weak at counting, at text, at moving things and at faces. On a CPU an edit takes minutes.",
      success: [],
    },
  },
];

/** Undefined where neither the checkpoint nor this version of emilie says anything. */
export function abilitiesOf(
  id: string,
  { about, abilities, understanding }: Pick<EmilieDefaults, "about" | "abilities" | "understanding">,
): Abilities | undefined {
  const own = abilities ?? (about === undefined ? undefined : { ...NOTHING, summary: `Edits ${about}.` });
  if (!own) return KNOWN_MODELS.find((known) => known.id === id)?.abilities;
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
