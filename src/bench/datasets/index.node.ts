/** Datasets by their name or their folder. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { EmilieError } from "../../errors.ts";
import { packageRoot } from "../../runtime/package-root.node.ts";
import type { BenchDataset } from "../types.ts";

const turnSchema = z.looseObject({
  instruction: z.string().min(1),
  kind: z.string().optional(),
  global: z.boolean().optional(),
  mask: z.string().optional(),
  target: z.string().optional(),
  change_mask: z.string().optional(),
  caption: z.string().optional(),
});
const datasetSchema = z.looseObject({
  name: z.string(),
  licence: z.string().optional(),
  items: z.array(
    z.looseObject({
      id: z.string(),
      part: z.string().optional(),
      caption: z.string().optional(),
      image: z.string(),
      turns: z.array(turnSchema).min(1),
    }),
  ),
});

/** A dataset: "imie-picturebook", or a folder with a dataset.json. Throws io.failed and option.invalid. */
export async function openDataset(nameOrFolder: string): Promise<BenchDataset> {
  const folder =
    nameOrFolder === "imie-picturebook" && !existsSync(nameOrFolder)
      ? join(packageRoot(), "benchmarks", nameOrFolder)
      : resolve(nameOrFolder);
  let text: string;
  try {
    text = await readFile(join(folder, "dataset.json"), "utf8");
  } catch (cause) {
    throw new EmilieError(
      "io.failed",
      `There is no dataset ${nameOrFolder}: expected imie-picturebook, or a folder with a dataset.json.`,
      { cause },
    );
  }
  const { name, licence, items } = datasetSchema.parse(JSON.parse(text));
  const at = (file: string) => join(folder, file);
  const maybe = (file: string | undefined) => (file === undefined ? undefined : at(file));
  const hash = createHash("sha256").update(text);
  const files = items.flatMap(({ image, turns }) => [
    image,
    ...turns.flatMap((turn) => [turn.mask, turn.target, turn.change_mask].flatMap((file) => file ?? [])),
  ]);
  for (const file of new Set(files)) hash.update(await readFile(at(file)));
  return {
    name,
    licence,
    hash: hash.digest("hex"),
    items: items.map(({ id, part, caption, image, turns }) => ({
      id,
      part,
      caption,
      image: at(image),
      turns: turns.map((turn) => ({
        instruction: turn.instruction,
        kind: turn.kind,
        global: turn.global,
        caption: turn.caption,
        mask: maybe(turn.mask),
        target: maybe(turn.target),
        changeMask: maybe(turn.change_mask),
      })),
    })),
  };
}
