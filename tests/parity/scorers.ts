/** Scorers of the fixtures that training/parity/make_scorers.py wrote. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { openScorer } from "../../packages/bench/src/scorers/index.node.ts";
import type { Scorer } from "../../packages/bench/src/types.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import type { Picture } from "../../src/images/picture.ts";
import { readTensors } from "./references.ts";

/** EMILIE_SCORERS_DIR tests another folder, such as random configurations (training/parity/README.md). */
const folder =
  process.env.EMILIE_SCORERS_DIR ?? fileURLToPath(new URL("../fixtures/scorers", import.meta.url));

export type Kind = "clip" | "blip" | "vit" | "dinov2";

/** references.json */
interface Described {
  readonly name: string;
  readonly kind: Kind;
  readonly texts: readonly string[];
  readonly captions: readonly string[];
}

export interface ScorerFixture extends Described {
  readonly checkpoint: string;
  readonly tensor: ReturnType<typeof readTensors>;
  readonly pictures: () => Promise<Picture[]>;
}

/** All fixtures of some kinds; none is an error, so that a wrong path cannot pass. */
export function scorerFixtures(...kinds: readonly Kind[]): readonly ScorerFixture[] {
  const found = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isDirectory())
    .map((path): ScorerFixture => {
      const described: Described = JSON.parse(readFileSync(join(path, "references.json"), "utf8"));
      return {
        ...described,
        checkpoint: join(path, "checkpoint"),
        tensor: readTensors(join(path, "references.safetensors")),
        pictures: () => Promise.all([0, 1, 2].map((i) => readPicture(join(path, `picture-${i}.png`)))),
      };
    })
    .filter(({ kind }) => kinds.includes(kind));
  if (found.length === 0) throw new Error(`${folder} holds no scorer of kind ${kinds.join(", ")}`);
  return found;
}

/** The scorer of a checkpoint for the tests of the surrounding describe. */
export function scorerOf(checkpoint: string): () => Scorer {
  let scorer: Scorer | undefined;
  let cache: string;
  beforeAll(async () => {
    cache = mkdtempSync(join(tmpdir(), "emilie-scorers-"));
    scorer = await openScorer(checkpoint, { threads: 1, cache });
  });
  afterAll(async () => {
    await scorer?.dispose();
    rmSync(cache, { recursive: true, force: true });
  });
  return () => scorer!;
}
