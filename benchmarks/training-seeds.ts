/**
 * npm run bench -- training-seeds RUNS OUT.json
 *
 * What training does, over trainings: RUNS holds a folder of `emilie bench` for each arm and training seed, named ARM-SEED ("rollouts-1"), with latent and image
 * iteration by that training's weights. A training seed counts as one number, its mean over scenes, since scenes say nothing about other trainings. OUT is
 * results of `emilie bench` without edits: levels of each cell {arm} × {latent, image}; paired by training seed the difference of each arm to the control, and of
 * latent to image iteration; and how far this last difference is another one than the control's. Intervals are Student's over training seeds.
 */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { studentInterval } from "../packages/bench/src/interval.ts";
import { estimateOf } from "../packages/bench/src/report/select.ts";
import { readResults } from "../packages/bench/src/results.node.ts";
import type { Aggregate, BenchResults, Estimate } from "../packages/bench/src/types.ts";

const CONTROL = "control";
const ITERATIONS = { latent: "emilie-no-mask", image: "image-iteration" } as const;
type Iteration = keyof typeof ITERATIONS;

/** What is read off each run. */
const READ: readonly Pick<Aggregate, "metric" | "group" | "turn">[] = [
  { metric: "SR@1", group: "chains", turn: null },
  { metric: "SR@5", group: "chains", turn: null },
  { metric: "psnr", group: "chains", turn: null },
  { metric: "psnr", group: "chains", turn: 5 },
  { metric: "psnr", group: "noop", turn: 1 },
  { metric: "psnr", group: "noop", turn: 10 },
  { metric: "psnr", group: "noop", turn: null },
  { metric: "slope.rmse", group: "noop", turn: null },
];

const [folder, out] = process.argv.slice(2);
if (folder === undefined || out === undefined) {
  console.error("Usage: npm run bench -- training-seeds RUNS OUT.json");
  process.exit(2);
}
const runs = new Map<string, BenchResults>();
for (const name of (await readdir(folder)).sort()) {
  if (/^[a-z]+-\d+$/.test(name)) runs.set(name, await readResults(join(folder, name)));
}
const first = [...runs.values()][0];
if (!first) throw new Error(`${folder} has no folder with a name like ${CONTROL}-1.`);
const arms = [...new Set([...runs.keys()].map((name) => name.split("-")[0]!))];
const seeds = [...new Set([...runs.keys()].map((name) => Number(name.split("-")[1])))];
if (runs.size !== arms.length * seeds.length)
  throw new Error("Every arm needs a run of every training seed.");
for (const [name, { dataset }] of runs) {
  if (dataset.hash !== first.dataset.hash) throw new Error(`${name} was run on other pictures.`);
}
arms.sort((a, b) => Number(b === CONTROL) - Number(a === CONTROL));

const aggregates = READ.flatMap((read) => {
  const valuesOf = (arm: string, iteration: Iteration) =>
    seeds.map((seed) => {
      const where = { ...read, method: ITERATIONS[iteration] };
      const found = estimateOf(runs.get(`${arm}-${seed}`)!, where);
      if (!found) throw new Error(`${arm}-${seed} has no ${JSON.stringify(where)}.`);
      return found.value;
    });
  const gain = (arm: string) => minus(valuesOf(arm, "latent"), valuesOf(arm, "image"));
  return arms.flatMap((arm): Aggregate[] => {
    const cells = (["latent", "image"] as const).flatMap((iteration): Aggregate[] => {
      const method = `${arm}, ${iteration}`;
      const values = valuesOf(arm, iteration);
      const against = `${CONTROL}, ${iteration}`;
      return [
        { ...read, method, estimate: estimateOver(values) },
        ...values.map((value, i) => ({
          ...read,
          ...{ method, group: `${read.group}, training seed ${seeds[i]}` },
          estimate: { value, low: null, high: null, clusters: 1, n: 1 },
        })),
        ...(arm === CONTROL
          ? []
          : [
              {
                ...read,
                method,
                against,
                estimate: estimateOver(minus(values, valuesOf(CONTROL, iteration))),
              },
            ]),
      ];
    });
    const own = {
      ...read,
      method: `${arm}, latent`,
      against: `${arm}, image`,
      estimate: estimateOver(gain(arm)),
    };
    const interaction = {
      ...read,
      ...{ method: `${arm}, latent − image`, against: `${CONTROL}, latent − image` },
      estimate: estimateOver(minus(gain(arm), gain(CONTROL))),
    };
    return [...cells, own, ...(arm === CONTROL ? [] : [interaction])];
  });
});

const { version, created, environment, dataset } = first;
const results = {
  ...{ version, experiment: null, command: ["training-seeds"], created, environment },
  model: { id: "picturebook, trained on", fingerprint: first.model.fingerprint },
  ...{ scorers: [], dataset, seeds },
  methods: [...runs].map(([name, run]) => ({
    ...{ name, title: `checkpoint ${run.model.fingerprint.slice(0, 12)}`, reference: "", settings: {} },
  })),
  ...{ intervals: "scenes-t", unit: "training seeds", aggregates, rows: [] },
};
const digits = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
const text = JSON.stringify(results, digits).replaceAll('{"metric"', '\n{"metric"');
await writeFile(out, `${text}\n`);
for (const { metric, group, turn, method, against, estimate } of aggregates) {
  if (group.includes("seed") || (against === undefined && estimate.clusters < 2)) continue;
  const { value, low, high } = estimate;
  const of = `${metric} ${group}${turn === null ? "" : ` at turn ${turn}`}`;
  console.log(
    `${of}: ${method}${against === undefined ? "" : ` against ${against}`} ${value.toPrecision(4)} [${low?.toPrecision(4)}, ${high?.toPrecision(4)}]`,
  );
}

function minus(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value - b[i]!);
}

function estimateOver(values: readonly number[]): Estimate {
  const value = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { value, ...studentInterval(values), clusters: values.length, n: values.length };
}
