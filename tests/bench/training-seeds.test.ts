/** npm run bench -- training-seeds: a training counts as one number, and differences are those of the same training seed. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readResultsFile } from "../../packages/bench/src/report/results.node.ts";
import { estimateOf } from "../../packages/bench/src/report/select.ts";
import { writeResults } from "../../packages/bench/src/results.node.ts";
import { standardAggregates } from "../../packages/bench/src/standard-aggregates.ts";
import type { ResultRow } from "../../packages/bench/src/types.ts";

const root = resolve(import.meta.dirname, "../..");
const METHODS = ["emilie-no-mask", "image-iteration"] as const;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-training-seeds-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A run in which a method has its PSNR on every turn of two no-op chains of ten and two chains of five. */
async function run(name: string, psnr: Record<(typeof METHODS)[number], number>): Promise<void> {
  const rows = METHODS.flatMap((method) =>
    ["noop-0", "noop-1", "chains-0", "chains-1"].flatMap((item) =>
      Array.from({ length: item.startsWith("noop") ? 10 : 5 }, (_, i): ResultRow => {
        const part = item.split("-")[0]!;
        const scored = { success: true, collapsed: false, unetCalls: 8, seconds: 1, picture: "x.png" };
        const turn = {
          instruction: "no",
          kind: part === "noop" ? "noop" : "roof",
          global: false,
          masked: false,
        };
        const metrics = { psnr: psnr[method] + Number(item.at(-1)), l2: 0.01 * (i + 1) };
        return { method, item, part, seed: 0, turn: i + 1, metrics, ...turn, ...scored };
      }),
    ),
  );
  await mkdir(join(folder, name));
  await writeResults(
    {
      ...{ version: 1, experiment: null, command: [], created: "2026-01-01T00:00:00.000Z", environment: {} },
      model: { id: name, fingerprint: name },
      scorers: [],
      dataset: { name: "drawn", hash: "1", items: 4, licence: null },
      seeds: [0],
      methods: METHODS.map((method) => ({ name: method, title: method, reference: "", settings: {} })),
      intervals: "scenes-t",
      aggregates: standardAggregates(rows, METHODS),
      rows,
    },
    join(folder, name),
  );
}

it("gives levels, differences by training seed with Student's interval, and how far one gain is another", async () => {
  for (const seed of [1, 2, 3]) {
    await run(`control-${seed}`, { "emilie-no-mask": 20 + seed, "image-iteration": 18 + seed });
    await run(`rollouts-${seed}`, { "emilie-no-mask": 20 + 2 * seed, "image-iteration": 18 + seed });
  }
  const out = join(folder, "out.json");
  const command = ["--import", "tsx", join(root, "benchmarks/training-seeds.ts"), folder, out];
  await promisify(execFile)(process.execPath, command, { cwd: root });
  const results = await readResultsFile(out);
  const at = (method: string, against?: string) =>
    estimateOf(results, { metric: "psnr", group: "noop", turn: 10, method, against })!;
  expect(at("control, latent")).toMatchObject({ value: 22.5, clusters: 3 });
  // 1, 2 and 3 dB by training seed: 2 ± 4.302653·1/√3.
  const gain = at("rollouts, latent", "control, latent");
  expect(gain).toMatchObject({ value: 2, low: expect.closeTo(-0.4841, 3), high: expect.closeTo(4.4841, 3) });
  expect(at("rollouts, image", "control, image").value).toBe(0);
  expect(at("control, latent", "control, image")).toMatchObject({ value: 2, low: 2, high: 2 });
  expect(at("rollouts, latent − image", "control, latent − image").value).toBe(2);
});
