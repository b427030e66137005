/**
 * Question 2, with masks that are not good: too large, too small, beside, unsteady, with gaps, at an overlap (intersection
 * over union) from 1 to 0.4 with where the truth changes: the exact mask, and not the brush, which covers it twice over and would hide what a
 * mask that is too small costs.
 *
 * "missed" is the squared error left inside the change mask, as a share of what was to change, 1 at most; "leak" is the root
 * mean squared error outside of it. In both curves a damage is the group, and 100 times the overlap stands where others have
 * the turn. The areas ("auc.missed", "auc.leak", and "auc.rmse" of the whole picture, which counts both in one unit) are mean
 * heights over the overlap from 0.4 to 1, by damage and over all.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { meanHeight } from "../aggregate.ts";
import { type Mask, maskFromPicture, pictureFromMask, readPicture, writePicture } from "../library.ts";
import { DAMAGES, type Damage, damageMask } from "../mask-damage.ts";
import { clusterOf, compareMethods, type PairedSample } from "../standard-aggregates.ts";
import type { Aggregate, BenchItem, BenchTurn, ResultRow } from "../types.ts";
import type { Experiment } from "./experiment.ts";
import { alone, firstOf, isLocal, turnsThat } from "./items.ts";

const SCENES = 20;
const OVERLAPS = [0.8, 0.6, 0.4];
/** The part of what has the exact mask; it begins every curve. */
const WHOLE = "whole";

async function saved(mask: Mask, folder: string): Promise<string> {
  const name = createHash("sha256")
    .update(`${mask.width}x${mask.height}:`)
    .update(new Uint8Array(mask.data.buffer))
    .digest("hex");
  const file = join(folder, `${name.slice(0, 32)}.png`);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  await writePicture(pictureFromMask(mask), file);
  return file;
}

/** The first local edit of a scene under its exact mask and under every damaged one. */
async function damaged(item: BenchItem, scene: number, folder: string): Promise<BenchItem[]> {
  const fits = (turn: BenchTurn) =>
    isLocal(turn) && turn.target !== undefined && turn.changeMask !== undefined;
  const [index] = turnsThat(item, fits, 1);
  const one = index === undefined ? undefined : alone(item, index);
  if (!one) return [];
  const [turn] = one.turns;
  const exact = turn!.changeMask!;
  const mask = maskFromPicture(await readPicture(exact));
  const under = (part: string, iou: number, file: string): BenchItem => ({
    ...one,
    id: `${item.id}~${part}@${iou}`,
    part,
    turns: [{ ...turn!, mask: file }],
  });
  const items = [under(WHOLE, 1, exact)];
  for (const damage of DAMAGES) {
    for (const iou of OVERLAPS) {
      const worse = damageMask(mask, damage, iou, scene);
      items.push(under(damage, iou, await saved(worse, folder)));
    }
  }
  return items;
}

/** What is drawn and whose area is taken. */
const HEIGHTS: Readonly<Record<string, (row: ResultRow) => number | null | undefined>> = {
  missed: ({ metrics }) => metrics["error.ratio"] && Math.min(1, metrics["error.ratio"]),
  leak: ({ metrics }) => metrics["l2.outside"] && Math.sqrt(metrics["l2.outside"]),
  rmse: ({ metrics }) => metrics.l2 && Math.sqrt(metrics.l2),
};

const overlapOf = ({ item }: ResultRow): number => Number(item.split("@")[1]);
const belongs = ({ part }: ResultRow, damage: Damage): boolean => part === damage || part === WHOLE;

/** Both curves by damage, and the areas under them: for each scene and seed, then their means. */
export function maskQualityAggregates(rows: readonly ResultRow[], methods: readonly string[]): Aggregate[] {
  const curves = ["missed", "leak"].flatMap((metric) =>
    DAMAGES.flatMap((group) =>
      [1, ...OVERLAPS].flatMap((iou) =>
        compareMethods(methods, { metric, group, turn: Math.round(100 * iou) }, (method) =>
          rows.flatMap((row) => {
            const value = HEIGHTS[metric]!(row);
            const counts = row.method === method && belongs(row, group) && overlapOf(row) === iou;
            if (!counts || typeof value !== "number") return [];
            return { cluster: clusterOf(row), pair: `${row.item} ${row.seed}`, value };
          }),
        ),
      ),
    ),
  );
  const areas = Object.entries(HEIGHTS).flatMap(([name, height]) =>
    [...DAMAGES, "all" as const].flatMap((group) =>
      compareMethods(methods, { metric: `auc.${name}`, group, turn: null }, (method) =>
        areaSamples(rows, method, group === "all" ? DAMAGES : [group], height),
      ),
    ),
  );
  return [...curves, ...areas];
}

/** One area for each kind of damage, scene and seed. */
function areaSamples(
  rows: readonly ResultRow[],
  method: string,
  damages: readonly Damage[],
  height: (row: ResultRow) => number | null | undefined,
): PairedSample[] {
  const points = new Map<string, { cluster: string; points: { x: number; y: number }[] }>();
  for (const row of rows) {
    const y = row.method === method ? height(row) : undefined;
    if (typeof y !== "number") continue;
    for (const damage of damages.filter((one) => belongs(row, one))) {
      const key = `${clusterOf(row)} ${row.seed} ${damage}`;
      const curve = points.get(key) ?? { cluster: clusterOf(row), points: [] };
      curve.points.push({ x: overlapOf(row), y });
      points.set(key, curve);
    }
  }
  return [...points].flatMap(([pair, { cluster, points }]) => {
    const value = meanHeight(points);
    return Number.isNaN(value) ? [] : { cluster, pair, value };
  });
}

export const maskQuality: Experiment = {
  name: "mask-quality",
  question: "How accurate must a mask be: what leaks, and what is missed, as it gets worse?",
  cost: "20 scenes × 16 masks × 2 methods: 1,920 edits",
  methods: ["emilie", "image-iteration-masked"],
  seeds: 3,
  items: async (dataset, { limit = SCENES, folder }) => {
    const scenes = firstOf(dataset, "chains", limit);
    return (await Promise.all(scenes.map((item, i) => damaged(item, i, folder)))).flat();
  },
  aggregates: maskQualityAggregates,
};
