/** What a pass that reuses deep features costs on a full-size UNet: multiplications, and seconds in turns with whole passes. */
import { median } from "../../src/bench/picture-metrics.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import { openWeights } from "../../src/checkpoint/weights.ts";
import { buildUNet, type UNetCut } from "../../src/networks/stable-diffusion/unet.ts";
import { createNodeEngine, physicalCores } from "../../src/runtime/node.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { config, folder, makeRandomUNet } from "../random-unet.ts";

const TOKENS = 77;

export interface PassCost {
  readonly pass: string;
  readonly gflop: number;
  readonly shareOfWork: number;
  readonly seconds: number;
  readonly shareOfSeconds: number;
}

/** @param size of the picture in pixels */
export async function fullSize(size: number, runs: number, threads = physicalCores()): Promise<PassCost[]> {
  await makeRandomUNet();
  const source = folderSource(folder);
  const table = await openWeights(source, "unet", "diffusion_pytorch_model");
  const weights = await mappedStorage().place(source, table);
  const engine = createNodeEngine({ threads });
  const side = size / 8;
  const random = createNoise(1);
  const feeds = {
    z: random.randn([1, 4, side, side]),
    c: random.randn([1, 4, side, side]),
    timestep: { data: Float32Array.of(500), shape: [1, 1] },
    text: random.randn([TOKENS, config.levels[0]!.crossAttentionDim]),
  };
  const make = async (pass: string, cut: UNetCut) => {
    const graph = buildUNet(config, weights, { height: side, width: side, tokens: TOKENS }, "fused", cut);
    const session = await engine.createSession(graph.encode(), { files: weights.files, root: weights.root });
    return { pass, flops: graph.flops, session, seconds: [] as number[] };
  };
  const whole = await make("whole, giving its deep features", { part: "keep" });
  const shallow = await make("shallow", { part: "shallow" });
  let deep: Tensor | undefined;
  // The first round makes the machine warm.
  for (let run = 0; run <= runs; run++) {
    for (const one of [whole, shallow]) {
      const start = performance.now();
      const outputs = await one.session.run(one === shallow ? { ...feeds, deep: deep! } : feeds);
      if (run > 0) one.seconds.push((performance.now() - start) / 1000);
      deep = outputs.deep ?? deep;
    }
  }
  await engine.dispose();
  return [whole, shallow].map(({ pass, flops, seconds }) => ({
    pass,
    gflop: flops / 1e9,
    shareOfWork: flops / whole.flops,
    seconds: median(seconds),
    shareOfSeconds: median(seconds.map((s, i) => s / whole.seconds[i]!)),
  }));
}
