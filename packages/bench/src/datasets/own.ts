/** The project's own layout, and that of a user's own folder: dataset.json and the files that it names. docs/bench.md describes it. */
import { join } from "node:path";
import { z } from "zod";
import { type Draft, inside, type LoaderContext, place } from "./draft.ts";
import { readJson } from "./read-json.ts";

export const INDEX = "dataset.json";

const words = z.string().trim().min(1).max(2000);
/** What stands before a "~" is the scene: items of one scene move together in intervals. */
const id = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w.~-]{0,99}$/,
    "an id has 1 to 100 letters, digits, dots, dashes, tildes and underscores",
  );

const turn = z.strictObject({
  instruction: words,
  kind: words.optional(),
  global: z.boolean().optional(),
  mask: z.string().optional(),
  target: z.string().optional(),
  change_mask: z.string().optional(),
  caption: words.optional(),
  // Whether picturebook was trained on the sentence, and on the edit.
  unseen_phrase: z.boolean().optional(),
  unseen_pair: z.boolean().optional(),
});

const item = z.strictObject({
  id,
  part: id.optional(),
  image: z.string(),
  caption: words.optional(),
  seed: z.number().int().optional(),
  turns: z.array(turn).min(1, "an item needs at least one turn").max(1000),
});

const dataset = z.strictObject({
  name: id,
  version: z.literal(1).optional(),
  size: z.number().int().positive().optional(),
  licence: words.optional(),
  items: z.array(item).min(1, "a dataset needs at least one item").max(100_000),
});

export async function loadOwn({ folder }: LoaderContext): Promise<Draft> {
  const { name, licence, items } = await readJson(join(folder, INDEX), dataset);
  return {
    name,
    licence,
    items: items.map(({ id, part, image, caption, turns }) => ({
      ...{ id, part, caption },
      image: inside(folder, image, `${place(id)}, image`),
      turns: turns.map((one, i) => {
        const file = (key: "mask" | "target" | "change_mask") =>
          one[key] === undefined ? undefined : inside(folder, one[key], `${place(id, i + 1)}, ${key}`);
        const { instruction, kind, global, caption } = one;
        return {
          ...{ instruction, kind, global, caption },
          ...{ mask: file("mask"), target: file("target"), changeMask: file("change_mask") },
        };
      }),
    })),
  };
}
