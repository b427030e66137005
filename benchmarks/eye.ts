/**
 * npm run bench -- eye [FOLDER]
 *
 * How far the rules of success agree with the eye: pictures that were judged by eye (docs/results/eye/verdicts.json, and all of them on one sheet beside it; and
 * those in held-out/, on which no limit was set) are scored as `emilie bench` scores them. Prints the agreement of each rule, with Clopper and Pearson's interval over
 * pictures, and fails where it is not what the file says.
 */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { openDataset } from "../packages/bench/src/datasets/index.node.ts";
import { scoreTurn } from "../packages/bench/src/turn-metrics.ts";
import type { BenchItem } from "../packages/bench/src/types.ts";
import { maskFromPicture } from "../src/images/mask.ts";
import { cropPicture, type Picture } from "../src/images/picture.ts";
import { readPicture } from "../src/index.ts";
import { betaQuantile } from "../src/samplers/index.ts";

interface Verdict {
  readonly item: string;
  /** From 1. */
  readonly turn: number;
  readonly method: string;
  readonly accepted: boolean;
}
interface Judged {
  /** Present: the true pictures are a dataset in the same folder. Else they are imie-picturebook's. */
  readonly dataset?: string;
  /** The sheet's tiles: pixels a side, and how many a row. */
  readonly tile: number;
  readonly columns: number;
  readonly agreement: Readonly<Record<string, number>>;
  readonly pictures: readonly Verdict[];
}

const folders =
  process.argv[2] === undefined
    ? ["eye", "eye/held-out"].map((name) => resolve(import.meta.dirname, "../docs/results", name))
    : [process.argv[2]];
for (const folder of folders) await agreementIn(folder);

async function agreementIn(folder: string): Promise<void> {
  const judged = JSON.parse(await readFile(join(folder, "verdicts.json"), "utf8")) as Judged;
  const { tile, columns, agreement, pictures } = judged;
  const sheet = await readPicture(join(folder, "results.webp"));
  const { items } = await openDataset(judged.dataset === undefined ? "imie-picturebook" : folder);
  const counts: Record<string, number> = { success: 0, "success.strict": 0 };
  for (const [i, verdict] of pictures.entries()) {
    const at = { x: (i % columns) * tile, y: Math.floor(i / columns) * tile, width: tile, height: tile };
    const { success, metrics } = await scored(items, verdict, cropPicture(sheet, at));
    if (success === verdict.accepted) counts.success!++;
    if ((metrics["success.strict"] === 1) === verdict.accepted) counts["success.strict"]!++;
  }
  const n = pictures.length;
  console.log(
    `${basename(folder)}: ${n} pictures, ${pictures.filter(({ accepted }) => accepted).length} acceptable by eye`,
  );
  for (const [rule, k] of Object.entries(counts)) {
    const [low, high] = [betaQuantile(0.025, k, n - k + 1), betaQuantile(0.975, k + 1, n - k)].map((x) =>
      x.toFixed(2),
    );
    console.log(`${rule} agrees with the eye in ${k} of ${n} [${low}, ${high}]`);
    if (agreement[rule] === k) continue;
    console.error(`verdicts.json says ${agreement[rule]}.`);
    process.exitCode = 1;
  }
}

async function scored(items: readonly BenchItem[], { item: id, turn }: Verdict, result: Picture) {
  const item = items.find((one) => one.id === id)!;
  const turns = item.turns.slice(0, turn);
  const truths = await Promise.all(
    [item.image, ...turns.map(({ target }) => target!)].map((file) => readPicture(file)),
  );
  const target = truths.pop()!;
  const changed = maskFromPicture(await readPicture(turns.at(-1)!.changeMask!));
  return scoreTurn({
    original: truths[0]!,
    before: truths.at(-1)!,
    result,
    target,
    truths,
    sourceKnown: true,
    changed,
  });
}
