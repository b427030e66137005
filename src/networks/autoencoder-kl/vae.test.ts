/** Pictures through the VAE in tiles must come out as they come out whole: on picturebook's weights, and a tiny checkpoint's. */
import { resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import { readPicture } from "../../images/codec.node.ts";
import { toModelImage } from "../../images/model-image.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { checkpointFolder } from "../../models/load.node.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { relativeError } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { createEditModel, type EditModelOptions } from "../stable-diffusion/editor.ts";

const PICTUREBOOK = checkpointFolder("picturebook");
const TINY = resolve(import.meta.dirname, "../../../tests/fixtures/parity/sd1/checkpoint");
const ROOT = resolve(import.meta.dirname, "../../..");

const models: EditModel[] = [];
async function open(folder: string, options: Partial<EditModelOptions> = {}): Promise<EditModel> {
  const engine = createNodeEngine({ threads: 1 });
  const model = await createEditModel(folderSource(folder), engine, { storage: mappedStorage(), ...options });
  models.push(model);
  return model;
}
afterAll(async () => {
  for (const model of models) await model.dispose();
});

/** Tiles of about 32 × 32 coarse pixels of picturebook's VAE, so that these pictures take several. */
const TILED = { vaeLimits: { whole: 0, tile: 16e6 } };
/** The smallest that there are, for the tiny checkpoint. */
const SMALL = { vaeLimits: { whole: 0, tile: 1 } };

/** A difference of half a level of 255 is not seen in a picture of 8 bits. */
const HALF_A_LEVEL = 0.5 / 127.5;
const largest = (a: Tensor, b: Tensor) =>
  a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);

describe("in tiles", () => {
  it.each([
    ["lake", 192, 256],
    ["road", 136, 328],
    ["meadow", 304, 64],
  ])("%s comes out as whole, at %i × %i", async (name, height, width) => {
    const [whole, tiled] = [await open(PICTUREBOOK), await open(PICTUREBOOK, TILED)];
    const image = toModelImage(await readPicture(`${ROOT}/examples/${name}.png`), width, height);
    const latent = await whole.encodeImage(image);
    const again = await tiled.encodeImage(image);
    expect(again.shape).toEqual(latent.shape);
    expect(relativeError(again, latent)).toBeLessThan(2e-3);
    const picture = await tiled.decodeLatent(latent);
    const expected = await whole.decodeLatent(latent);
    expect(picture.shape).toEqual([3, height, width]);
    expect(largest(picture, expected)).toBeLessThan(2 * HALF_A_LEVEL);
    // They went another way.
    expect(picture.data).not.toEqual(expected.data);
    expect([tiled.calls.encodeImage, tiled.calls.decodeLatent]).toEqual([1, 1]);
  });

  it("gives the same numbers again, and with low memory", async () => {
    const model = await open(TINY, SMALL);
    const z = await model.encodeImage(toModelImage(await readPicture(`${ROOT}/examples/road.png`), 56, 40));
    const picture = await model.decodeLatent(z);
    const low = await open(TINY, { ...SMALL, memory: "low" });
    expect((await low.decodeLatent(z)).data).toEqual(picture.data);
    expect((await model.decodeLatent(z)).data).toEqual(picture.data);
  });

  it("stops between two tiles when its signal is aborted", async () => {
    const engine = createNodeEngine({ threads: 1 });
    const controller = new AbortController();
    let runs = 0;
    const model = await createEditModel(
      folderSource(TINY),
      {
        createSession: async (...args) => {
          const session = await engine.createSession(...args);
          return {
            ...session,
            run: (feeds) => {
              if (++runs === 4) controller.abort();
              return session.run(feeds);
            },
          };
        },
        dispose: () => engine.dispose(),
      },
      { storage: mappedStorage(), ...SMALL },
    );
    models.push(model);
    const z: Tensor = { data: new Float32Array(4 * 30 * 30).map((_, i) => Math.sin(i)), shape: [4, 30, 30] };
    await expect(model.decodeLatent(z, controller)).rejects.toMatchObject({ code: "aborted" });
    expect([runs, model.calls.decodeLatent]).toEqual([4, 0]);
  });
});
