/** DreamLite at its widths (256, 512, 896 channels; 0.39 billion parameters), built and not run, over picture sizes and precisions; and what a whole checkpoint is planned to need. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { knownModel } from "../../src/checkpoint/known-models.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { planModel, planPrecision } from "../../src/models/plan.ts";
import { fitIntoPage, planPage } from "../../src/models/plan-page.ts";
import { describe as describeCheckpoint } from "../../src/networks/dreamlite/describe.ts";
import { buildDreamLite, dreamLiteNeeds } from "../../src/networks/dreamlite/unet.ts";
import { parseDreamLiteUNet } from "../../src/networks/dreamlite/unet-config.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import { FULL_UNET, layOutDreamLite, unetShapes } from "../support/dreamlite-fixture.ts";
import { writeHoles } from "../support/full-checkpoint.ts";
import { placedNowhere } from "../support/published.ts";
import { checkByRuntime } from "../support/strict-session.ts";

interface Measured {
  readonly rows: readonly { readonly part: string; readonly size: number; readonly anonymousGB: number }[];
}

const root = mkdtempSync(join(tmpdir(), "emilie-full-dreamlite-"));
writeFileSync(join(root, "holes"), "");
// As long as the longest tensor.
truncateSync(join(root, "holes"), 4 * 4096 * 4096);
const nowhere = { root, location: "holes" };
afterAll(() => rmSync(root, { recursive: true, force: true }));

const config = parseDreamLiteUNet(FULL_UNET);
const shapes = unetShapes();
const weightsIn = (precision: Precision) => {
  const plain = placedNowhere(shapes, nowhere, { precision });
  const needs = precision === "fp32" ? undefined : dreamLiteNeeds(config, plain);
  return placedNowhere(shapes, nowhere, { precision, needs });
};

describe("DreamLite's UNet at full size", () => {
  it("has as many parameters as it is published with", () => {
    const count = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
    expect(Math.abs(count / 0.39e9 - 1)).toBeLessThan(0.02);
  });

  it.each([
    ["fp32", "fused"],
    ["fp32", "plain"],
    ["int8", "fused"],
  ] as const)("in %s (%s), over sizes", (precision, dialect) => {
    const weights = weightsIn(precision);
    for (const [width, height] of [
      [512, 512],
      [512, 352],
      [768, 768],
      [1024, 1024],
      [1024, 672],
      [640, 1152],
    ] as const) {
      const shape = { height: height / 8, width: width / 8, tokens: 320, factor: 8 };
      const graph = buildDreamLite(config, weights, shape, dialect);
      const picture = [1, 4, height / 8, width / 8];
      expect(graph.outputs).toEqual([{ name: "velocity", shape: picture, type: "float32" }]);
      const inputs = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, shape]));
      expect(inputs).toEqual({ z: picture, c: picture, text: [320, 2048], mask: [1, 320], timestep: [1, 1] });
    }
  });

  it.each(["fp32", "int8"] as const)("has the shapes that ONNX Runtime infers, in %s", async (precision) => {
    const shape = { height: 20, width: 36, tokens: 64, factor: 8 };
    await checkByRuntime(buildDreamLite(config, weightsIn(precision), shape), root);
  });
});

it("a whole checkpoint is read by its headers, and planned to need less than 4 GB at 512 px", async () => {
  const folder = join(root, "whole");
  await layOutDreamLite(folder, writeHoles);
  const facts = await describeCheckpoint(folderSource(folder));
  const plan = planModel(facts, { memoryBytes: 8e9, diskBytes: 50e9 }, { size: [512, 512] });
  if (process.env.EMILIE_PARITY_PRINT) console.log(JSON.stringify([facts.costs(512, 512), plan]));
  const of = (precision: Precision) => plan.precisions.find((one) => one.precision === precision)!;
  expect(of("int8").memoryBytes).toBeLessThan(4e9);
  // What was measured at full size, within a quarter.
  const file = new URL("../../docs/results/dreamlite.json", import.meta.url);
  const record = JSON.parse(readFileSync(file, "utf8")) as Measured | readonly Measured[];
  const rows = [record].flat().flatMap((one) => one.rows);
  for (const side of [512, 1024]) {
    const planned = planPrecision(
      facts,
      "int8",
      { memoryBytes: 1e12, diskBytes: 1e12 },
      { size: [side, side] },
    )!;
    const peaks = rows.filter(({ part, size }) => part.startsWith("mobile") && size === side);
    const peak = Math.max(...peaks.map(({ anonymousGB }) => anonymousGB));
    expect(planned.memoryBytes / 1e9 / peak, String(side)).toBeGreaterThan(0.8);
    expect(planned.memoryBytes / 1e9 / peak, String(side)).toBeLessThan(1.25);
  }
  expect(of("int8").works).toBe("yes");
  expect(plan.precisions.map(({ precision }) => precision)).not.toContain("fp16");
});

/** What a whole checkpoint takes of a page. */
it("fits into a page in int4: 2.5 GB of storage, WebAssembly's four gigabytes, and no large buffers", async () => {
  const folder = join(root, "page");
  await layOutDreamLite(folder, writeHoles);
  const facts = await describeCheckpoint(folderSource(folder));
  const of = (precision: Precision, memory: "normal" | "low", size?: readonly [number, number]) =>
    planPage(facts, precision, { memory, memoryBytes: 2 ** 32, size })!;
  const [normal, low] = [of("int4", "normal"), of("int4", "low")];
  if (process.env.EMILIE_PARITY_PRINT) {
    for (const precision of ["int4", "int8", "fp32"] as const)
      console.log(
        precision,
        JSON.stringify(
          [of(precision, "normal"), of(precision, "low"), of(precision, "low", [1024, 1024])],
          null,
          1,
        ),
      );
  }
  expect(normal.storageBytes).toBeLessThan(2.5e9);
  expect(normal.memoryBytes).toBeLessThan(2 ** 32);
  expect(of("int4", "low", [1024, 1024]).memoryBytes).toBeLessThan(2 ** 32);
  // What is offered says the same.
  const { page } = knownModel("carlofkl/DreamLite-mobile@diffusers")!;
  for (const [said, told] of [
    [page!.fetchBytes, normal.fetchBytes],
    [page!.storageBytes, normal.storageBytes],
    [page!.memoryBytes, normal.memoryBytes],
    [page!.leastMemoryBytes, low.memoryBytes],
  ] as const)
    expect(Math.abs(said / told - 1)).toBeLessThan(0.02);
  // Each is read from the storage into the runtime's memory by itself.
  for (const { name, bytes, largestBytes } of normal.networks) {
    expect(bytes, name).toBeLessThan(1.2e9);
    expect(largestBytes, name).toBeLessThan(64e6);
  }
  // More than four gigabytes are no page's.
  const room = { memoryBytes: 2 ** 32, quotaBytes: 1e12 };
  expect(() => fitIntoPage("DreamLite", facts, "fp32", room)).toThrow(/takes about \d+\.\d GB of memory/);
  expect(fitIntoPage("DreamLite", facts, "int4", room)).toBe("normal");
  expect(fitIntoPage("DreamLite", facts, "int4", { ...room, memoryBytes: 2 ** 31 })).toBe("low");
  expect(() => fitIntoPage("DreamLite", facts, "int4", { ...room, quotaBytes: 2e9 })).toThrow(
    /of the browser's storage, of which this page may have 2\.0 GB/,
  );
});
