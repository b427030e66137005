/** Which settings each kind of model has: as the model itself refuses them, and the same before it is loaded. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { isEmilieError } from "../../src/errors.ts";
import { availableSettings } from "../../src/method/available.ts";
import { CONTROLS } from "../../src/method/gradient-control.ts";
import { type EditOptions, resolveOptions } from "../../src/method/options.ts";
import { statedByFolder } from "../../src/models/list.node.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { samplerNames, usableSamplers } from "../../src/samplers/index.ts";
import { copyCheckpoint as copyDreamLite } from "../support/dreamlite-fixture.ts";
import { copyCheckpoint, scratchFolder } from "../support/flux2-fixture.ts";

const scratch = scratchFolder();
const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

it.each([
  ["guided by both", () => at("parity/sd1/checkpoint"), { text: -100, picture: 1 }],
  ["guided by the text", () => copyCheckpoint(scratch, "klein-base"), { text: -100, picture: null }],
  ["distilled", () => copyCheckpoint(scratch, "klein"), { text: null, picture: null }],
  ["told its guidance", () => copyCheckpoint(scratch, "embedded"), { text: 1, picture: null }],
  ["distilled, another architecture", () => copyDreamLite(scratch, "mobile"), { text: null, picture: null }],
] as const)("%s", async (_kind, open, least) => {
  const folder = open();
  const model = await loadModel(folder);
  try {
    const { leastTextGuidance, leastImageGuidance, samplers, controls, presets } = availableSettings(model);
    expect({ text: leastTextGuidance, picture: leastImageGuidance }).toEqual(least);
    expect((await statedByFolder(folder, "it"))?.settings).toEqual(availableSettings(model));
    const takes = (options: EditOptions): boolean => {
      try {
        resolveOptions(model, options);
        return true;
      } catch (error) {
        if (isEmilieError(error) && error.code === "option.invalid") return false;
        throw error;
      }
    };
    for (const [name, value] of [
      ["textGuidance", leastTextGuidance],
      ["imageGuidance", leastImageGuidance],
    ] as const) {
      expect(takes({ [name]: value ?? 1 })).toBe(true);
      expect(takes({ [name]: (value ?? 1) + 0.5 })).toBe(value !== null);
      expect(takes({ [name]: (value ?? 1) - 0.5 })).toBe(false);
    }
    expect(CONTROLS.filter((control) => takes({ control }))).toEqual(controls);
    expect(samplerNames.filter((one) => usableSamplers(model.schedulerConfig).includes(one))).toEqual(
      samplers,
    );
    for (const preset of Object.keys(presets) as (keyof typeof presets)[])
      expect(resolveOptions(model, { preset })).toMatchObject(presets[preset]!);
  } finally {
    await model.dispose();
  }
});
