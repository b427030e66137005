/** Tiny autoencoders give the same in tiles as whole, both ways. */
import { describe, expect, it } from "vitest";
import { decodeTiny, encodeTiny } from "../../src/networks/autoencoder-tiny/autoencoder.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { expectClose } from "./references.ts";
import { openTiny, runner, tinyNames } from "./tiny-fixture.ts";

describe.each(tinyNames)("%s", (name) => {
  it.each(["fp32", "fp32-fast"] as const)("%s: gives the same in tiles", async (precision) => {
    const { config, weights } = await openTiny(name);
    const placed = { ...weights, precision };
    const random = createNoise(4);
    const levels = config.encoder.blocks.length;
    // As large as four tiles of the smallest size.
    const z = random.randn(
      [1, config.latentChannels, 29, 43].map((side, i) => (i < 2 ? side : levels > 2 ? side : 3 * side)),
    );
    const whole = runner(weights);
    const expected = await decodeTiny(config, placed, z, whole.run);
    const tiles = runner(weights);
    const limits = { whole: 0, tile: 1 };
    expectClose(await decodeTiny(config, placed, z, tiles.run, limits), expected, `${name}: decoded`, 1e-5);
    expect(whole.keys).toHaveLength(1);
    expect(tiles.keys.length).toBeGreaterThan(4);
    const image = { data: expected.data.map((value) => Math.tanh(value)), shape: expected.shape };
    const once = await encodeTiny(config, placed, image, whole.run);
    const encoded = await encodeTiny(config, placed, image, tiles.run, limits);
    expectClose(encoded, once, `${name}: encoded`, 1e-5);
  });
});
