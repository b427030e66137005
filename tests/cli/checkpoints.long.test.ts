/** The command line with single files, SDXL-class editors and LoRA: inspect, edit, and sessions that find their model again. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { emilie } from "../support/command-line.ts";

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const [single, xl, cosxl] = [
  at("parity/ldm1/checkpoint.safetensors"),
  at("parity/sdxl/checkpoint"),
  at("parity/cosxl/checkpoint.safetensors"),
];
const lora = at("lora/kohya-xl.safetensors");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "emilie-cli-checkpoints-"));
  vi.stubEnv("EMILIE_CACHE", join(folder, "converted"));
  vi.stubEnv("HF_HOME", join(folder, "home"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await emilie(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe("emilie inspect", () => {
  it("tells the families, their networks and conventions", async () => {
    expect(await json("inspect", single)).toMatchObject({
      conditionIsScaled: false,
      prediction: "epsilon",
      sampler: "dpm++2m",
      steps: 20,
      calls: 48,
      networks: [{ name: "UNet" }, { name: "VAE" }, { name: "text encoder" }],
    });
    expect(await json("inspect", xl)).toMatchObject({
      family: "InstructPix2Pix (Stable Diffusion XL)",
      conditionIsScaled: false,
      networks: [{}, {}, { name: "text encoder" }, { name: "text encoder 2" }],
    });
    expect(await json("inspect", cosxl, "--weights")).toMatchObject({
      family: "CosXL-Edit",
      conditionIsScaled: true,
      prediction: "v_prediction",
      finite: true,
    });
  });

  it("says to people what was assumed, and how much a LoRA touches", async () => {
    const { stdout } = await emilie("inspect", `${cosxl} + ${lora}=0.5`);
    expect(stdout).toMatch(/Read as Stable Diffusion XL/);
    expect(stdout).toMatch(/LoRA: 76 weights/);
    const stranger = await emilie("inspect", `${single} + ${lora}`);
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toMatch(/another architecture/);
  });

  it("--weights names the weight that is no number", async () => {
    const file = join(folder, "broken.safetensors");
    copyFileSync(single, file);
    writeFileSync(
      join(folder, "broken.emilie.json"),
      readFileSync(single.replace(/safetensors$/, "emilie.json")),
    );
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const name = "first_stage_model.decoder.conv_out.bias";
    const [begin] = JSON.parse(bytes.toString("utf8", 8, 8 + length))[name].data_offsets;
    bytes.writeFloatLE(Number.NaN, 8 + length + begin);
    writeFileSync(file, bytes);
    const args = ["inspect", file, "--tokenizer", at("parity/ldm1")];
    expect((await emilie(...args)).code).toBe(0);
    const { code, stderr } = await emilie(...args, "--weights");
    expect(code).toBe(1);
    expect(stderr).toMatch(/"decoder.conv_out.bias" is NaN/);
  });
});

describe("emilie edit", () => {
  it("takes a single file with a LoRA, and its session finds both again", async () => {
    const out = join(folder, "out");
    const picture = at("parity/cosxl/picture-0.png");
    const args = ["--model", cosxl, "--lora", `${lora}=0.8`, "--steps", "2", "--out", out];
    const first = await json("edit", picture, "make it winter", ...args);
    expect(first.model.id).toBe(`${cosxl} + ${lora}=0.8`);
    const plain = await json(
      "edit",
      picture,
      "make it winter",
      "--model",
      cosxl,
      "--steps",
      "2",
      "--out",
      join(folder, "plain"),
    );
    expect(plain.model.fingerprint).not.toBe(first.model.fingerprint);
    const session = join(out, "session.emilie");
    const again = await json("edit", session, "make it night", "--steps", "2", "--out", out);
    expect(again.model).toEqual(first.model);
    const { code, stderr } = await emilie("replay", session, "--verify");
    expect(code, stderr).toBe(0);
  });

  it("refuses a weight that is no number, and a LoRA without its model, before anything is loaded", async () => {
    const bad = await emilie("edit", at("parity/cosxl/picture-0.png"), "x", "--lora", `${lora}=strong`);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toMatch(/FILE=WEIGHT/);
    const lost = await emilie("edit", join(folder, "out/session.emilie"), "x", "--lora", lora);
    expect(lost.code).toBe(2);
    expect(lost.stderr).toMatch(/belong to a --model/);
  });
});
