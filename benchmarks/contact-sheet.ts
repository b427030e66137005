/**
 * npm run bench -- contact-sheet [--out FILE] [--scenes 14] [--edits 4] [--model picturebook]
 *
 * Held-out scenes with their first edits one after the other, without masks, as one picture for the model card: what a reader
 * should judge by eye, beside the numbers.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadModel, openSession, type Picture, readPicture, strip, writePicture } from "../src/index.ts";
import { stacked } from "./stacked.ts";

interface Item {
  part: string;
  image: string;
  turns: { instruction: string }[];
}

const { values: flags } = parseArgs({
  options: {
    out: { type: "string", default: "models/picturebook/contact-sheet.jpg" },
    scenes: { type: "string", default: "14" },
    edits: { type: "string", default: "4" },
    model: { type: "string", default: "picturebook" },
  },
});
const root = new URL("../packages/bench/datasets/imie-picturebook/", import.meta.url).pathname;
const { items } = JSON.parse(readFileSync(join(root, "dataset.json"), "utf8")) as { items: Item[] };
const edits = Number(flags.edits);
const model = await loadModel(flags.model);
const rows: Picture[] = [];
for (const item of items.filter(({ part }) => part === "chains").slice(0, Number(flags.scenes))) {
  const session = await openSession(model, await readPicture(join(root, item.image)));
  const frames = [{ picture: session.original, caption: "original" }];
  for (const { instruction } of item.turns.slice(0, edits)) {
    frames.push({ picture: await (await session.edit(instruction)).render(), caption: instruction });
  }
  rows.push(strip(frames, { columns: edits + 1 }));
}
await model.dispose();
// It lies in the package: half of the default quality's bytes.
await writePicture(stacked(rows), flags.out, /\.jpe?g$/.test(flags.out) ? { quality: 76 } : {});
console.log(flags.out);
