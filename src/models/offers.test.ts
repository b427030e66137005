import { describe, expect, it } from "vitest";
import { offers, planOfKnown } from "./offers.ts";

describe("an offered model's plan", () => {
  const klein = offers().find(({ id }) => id === "black-forest-labs/FLUX.2-klein-4B")!;
  const on = (memoryGB: number, diskGB = 100) =>
    planOfKnown(klein, { memoryBytes: memoryGB * 1e9, diskBytes: diskGB * 1e9 });

  it("takes int8 where it works, since an edit in fp32 takes many minutes, and else the most exact whose weights stay in memory", () => {
    expect(on(64).takes).toBe("int8");
    // There is no room on the disk for it: fp32, as long as its weights stay in memory.
    expect(on(24, 1).takes).toBe("fp32");
    expect(on(12).takes).toBe("int8");
    expect(on(12).precisions.map(({ works }) => works)).toEqual(["slowly", "yes", "yes"]);
    expect(on(5).takes).toBe("int4");
    expect(on(12, 5).takes).toBe("int4");
  });

  it("takes one that works slowly before none", () => {
    expect(on(12, 1).takes).toBe("fp32");
    expect(on(3).takes).toBeNull();
  });

  it("takes the most exact precision of an editor that computes less", () => {
    const small = offers().find(({ id }) => id === "timbrooks/instruct-pix2pix")!;
    expect(planOfKnown(small, { memoryBytes: 24e9, diskBytes: 100e9 }).takes).toBe("fp32");
  });
});
