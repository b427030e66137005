/** Memory and disk as they are planned, against what was measured with checkpoints of published size. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { architectureOf } from "../../src/models/architectures.ts";
import { planModel, planPrecision, requireFit } from "../../src/models/plan.ts";
import type { CheckpointFacts } from "../../src/networks/architecture.ts";
import { layOutFolder } from "../support/full-checkpoint.ts";

interface Measured {
  readonly family: string;
  readonly form: string;
  readonly precision: Precision;
  readonly size: number;
  readonly peakAnonymousGB: number;
  readonly peakResidentGB: number;
  readonly derivedGB: number;
}

const PLENTY = { memoryBytes: 1e12, diskBytes: 1e12 };
const facts = new Map<string, CheckpointFacts>();
let folder: string;
let measured: Measured[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-plan-"));
  for (const [family, name] of [
    ["SD 1.x", "sd1"],
    ["SDXL", "sdxl"],
  ] as const) {
    await layOutFolder(join(folder, name), name);
    const source = folderSource(join(folder, name), name);
    facts.set(family, await (await architectureOf(source)).describe(source));
  }
  const file = resolve(import.meta.dirname, "../../docs/results/fullsize.json");
  const records = JSON.parse(await readFile(file, "utf8")) as { rows: Measured[] }[];
  measured = records.flatMap(({ rows }) => rows);
});
afterAll(() => rm(folder, { recursive: true }));

describe("a plan", () => {
  it("holds within a quarter of the peaks that were measured, and to a percent for the disk", () => {
    for (const { family, form, precision, size, ...peaks } of measured) {
      const plan = planPrecision(facts.get(family)!, precision, PLENTY, { size: [size, size] })!;
      const of = `${family} ${form} ${precision} ${size}`;
      expect.soft(plan.memoryBytes / 1e9 / peaks.peakAnonymousGB, of).toBeGreaterThan(0.8);
      expect.soft(plan.memoryBytes / 1e9 / peaks.peakAnonymousGB, of).toBeLessThan(1.25);
      expect.soft(plan.residentBytes / 1e9 / peaks.peakResidentGB, of).toBeGreaterThan(0.8);
      expect.soft(plan.residentBytes / 1e9 / peaks.peakResidentGB, of).toBeLessThan(1.25);
      // The folder held what an earlier run had made too where this is more.
      if (size === 512)
        expect.soft(Math.abs(plan.derivedBytes / 1e9 - peaks.derivedGB), of).toBeLessThan(0.01);
    }
    expect(measured.length).toBeGreaterThan(8);
  });

  it("takes the most exact precision that works, before one that works slowly", () => {
    const of = (memoryGB: number, diskGB = 100) =>
      planModel(facts.get("SD 1.x")!, { memoryBytes: memoryGB * 1e9, diskBytes: diskGB * 1e9 });
    const works = (memoryGB: number, diskGB?: number) =>
      Object.fromEntries(of(memoryGB, diskGB).precisions.map((one) => [one.precision, one.works]));
    expect(of(8)).toMatchObject({ takes: "fp32", width: 512, height: 512 });
    expect(works(8)).toMatchObject({ fp32: "yes", int8: "yes" });
    expect(works(4)).toMatchObject({ fp32: "slowly", int8: "yes" });
    expect(of(4).takes).toBe("int8");
    expect(works(4, 0.5)).toMatchObject({ fp32: "slowly", int8: "no" });
    expect(of(4, 0.5).takes).toBe("fp32");
    expect(of(1).takes).toBeNull();
  });

  it("counts what is derived already", () => {
    const sd1 = facts.get("SD 1.x")!;
    const full = { memoryBytes: 1e12, diskBytes: 0 };
    expect(planPrecision(sd1, "int8", full)).toMatchObject({ works: "no", lacks: "disk" });
    expect(planPrecision(sd1, "int8", full, { made: { int8: 0.8e9 } })).toMatchObject({ works: "yes" });
  });

  it("needs less with memory low, for a smaller picture, and for 4 bytes a weight more than for 1", () => {
    const of = (precision: Precision, options = {}) =>
      planPrecision(facts.get("SDXL")!, precision, PLENTY, { size: [512, 512], ...options })!.memoryBytes;
    expect(of("int8")).toBeLessThan(of("fp32"));
    expect(of("int8", { memory: "low" })).toBeLessThan(of("int8") / 2);
    expect(of("int8", { size: [256, 256] })).toBeLessThan(of("int8"));
  });

  it("refuses what does not fit even for a small picture, and says what does", () => {
    const sdxl = facts.get("SDXL")!;
    const machine = (memoryGB: number, diskGB = 100) => ({
      memoryBytes: memoryGB * 1e9,
      diskBytes: diskGB * 1e9,
    });
    requireFit("xl", sdxl, "fp32", machine(12));
    const refusal = (...given: Parameters<typeof machine>) => {
      try {
        requireFit("xl", sdxl, given[1] === 1 ? "int8" : "fp32", machine(...given));
      } catch (error) {
        return error;
      }
      return null;
    };
    expect(refusal(6)).toMatchObject({
      code: "machine.too-small",
      message: expect.stringMatching(
        /^xl in fp32 needs about 6\.\d GB of memory, and 6\.0 GB are free, even for a picture of 512 px\. In int8 it fits\./,
      ),
    });
    expect(refusal(1)).toMatchObject({
      message: expect.stringMatching(/End other programs.*EMILIE_FIT=ignore/),
    });
    expect(refusal(9, 1)).toMatchObject({ message: expect.stringMatching(/needs 3\.7 GB of disk/) });
  });
});
