/**
 * A run's pictures under the names that the authors of a dataset score by, beside results.json, so that their own programs run on them:
 *
 *   edival/METHOD/multipass/INDEX_input_raw.jpg, INDEX_input_raw_turn_1.png, …       EdiVal's eval.py --generation_folder edival/METHOD --modes multipass
 *   magicbrush/METHOD/ID/ID_1.png, ID_iter_2.png, …   from magicbrush:multi          MagicBrush's image_eval.py --generated_path magicbrush/METHOD
 *   magicbrush/METHOD/ID/ID_1.png, ID_inde_2.png, …   from magicbrush:single, into the same folders
 *
 * Seeds other than 0 have folders METHOD.seed-1 and so on. Methods whose turns all start from the first picture are no sequences, and are left out. What these programs
 * report are their measures, not ours: no number of results.json has the name of one of theirs.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import type { BenchDataset, BenchItem, BenchMethod, BenchResults, ResultLayout, ResultRow } from "./types.ts";

/** Where a turn's picture goes, below the method's folder. */
const TURN_NAMES: Readonly<Record<ResultLayout, (row: ResultRow) => string>> = {
  edival: ({ item, turn }) => `multipass/${item}_input_raw_turn_${turn}.png`,
  magicbrush({ item, turn }) {
    const [id, alone] = item.split("~turn");
    const number = alone === undefined ? turn : Number(alone);
    if (number === 1) return `${id}/${id}_1.png`;
    return `${id}/${id}_${alone === undefined ? "iter" : "inde"}_${number}.png`;
  },
};

/** Where the first picture goes, for a scorer that wants it beside the results. */
const SOURCE_NAMES: Readonly<Partial<Record<ResultLayout, (item: BenchItem) => string>>> = {
  edival: ({ id, image }) => `multipass/${id}_input_raw${extname(image).toLowerCase()}`,
};

export interface WrittenLayout {
  /** The folder, relative to `out`. */
  readonly folder: string;
  readonly pictures: number;
  /** Methods that were left out. */
  readonly leftOut: readonly string[];
}

/** Writes what the dataset's layout asks for; undefined where it has none. */
export async function writeLayout(
  results: BenchResults,
  { dataset, methods, out }: { dataset: BenchDataset; methods: readonly BenchMethod[]; out: string },
): Promise<WrittenLayout | undefined> {
  const layout = dataset.resultLayout;
  if (layout === undefined) return undefined;
  const leftOut = methods.filter(({ fromFirst }) => fromFirst).map(({ name }) => name);
  const items = new Map(dataset.items.map((item) => [item.id, item]));
  const copies = new Map<string, string>();
  for (const row of results.rows) {
    if (leftOut.includes(row.method)) continue;
    const folder = join(out, layout, row.seed === 0 ? row.method : `${row.method}.seed-${row.seed}`);
    copies.set(join(folder, TURN_NAMES[layout](row)), join(out, row.picture));
    const source = SOURCE_NAMES[layout];
    const item = items.get(row.item);
    if (source && item) copies.set(join(folder, source(item)), item.image);
  }
  for (const [to, from] of copies) {
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, to);
  }
  return { folder: layout, pictures: copies.size, leftOut };
}
