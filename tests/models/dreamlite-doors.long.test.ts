/** DreamLite mobile through every interface (tests/support/doors.ts); the base model's guidance, and fp16, which it does not have, from the command line. */
import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it, vi } from "vitest";
import { emilie } from "../support/command-line.ts";
import { testDoors } from "../support/doors.ts";
import { copyCheckpoint, DREAMLITE, scratchFolder } from "../support/dreamlite-fixture.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

const scratch = scratchFolder();
const photo = join(scratch, "photo.png");
const edit = (model: string, out: string, ...flags: string[]) =>
  emilie(
    "edit",
    photo,
    "make it winter",
    "--model",
    join(scratch, model),
    "--out",
    join(scratch, out),
    ...flags,
  );
beforeAll(async () => {
  copyCheckpoint(scratch, "mobile");
  copyCheckpoint(scratch, "base");
  await cp(join(DREAMLITE, "mobile/picture-0.png"), photo);
});

testDoors({
  ...{ scratch, photo, model: join(scratch, "mobile"), id: "mobile" },
  box: { x: 0, y: 0, width: 24, height: 48 },
  refused: {
    flags: ["--image-guidance", "1.5"],
    request: { imageGuidance: 1.5 },
    says: /imageGuidance must be 1/,
  },
  facts: {
    family: "DreamLite mobile",
    prediction: "flow_prediction",
    sampler: "flow-euler",
    steps: 4,
    calls: 4,
  },
  networks: ["UNet", "VAE", "vision tower", "text encoder"],
  presets: { turbo: 4, draft: 1, balanced: 4, best: 10 },
});

it("the base model has InstructPix2Pix's three terms: three calls a step, and its weights are recorded", async () => {
  const weights = ["--text-guidance", "3", "--image-guidance", "1.2"];
  const how = ["--steps", "2", ...weights, "--json"];
  const { code, stderr, stdout } = await edit("base", "guided", ...how);
  expect(code, stderr).toBe(0);
  const { session } = JSON.parse(stdout);
  const replayed = await emilie("replay", session, "--verify", "--json");
  expect(replayed.code, replayed.stderr).toBe(0);
  const inspected = await emilie("inspect", join(scratch, "base"), "--json", "--size", "64x48");
  expect(JSON.parse(inspected.stdout), inspected.stderr).toMatchObject({
    family: "DreamLite",
    steps: 28,
    textGuidance: 3.5,
    imageGuidance: 1.5,
    calls: 84,
  });
});

it.each([
  [["--device", "auto"], /no precision fp16: .*use int8 or int4 on the CPU, or fp32/],
  [[], /fp16 is for GPUs/],
])("fp16 is refused before anything is computed, with %j", async (flags, message) => {
  const { code, stderr } = await edit("mobile", "half", "--precision", "fp16", ...flags);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(message);
  expect(existsSync(join(scratch, "half"))).toBe(false);
});
