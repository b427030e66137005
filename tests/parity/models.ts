/** Loads the checkpoints of the fixtures, with their converted weights in a folder that goes away. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";

/** `folder`/checkpoint, or the single file of that name. */
export function checkpointOf(folder: string): string {
  const file = join(folder, "checkpoint.safetensors");
  return existsSync(file) ? file : join(folder, "checkpoint");
}

/** The model of `folder` for the tests of the surrounding describe. */
export function modelOf(folder: string): () => EditModel {
  let model: EditModel | undefined;
  let cache: string;
  beforeAll(async () => {
    cache = mkdtempSync(join(tmpdir(), "emilie-parity-"));
    model = await loadModel(checkpointOf(folder), { threads: 1, cache });
  });
  afterAll(async () => {
    await model?.dispose();
    rmSync(cache, { recursive: true, force: true });
  });
  return () => model!;
}
