/** Several sets of weights in one repository or folder: which are fetched, which are loaded, and what models are called then. */
import { cp, mkdir, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fingerprint } from "../../src/checkpoint/fingerprint.ts";
import { readSafetensorsHeader, safetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { type LoadProgress, loadModel, type PullPlan } from "../../src/index.ts";
import { listModels } from "../../src/models/list.node.ts";
import { openCheckpoint, publicModelName } from "../../src/models/open.node.ts";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import { toHalf } from "../../src/tensor/half.ts";
import { ownerOf } from "../../src/util/process-identity.node.ts";
import { emilie } from "../support/command-line.ts";
import { cache, checkpoint, home, hub, hubForEachTest, id, pull, unet } from "../support/hub-fixture.ts";

hubForEachTest();

const named = (variant: string) => unet.replace(".safetensors", `.${variant}.safetensors`);

/** The UNet's weights in half precision. */
async function halfUNet(): Promise<Buffer> {
  const { tensors } = await readSafetensorsHeader(folderSource(checkpoint), unet);
  const bytes = await readFile(join(checkpoint, unet));
  const all = [...tensors];
  const header = safetensorsHeader(all.map(([name, { shape }]) => [name, { type: "F16", shape }]));
  const values = all.map(([, { offset, length }]) => {
    const fp32 = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + length),
    );
    return Buffer.from(toHalf(fp32).buffer);
  });
  return Buffer.concat([header, ...values]);
}

/** What tells loaded weights apart, without a runtime. */
async function fingerprintOf(name: string): Promise<string> {
  const source = openCheckpoint(name);
  const { tables, texts } = await readCheckpoint(source);
  return fingerprint(source, [tables.unet, tables.vae, ...texts.map(({ table }) => table)]);
}

const snapshot = (commit: string) => join(cache, "models--tiny--editor/snapshots", commit);

describe("a variant", () => {
  it("is a part of the model's name, from the pull to the load and the list", async () => {
    hub.addFolder(id, checkpoint).files.set(named("fp16"), await halfUNet());
    const half = await pull({ variant: "fp16" });
    expect(half).toMatchObject({ id: `${id}:fp16`, variants: { unet: "fp16", vae: "full" } });
    expect(hub.requests(unet)).toEqual([]);
    const fp16 = await fingerprintOf(half.id);
    // As long as nothing else is there, the plain name means it.
    expect(await fingerprintOf(id)).toBe(fp16);
    await expect(fingerprintOf(`${id}:full`)).rejects.toMatchObject({ code: "option.invalid" });

    const full = await pull();
    expect(full.id).toBe(id);
    expect(await fingerprintOf(id)).not.toBe(fp16);
    expect(await fingerprintOf(`${id}:fp16`)).toBe(fp16);
    const model = await loadModel(id, { variant: "fp16", cache: join(home, "made") });
    await model.dispose();
    expect([model.id, model.fingerprint]).toEqual([`${id}:fp16`, fp16]);
    const ids = (await listModels(0, cache)).models.map((model) => model.id);
    expect(ids).toEqual(["picturebook", id, `${id}:fp16`]);
    await expect(fingerprintOf(`${id}:bf16`)).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/no weights of the variant "bf16"; it has fp16, full.*--variant bf16/),
    });
    expect((await pull({}, `${id}:fp16`)).id).toBe(`${id}:fp16`);
    await expect(pull({ variant: "bf16" }, `${id}:fp16`)).rejects.toMatchObject({ code: "option.invalid" });
  });

  it("may have any name, and is loaded by the plain one where it is the only one", async () => {
    const repo = hub.addFolder(id, checkpoint);
    repo.files.set(named("non_ema"), repo.files.get(unet)!);
    repo.files.set(named("ema"), await halfUNet());
    const one = await pull({ variant: "non_ema" });
    expect(one.id).toBe(`${id}:non_ema`);
    expect(await fingerprintOf(id)).toBe(await fingerprintOf(one.id));
    await pull({ variant: "ema" });
    await expect(fingerprintOf(id)).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/variants ema, non_ema.*--variant/),
    });
    expect(await fingerprintOf(`${id}:ema`)).not.toBe(await fingerprintOf(one.id));
  });

  it("belongs to the name of a folder too, and to none of a single file", async () => {
    const folder = join(home, "mine");
    await cp(checkpoint, folder, { recursive: true });
    await writeFile(join(folder, named("fp16")), await halfUNet());
    expect(await fingerprintOf(`${folder}:fp16`)).not.toBe(await fingerprintOf(folder));
    expect(publicModelName(`${folder}:fp16 in int8`)).toBe("mine:fp16 in int8");
    expect(publicModelName(`${id}:fp16`)).toBe(`${id}:fp16`);
    const inspected = await emilie("inspect", folder, "--variant", "fp16", "--json");
    expect(JSON.parse(inspected.stdout).networks[0]).toMatchObject({ variant: "fp16", types: ["F16"] });
    const file = `${join(folder, unet)}:fp16`;
    await expect(fingerprintOf(file)).rejects.toMatchObject({ code: "option.invalid" });
  });

  it("in parts is what its index names; a part that is lacking is told, and an index alone is none", async () => {
    const folder = join(home, "parts");
    await cp(checkpoint, folder, { recursive: true });
    const { tensors } = await readSafetensorsHeader(folderSource(checkpoint), unet);
    const map = Object.fromEntries([...tensors.keys()].map((name) => [name, "anything.safetensors"]));
    const index = join(folder, "unet/diffusion_pytorch_model.safetensors.index.fp16.json");
    await writeFile(index, JSON.stringify({ weight_map: map }));
    await expect(fingerprintOf(`${folder}:fp16`)).rejects.toMatchObject({ code: "option.invalid" });
    await writeFile(join(folder, "unet/anything.safetensors"), await halfUNet());
    expect(await fingerprintOf(`${folder}:fp16`)).not.toBe(await fingerprintOf(folder));
    const first = [...tensors.keys()][0]!;
    await writeFile(index, JSON.stringify({ weight_map: { ...map, [first]: "gone.safetensors" } }));
    await expect(fingerprintOf(`${folder}:fp16`)).rejects.toThrow(/unet of .* lacks 1 of the parts/);
    await fingerprintOf(folder);
  });
});

describe("before the weights", () => {
  it("the plan is told: files, bytes, those not there yet, and where", async () => {
    hub.addFolder(id, checkpoint);
    const plans: PullPlan[] = [];
    const onPlan = (plan: PullPlan) => {
      expect(hub.log.filter(({ path }) => path.includes("/resolve/"))).toEqual([]);
      plans.push(plan);
    };
    const pulled = await pull({ onPlan });
    expect(plans).toEqual([
      {
        files: 12,
        bytes: pulled.bytes,
        bytesToFetch: pulled.bytes,
        folder: pulled.folder,
        variants: pulled.variants,
        license: null,
      },
    ]);
    hub.log.length = 0;
    await pull({ onPlan });
    expect(plans[1]).toMatchObject({ bytes: pulled.bytes, bytesToFetch: 0 });
  });

  it.each([
    ["unet/config.json", { down_block_types: ["UnknownBlock2D"] }],
    ["unet/config.json", { cross_attention_dim: 123 }],
    ["vae/config.json", { latent_channels: 16 }],
    ["text_encoder/config.json", { hidden_act: "swiglu" }],
    // Each of these is told from two files together, or from one that only the load used to read.
    ["unet/config.json", { in_channels: 9 }],
    ["unet/config.json", { norm_num_groups: 7 }],
    ["text_encoder/config.json", { vocab_size: 5 }],
    ["scheduler/scheduler_config.json", { beta_start: "0.1" }],
    ["tokenizer/tokenizer_config.json", { model_max_length: 1 }],
  ])("what %s cannot be used with is refused", async (path, change) => {
    const config = JSON.parse(await readFile(join(checkpoint, path), "utf8"));
    hub.addFolder(id, checkpoint, { [path]: JSON.stringify({ ...config, ...change }) });
    await expect(pull()).rejects.toMatchObject({ code: expect.stringMatching(/^checkpoint\./) });
    expect(hub.requests(".safetensors")).toEqual([]);
  });
});

describe("in the place of a file", () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3438167540\n";
  const page = "<!DOCTYPE html>\n<html><body>Please log in</body></html>";
  const pickle = Buffer.concat([Buffer.from("PK\u0003\u0004"), Buffer.alloc(200)]);

  it.each([
    [unet, pointer, "checkpoint.malformed", /unet.* is a Git LFS pointer.*git lfs pull/],
    [unet, page, "checkpoint.malformed", /unet.* is a web page/],
    [unet, pickle, "checkpoint.unsafe", /unet.* is a pickle/],
    ["vae/config.json", pointer, "checkpoint.malformed", /vae\/config\.json.* is a Git LFS pointer/],
    [
      "model_index.json",
      `\uFEFF\n${page.toLowerCase()}`,
      "checkpoint.malformed",
      /model_index\.json.* is a web page/,
    ],
    ["tokenizer/merges.txt", pointer, "checkpoint.malformed", /merges\.txt.* is a Git LFS pointer/],
    ["tokenizer/vocab.json", page, "checkpoint.malformed", /vocab\.json.* is a web page/],
  ])("%s, what stands there is named", async (path, content, code, message) => {
    const folder = join(home, "stand-in");
    await cp(checkpoint, folder, { recursive: true });
    await writeFile(join(folder, path), content);
    await expect(fingerprintOf(folder)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe("a cache that others have filled", () => {
  it("without refs names the snapshots that are there, and copies in the place of links load", async () => {
    const repo = hub.addFolder(id, checkpoint);
    await mkdir(join(snapshot(repo.commit), ".."), { recursive: true });
    await cp(checkpoint, snapshot(repo.commit), { recursive: true });
    await expect(fingerprintOf(id)).rejects.toMatchObject({
      code: "checkpoint.missing",
      message: expect.stringContaining(`Of ${id} there are ${id}@${repo.commit}; name one of them.`),
    });
    await expect(fingerprintOf(join(cache, "models--tiny--editor"))).rejects.toThrow(
      new RegExp(`repository folder of the hub's cache.*snapshots.${repo.commit}`),
    );
    await fingerprintOf(`${id}@${repo.commit}`);
  });

  it("with a link whose blob is gone says which", async () => {
    hub.addFolder(id, checkpoint);
    const { folder } = await pull();
    const blobs = join(cache, "models--tiny--editor/blobs");
    for (const name of await readdir(blobs)) if (name.length === 64) await unlink(join(blobs, name));
    await expect(fingerprintOf(id)).rejects.toMatchObject({
      code: "checkpoint.missing",
      message: expect.stringMatching(
        /unet\/diffusion_pytorch_model\.safetensors.*the link's blob is gone.*emilie pull/s,
      ),
    });
    await pull();
    await fingerprintOf(folder);
  });

  it("with unfinished downloads lists them, and clears them where that is asked for", async () => {
    vi.stubEnv("EMILIE_CACHE", join(home, "made"));
    hub.addFolder(id, checkpoint);
    const { folder } = await pull();
    const blobs = join(folder, "../../blobs");
    await writeFile(join(blobs, `${"a".repeat(64)}.paused.incomplete`), Buffer.alloc(5000));
    const list = JSON.parse((await emilie("models", "--json")).stdout);
    expect(list.cache.unfinished).toEqual([{ repo: id, bytes: 5000 }]);
    expect(JSON.parse((await emilie("models", "clear", "--json")).stdout).unfinishedBytes).toBe(0);
    const cleared = await emilie("models", "clear", "--downloads", "--json");
    expect(JSON.parse(cleared.stdout).unfinishedBytes).toBe(5000);
    expect((await readdir(blobs)).filter((name) => name.endsWith(".incomplete"))).toEqual([]);
    await fingerprintOf(id);
  });
});

it("what was made of a model is listed with it, whole or begun, and made again where it was cut", async () => {
  vi.stubEnv("EMILIE_CACHE", join(home, "made"));
  hub.addFolder(id, checkpoint);
  await pull();
  const run = (...args: string[]) => emilie(...args, "--json");
  const load = async (onProgress?: (progress: LoadProgress) => void) =>
    (await loadModel(`${id} in int8`, { onProgress })).dispose();
  await load();
  const made = (await readdir(join(home, "made"))).filter((name) => name.endsWith(".safetensors"));
  expect(made).toHaveLength(1);
  const file = join(home, "made", made[0]!);
  const size = (await readFile(file)).length;
  const models = async () =>
    JSON.parse((await run("models")).stdout).models.find((one: { id: string }) => one.id === id);
  expect((await models()).made).toEqual({ int8: size });
  await truncate(file, size - 1);
  const told: unknown[] = [];
  await load((one) => told.push(one.reason));
  expect(told[0]).toMatch(/damaged/);
  // Of a process that is gone: more than Linux counts to.
  await writeFile(`${file}.${ownerOf(4_194_305)}-1.partial`, (await readFile(file)).subarray(0, size - 100));
  await rm(file);
  expect((await models()).made).toEqual({ "int8 (unfinished)": size - 100 });
  const from: number[] = [];
  await load((one) => from.push(one.bytes));
  expect(from[0]).toBeGreaterThan(size / 2);
  expect((await readFile(file)).length).toBe(size);
});
