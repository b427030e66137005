/**
 * EditBench (Imagen Editor, arXiv 2212.06909): 240 pictures, half of them photographs, half generated, each with one mask and
 * three prompts. The release as it is unpacked:
 *
 *   annotations_natural.csv, annotations_generated.csv    aos, prompt_mask-simple, prompt_mask-rich, prompt_full, …
 *   references_natural/AOS.png, references_generated/…    the pictures
 *   masks_natural/AOS.png, masks_generated/…              white = may change
 *
 * The prompts are captions of what should be there and no instructions: "a metal cat", not "turn the cat into metal". They are
 * given to the methods as they stand. The whole caption is what CLIP scores are taken against. There is no true result.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BenchItem } from "../types.ts";
import { parseCsv } from "./csv.ts";
import { chooseVariant, type Draft, inside, type LoaderContext, wrong } from "./draft.ts";
import { readText } from "./read-json.ts";

const PARTS = ["natural", "generated"] as const;
/** By which prompt is the instruction; the paper's headline is the rich one. */
const COLUMNS = { rich: "prompt_mask-rich", simple: "prompt_mask-simple", full: "prompt_full" } as const;

export const isEditBench = (folder: string): boolean =>
  PARTS.some((part) => existsSync(join(folder, `annotations_${part}.csv`)));

export async function loadEditBench({ folder, variant }: LoaderContext): Promise<Draft> {
  const prompt = chooseVariant("editbench", ["rich", "simple", "full"] as const, variant);
  const present = PARTS.filter((part) => existsSync(join(folder, `annotations_${part}.csv`)));
  const items = await Promise.all(present.map((part) => readPart(folder, part, COLUMNS[prompt])));
  return { name: `editbench-${prompt}`, items: items.flat() };
}

async function readPart(folder: string, part: string, column: string): Promise<BenchItem[]> {
  const index = `annotations_${part}.csv`;
  const rows = parseCsv(await readText(join(folder, index)), index);
  return rows.map((row, i) => {
    const where = `${index}, row ${i + 1}`;
    const cell = (name: string): string => {
      const text = row[name]?.trim();
      if (!text) {
        const why =
          row[name] === undefined ? `there is no such column among ${Object.keys(row)}` : "is empty";
        throw wrong(where, `${name}: ${why}.`);
      }
      return text;
    };
    const aos = cell("aos");
    return {
      // Names repeat between the parts, and hold what a file's name should not.
      id: `${part}-${String(i + 1).padStart(3, "0")}-${aos.replace(/[^\w.-]+/g, "-").slice(0, 60)}`,
      part,
      image: inside(folder, `references_${part}/${aos}.png`, where),
      turns: [
        {
          instruction: cell(column),
          global: false,
          mask: inside(folder, `masks_${part}/${aos}.png`, where),
          caption: cell(COLUMNS.full),
        },
      ],
    };
  });
}
