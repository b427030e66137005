/**
 * npm run bench -- clip [MODEL] [--json]
 *
 * Whether a CLIP knows the world that it scores: how often the caption of the true picture is nearer to that picture than to
 * the source, over the held-out edits of benchmarks/picturebook (default model: picturebook-clip).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openScorer } from "../packages/bench/src/scorers/index.node.ts";
import { readPicture } from "../src/index.ts";

interface Item {
  image: string;
  turns: { instruction: string; kind: string; target: string; caption: string }[];
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } },
});
const root = new URL("./picturebook/single/", import.meta.url).pathname;
const { items } = JSON.parse(readFileSync(join(root, "dataset.json"), "utf8")) as { items: Item[] };
const scorer = await openScorer(positionals[0] ?? "picturebook-clip");
const rows: { kind: string; target: number; source: number }[] = [];
for (const { image, turns } of items) {
  const { instruction, kind, target, caption } = turns[0]!;
  const [before, after] = await Promise.all([image, target].map((file) => readPicture(join(root, file))));
  const score = async (result: typeof before) =>
    (await scorer.score({ original: before!, before: before!, result: result!, instruction, caption }))[
      "clip.text"
    ]!;
  rows.push({ kind, target: await score(after), source: await score(before) });
}
await scorer.dispose();
const right = rows.filter(({ target, source }) => target > source);
const kinds = [...new Set(rows.map(({ kind }) => kind))];
const wrong = kinds.flatMap((kind) => {
  const missed = rows.filter((row) => row.kind === kind && row.target <= row.source).length;
  return missed > 0 ? [`${kind} ${missed}`] : [];
});
const mean = (key: "target" | "source") => rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
if (flags.json)
  console.log(JSON.stringify({ model: scorer.model, n: rows.length, right: right.length, rows }, null, 2));
else {
  console.log(
    `${right.length} of ${rows.length} held-out edits (${((100 * right.length) / rows.length).toFixed(1)} %): the true picture above the source`,
  );
  console.log(
    `cosine with the true caption: true picture ${mean("target").toFixed(3)}, source ${mean("source").toFixed(3)}`,
  );
  console.log(wrong.length > 0 ? `the others: ${wrong.join(", ")}` : "no others");
}
