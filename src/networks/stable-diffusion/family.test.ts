/** The conventions of the families are pinned here; a wrong one gives pictures that are only slightly wrong. */
import { describe, expect, it } from "vitest";
import { familyOf } from "./family.ts";
import type { Layout } from "./layout.ts";

const text = (width: number) => ({ config: { hidden_size: width } }) as Layout["texts"][number];
const of = (widths: readonly number[], scheduler: string, cosxl: boolean | null = null) =>
  familyOf({ texts: widths.map(text), scheduler: { _class_name: scheduler }, cosxl });

describe("the condition", () => {
  it("is the unscaled mode for InstructPix2Pix of every size", () => {
    expect(of([768], "EulerAncestralDiscreteScheduler")).toMatchObject({
      name: "InstructPix2Pix (Stable Diffusion 1.x)",
      conditionIsScaled: false,
    });
    expect(of([1024], "DDIMScheduler")).toMatchObject({
      name: "InstructPix2Pix (Stable Diffusion 2.x)",
      conditionIsScaled: false,
    });
    expect(of([768, 1280], "EulerDiscreteScheduler")).toMatchObject({
      name: "InstructPix2Pix (Stable Diffusion XL)",
      conditionIsScaled: false,
    });
  });

  it("is scaled for CosXL-Edit, which is known by its EDM schedule, or says so", () => {
    expect(of([768, 1280], "EDMEulerScheduler")).toMatchObject({
      name: "CosXL-Edit",
      conditionIsScaled: true,
    });
    expect(of([768, 1280], "EulerDiscreteScheduler", true).conditionIsScaled).toBe(true);
    expect(of([768, 1280], "EDMEulerScheduler", false).conditionIsScaled).toBe(false);
  });
});

it("SDXL reads both encoders before their last layer, and the second's pooled projection", () => {
  expect(of([768, 1280], "EulerDiscreteScheduler").texts).toEqual([
    { hidden: "penultimate", pooled: false },
    { hidden: "penultimate", pooled: true },
  ]);
  expect(of([768], "DDIMScheduler").texts).toEqual([{ hidden: "last", pooled: false }]);
});
