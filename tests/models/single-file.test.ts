/** Checkpoints that are one file: where the tokenizer comes from, what is assumed, what is refused. Parity is in parity-*.test.ts. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readFloat32 } from "../../src/checkpoint/convert.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openCheckpoint } from "../../src/models/open.node.ts";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import { openSession } from "../../src/session/open.node.ts";
import { toHalf } from "../../src/tensor/half.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import { type Tensor, zeros } from "../../src/tensor/tensor.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/parity", import.meta.url));
const NAME = "checkpoint.safetensors";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "emilie-single-"));
  file = join(folder, NAME);
  cpSync(join(FIXTURES, "ldm1"), folder, { recursive: true });
  vi.stubEnv("HF_HOME", join(folder, "hub-home"));
  vi.stubEnv("HF_HUB_CACHE", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const models: EditModel[] = [];
afterAll(async () => {
  for (const model of models) await model.dispose();
});
async function open(name: string): Promise<EditModel> {
  const model = await loadModel(name, { threads: 1 });
  models.push(model);
  return model;
}
const read = (options: { tokenizer?: string } = {}) => readCheckpoint(openCheckpoint(file, options));
const settings = (json: object) =>
  writeFileSync(join(folder, "checkpoint.emilie.json"), JSON.stringify(json));
const OWN = JSON.parse(readFileSync(join(FIXTURES, "ldm1/checkpoint.emilie.json"), "utf8"));

/** Rewrites the file: a tensor's new name, or null to leave it out; extra ones are added. fp32 only, as the fixture is. */
async function rewrite(
  rename: (name: string) => string | null,
  extra: Readonly<Record<string, Tensor>> = {},
) {
  const source = folderSource(folder);
  const tensors: Record<string, Tensor> = {};
  for (const [name, ref] of (await readSafetensorsHeader(source, NAME)).tensors) {
    const to = rename(name);
    if (to === null || ref.type !== "F32") continue;
    const values: number[] = [];
    for await (const part of readFloat32(source, name, { ...ref, file: NAME })) values.push(...part);
    tensors[to] = { data: Float32Array.from(values), shape: ref.shape };
  }
  writeFileSync(file, writeSafetensors({ ...tensors, ...extra }));
}

describe("the tokenizer", () => {
  const elsewhere = () => {
    const there = join(folder, "elsewhere");
    cpSync(join(folder, "tokenizer"), join(there, "tokenizer"), { recursive: true });
    rmSync(join(folder, "tokenizer"), { recursive: true });
    return there;
  };

  it("lies beside the file, in a folder that is named, or loosely", async () => {
    const expected = [...(await read()).texts[0]!.tokenizer.encode("make it winter")];
    const there = elsewhere();
    for (const tokenizer of [there, join(there, "tokenizer")]) {
      const { texts } = await read({ tokenizer });
      expect([...texts[0]!.tokenizer.encode("make it winter")]).toEqual(expected);
    }
    cpSync(join(there, "tokenizer"), folder, { recursive: true });
    expect([...(await read()).texts[0]!.tokenizer.encode("make it winter")]).toEqual(expected);
  });

  it("or comes from a model that was pulled, if it fits", async () => {
    const there = elsewhere();
    const snapshot = (repo: string) =>
      join(folder, `hub-home/hub/models--${repo}/snapshots/${"a".repeat(40)}/tokenizer`);
    cpSync(join(there, "tokenizer"), snapshot("some--editor"), { recursive: true });
    // An earlier name with another vocabulary is passed over.
    mkdirSync(snapshot("another--editor"), { recursive: true });
    writeFileSync(
      join(snapshot("another--editor"), "vocab.json"),
      '{"<|startoftext|>":0,"<|endoftext|>":1,"a":2}',
    );
    writeFileSync(join(snapshot("another--editor"), "merges.txt"), "#version: 0.2\n");
    expect((await read()).texts[0]!.tokenizer.length).toBe(77);
  });

  it("is asked for with what to run, where there is none", async () => {
    elsewhere();
    await expect(read()).rejects.toMatchObject({
      code: "checkpoint.missing",
      message: expect.stringMatching(
        /vocabulary of \d+ tokens.*--tokenizer.*emilie pull timbrooks\/instruct-pix2pix/,
      ),
    });
  });

  it("of another vocabulary is refused with both sizes, and of a folder checkpoint cannot be changed", async () => {
    await expect(read({ tokenizer: "picturebook" })).rejects.toThrow(
      /does not fit it \(picturebook has \d+ tokens\)/,
    );
    expect(() => openCheckpoint("picturebook", { tokenizer: folder })).toThrow(/single file/);
  });
});

describe("the averaged weights", () => {
  it("are used where the file has all of them, unless it is said otherwise", async () => {
    const averaged = await open(file);
    expect((await read()).notes.join(" ")).toMatch(/averaged \(EMA\) weights are used/);
    settings({ ...OWN, ema: false });
    const last = await open(file);
    expect(last.fingerprint).not.toBe(averaged.fingerprint);
    const z = zeros([4, 4, 4]);
    const [a, b] = await Promise.all(
      [averaged, last].map(async (model) => {
        const [output] = await model.denoise([{ z, c: z, text: await model.encodeText("a") }], 500);
        return output!.data;
      }),
    );
    expect(a).not.toEqual(b);
  });

  it("are not used where one is missing", async () => {
    await rewrite((name) => (name.startsWith("model_ema.diffusion_modelout") ? null : name));
    const { notes } = await read();
    expect(notes.join(" ")).not.toMatch(/averaged/);
    expect(notes.join(" ")).toMatch(/Ignored, since an editor does not use them.*model_ema/);
  });
});

describe("what a file cannot say", () => {
  it("is assumed aloud, and taken from the JSON beside it", async () => {
    const assumed = await read();
    expect(assumed.scheduler.prediction_type).toBe("epsilon");
    expect(assumed.notes.join(" ")).toMatch(/taken to predict the noise.*checkpoint\.emilie\.json/);
    expect(assumed.notes.join(" ")).toMatch(/Ignored, since an editor does not use them.*betas/);
    settings({
      ...OWN,
      scheduler: { prediction_type: "v_prediction" },
      defaults: { steps: 7 },
      nativeSize: 96,
    });
    const said = await read();
    expect(said.scheduler).toMatchObject({ prediction_type: "v_prediction", beta_schedule: "scaled_linear" });
    expect(said.own).toEqual({ defaults: { steps: 7 }, nativeSize: 96 });
    expect(said.notes.join(" ")).not.toMatch(/taken to predict/);
  });

  it.each(["v_pred", "ztsnr"])("is marked in some files: %s", async (mark) => {
    await rewrite((name) => name, { v_pred: zeros([1]), ...(mark === "ztsnr" ? { ztsnr: zeros([1]) } : {}) });
    const { scheduler } = await read();
    expect(scheduler.prediction_type).toBe("v_prediction");
    expect(scheduler.rescale_betas_zero_snr).toBe(mark === "ztsnr" ? true : undefined);
  });

  it("is refused where the JSON names a key that does not exist, or contradicts the tensors", async () => {
    settings({ ...OWN, unett: {} });
    await expect(read()).rejects.toThrow(/checkpoint\.emilie\.json.*"unett"/);
    settings({ ...OWN, unet: { ...OWN.unet, magic: 1 } });
    await expect(read()).rejects.toThrow(/"magic"/);
    settings({ ...OWN, unet: { ...OWN.unet, block_out_channels: [8, 24] } });
    await expect(read()).rejects.toMatchObject({
      code: expect.stringMatching(/malformed|missing/),
      message: expect.stringMatching(/checkpoint\.safetensors.*should have shape/),
    });
  });
});

describe("a file of other programs", () => {
  const latent = async () => {
    const model = await open(file);
    const session = await openSession(model, join(FIXTURES, "ldm1/picture-0.png"));
    return (await session.edit("make it winter", { steps: 1 })).latent;
  };

  it("is the same below another name, and with the averages of its UNet alone", async () => {
    const expected = await latent();
    await rewrite((name) => `state_dict.${name}`);
    expect(await latent()).toEqual(expected);
    await rewrite((name) =>
      name.startsWith("state_dict.model.diffusion_model.") ? null : name.slice("state_dict.".length),
    );
    expect(await latent()).toEqual(expected);
    // Taken as they are only where nobody asked for the others.
    settings({ ...OWN, ema: false });
    await expect(read()).rejects.toThrow(/averaged weights of its UNet alone.*Leave "ema" out/);
  });

  it("may have a VAE in half precision beside a UNet in full", async () => {
    const expected = await latent();
    const bytes = readFileSync(file);
    const { tensors } = await readSafetensorsHeader(folderSource(folder), NAME);
    const header: Record<string, object> = {};
    const data: Uint8Array[] = [];
    let at = 0;
    for (const [name, { type, shape, offset, length }] of tensors) {
      let own: Uint8Array = new Uint8Array(bytes.subarray(offset, offset + length));
      const isVae = name.startsWith("first_stage_model.") && type === "F32";
      if (isVae) own = new Uint8Array(toHalf(new Float32Array(own.buffer)).buffer);
      header[name] = { dtype: isVae ? "F16" : type, shape, data_offsets: [at, at + own.length] };
      at += own.length;
      data.push(own);
    }
    const text = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(file, Buffer.concat([size, text, ...data]));
    const half = await latent();
    expect(half).not.toEqual(expected);
    expect(relativeError(half, expected)).toBeLessThan(0.01);
  });
});

describe("a file that is not a whole editor", () => {
  it("is refused, naming what it lacks", async () => {
    await rewrite((name) => (name.startsWith("first_stage_model.") ? null : name));
    await expect(read()).rejects.toThrow(/no tensors first_stage_model\.\*/);
  });

  it("is refused without its text encoder", async () => {
    await rewrite((name) => (name.startsWith("cond_stage_model.") ? null : name));
    await expect(read()).rejects.toThrow(/cond_stage_model/);
  });

  it("or with a tensor that is missing, or none of ours", async () => {
    await rewrite(
      (name) =>
        name.endsWith("middle_block.2.out_layers.3.bias") || name.startsWith("model_ema") ? null : name,
      {
        "model.diffusion_model.input_blocks.1.0.adapter.weight": zeros([2]),
      },
    );
    await expect(read()).rejects.toMatchObject({
      code: "checkpoint.missing",
      message: expect.stringMatching(
        /mid_block\.resnets\.1\.conv2\.bias.*missing.*adapter\.weight" is not known/,
      ),
    });
  });

  it("a text-to-image file says that it has no input for the picture", async () => {
    await rewrite(
      (name) => (name.endsWith("input_blocks.0.0.weight") || name.startsWith("model_ema") ? null : name),
      {
        "model.diffusion_model.input_blocks.0.0.weight": zeros([8, 4, 3, 3]),
      },
    );
    await expect(read()).rejects.toThrow(/cannot edit.*in_channels 4/);
  });

  it("a LoRA says how it is used", async () => {
    writeFileSync(
      file,
      readFileSync(fileURLToPath(new URL("../fixtures/lora/kohya.safetensors", import.meta.url))),
    );
    await expect(read()).rejects.toThrow(/is a LoRA.*--lora/);
  });

  it("a pickle is not opened, and neither is anything else", () => {
    for (const [name, code] of [
      ["model.ckpt", "checkpoint.unsafe"],
      ["model.bin", "checkpoint.unsafe"],
      ["model.gguf", "checkpoint.unsupported"],
    ] as const) {
      writeFileSync(join(folder, name), "x");
      expect(() => openCheckpoint(join(folder, name))).toThrow(expect.objectContaining({ code }));
    }
    expect(() => openCheckpoint(join(folder, "nowhere.safetensors"))).toThrow(/\.safetensors file/);
  });
});
