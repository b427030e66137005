/** FLUX.2 klein through every interface (tests/support/doors.ts), and its base model with a LoRA, inspected. */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it, vi } from "vitest";
import { emilie } from "../support/command-line.ts";
import { testDoors } from "../support/doors.ts";
import { copyCheckpoint, FLUX2, scratchFolder } from "../support/flux2-fixture.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

const scratch = scratchFolder();
const photo = join(scratch, "photo.png");
beforeAll(async () => {
  copyCheckpoint(scratch, "klein");
  await cp(join(FLUX2, "klein/picture-0-0.png"), photo);
});

testDoors({
  ...{ scratch, photo, model: join(scratch, "klein"), id: "klein" },
  box: { x: 0, y: 0, width: 48, height: 64 },
  refused: {
    flags: ["--text-guidance", "4"],
    request: { textGuidance: 4 },
    says: /textGuidance must be 1/,
  },
  facts: {
    family: "FLUX.2 klein",
    prediction: "flow_prediction",
    sampler: "flow-euler",
    steps: 4,
    calls: 4,
  },
  networks: ["transformer", "VAE", "text encoder"],
  presets: { turbo: 4, draft: 1, balanced: 4, best: 10 },
});

it("the base model with a LoRA is inspected", async () => {
  const lora = join(FLUX2, "klein-base/lora-original.safetensors");
  const base = join(FLUX2, "klein-base/checkpoint");
  const merged = await emilie("inspect", `${base} + ${lora}`, "--json", "--size", "96x64");
  expect(JSON.parse(merged.stdout), merged.stderr).toMatchObject({
    merged: 10,
    steps: 50,
    textGuidance: 4,
    calls: 100,
  });
});
