/** Of picturebook's UNet: the multiplications of a pass that reuses deep features, through those of a whole one. */
import { readFileSync } from "node:fs";
import { Graph } from "../../src/graph/graph.ts";
import { Scope, WeightReader } from "../../src/networks/layers/scope.ts";
import { parseUNetConfig } from "../../src/networks/stable-diffusion/configs.ts";
import { type UNetCut, unet } from "../../src/networks/stable-diffusion/unet.ts";

const CONFIG = new URL("../../models/picturebook/unet/config.json", import.meta.url);
/** A picture of 128 px; its texts are padded to as many tokens. */
const SHAPE = { height: 16, width: 16, tokens: 32 };

export function shallowShare(): number {
  const config = parseUNetConfig(JSON.parse(readFileSync(CONFIG, "utf8")));
  const flops = (cut?: UNetCut) => {
    const graph = new Graph("unet");
    const none = { folder: "unet", tensors: new Map(), files: [], release: async () => {} };
    unet(new Scope(graph, new WeightReader(none)), config, SHAPE, cut);
    return graph.flops;
  };
  return flops({ part: "shallow" }) / flops();
}
