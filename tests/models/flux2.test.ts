/** FLUX.2 klein as a model: sessions and their invariants, what it refuses, single files, weights of eight bits, LoRAs, precisions. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import type { Picture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "../parity/references.ts";
import { copyCheckpoint, FLUX2, scratchFolder } from "../support/flux2-fixture.ts";
import { same } from "../support/session-fixture.ts";

const scratch = scratchFolder();
const cache = join(scratch, "cache");
const load = (name: string, options = {}) => loadModel(name, { threads: 1, cache, ...options });
let picture: Picture;
let model: EditModel;
beforeAll(async () => {
  picture = await readPicture(join(FLUX2, "klein/picture-0-0.png"));
  model = await load(copyCheckpoint(scratch, "klein"));
});
afterAll(() => model.dispose());

const bytes = ({ data }: Picture) => Buffer.from(data);
const mask = maskFromBox(96, 64, { x: 0, y: 0, width: 33, height: 64 });

describe("a session", () => {
  it("encodes its picture once, starts each edit from the latent of the last, and replays bit for bit", async () => {
    const before = { ...model.calls };
    const session = await openSession(model, picture);
    const first = await session.edit("make it winter");
    const second = await session.edit("Paint the ROOF blue", { mask });
    const third = await session.edit("make it green", { strength: 0.5, from: second });
    expect(model.calls.encodeImage - before.encodeImage).toBe(1);
    // One call a step, and the instruction's encoding alone.
    expect(model.calls.denoise - before.denoise).toBe(3 * 4);
    expect(model.calls.encodeText - before.encodeText).toBe(3);
    const again = await edit(model, first.latent, [{ instruction: "make it winter" }], { seed: 5 });
    expect(same(again.c, first.latent)).toBe(false);
    await third.render();
    expect(model.calls.encodeImage - before.encodeImage).toBe(1);
    const verified = await session.verify();
    expect(verified.map(({ result }) => result)).toEqual(["same", "same", "same", "same"]);
  });

  it("keeps every pixel outside of a mask, whose grid is 16 pixels wide", async () => {
    const session = await openSession(model, picture);
    const node = await session.edit("make it winter", { mask });
    const [was, is] = [bytes(await session.root.render()), bytes(await node.render())];
    let changed = 0;
    for (let i = 0; i < was.length; i += 4) {
      const isInside = (i / 4) % 96 < 33;
      const isSame = was.subarray(i, i + 4).equals(is.subarray(i, i + 4));
      if (!isInside) expect(isSame, `pixel ${i / 4}`).toBe(true);
      else if (!isSame) changed++;
    }
    expect(changed).toBeGreaterThan(500);
    // What the mask does not touch of the latent is the parent's, bit for bit: three columns of tokens are touched.
    const [channels, h, w] = node.latent.shape as [number, number, number];
    for (let i = 0; i < channels * h * w; i++) {
      if (i % w >= 3) expect(node.latent.data[i]).toBe(session.root.latent.data[i]);
    }
    const nothing = { ...mask, data: new Float32Array(96 * 64) };
    const calls = model.calls.denoise;
    const unchanged = await session.edit("make it blue", { mask: nothing, from: node });
    expect(same(unchanged.latent, node.latent)).toBe(true);
    expect(model.calls.denoise).toBe(calls);
  });

  it("of twenty edits encodes its picture once, each text once, and changes no pixel outside of the masks", async () => {
    const before = { ...model.calls };
    const session = await openSession(model, picture);
    const source = bytes(await session.root.render());
    const wishes = Array.from({ length: 10 }, (_, i) => `make it winter ${i}`);
    for (let turn = 0; turn < 20; turn++) await session.edit(wishes[turn >> 1]!, { mask, seed: turn });
    const last = bytes(await session.head.render());
    expect(model.calls.encodeImage - before.encodeImage).toBe(1);
    expect(model.calls.encodeText - before.encodeText).toBe(10);
    expect(model.calls.denoise - before.denoise).toBe(20 * 4);
    let [inside, outside] = [0, 0];
    for (let i = 0; i < source.length; i += 4) {
      if (source.subarray(i, i + 4).equals(last.subarray(i, i + 4))) continue;
      if ((i / 4) % 96 < 33) inside++;
      else outside++;
    }
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(500);
  });

  it("is early ended, gated and masked by the model itself", async () => {
    const session = await openSession(model, picture);
    const kept = await session.edit("make it winter", { stopAfter: 2 });
    expect(kept.recipe?.stopAfter).toBe(2);
    const source = session.root.latent;
    const plain = await session.edit("make it winter", { from: session.root });
    // The token that moved most is a change, and those beside it that moved half as much.
    const moved = Array.from({ length: 24 }, (_, i) =>
      Math.sqrt(
        plain.latent.data.reduce((sum, z, k) => sum + (k % 24 === i ? (z - source.data[k]!) ** 2 : 0), 0) /
          16,
      ),
    );
    const gated = await session.edit("make it winter", {
      gate: 0.49 * Math.max(...moved),
      from: session.root,
    });
    const isKept = Array.from({ length: 24 }, (_, i) => gated.latent.data[i] === source.data[i]);
    expect(isKept).toContain(false);
    expect(gated.latent.data[moved.indexOf(Math.max(...moved))]).toBe(
      plain.latent.data[moved.indexOf(Math.max(...moved))],
    );
    const calls = model.calls.denoise;
    const map = await session.relevance("make it winter", { draws: 2, from: session.root });
    expect(model.calls.denoise - calls).toBe(4);
    expect(map.data.some((m) => m === 1)).toBe(true);
    expect(map.data.some((m) => m === 0)).toBe(true);
    const drift = await session.drift(kept);
    expect(drift.parent.inside.changedPixels).toBeGreaterThan(0);
  });

  it("blends several regions by their masks, one call a region", async () => {
    const c = (await openSession(model, picture)).root.latent;
    const plane = (from: number, to: number) => ({
      data: Float32Array.from({ length: 24 }, (_, i) => (i % 6 >= from && i % 6 < to ? 1 : 0)),
      shape: [1, 4, 6],
    });
    const calls = model.calls.denoise;
    const regions = [
      { instruction: "make it winter", mask: plane(0, 2) },
      { instruction: "make it green", mask: plane(4, 6) },
    ];
    const both = await edit(model, c, regions, { steps: 1 });
    expect(model.calls.denoise - calls).toBe(2);
    const alone = await Promise.all(regions.map((region) => edit(model, c, [region], { steps: 1 })));
    // In one step each region's answer is its own.
    for (let i = 0; i < c.data.length; i++) {
      const column = i % 6;
      const expected = column < 2 ? alone[0]!.c.data[i]! : column >= 4 ? alone[1]!.c.data[i]! : c.data[i]!;
      expect(both.c.data[i]).toBeCloseTo(expected, 5);
    }
  });
});

describe("what is not defined is refused before anything is computed", () => {
  const asked = [
    [{ textGuidance: 3 }, /textGuidance must be 1, got 3/],
    [{ imageGuidance: 1.5 }, /imageGuidance must be 1, got 1\.5/],
    [{ control: "direction" }, /control direction/],
    [{ base: "keep it" }, /base text/],
    [{ guidanceInterval: [0, 0.5] as const }, /guidanceInterval must be 0 to 1/],
    [{ sampler: "ddim" }, /rectified flow.*flow-euler/],
    [{ regions: [{ instruction: "make it red", weight: -1 }] }, /a region has no weight/],
  ] as const;

  it.each(asked)("%j", async (options, message) => {
    const session = await openSession(model, picture);
    const calls = model.calls.denoise;
    await expect(session.edit("make it winter", options as object)).rejects.toThrow(message);
    expect(model.calls.denoise).toBe(calls);
    expect(session.nodes.size).toBe(1);
  });

  it("references of another shape, and too many of them", async () => {
    const c = (await openSession(model, picture)).root.latent;
    const run = (references: readonly Tensor[]) =>
      edit(model, c, [{ instruction: "make it winter" }], { references });
    await expect(run([c, c, c, c, c])).rejects.toThrow(/at most 4 reference pictures, got 5/);
    await expect(run([{ ...c, shape: [8, 8, 6] }])).rejects.toThrow(/\[16, h, w\]/);
    const [one, four] = [await run([c]), await run([c, c, c, c])];
    expect(same(one.c, four.c)).toBe(false);
  });

  it("precisions and autoencoders that it does not have", async () => {
    const folder = join(scratch, "klein");
    await expect(load(folder, { precision: "fp16" })).rejects.toThrow(/fp16 is for GPUs/);
    const tiny = new URL("../fixtures/few/tiny", import.meta.url).pathname;
    await expect(load(folder, { previewVae: tiny })).rejects.toThrow(/no tiny autoencoder/);
  });

  it.each([
    ["model_index.json", { _class_name: "Flux2Pipeline" }, /Mistral/],
    ["model_index.json", { text_encoder: ["transformers", "T5EncoderModel"] }, /Qwen3ForCausalLM/],
    ["model_index.json", { is_distilled: "yes" }, /true or false/],
    ["transformer/config.json", { axes_dims_rope: [8, 4, 2, 4] }, /axes_dims_rope/],
    ["transformer/config.json", { patch_size: 2 }, /patch_size/],
    ["transformer/config.json", { out_channels: 8 }, /out_channels/],
    ["transformer/config.json", { num_layers: 3 }, /transformer_blocks\.2\..*missing/],
    ["transformer/config.json", { joint_attention_dim: 96 }, /not of the same model/],
    ["transformer/config.json", { qk_norm: true }, /qk_norm/],
    ["scheduler/scheduler_config.json", { use_karras_sigmas: true }, /use_karras_sigmas/],
    ["emilie.json", { understanding: { intents: [] } }, /understanding|intents/],
  ])("%s with %j", async (file, keys, message) => {
    const folder = copyCheckpoint(scratch, "klein", { [file]: keys }, "changed");
    await expect(load(folder)).rejects.toThrow(message);
    rmSync(folder, { recursive: true });
  });
});

describe("a single file", () => {
  const base = join(FLUX2, "klein-base");
  const references = JSON.parse(readFileSync(join(base, "references.json"), "utf8"));
  const tensor = readTensors(join(base, "references.safetensors"));
  const one = references.transformer[references.files.case];
  const folder = join(scratch, "single");
  const [original, eight] = ["flux-2-klein-base-tiny.safetensors", "flux-2-klein-base-tiny-fp8.safetensors"];
  const answer = async (model: EditModel) => {
    const [z, c, ...rest] = one.pictures.map(tensor) as [Tensor, Tensor, ...Tensor[]];
    const text = { hidden: tensor(one.text) };
    return (await model.denoise([{ z, c, text, references: rest }], one.timestep))[0]!;
  };
  const answerOf = async (name: string, options = {}) => {
    const model = await load(name, options);
    const result = await answer(model);
    await model.dispose();
    return result;
  };
  beforeAll(() => {
    mkdirSync(folder);
    for (const name of [original, eight]) cpSync(join(base, name), join(folder, name));
  });

  it("is refused alone, naming what is to be beside it", async () => {
    await expect(load(join(folder, original))).rejects.toThrow(
      /transformer alone.*no text encoder, tokenizer, autoencoder.*beside.*emilie pull black-forest-labs\/FLUX\.2-klein-4B/,
    );
  });

  it("in the original names is the same model, with the rest beside it or in another folder", async () => {
    const whole = await answerOf(join(base, "checkpoint"));
    expectClose(whole, tensor(one.output), "folder");
    const rest = join(base, "checkpoint");
    const given = await answerOf(join(folder, original), { tokenizer: rest });
    expect(same(given, whole)).toBe(true);
    for (const name of ["text_encoder", "tokenizer", "vae"])
      cpSync(join(rest, name), join(folder, name), { recursive: true });
    const model = await load(join(folder, original));
    expect(same(await answer(model), whole)).toBe(true);
    // Its name has the word base.
    expect([model.guidedBy, model.fewSteps]).toEqual(["text", undefined]);
    await model.dispose();
    cpSync(join(folder, original), join(folder, "klein.safetensors"));
    const distilled = await load(join(folder, "klein.safetensors"));
    expect([distilled.guidedBy, distilled.fewSteps]).toEqual([
      "nothing",
      { sampler: "flow-euler", steps: 4 },
    ]);
    expect(distilled.fingerprint).not.toBe(model.fingerprint);
    await distilled.dispose();
  });

  it("takes its text encoder from a single file beside it too", async () => {
    const [rest, beside] = [join(FLUX2, "klein/checkpoint"), join(scratch, "beside")];
    mkdirSync(beside);
    const copy = (from: string, to: string) =>
      cpSync(join(rest, from), join(beside, to), { recursive: true });
    copy("transformer/diffusion_pytorch_model.safetensors", "klein.safetensors");
    copy("text_encoder/model.safetensors", "qwen_3.safetensors");
    // Groups of norms cannot be told by tensors, so tiny ones need their configuration.
    copy("vae", "vae");
    await expect(load(join(beside, "klein.safetensors"))).rejects.toThrow(/there is no tokenizer for it/);
    copy("tokenizer", "tokenizer");
    const model = await load(join(beside, "klein.safetensors"));
    const [text, z] = [await model.encodeText("make it winter"), await model.encodeText("")];
    expect(text.hidden.shape).toEqual([512, 48]);
    expect(same(text.hidden, z.hidden)).toBe(false);
    const folder = await load(rest);
    expect(same(text.hidden, (await folder.encodeText("make it winter")).hidden)).toBe(true);
    await Promise.all([model.dispose(), folder.dispose()]);
  });

  it("of eight bits with scales is what its numbers are, and in int8 what is made of them", async () => {
    const expected = tensor(references.files.fp8);
    expectClose(await answerOf(join(folder, eight)), expected, "fp8");
    const rounded = await answerOf(join(folder, eight), { precision: "int8" });
    expect(relativeError(rounded, expected)).toBeLessThan(0.05);
  });

  it("as GGUF is refused, naming what to fetch", async () => {
    const file = join(folder, "flux-2-klein-4b-Q4_K_S.gguf");
    writeFileSync(file, "GGUF");
    await expect(load(file)).rejects.toThrow(/GGUF.*safetensors.*int4/s);
  });

  it.each(["diffusers", "original", "kohya"])(
    "LoRA in the naming of %s, onto folder and file",
    async (naming) => {
      const lora = [{ file: join(base, `lora-${naming}.safetensors`) }];
      for (const name of [join(base, "checkpoint"), join(folder, original)]) {
        expectClose(await answerOf(name, { lora }), tensor(references.files.lora), `${naming} onto ${name}`);
      }
      const half = await answerOf(join(base, "checkpoint"), { lora: [{ ...lora[0]!, weight: 0.5 }] });
      expect(relativeError(half, tensor(references.files.lora))).toBeGreaterThan(0.01);
    },
  );

  it("refuses a LoRA for another model, all of it", async () => {
    const file = new URL("../fixtures/lora/writers/diffusers.safetensors", import.meta.url).pathname;
    await expect(load(join(base, "checkpoint"), { lora: [{ file }] })).rejects.toThrow(
      /another architecture.*Nothing of it was merged/,
    );
  });

  it.each([
    ["int8", 0.05],
    ["int4", 0.4],
    ["fp32-fast", 1e-4],
  ] as const)("%s is near fp32, with its files made once", async (precision, bar) => {
    const expected = tensor(one.output);
    const heard: string[] = [];
    const onProgress = ({ what }: { what: string }) => heard.push(what);
    expect(
      relativeError(await answerOf(join(base, "checkpoint"), { precision, onProgress }), expected),
    ).toBeLessThan(bar);
    const made = heard.length;
    await answerOf(join(base, "checkpoint"), { precision, onProgress });
    expect(heard.length).toBe(made);
  });
});
