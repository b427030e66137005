/**
 * Beside the tests in a browser: a server of DreamLite's tiny checkpoints, of one with large tensors, and of what Node makes of them.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { toModelImage } from "../../src/images/model-image.ts";
import { edit } from "../../src/method/edit.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { DREAMLITE } from "../support/dreamlite-fixture.ts";
import { startRangeServer } from "../support/range-server.ts";
import { LARGE_NAMES, largeTensor } from "./large-tensors.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Address of the server, with a final slash. */
    checkpoints: string;
  }
}

/** Five tensors of ten megabytes: more than is fetched at once. */
function largeFile(): Uint8Array {
  const tensors = LARGE_NAMES.map((name, i) => [name, { data: largeTensor(i), shape: [512, 5120] }] as const);
  return writeSafetensors(Object.fromEntries(tensors));
}

/** latents/NAME/PRECISION[/LORA]: of an edit of its first picture, float32. */
async function latents(path: string, cache: string): Promise<Uint8Array | null> {
  const [, name, precision, lora] = /^latents\/(mobile|base)\/([\w-]+)(?:\/([\w.-]+))?$/.exec(path) ?? [];
  if (!name) return null;
  const folder = join(DREAMLITE, name);
  const model = await loadModel(join(folder, "checkpoint"), {
    ...{ threads: 1, cache, precision: precision as Precision },
    ...(lora ? { lora: [{ file: join(folder, lora), weight: 0.5 }] } : {}),
  });
  try {
    const picture = await readPicture(join(folder, "picture-0.png"));
    const c = await model.encodeImage(toModelImage(picture, picture.width, picture.height));
    const { c: result } = await edit(model, c, [{ instruction: "make it winter" }], { seed: 7n, steps: 2 });
    return new Uint8Array(Float32Array.from(result.data).buffer);
  } finally {
    await model.dispose();
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cache = await mkdtemp(join(tmpdir(), "emilie-checkpoints-"));
  let large: Uint8Array | undefined;
  const server = await startRangeServer(
    async (path) => {
      if (path === "large/unet/model.safetensors") {
        large ??= largeFile();
        return large;
      }
      return readFile(join(DREAMLITE, path)).catch(() => null);
    },
    (path) => latents(path, cache),
  );
  project.provide("checkpoints", server.url);
  return async () => {
    await server.close();
    await rm(cache, { recursive: true, force: true });
  };
}
