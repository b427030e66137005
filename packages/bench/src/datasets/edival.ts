/**
 * EdiVal-Bench (EdiVal-Agent, arXiv 2509.13399; github.com/TianyuCodings/EdiVal): sessions of three instructions on photographs. As it is published:
 *
 *   oai_instruction_generation_output.csv        image_index, turns, task_type, instructions, …; lists as Python prints them
 *   input_images_resize_512/INDEX_input_raw.jpg  or .png; input_images_resize_512.zip, unpacked
 *
 * There is a row for each number of turns of a picture (its first, its first two, all three); the longest is the session, as in the authors' generate.py.
 * There are no masks, true results or captions: the authors' eval.py scores the pictures, which bench writes as it reads them (layouts.node.ts).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BenchItem } from "../types.ts";
import { parseCsv } from "./csv.ts";
import { type Draft, inside, type LoaderContext, wrong } from "./draft.ts";
import { pythonStrings } from "./python-list.ts";
import { readText } from "./read-json.ts";

export const EDIVAL_CSV = "oai_instruction_generation_output.csv";
const IMAGES = "input_images_resize_512";
/** What the authors' eval.py counts as a change of the whole picture. */
const GLOBAL = "background_change";

export const isEdiVal = (folder: string): boolean => existsSync(join(folder, EDIVAL_CSV));

interface Row {
  readonly index: string;
  readonly turns: number;
  readonly instructions: readonly string[];
  readonly kinds: readonly string[];
}

export async function loadEdiVal({ folder }: LoaderContext): Promise<Draft> {
  const rows = parseCsv(await readText(join(folder, EDIVAL_CSV)), EDIVAL_CSV).map(readRow);
  const longest = new Map<string, Row>();
  for (const row of rows) {
    const known = longest.get(row.index);
    if (!known || row.turns > known.turns) longest.set(row.index, row);
  }
  const items = [...longest.values()].map((row): BenchItem => {
    return {
      id: row.index,
      image: imageOf(folder, row.index),
      turns: row.instructions.map((instruction, i) => ({
        instruction,
        kind: row.kinds[i]!,
        global: row.kinds[i] === GLOBAL,
      })),
    };
  });
  return { name: "edival-bench", items, resultLayout: "edival" };
}

function readRow(row: Record<string, string>, i: number): Row {
  const where = `${EDIVAL_CSV}, row ${i + 1}`;
  const cell = (name: string): string => {
    const text = row[name];
    if (text === undefined) throw wrong(where, `there is no column ${name} among ${Object.keys(row)}.`);
    return text.trim();
  };
  const list = (name: string): string[] => {
    const strings = pythonStrings(cell(name))?.map((text) => text.trim());
    if (strings && strings.length > 0 && !strings.includes("")) return strings;
    throw wrong(
      where,
      `${name}: expected a list of words in quotes, as ['Remove zebra'], got ${JSON.stringify(cell(name).slice(0, 80))}.`,
    );
  };
  const [index, turns] = [cell("image_index"), Number(cell("turns"))];
  if (!/^\d{1,9}$/.test(index)) throw wrong(where, `image_index: expected a whole number, got "${index}".`);
  const [instructions, kinds] = [list("instructions"), list("task_type")];
  if (instructions.length !== turns || kinds.length !== turns) {
    throw wrong(
      where,
      `turns is ${cell("turns")}, and there are ${instructions.length} instructions and ${kinds.length} task types.`,
    );
  }
  return { index, turns, instructions, kinds };
}

/** In the folder that the archive becomes, or beside the CSV; where it is in neither, the first place is missing. */
function imageOf(folder: string, index: string): string {
  const names = ["jpg", "png"].map((ending) => `${index}_input_raw.${ending}`);
  const places = names.flatMap((name) => [`${IMAGES}/${name}`, name]);
  const found = places.find((place) => existsSync(join(folder, place))) ?? places[0]!;
  return inside(folder, found, `item ${index}, image`);
}
