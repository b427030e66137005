/** `emilie demo` with a script of our own on a tiny checkpoint, and `emilie inspect`. */
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writePicture } from "../../src/images/codec.node.ts";
import { maskFromBox, pictureFromMask } from "../../src/images/mask.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { emilie } from "../support/command-line.ts";

const fixture = (path: string) => resolve(import.meta.dirname, "../fixtures/parity/sd1", path);
let folder: string;
let script: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-demo-"));
  await copyFile(fixture("picture-0.png"), join(folder, "scene.png"));
  await writePicture(
    pictureFromMask(maskFromBox(24, 16, { x: 4, y: 4, width: 8, height: 8 })),
    join(folder, "roof.png"),
  );
  await mkdir(join(folder, "golden"));
  script = join(folder, "demo.json");
  const steps = [
    { id: "winter", instruction: "make it winter", steps: 2 },
    { id: "roof", instruction: "paint the roof blue", mask: "roof.png", steps: 2 },
    { id: "night", instruction: "make it night", from: "winter", steps: 2, seed: 4 },
  ];
  const expected = { roof: "golden/roof.png", night: "golden/night.png" };
  const demo = {
    model: fixture("checkpoint"),
    image: "scene.png",
    steps,
    expect: expected,
    tolerance: { psnr: 40 },
  };
  await writeFile(script, JSON.stringify(demo));
});
afterAll(() => rm(folder, { recursive: true }));

describe("emilie demo", () => {
  it("runs the script with its branch and compares with the expected pictures", async () => {
    const golden = (name: string) => join(folder, "golden", name);
    for (const name of ["roof.png", "night.png"]) await writePicture(blankPicture(24, 16), golden(name));
    const first = await emilie("demo", script, "--out", join(folder, "out"));
    expect(first.code).toBe(1);
    expect(first.stdout).toMatch(/✗ roof: [\d.]+ dB from/);
    expect(first.stderr).toMatch(/Not as expected: roof, night/);
    expect(first.stdout).toMatch(/3 {2}make it night {2}\(from winter\)/);
    expect((await readdir(join(folder, "out"))).length).toBe(5);

    await copyFile(join(folder, "out", "02-paint-the-roof-blue.png"), golden("roof.png"));
    await copyFile(join(folder, "out", "03-make-it-night.png"), golden("night.png"));
    const second = await emilie("demo", script, "--out", join(folder, "out"), "--json");
    expect(second.code).toBe(0);
    const report = JSON.parse(second.stdout);
    expect(report.checks).toEqual([
      { id: "roof", file: golden("roof.png"), psnr: null, passed: true },
      { id: "night", file: golden("night.png"), psnr: null, passed: true },
    ]);
    expect(report.steps.map((step: { from: string }) => step.from)).toEqual(["original", "winter", "winter"]);
    expect(report.steps[1].change.outside).toMatchObject({ changedPixels: 0, pixels: 24 * 16 - 64 });
  });

  it("fails on an expected picture of another size", async () => {
    await writePicture(blankPicture(8, 8), join(folder, "golden", "roof.png"));
    const { code, stderr } = await emilie("demo", script, "--out", join(folder, "out"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/24×16 and 8×8/);
  });

  it("fails with a clear line where there is no script", async () => {
    const { code, stderr } = await emilie("demo", join(folder, "nothing.json"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/nothing\.json cannot be read/);
  });
});

describe("emilie inspect", () => {
  it("tells family, parameters, types, operations and memory", async () => {
    const { code, stdout } = await emilie("inspect", fixture("checkpoint"), "--json");
    expect(code).toBe(0);
    const facts = JSON.parse(stdout);
    expect(facts).toMatchObject({ family: "InstructPix2Pix", prediction: "epsilon", scalingFactor: 0.18215 });
    const [unet] = facts.networks;
    expect(unet).toMatchObject({ name: "UNet", types: ["F32"], storedBytes: 4 * unet.parameters });
    const [small, , large] = facts.sizes;
    expect(large.size).toBe(4 * small.size);
    // Convolutions grow sixteenfold with four times the side, attention faster.
    expect(large.flops.unet / small.flops.unet).toBeGreaterThan(15);
    expect(large.workingBytes).toBeGreaterThan(small.workingBytes);
    const people = await emilie("inspect", fixture("checkpoint"));
    expect(people.stdout).toMatch(/UNet +282\.1 k +F32/);
  });

  it("says what is missing where there is no checkpoint", async () => {
    const { code, stderr } = await emilie("inspect", folder);
    expect(code).toBe(1);
    expect(stderr).toMatch(/model_index\.json/);
  });
});
