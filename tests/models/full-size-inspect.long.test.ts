/** `emilie inspect` on folders and files of the published layout and size, whose weights are holes: costs come from the headers alone. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { emilie } from "../support/command-line.ts";
import { layOutFolder, layOutSingleFile } from "../support/full-checkpoint.ts";
import type { PublishedName } from "../support/published.ts";

const root = mkdtempSync(join(tmpdir(), "emilie-full-inspect-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SIZES = ["512", "768", "1024", "1024x683", "1280x720"];

async function inspect(path: string) {
  const flags = SIZES.flatMap((size) => ["--size", size]);
  const { code, stdout, stderr } = await emilie("inspect", path, "--json", ...flags);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** Parameters of UNet, VAE and text encoders, as diffusers and transformers count them for these configurations. */
const PARAMETERS: Readonly<Record<PublishedName, readonly number[]>> = {
  sd1: [859_532_484, 83_653_863, 123_060_480],
  sd2: [865_922_244, 83_653_863, 340_387_840],
  sdxl: [2_567_475_204, 83_653_863, 123_060_480, 694_659_840],
  cosxl: [2_567_475_204, 83_653_863, 123_060_480, 694_659_840],
};

const FAMILY: Readonly<Record<PublishedName, string>> = {
  sd1: "InstructPix2Pix (Stable Diffusion 1.x)",
  sd2: "InstructPix2Pix (Stable Diffusion 2.x)",
  sdxl: "InstructPix2Pix (Stable Diffusion XL)",
  cosxl: "CosXL-Edit",
};

const NAMES = ["sd1", "sd2", "sdxl", "cosxl"] as const;

describe.each(NAMES)("%s as it is published", (name) => {
  it("is inspected as a folder and as a single file, which cost the same", async () => {
    const folder = join(root, name);
    await layOutFolder(folder, name);
    const facts = await inspect(folder);
    const parameters = facts.networks.map((network: { parameters: number }) => network.parameters);
    expect(parameters).toEqual(PARAMETERS[name]);
    expect(facts.family).toBe(FAMILY[name]);
    expect(facts.conditionIsScaled).toBe(name === "cosxl");
    // In whole latent pixels.
    expect(facts.sizes.map(({ width, height }: Record<string, number>) => `${width}x${height}`)).toEqual([
      ...["512x512", "768x768", "1024x1024", "1024x688", "1280x720"],
    ]);
    const file = join(root, `${name}-file`, "edit.safetensors");
    await layOutSingleFile(file, name);
    const single = await inspect(file);
    expect(single.family).toBe(facts.family);
    expect(single.sizes).toEqual(facts.sizes);
    // Nothing of it lies on the disk.
    expect(512 * statSync(file).blocks).toBeLessThan(2e6);
  });
});

it("costs of a picture are those of its pixels, and a size that is none is refused", async () => {
  const folder = join(root, "sd1");
  const facts = await inspect(folder);
  const [small, , large, wide] = facts.sizes;
  // 803 GFLOP for a call at 512 px as diffusers computes it; convolutions of doubled pictures are spared 4 %. Attention grows faster.
  expect(small.flops.unet / 803e9).toBeGreaterThan(0.95);
  expect(small.flops.unet / 803e9).toBeLessThan(1);
  expect(large.flops.unet).toBeGreaterThan(4 * small.flops.unet);
  expect(large.flops.unet).toBeLessThan(8 * small.flops.unet);
  expect(wide.flops.unet).toBeLessThan(large.flops.unet);
  for (const size of ["0", "x512", "512x", "99999", "-4", "1e3"]) {
    const refused = await emilie("inspect", folder, "--size", size);
    expect(refused.code, size).toBe(2);
    expect(refused.stderr).toMatch(/as 768, or width x height/);
  }
});
