/**
 * Checkpoints and LoRAs that were made for few steps: which they are, what the preset turbo makes of them, and UNets that are told their guidance,
 * held to diffusers (training/parity/make_few.py; EMILIE_FEW_DIR tests another folder, such as random configurations).
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { resolveOptions } from "../../src/method/options.ts";
import { presetOf, presetsOf } from "../../src/method/presets.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "../parity/references.ts";
import { emilie } from "../support/command-line.ts";
import { box, picture, same } from "../support/session-fixture.ts";

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const FEW = process.env.EMILIE_FEW_DIR ?? at("few");
const scratch = mkdtempSync(join(tmpdir(), "emilie-few-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Json = Record<string, unknown>;
/** The checkpoint sd1 with another scheduler, or another UNet. */
function folderWith(name: string, { scheduler, unet }: { scheduler?: Json; unet?: string }): string {
  const folder = join(scratch, name);
  cpSync(at("parity/sd1/checkpoint"), folder, { recursive: true });
  const file = join(folder, "scheduler/scheduler_config.json");
  const before: Json = JSON.parse(readFileSync(file, "utf8"));
  if (scheduler) writeFileSync(file, JSON.stringify({ ...before, ...scheduler }));
  if (unet) cpSync(unet, join(folder, "unet"), { recursive: true });
  return folder;
}
/** A copy of a LoRA under another name, and in another folder. */
function loraNamed(...path: string[]): string {
  const file = join(scratch, "loras", ...path);
  cpSync(at("lora/writers/diffusers.safetensors"), file);
  return file;
}

interface Guided {
  readonly prompt: string;
  readonly unet: readonly { readonly timestep: number; readonly guidance: number; readonly output: string }[];
  readonly runs: readonly {
    readonly sampler: "lcm" | "tcd";
    readonly steps: number;
    readonly guidance: number;
    readonly seed: number;
    readonly result: string;
  }[];
}

const guided = readdirSync(FEW).filter((name) => name.startsWith("guided"));
describe.each(guided)("a UNet that is told its guidance: %s", (name) => {
  const references: Guided = JSON.parse(readFileSync(join(FEW, name, "references.json"), "utf8"));
  const tensor = readTensors(join(FEW, name, "references.safetensors"));
  let model: EditModel;
  beforeAll(async () => {
    model = await loadModel(folderWith(name, { unet: join(FEW, name, "unet") }), { threads: 1 });
  });
  afterAll(() => model.dispose());

  it("answers as diffusers' does", async () => {
    const text = await model.encodeText(references.prompt);
    const [z, c] = [tensor("z"), tensor("c")];
    for (const { timestep, guidance, output } of references.unet) {
      const [answer] = await model.denoise([{ z, c, text, guidance }], timestep);
      expectClose(answer!, tensor(output), `${name}: t ${timestep}, guidance ${guidance}`);
    }
  });

  it("edits in few steps as diffusers does, one call a step, and guidance is what the network is told", async () => {
    const regions = [{ instruction: references.prompt }];
    for (const { sampler, steps, guidance, seed, result } of references.runs) {
      const before = model.calls.denoise;
      const options = { sampler, steps, seed, textGuidance: guidance, imageGuidance: 1 };
      const xs: Tensor[] = [];
      await edit(model, tensor("c"), regions, { ...options, onStep: ({ x }) => void xs.push(x) });
      expect(model.calls.denoise - before).toBe(steps);
      expectClose(xs.at(-1)!, tensor(result), `${name}: ${sampler}, ${steps} steps`);
    }
  });

  it("is for few steps, and turbo guides it by telling it", async () => {
    expect(model.fewSteps).toEqual({ sampler: "lcm", steps: 4 });
    expect(presetOf(model, "turbo")).toEqual({
      sampler: "lcm",
      steps: 4,
      textGuidance: 7.5,
      imageGuidance: 1,
      guidanceInterval: [0, 1],
    });
    const before = model.calls.denoise;
    const c = tensor("c");
    const weak = await edit(model, c, [{ instruction: "make it red" }], { preset: "turbo", textGuidance: 2 });
    expect(model.calls.denoise - before).toBe(4);
    const strong = await edit(model, c, [{ instruction: "make it red" }], { preset: "turbo" });
    expect(same(weak.c, strong.c)).toBe(false);
  });
});

describe("what was made for few steps", () => {
  const names: [string[], object | undefined][] = [
    [["lcm-lora-sdv1-5", "pytorch_lora_weights.safetensors"], { sampler: "lcm", steps: 4 }],
    [["LCM_LoRA_SD15.safetensors"], { sampler: "lcm", steps: 4 }],
    [["TCD-SD15-LoRA.safetensors"], { sampler: "tcd", steps: 4 }],
    [["Hyper-SD15-8steps-lora.safetensors"], { sampler: "tcd", steps: 8 }],
    [["Hyper-SDXL-1step-lora.safetensors"], { sampler: "tcd", steps: 1 }],
    [
      ["models--h1t--TCD-SD15-LoRA", "snapshots", "0a1b2c", "pytorch_lora_weights.safetensors"],
      { sampler: "tcd", steps: 4 },
    ],
    [["style.safetensors"], undefined],
    [["hyperrealism.safetensors"], undefined],
    [["calcmd.safetensors"], undefined],
    [["40000steps.safetensors"], undefined],
  ];
  it.each(names)("a LoRA by its name: %j", async (path, expected) => {
    const file = loraNamed(...path);
    const model = await loadModel(at("parity/sd1/checkpoint"), { lora: [{ file }], threads: 1 });
    expect(model.fewSteps).toEqual(expected);
    await model.dispose();
    const off = await loadModel(at("parity/sd1/checkpoint"), { lora: [{ file, weight: 0 }], threads: 1 });
    expect(off.fewSteps).toBeUndefined();
    await off.dispose();
  });

  it("a LoRA by the title in its metadata", async () => {
    const bytes = readFileSync(at("lora/writers/diffusers.safetensors"));
    const size = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + size));
    header.__metadata__ = { ...header.__metadata__, ss_output_name: "my-tcd-6step" };
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const file = join(scratch, "renamed.safetensors");
    writeFileSync(file, Buffer.concat([length, text, bytes.subarray(8 + size)]));
    const model = await loadModel(at("parity/sd1/checkpoint"), { lora: [{ file }], threads: 1 });
    expect(model.fewSteps).toEqual({ sampler: "tcd", steps: 6 });
    await model.dispose();
  });

  it.each([
    ["LCMScheduler", "lcm"],
    ["TCDScheduler", "tcd"],
  ] as const)(
    "%s: a session with masks, strength and gate, and every preset is sampled so",
    async (_class_name, sampler) => {
      const scheduler = { _class_name, original_inference_steps: 50, timestep_scaling: 10 };
      const model = await loadModel(folderWith(sampler, { scheduler }), { threads: 1 });
      expect(presetsOf(model)).toEqual(["turbo", "draft", "balanced", "best"]);
      const steps = { turbo: 4, draft: 1, balanced: 4, best: 10 };
      for (const preset of presetsOf(model)) {
        expect(resolveOptions(model, { preset })).toMatchObject({
          sampler,
          steps: steps[preset],
          textGuidance: 1,
          imageGuidance: 1,
        });
      }
      const session = await openSession(model, picture);
      const before = model.calls.denoise;
      const first = await session.edit("make it red", { preset: "turbo", mask: box });
      expect(model.calls.denoise - before).toBe(4);
      expect(first.recipe).toMatchObject({ sampler, steps: 4, textGuidance: 1, imageGuidance: 1 });
      const weak = await first.edit("make it blue", { preset: "turbo", strength: 0.5, gate: 0.01 });
      const again = await first.edit("make it blue", { preset: "turbo", strength: 0.5, gate: 0.01 });
      expect(same(weak.latent, again.latent)).toBe(true);
      await model.dispose();
    },
  );

  it("is refused as turbo where nothing was, before anything is computed, and inspect does not list it", async () => {
    const model = await loadModel(at("parity/sd1/checkpoint"), { threads: 1 });
    const session = await openSession(model, picture);
    const before = { ...model.calls };
    await expect(session.edit("make it red", { preset: "turbo" })).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/turbo.*few steps.*draft/),
    });
    expect(model.calls).toEqual(before);
    await model.dispose();
    const plain = await emilie("inspect", at("parity/sd1/checkpoint"), "--json");
    const listed = (text: string) => JSON.parse(text).presets.map(({ preset }: { preset: string }) => preset);
    expect(listed(plain.stdout)).toEqual(["draft", "balanced", "best"]);
    const lora = loraNamed("lcm.safetensors");
    const few = await emilie("inspect", `${at("parity/sd1/checkpoint")} + ${lora}`, "--json");
    expect(listed(few.stdout)).toEqual(["turbo", "draft", "balanced", "best"]);
    expect(JSON.parse(few.stdout).presets[0]).toMatchObject({ sampler: "lcm", steps: 4, calls: 4 });
  });
});
