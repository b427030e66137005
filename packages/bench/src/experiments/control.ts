/**
 * Question 2: gradient control in its readings. Results laid over their parents do not leak, whatever the control does in
 * the latent, so the readings are compared bare; `vae-once` is what the decoder alone changes. Part "single" are local edits,
 * each from its true picture: leak outside of the mask, the edit inside, the seam on its border. Part "soft" are global edits
 * under a mask that rises from left to right: does the picture follow it?
 */

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pictureFromMask, readPicture, type Size, writePicture } from "../library.ts";
import type { BenchItem } from "../types.ts";
import type { Experiment } from "./experiment.ts";
import { alone, firstOf, isLocal, turnsThat } from "./items.ts";

const SCENES = 16;
const LOCAL_EDITS = 3;

/** From nearly 0 at the left to nearly 1 at the right. */
async function ramp(folder: string, { width, height }: Size): Promise<string> {
  const file = join(folder, `ramp-${width}x${height}.png`);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  const data = Float32Array.from({ length: width * height }, (_, i) => ((i % width) + 0.5) / width);
  await writePicture(pictureFromMask({ width, height, data }), file);
  return file;
}

async function soft(item: BenchItem, folder: string): Promise<BenchItem[]> {
  const [index] = turnsThat(item, (turn) => turn.global === true && turn.target !== undefined, 1);
  const one = index === undefined ? undefined : alone(item, index, "soft");
  if (!one) return [];
  const mask = await ramp(folder, await readPicture(one.image));
  // Half of an edit is neither right nor wrong: without a change mask nobody judges it.
  const turns = one.turns.map((turn) => ({ ...turn, mask, changeMask: undefined }));
  return [{ ...one, part: "soft", turns }];
}

export const control: Experiment = {
  name: "control",
  question: "What does each variant of gradient control preserve, change, and show at the border?",
  cost: "16 scenes × (up to 3 local edits, 1 under a soft mask) × 9 methods: 1,647 edits",
  methods: [
    "emilie",
    "emilie-bare",
    "emilie-direction-bare",
    "emilie-anchored+direction-bare",
    "emilie-threshold-bare",
    "emilie-literal-bare",
    "emilie-auto",
    "image-iteration",
    "image-iteration-masked",
    "vae-once",
  ],
  seeds: 3,
  items: async (dataset, { limit = SCENES, folder }) => {
    const scenes = firstOf(dataset, "chains", limit);
    const single = scenes.flatMap((item) =>
      turnsThat(item, isLocal, LOCAL_EDITS).flatMap((index) => alone(item, index) ?? []),
    );
    const softened = await Promise.all(scenes.map((item) => soft(item, folder)));
    return [...single.map((item) => ({ ...item, part: "single" })), ...softened.flat()];
  },
};
