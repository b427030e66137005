/** DreamLite as a model: sessions and their invariants, what it refuses, LoRAs, precisions, the command line and what is said of its licence. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { abilitiesOf } from "../../src/checkpoint/abilities.ts";
import { knownModel } from "../../src/checkpoint/known-models.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import type { Picture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { architectureOfFiles } from "../../src/models/architectures.ts";
import { selectFiles } from "../../src/models/hub/select.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "../parity/references.ts";
import { emilie } from "../support/command-line.ts";
import { copyCheckpoint, DREAMLITE, scratchFolder } from "../support/dreamlite-fixture.ts";
import { same } from "../support/session-fixture.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

const scratch = scratchFolder();
const cache = join(scratch, "cache");
const load = (name: string, options = {}) => loadModel(name, { threads: 1, cache, ...options });
const photo = join(DREAMLITE, "mobile/picture-0.png");
let picture: Picture;
let model: EditModel;
beforeAll(async () => {
  picture = await readPicture(photo);
  model = await load(copyCheckpoint(scratch, "mobile"));
});
afterAll(() => model.dispose());

describe("a session", () => {
  it("encodes its picture once, starts each edit from the latent of the last, and replays bit for bit", async () => {
    const before = { ...model.calls };
    const session = await openSession(model, picture);
    const first = await session.edit("make it winter");
    // Decoded once for the text encoder.
    expect(model.calls.decodeLatent - before.decodeLatent).toBe(1);
    await session.edit("make it green", { from: session.root });
    // The same node again: what was seen is kept.
    expect(model.calls.decodeLatent - before.decodeLatent).toBe(1);
    const third = await session.edit("make it green", { strength: 0.5, from: first });
    expect(model.calls.encodeImage - before.encodeImage).toBe(1);
    expect(model.calls.denoise - before.denoise).toBe(3 * 4);
    expect(model.calls.encodeText - before.encodeText).toBe(3);
    await third.render();
    expect(model.calls.encodeImage - before.encodeImage).toBe(1);
    // A result that was shown is not decoded again for the edit that begins with it.
    const decoded = model.calls.decodeLatent;
    await session.edit("make it night", { from: third });
    expect(model.calls.decodeLatent).toBe(decoded);
    const again = await load(join(scratch, "mobile"));
    const verified = await session.verify();
    expect(verified.map(({ result }) => result)).toEqual(Array(5).fill("same"));
    // Nor does it matter: a model that has shown nothing reads the same.
    const { latent: c } = third;
    const [told, fresh] = [
      await model.encodeText("make it red", { c }),
      await again.encodeText("make it red", { c }),
    ];
    expect(same(told.hidden, fresh.hidden)).toBe(true);
    await again.dispose();
  });

  it("keeps every pixel outside of a mask, and all of it where the mask is nothing", async () => {
    const session = await openSession(model, picture);
    const { width, height } = picture;
    const node = await session.edit("make it winter", {
      mask: maskFromBox(width, height, { x: 0, y: 0, width: 24, height }),
    });
    const [was, is] = [(await session.root.render()).data, (await node.render()).data];
    const changed = (inside: boolean) =>
      was.reduce((n, v, i) => n + Number(Math.floor(i / 4) % width < 24 === inside && v !== is[i]), 0);
    expect(changed(false)).toBe(0);
    expect(changed(true)).toBeGreaterThan(200);
    const calls = model.calls.denoise;
    const nothing = { width, height, data: new Float32Array(width * height) };
    const unchanged = await session.edit("make it blue", { mask: nothing, from: node });
    expect(same(unchanged.latent, node.latent)).toBe(true);
    expect(model.calls.denoise).toBe(calls);
  });

  it("has automatic masks, gates, early ends, several regions and drift", async () => {
    const session = await openSession(model, picture);
    const kept = await session.edit("make it winter", { stopAfter: 2 });
    expect(kept.recipe?.stopAfter).toBe(2);
    const map = await session.relevance("make it winter", { draws: 1, from: session.root });
    expect(map.data.some((m) => m === 1)).toBe(true);
    const gated = await session.edit("make it winter", { gate: 100, from: session.root });
    expect(same(gated.latent, session.root.latent)).toBe(true);
    expect((await session.drift(kept)).parent.inside.changedPixels).toBeGreaterThan(0);
    const c = session.root.latent;
    const [, h = 0, w = 0] = c.shape;
    const plane = (from: number, to: number) => ({
      data: Float32Array.from({ length: h * w }, (_, i) => (i % w >= from && i % w < to ? 1 : 0)),
      shape: [1, h, w],
    });
    const calls = model.calls.denoise;
    const regions = [
      { instruction: "make it winter", mask: plane(0, 2) },
      { instruction: "make it green", mask: plane(w - 2, w) },
    ];
    const both = await edit(model, c, regions, { steps: 1 });
    expect(model.calls.denoise - calls).toBe(2);
    for (let i = 0; i < c.data.length; i++) {
      if (i % w >= 2 && i % w < w - 2) expect(both.c.data[i]).toBe(c.data[i]);
    }
    expect(same(both.c, c)).toBe(false);
  });
});

describe("what is not defined is refused before anything is computed", () => {
  it.each([
    [{ imageGuidance: 1.5 }, /imageGuidance must be 1, got 1\.5/],
    [{ textGuidance: 3 }, /textGuidance must be 1, got 3/],
    [{ control: "direction" }, /control direction/],
    [{ sampler: "ddim" }, /rectified flow.*flow-euler/],
  ] as const)("%j", async (options, message) => {
    const session = await openSession(model, picture);
    const calls = model.calls.denoise;
    await expect(session.edit("make it winter", options as object)).rejects.toThrow(message);
    expect(model.calls.denoise).toBe(calls);
  });

  it("a text without its picture, a token that stands for one, precisions and autoencoders", async () => {
    await expect(model.encodeText("make it winter")).rejects.toThrow(
      /sees the picture; give its latent as c/,
    );
    const c = (await openSession(model, picture)).root.latent;
    await expect(model.encodeText("<|image_pad|>", { c })).rejects.toThrow(/stands for a picture/);
    const folder = join(scratch, "mobile");
    await expect(load(folder, { precision: "fp16", device: "auto" })).rejects.toThrow(/no precision fp16/);
    const tiny = new URL("../fixtures/few/tiny", import.meta.url).pathname;
    await expect(load(folder, { previewVae: tiny })).rejects.toThrow(/a tiny autoencoder already/);
  });

  it.each([
    ["model_index.json", { _class_name: "DreamLiteOtherPipeline" }, /DreamLitePipeline or/],
    ["model_index.json", { text_encoder: ["transformers", "T5EncoderModel"] }, /Qwen3VLFor/],
    ["unet/config.json", { resnet_time_scale_shift: "scale_shift" }, /resnet_time_scale_shift/],
    ["unet/config.json", { out_channels: 8 }, /out_channels/],
    ["unet/config.json", { layers_per_block: [1, 1, 1] }, /is not known to this model/],
    ["unet/config.json", { encoder_hid_dim: 24 }, /not of the same model/],
    ["unet/config.json", { attention_head_dim: [1, 3, 3] }, /cannot have 3 attention heads/],
    ["unet/config.json", { only_cross_attention: true }, /only_cross_attention/],
    ["vae/config.json", { _class_name: "AutoencoderKL" }, /expected AutoencoderTiny/],
    ["scheduler/scheduler_config.json", { use_karras_sigmas: true }, /use_karras_sigmas/],
  ])("%s with %j", async (file, keys, message) => {
    const folder = copyCheckpoint(scratch, "mobile", { [file]: keys }, "changed");
    await expect(load(folder)).rejects.toThrow(message);
    rmSync(folder, { recursive: true });
  });
});

describe("LoRA and precisions", () => {
  const folder = join(DREAMLITE, "mobile");
  const references = JSON.parse(readFileSync(join(folder, "references.json"), "utf8"));
  const tensor = readTensors(join(folder, "references.safetensors"));
  const one = references.unet[references.lora.case];
  const answer = async (options = {}): Promise<Tensor> => {
    const loaded = await load(join(folder, "checkpoint"), options);
    const text = { hidden: tensor(one.text) };
    const [made] = await loaded.denoise([{ z: tensor(one.z), c: tensor(one.c), text }], one.timestep);
    await loaded.dispose();
    return made!;
  };

  it.each(["peft", "diffusers", "kohya"])("LoRA in the naming of %s", async (naming) => {
    const file = join(folder, `lora-${naming}.safetensors`);
    expectClose(await answer({ lora: [{ file }] }), tensor(references.lora.output), naming);
  });

  it("refuses a LoRA for another model, all of it", async () => {
    const file = new URL("../fixtures/lora/writers/diffusers.safetensors", import.meta.url).pathname;
    await expect(answer({ lora: [{ file }] })).rejects.toThrow(/Nothing of it was merged/);
  });

  it.each([
    ["int8", 0.1],
    ["int4", 0.1],
    ["fp32-fast", 1e-4],
  ] as const)("%s is near fp32", async (precision, bar) => {
    expect(relativeError(await answer({ precision }), tensor(one.output))).toBeLessThan(bar);
  });
});

describe("the command line", () => {
  it("edits with a mask and replays; inspects, with the licence", async () => {
    const folder = join(scratch, "mobile");
    const args = ["edit", photo, "make it winter", "--model", folder, "--mask", "box:0,0,24,48"];
    const { code, stderr, stdout } = await emilie(...args, "--out", join(scratch, "out"), "--json");
    expect(code, stderr).toBe(0);
    const replayed = await emilie("replay", JSON.parse(stdout).session, "--verify", "--json");
    expect(replayed.code, replayed.stderr).toBe(0);
    const inspected = await emilie("inspect", folder, "--json", "--size", "96x64");
    expect(JSON.parse(inspected.stdout), inspected.stderr).toMatchObject({
      family: "DreamLite mobile",
      prediction: "flow_prediction",
      sampler: "flow-euler",
      steps: 4,
      calls: 4,
    });
    expect(inspected.stdout).toMatch(/CC BY-NC 4\.0/);
  });

  it("is offered with its licence, and known in every revision, variant and precision", () => {
    for (const id of ["carlofkl/DreamLite-mobile@diffusers", "carlofkl/DreamLite-base@diffusers"]) {
      const known = knownModel(id);
      expect(known).toMatchObject({ id, license: { name: "CC BY-NC 4.0" } });
      const repo = id.split("@")[0]!;
      for (const name of [
        repo,
        `${repo}@main`,
        `${repo}:bf16`,
        `${id} in int8`,
        `${repo} + a/b.safetensors=0.5 in int4`,
      ]) {
        expect(knownModel(name), name).toBe(known);
        expect(abilitiesOf(name, {}), name).toBe(known!.abilities);
      }
      for (const other of [`${repo}-2`, `other/${repo}`, `./${repo}`, repo.split("/")[1]!]) {
        expect(knownModel(other), other).toBeUndefined();
      }
      // What a checkpoint says of itself goes before.
      expect(abilitiesOf(id, { about: "maps" })?.summary).toBe("Edits maps.");
    }
  });

  it("is told from Stable Diffusion by its files, and pulled with its processor", () => {
    const of = (folder: string, ...names: string[]) => names.map((name) => `${folder}/${name}`);
    const weights = "diffusion_pytorch_model.safetensors";
    const paths = [
      ...["model_index.json", "scheduler/scheduler_config.json"],
      ...[...of("unet", "config.json", weights), ...of("vae", "config.json", weights)],
      ...of("text_encoder", "config.json", "model.safetensors"),
      ...of("tokenizer", "tokenizer.json", "tokenizer_config.json"),
      ...of("processor", "tokenizer.json", "preprocessor_config.json", "video_preprocessor_config.json"),
    ];
    expect(architectureOfFiles(paths).name).toBe("dreamlite");
    const others = paths.filter((path) => !path.startsWith("processor/"));
    expect(architectureOfFiles(others).name).toBe("stable-diffusion");
    const { small, weights: files } = selectFiles("x/y", paths);
    expect(small).toContain("processor/preprocessor_config.json");
    expect(small).not.toContain("processor/video_preprocessor_config.json");
    expect(files).toHaveLength(3);
  });
});
