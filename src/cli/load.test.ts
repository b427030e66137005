import { expect, it } from "vitest";
import type { FitPlan } from "../models/load.node.ts";
import { sayPlan } from "./load.ts";

it("says what an edit takes, and which precision takes much less time", () => {
  const plan: Omit<FitPlan, "seconds" | "quicker"> = {
    model: "owner/name",
    nativeSize: 1024,
    precision: "fp32",
    derivedBytes: 0,
    memoryBytes: 9e9,
    residentBytes: 17e9,
    works: "yes",
    lacks: null,
    machine: { memoryBytes: 24e9, diskBytes: 9e10 },
  };
  expect(sayPlan({ ...plan, seconds: 545, quicker: { precision: "int8", seconds: 170 } })).toBe(
    "owner/name: an edit of 1024 px takes about 9 min 5 s and 9.0 GB of memory (24.0 GB are free). With --precision int8 it takes about 2 min 50 s.",
  );
  expect(sayPlan({ ...plan, seconds: 20, quicker: null })).not.toMatch("--precision");
  expect(sayPlan({ ...plan, seconds: null, quicker: null })).toMatch("takes about 9.0 GB of memory");
});
