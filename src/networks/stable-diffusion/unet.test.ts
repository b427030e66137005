/** The UNet in two parts, on tiny checkpoints of several layouts. */
import { resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../checkpoint/derived.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { createNoise } from "../../tensor/noise.ts";
import { relativeError } from "../../tensor/ops.ts";
import { pooledWidth, readCheckpoint } from "./checkpoint.ts";
import { buildUNet, type UNetCut } from "./unet.ts";

const fixtures = resolve(import.meta.dirname, "../../../tests/fixtures/parity");
const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

describe.each(["sd1", "odd", "deep", "sdxl"])("%s, cut", (name) => {
  it("anywhere on its way up, its parts make the whole; a shallow part costs the less the less it does", async () => {
    const source = folderSource(resolve(fixtures, name, "checkpoint"));
    const { unet: config, tables, tokens } = await readCheckpoint(source);
    const weights = await mappedStorage().place(source, tables.unet);
    const shape = { height: 6, width: 9, tokens };
    const random = createNoise(1);
    const latent = [1, config.out_channels, shape.height, shape.width];
    const feeds = {
      z: random.randn(latent),
      c: random.randn([1, config.in_channels - config.out_channels, shape.height, shape.width]),
      timestep: { data: Float32Array.of(600), shape: [1, 1] },
      text: random.randn([tokens, config.levels[0]!.crossAttentionDim]),
    };
    const pooled = pooledWidth(config);
    const all = pooled > 0 ? { ...feeds, pooled: random.randn([1, pooled]) } : feeds;
    const run = async (cut: UNetCut | undefined, given: Record<string, (typeof feeds)["z"]>) => {
      const graph = buildUNet(config, weights, shape, "fused", cut);
      const session = await engine.createSession(graph.encode(), {
        files: weights.files,
        root: weights.root,
      });
      const outputs = await session.run(given);
      await session.release();
      return { noise: outputs.noise!, deep: outputs.deep, flops: graph.flops };
    };
    const whole = await run(undefined, all);
    const up = config.levels.reduce((sum, level) => sum + level.layers + 1, 0);
    let cost = 0;
    for (let layers = 1; layers <= up; layers++) {
      const keep = await run({ part: "keep", layers }, all);
      expect(relativeError(keep.noise, whole.noise)).toBeLessThan(1e-6);
      const shallow = await run({ part: "shallow", layers }, { ...all, deep: keep.deep! });
      expect(relativeError(shallow.noise, whole.noise)).toBeLessThan(1e-6);
      expect(shallow.flops).toBeGreaterThan(cost);
      cost = shallow.flops;
    }
    expect(cost).toBeLessThan(whole.flops);
    await weights.release();
  });
});

it("int8 spares keys of self-attention where a picture has many, and no other precision does", async () => {
  const source = folderSource(resolve(fixtures, "sd1", "checkpoint"));
  const { unet: config, tables, tokens } = await readCheckpoint(source);
  const flops = (precision: Precision, side: number, keysFrom?: number) =>
    buildUNet(config, dryPlacement(tables.unet, precision), { height: side, width: side, tokens, keysFrom })
      .flops;
  for (const precision of ["fp32", "fp32-fast"] as const) {
    expect(flops(precision, 64)).toBe(flops(precision, 64, Number.POSITIVE_INFINITY));
  }
  expect(flops("int8", 64)).toBeLessThan(flops("int8", 64, Number.POSITIVE_INFINITY));
  expect(flops("int8", 64)).toBeGreaterThan(flops("int8", 64, 1));
  expect(flops("int8", 32)).toBe(flops("int8", 32, Number.POSITIVE_INFINITY));
});
