/** Tiny autoencoders of the fixtures, and how a test runs their graphs. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import type { RunGraph } from "../../src/networks/autoencoder-kl/fine-stage.ts";
import { readTinyAutoencoder } from "../../src/networks/autoencoder-tiny/read.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";

export const FEW = process.env.EMILIE_FEW_DIR ?? fileURLToPath(new URL("../fixtures/few", import.meta.url));
export const tinyNames = readdirSync(FEW).filter((name) => name.startsWith("tiny"));
const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

export async function openTiny(name: string) {
  const { source, config, table } = await readTinyAutoencoder(folderSource(join(FEW, name)));
  return { config, weights: await mappedStorage().place(source, table) };
}

/** Runs each graph once, and counts them. */
export function runner(weights: PlacedWeights) {
  const keys: string[] = [];
  const run: RunGraph = async (key, build, feeds) => {
    keys.push(key);
    const session = await engine.createSession(build("fused").encode(), {
      files: weights.files,
      root: weights.root,
    });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  return { run, keys };
}
