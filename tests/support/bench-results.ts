/** A run's results as the runner would write them: drawn with a fixed seed, over the pictures of imie-picturebook. */
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type {
  Aggregate,
  BenchDataset,
  BenchResults,
  Estimate,
  ResultRow,
} from "../../packages/bench/src/types.ts";

export const pictures = resolve(import.meta.dirname, "../../packages/bench/datasets/imie-picturebook");

interface StoredTurn {
  instruction: string;
  kind: string;
  global: boolean;
  mask?: string;
  target: string;
}

interface StoredItem {
  id: string;
  part: string;
  image: string;
  turns: StoredTurn[];
}

/** How each method fares: share of edits that succeed, PSNR lost with every turn, pixels changed outside. */
const METHODS = {
  emilie: { skill: 0.93, loss: 0.12, outside: 0, sharpness: 1.0, seconds: 0.9, rows: 60 },
  "emilie-uncontrolled": { skill: 0.92, loss: 0.22, outside: 0.4, sharpness: 0.99, seconds: 0.9, rows: 60 },
  "image-iteration": { skill: 0.9, loss: 0.75, outside: 0.97, sharpness: 1.04, seconds: 1.0, rows: 60 },
  concat: { skill: 0.72, loss: 0.5, outside: 0.95, sharpness: 0.98, seconds: 0.9, rows: 60 },
  sdedit: { skill: 0.3, loss: 0.95, outside: 0.99, sharpness: 0.9, seconds: 0.5, rows: 30 },
  diffedit: { skill: 0.42, loss: 0.3, outside: 0.21, sharpness: 0.97, seconds: 2.6, rows: 170 },
  "blended-latent": { skill: 0.55, loss: 0.28, outside: 0, sharpness: 0.98, seconds: 1.1, rows: 75 },
};
type Name = keyof typeof METHODS;

/** Uniform numbers in [0, 1): SplitMix32. */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** The dataset that {@link exampleResults} is about: some items of each part. */
export function exampleDataset(itemsOfPart: number): BenchDataset {
  const stored = JSON.parse(readFileSync(join(pictures, "dataset.json"), "utf8")) as { items: StoredItem[] };
  const file = (path: string) => join(pictures, path);
  const items = [...new Set(stored.items.map(({ part }) => part))].flatMap((part) =>
    stored.items.filter((item) => item.part === part).slice(0, itemsOfPart),
  );
  return {
    name: "imie-picturebook",
    hash: "3f".repeat(32),
    licence: "MIT",
    items: items.map(({ image, turns, ...item }) => ({
      ...item,
      image: file(image),
      turns: turns.map(({ target, mask, ...turn }) => ({
        ...turn,
        target: file(target),
        ...(mask && { mask: file(mask) }),
      })),
    })),
  };
}

export interface ExampleOptions {
  readonly itemsOfPart?: number;
  readonly seeds?: readonly number[];
  /** Where results.json is thought to be: pictures are named relative to it. */
  readonly folder: string;
  readonly instruction?: string;
}

export function exampleResults({
  itemsOfPart = 4,
  seeds = [1, 2],
  folder,
  instruction,
}: ExampleOptions): BenchResults {
  const dataset = exampleDataset(itemsOfPart);
  const random = uniform(7);
  const rows: ResultRow[] = [];
  for (const method of Object.keys(METHODS) as Name[]) {
    for (const item of dataset.items) {
      for (const seed of seeds) {
        for (const [i, turn] of item.turns.entries()) {
          const { skill, loss, outside, sharpness, seconds, rows: unetCalls } = METHODS[method];
          const noise = random() - 0.5;
          const chance = skill * Math.exp(-loss * 0.05 * i);
          const psnr = 29 - loss * (i + 1) ** 0.85 + 2 * noise;
          rows.push({
            method,
            item: item.id,
            part: item.part!,
            seed,
            turn: i + 1,
            instruction: instruction ?? turn.instruction,
            kind: turn.kind!,
            global: turn.global!,
            masked: turn.mask !== undefined,
            // Whoever succeeds shows the truth; whoever does not shows where the session began.
            picture: relative(folder, random() < chance ? turn.target! : item.image),
            metrics: {
              psnr,
              l2: 10 ** (-psnr / 10),
              "psnr.outside": psnr + 2,
              ...(turn.mask && {
                "psnr.original.outside": outside === 0 ? null : 34 - loss * i + noise,
                "changed.outside": outside * (1 - 0.2 * random()),
              }),
              sharpness: sharpness + 0.004 * loss * i * i * (method === "sdedit" ? -0.4 : 1) + 0.05 * noise,
              "clip.text": 0.3 - 0.002 * loss * i + 0.02 * noise,
            },
            success: random() < chance,
            collapsed: random() < 0.02 * loss * i,
            unetCalls,
            seconds: seconds * (0.9 + 0.2 * random()),
          });
        }
      }
    }
  }
  return {
    version: 1,
    intervals: "scenes-t",
    experiment: "iteration",
    command: ["--experiment", "iteration", "--seeds", String(seeds.length), "--out", "out/my bench"],
    created: "2026-01-15T10:20:30.000Z",
    environment: {
      emilie: "0.1.0",
      node: "v22.12.0",
      onnxruntime: "1.30.0",
      cpu: "2 × AMD EPYC",
      threads: 2,
      peakMemoryMB: 812,
    },
    model: { id: "picturebook", fingerprint: "8a1c".repeat(8) },
    scorers: [{ name: "clip", model: "picturebook-clip", hash: "77".repeat(32) }],
    dataset: { name: dataset.name, hash: dataset.hash, items: dataset.items.length, licence: "MIT" },
    seeds,
    methods: Object.keys(METHODS).map((name) => ({
      name,
      title: `${name[0]!.toUpperCase()}${name.slice(1).replace("-", " ")}`,
      reference: name.startsWith("emilie") ? "arXiv 2309.00613" : "arXiv 2211.09800",
      settings: { steps: 20, sampler: "dpm-solver++", textGuidance: 7.5, imageGuidance: 1.5, strength: null },
    })),
    aggregates: [...levels(rows), ...damages()],
    rows,
  };
}

const GROUPS: Readonly<Record<string, (row: ResultRow) => boolean>> = {
  all: () => true,
  local: (row) => row.global === false && row.kind !== "noop",
  global: (row) => row.global === true,
  noop: (row) => row.part === "noop",
  cycle: (row) => row.part === "cycle",
  long: (row) => row.part === "long",
};
const METRICS = [
  "psnr",
  "l2",
  "psnr.outside",
  "psnr.original.outside",
  "changed.outside",
  "sharpness",
  "clip.text",
];

function levels(rows: readonly ResultRow[]): Aggregate[] {
  const of = (metric: string) => (row: ResultRow) =>
    metric === "success"
      ? Number(row.success)
      : metric === "collapsed"
        ? Number(row.collapsed)
        : row.metrics[metric];
  const out: Aggregate[] = [];
  const add = (
    metric: string,
    name: string,
    group: string,
    turn: number | null,
    some: readonly ResultRow[],
  ) => {
    const value = of(metric);
    const keyed = (method: string) =>
      new Map(
        some
          .filter((row) => row.method === method)
          .map((row) => [`${row.item} ${row.seed} ${row.turn}`, row]),
      );
    const reference = keyed("image-iteration");
    for (const method of Object.keys(METHODS)) {
      const own = [...keyed(method)];
      const level = mean(own.map(([, row]) => [row.item, value(row)]));
      if (level) out.push({ metric: name, method, group, turn, estimate: level });
      if (method === "image-iteration") continue;
      const pairs = own.map(([key, row]) => {
        const [a, b] = [value(row), reference.has(key) ? value(reference.get(key)!) : null];
        return [row.item, typeof a === "number" && typeof b === "number" ? a - b : null] as const;
      });
      const difference = mean(pairs);
      if (difference)
        out.push({ metric: name, method, group, turn, estimate: difference, against: "image-iteration" });
    }
  };
  for (const [group, belongs] of Object.entries(GROUPS)) {
    const some = rows.filter(belongs);
    const turns = Math.max(...some.map(({ turn }) => turn));
    for (const metric of ["success", "collapsed", ...METRICS]) {
      add(metric, metric, group, null, some);
      for (let turn = 1; turn <= turns; turn++) {
        add(
          metric,
          metric,
          group,
          turn,
          some.filter((row) => row.turn === turn),
        );
      }
    }
    for (const k of [1, 2, 3, 4, 5, 10, 15, 20, 25].filter((k) => k <= turns)) {
      const upTo = some.filter(({ turn }) => turn === k).map((row) => chainUpTo(rows, row));
      add("success", `SR@${k}`, group, null, upTo);
      add("collapsed", `CR@${k}`, group, null, upTo);
    }
  }
  for (const kind of [...new Set(rows.map((row) => row.kind!))].sort()) {
    const some = rows.filter((row) => row.kind === kind);
    for (const metric of ["success", "psnr"]) add(metric, metric, `kind:${kind}`, null, some);
  }
  return out;
}

/** The row with what SR@k and CR@k ask: all turns so far right, any of them collapsed. */
function chainUpTo(rows: readonly ResultRow[], last: ResultRow): ResultRow {
  const at = rows.indexOf(last);
  const chain = rows.slice(at - last.turn + 1, at + 1);
  return {
    ...last,
    success: chain.every(({ success }) => success),
    collapsed: chain.some(({ collapsed }) => collapsed),
  };
}

/** The mean with a normal interval over items' means. */
function mean(values: readonly (readonly [string, number | null | undefined])[]): Estimate | undefined {
  const finite = values.filter((pair): pair is readonly [string, number] => typeof pair[1] === "number");
  if (finite.length === 0) return undefined;
  const items = [...new Set(finite.map(([item]) => item))];
  const value = finite.reduce((sum, [, one]) => sum + one, 0) / finite.length;
  const means = items.map((id) => {
    const own = finite.filter(([item]) => item === id);
    return own.reduce((sum, [, one]) => sum + one, 0) / own.length;
  });
  const spread = Math.sqrt(means.reduce((sum, one) => sum + (one - value) ** 2, 0)) / means.length;
  return {
    value,
    low: value - 1.96 * spread,
    high: value + 1.96 * spread,
    clusters: items.length,
    n: finite.length,
  };
}

function damages(): Aggregate[] {
  const harm = { dilate: [0.3, 0], erode: [0, 0.8], shift: [0.2, 0.5], jitter: [0.1, 0.2], holes: [0, 0.6] };
  const out: Aggregate[] = [];
  for (const [group, [leak, missed]] of Object.entries(harm) as [string, [number, number]][]) {
    for (const method of ["emilie", "diffedit", "blended-latent"] as const) {
      for (const iou of [100, 90, 80, 60, 40]) {
        const worse = (1 - iou / 100) * (method === "emilie" ? 0.8 : 1.2);
        for (const [metric, value] of [
          ["leak", 0.01 + leak * worse],
          ["missed", 0.08 + missed * worse],
        ] as const) {
          const estimate = { value, low: value * 0.9, high: value * 1.12, clusters: 40, n: 120 };
          out.push({ metric, method, group, turn: iou, estimate });
        }
      }
    }
  }
  return out;
}
