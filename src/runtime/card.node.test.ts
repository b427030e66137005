/** Where there is no card: what is said, and that "auto" goes on without one. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Graph } from "../graph/graph.ts";
import { add } from "../graph/ops.ts";
import { requireCard, requireCardFile, requireHalf } from "./card.node.ts";
import { createNodeEngine } from "./node.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-card-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("takes a Linux machine that shows a card's file for one with a card, and no other", async () => {
  const none = expect.objectContaining({ code: "runtime.missing" });
  expect(() => requireCardFile("linux", folder)).toThrow(none);
  await mkdir(join(folder, "dri"));
  await writeFile(join(folder, "dri", "card0"), ""); // a screen, which need not compute
  expect(() => requireCardFile("linux", folder)).toThrow(none);
  await writeFile(join(folder, "dri", "renderD128"), "");
  requireCardFile("linux", folder);
  await rm(join(folder, "dri"), { recursive: true });
  await writeFile(join(folder, "nvidia0"), "");
  requireCardFile("linux", folder);
  requireCardFile("darwin", "nowhere");
});

it.each([
  ["webgpu", /device "cpu".*no available backend/s],
  ["cuda", /ONNXRUNTIME_NODE_INSTALL=cuda12.*no available backend/s],
] as const)(
  "says what to do where %s makes no session, and what the runtime said",
  async (device, message) => {
    await expect(requireCard(ort, device, { executionProviders: ["none"] })).rejects.toMatchObject({
      code: "runtime.missing",
      message: expect.stringMatching(message),
    });
    await requireCard(ort, device, { executionProviders: ["cpu"] });
  },
);

it("takes what computes in half precision for that", async () => {
  await requireHalf(ort, { executionProviders: ["cpu"], logSeverityLevel: 3 });
});

it("refuses a device that there is not", () => {
  expect(() => createNodeEngine({ device: "gpu" as "cpu" })).toThrow(
    expect.objectContaining({ code: "option.invalid", message: expect.stringMatching(/"cuda"; got gpu/) }),
  );
});

it.skipIf(process.platform !== "linux" || existsSync("/dev/dri") || existsSync("/dev/nvidia0"))(
  "auto computes on the processor where there is no card, and says why",
  async () => {
    const graph = new Graph("twice");
    const x = graph.input("x", [2]);
    graph.output("y", add({ graph, path: "twice" }, x, x));
    const engine = createNodeEngine({ threads: 1, device: "auto" });
    try {
      const session = await engine.createSession(graph.encode());
      const { y } = await session.run({ x: { data: Float32Array.of(1, 2), shape: [2] } });
      expect(y!.data).toEqual(Float32Array.of(2, 4));
      expect(engine.device).toEqual({
        name: "cpu",
        reason: expect.stringMatching(/No GPU was found/),
      });
    } finally {
      await engine.dispose();
    }
  },
);
