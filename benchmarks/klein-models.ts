/** The checkpoints of `npm run bench -- klein`, laid out where they are missing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { layOutFolder } from "../tests/support/full-checkpoint.ts";
import { layOutKlein, originalTransformer } from "../tests/support/published-flux2.ts";
import { writeRandom } from "./random-weights.ts";

export interface KleinModels {
  /** Folders in the layout of diffusers. */
  readonly klein: string;
  readonly sd1: string;
  /** klein's transformer in the original names, as one file. */
  readonly original: string;
}

const root = (path: string) => new URL(`../${path}`, import.meta.url).pathname;
const TINY = "tests/fixtures/flux2/klein/checkpoint";

/** @param part of the benchmark; what it does not need is not made */
export async function layOutModels(scratch: string, tiny: boolean, part: string): Promise<KleinModels> {
  if (tiny) return { klein: root(TINY), sd1: root("models/picturebook"), original: join(scratch, "none") };
  const models = {
    klein: join(scratch, "klein-4b"),
    sd1: join(scratch, "sd1"),
    original: join(scratch, "original/flux-2-klein-4b.safetensors"),
  };
  const say = (folder: string, what: string) => {
    if (!existsSync(folder)) console.error(`writing ${what} to ${folder}, once`);
  };
  if (part === "draft") {
    say(models.sd1, "Stable Diffusion 1.5's size (4.3 GB)");
    await layOutFolder(models.sd1, "sd1", { write: writeRandom });
    return models;
  }
  say(models.klein, "klein 4B (16 GB)");
  await layOutKlein(models.klein, root(`${TINY}/tokenizer`), writeRandom);
  if (part === "steps") {
    say(models.original, "its transformer in the original names (8 GB)");
    await writeRandom(models.original, originalTransformer("4B"));
  }
  return models;
}
