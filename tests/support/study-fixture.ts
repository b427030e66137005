/** Runs of the benchmark in small: pictures of a dataset's turns by two methods that make them plain, and their results.json. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDataset } from "../../packages/bench/src/datasets/index.node.ts";
import type { BenchResults, ResultRow } from "../../packages/bench/src/types.ts";
import { writePicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";

/** Names that nobody could overlook in a page. */
export const METHODS = ["zebra-method", "walrus-method"] as const;
export const TITLES = ["The Zebra", "The Walrus"] as const;

export interface RunOptions {
  readonly items?: number;
  readonly turns?: number;
  /** Items of which both methods make the same picture. */
  readonly identical?: number;
  readonly methods?: readonly string[];
}

/** Writes a dataset of so many items, 12×8 pixels each, and a run of both methods on it. */
export async function writeRun(folder: string, options: RunOptions = {}): Promise<string> {
  const { items = 10, turns = 2, identical = 0, methods = METHODS } = options;
  const data = join(folder, "data");
  await mkdir(data, { recursive: true });
  const rows: ResultRow[] = [];
  for (let i = 0; i < items; i++) {
    await writePicture(blankPicture(12, 8, [0, 0, 10 * i, 255]), join(data, `scene-${i}.png`));
    for (const [m, method] of methods.entries()) {
      for (let turn = 1; turn <= turns; turn++) {
        const picture = `pictures/${method}/${i}-${turn}.png`;
        await mkdir(join(folder, "run/pictures", method), { recursive: true });
        const red = i < identical ? 7 : 100 * (m + 1);
        await writePicture(blankPicture(12, 8, [red, turn, 10 * i, 255]), join(folder, "run", picture), {
          metadata: { recipe: `made by ${method}` },
        });
        rows.push({
          ...{ method, item: `scene-${i}`, part: i % 2 === 0 ? "even" : "odd", seed: 0, turn },
          ...{
            instruction: `edit ${turn} of scene ${i}`,
            kind: turn === 1 ? "first" : "last",
            global: i < items / 2,
          },
          ...{ masked: false, picture, success: null, collapsed: null, unetCalls: 0, seconds: 0 },
          // The first method is ahead on odd items.
          metrics: { psnr: i % 2 === m ? 20 : 30, l2: i % 2 === m ? 0.5 : 0.1 },
        });
      }
    }
  }
  await writeFile(
    join(data, "dataset.json"),
    JSON.stringify({
      name: "scenes",
      items: Array.from({ length: items }, (_, i) => ({
        id: `scene-${i}`,
        part: i % 2 === 0 ? "even" : "odd",
        image: `scene-${i}.png`,
        turns: Array.from({ length: turns }, (_, t) => ({ instruction: `edit ${t + 1} of scene ${i}` })),
      })),
    }),
  );
  const { hash } = await openDataset(data);
  const results: BenchResults = {
    version: 1,
    experiment: null,
    command: ["--dataset", data, "--methods", methods.join(",")],
    created: "2026-01-01T00:00:00.000Z",
    environment: {},
    model: { id: "picturebook", fingerprint: "0".repeat(64) },
    scorers: [],
    dataset: { name: "scenes", hash, items, licence: null },
    seeds: [0],
    methods: methods.map((name, m) => ({ name, title: TITLES[m] ?? name, reference: "none", settings: {} })),
    aggregates: [],
    rows,
  };
  await writeFile(join(folder, "run/results.json"), JSON.stringify(results));
  return join(folder, "run");
}
