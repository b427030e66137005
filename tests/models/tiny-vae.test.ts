/**
 * A tiny autoencoder in a model: in the place of the VAE, in the units that the UNet works in; for previews, which are its own while results stay the VAE's; and
 * in names, sessions and replays.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { formatModelName, parseModelName, publicModelName } from "../../src/models/open.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { preview } from "../../src/session/picture/preview.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "../parity/references.ts";
import { emilie } from "../support/command-line.ts";
import { picture, same } from "../support/session-fixture.ts";

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
/** Two levels, as the checkpoint's own VAE has. */
const [CHECKPOINT, TINY] = [at("parity/sd1/checkpoint"), at("few/tiny-64")];
const references = JSON.parse(readFileSync(join(TINY, "references.json"), "utf8"));
const tensor = readTensors(join(TINY, "references.safetensors"));
const scratch = mkdtempSync(join(tmpdir(), "emilie-tiny-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const times = ({ data, shape }: Tensor, factor: number): Tensor => ({
  data: data.map((value) => value * factor),
  shape,
});

describe.each(["fp32", "fp32-fast"] as const)("in the place of the VAE, in %s", (precision) => {
  let model: EditModel;
  beforeAll(async () => {
    model = await loadModel(CHECKPOINT, { vae: TINY, precision, threads: 1, cache: join(scratch, "cache") });
  });
  afterAll(() => model.dispose());

  it("pins the scale trap: its latents are in the UNet's units, and the checkpoint's are these divided by s", async () => {
    expect(model.scalingFactor).toBe(0.18215);
    for (const { image, encoded, latent, decoded } of references.cases) {
      const mode = await model.encodeImage(tensor(image));
      expectClose(times(mode, model.scalingFactor), tensor(encoded), "encoded");
      const shown = await model.decodeLatent(times(tensor(latent), 1 / model.scalingFactor));
      expectClose(shown, tensor(decoded), "decoded");
    }
  });

  it("edits end to end, encoding once", async () => {
    const session = await openSession(model, picture);
    const before = { ...model.calls };
    const first = await session.edit("make it red", { steps: 2, sampler: "lcm" });
    const second = await first.edit("make it blue", { steps: 2, sampler: "tcd" });
    await second.render();
    expect(model.calls.encodeImage).toBe(before.encodeImage + (before.encodeImage === 0 ? 1 : 0));
    expect(same(first.latent, second.latent)).toBe(false);
  });
});

it("for previews alone: these are its own, and results and the model stay what they are", async () => {
  const plain = await loadModel(CHECKPOINT, { threads: 1 });
  const model = await loadModel(CHECKPOINT, { previewVae: TINY, threads: 1 });
  expect(model.fingerprint).toBe(plain.fingerprint);
  expect(model.id).toBe(plain.id);
  const [theirs, ours] = [await openSession(plain, picture), await openSession(model, picture)];
  const denoised: Tensor[] = [];
  const options = {
    steps: 2,
    onProgress: (event: { denoised: Tensor }) => void denoised.push(event.denoised),
  };
  const [a, b] = [await theirs.edit("make it red", { steps: 2 }), await ours.edit("make it red", options)];
  expect(same(a.latent, b.latent)).toBe(true);
  expect((await a.render()).data).toEqual((await b.render()).data);
  const shown = await model.decodeLatent(times(denoised[0]!, 1 / model.scalingFactor), { preview: true });
  const own = await plain.decodeLatent(times(denoised[0]!, 1 / model.scalingFactor), { preview: true });
  expect(same(shown, own)).toBe(false);
  const [before, after] = [
    await preview(theirs, theirs.root, denoised[0]!),
    await preview(ours, ours.root, denoised[0]!),
  ];
  expect(after.data).not.toEqual(before.data);
  // The parent's picture, which a preview is laid over, is never the preview's own.
  expect((await ours.root.render()).data).toEqual((await theirs.root.render()).data);
  await plain.dispose();
  await model.dispose();
});

describe("names", () => {
  it("are taken apart as they were joined, and tell others no folder", () => {
    const name = {
      base: "owner/name",
      loras: [{ file: "a.safetensors", weight: 0.5 }],
      vae: "/somewhere/taesd",
      precision: "int8" as const,
    };
    expect(formatModelName(name)).toBe("owner/name + a.safetensors=0.5 with vae /somewhere/taesd in int8");
    expect(parseModelName(formatModelName(name))).toEqual(name);
    expect(publicModelName(formatModelName(name))).toBe(
      "owner/name + a.safetensors=0.5 with vae taesd in int8",
    );
    expect(parseModelName("owner/name in int8")).toEqual({
      base: "owner/name",
      loras: [],
      precision: "int8",
    });
  });

  it("are another model's, whatever the files are called, and a saved session opens with it and replays", async () => {
    const copy = join(scratch, "another-name");
    cpSync(TINY, copy, { recursive: true });
    const load = (vae?: string) => loadModel(CHECKPOINT, { vae });
    const [none, tiny, renamed] = [await load(), await load(TINY), await load(copy)];
    expect(tiny.fingerprint).not.toBe(none.fingerprint);
    expect(renamed.fingerprint).toBe(tiny.fingerprint);
    const session = await openSession(renamed, picture);
    await session.edit("make it red", { steps: 2 });
    const file = join(scratch, "kept.emilie");
    await session.save(file);
    for (const model of [none, tiny, renamed]) await model.dispose();
    const again = await loadSession(file);
    expect(again.model.fingerprint).toBe(renamed.fingerprint);
    expect((await again.verify()).map(({ result }) => result)).toEqual(["same", "same"]);
    await again.model.dispose();
  });

  it("on the command line: --vae, and replay from the picture's own session", async () => {
    const source = join(scratch, "source.png");
    cpSync(at("parity/sd1/picture-0.png"), source);
    const out = join(scratch, "out");
    const edited = await emilie(
      "edit",
      source,
      "make it red",
      "--model",
      CHECKPOINT,
      "--vae",
      TINY,
      "--steps",
      "2",
      "--out",
      out,
      "--json",
    );
    expect(edited.code, edited.stderr).toBe(0);
    expect(JSON.parse(edited.stdout).model.id).toContain(`with vae ${TINY}`);
    expect(existsSync(join(out, "session.emilie"))).toBe(true);
    const replayed = await emilie("replay", join(out, "session.emilie"), "--verify");
    expect(replayed.code, replayed.stderr + replayed.stdout).toBe(0);
  });
});

describe("what does not fit is refused before anything is computed", () => {
  const refusals: [string, () => string, string, RegExp][] = [
    [
      "another factor",
      () => at("few/tiny"),
      "checkpoint.unsupported",
      /8 times smaller.*2 times smaller.*TAESD/s,
    ],
    [
      "an ordinary VAE",
      () => join(CHECKPOINT, "vae"),
      "checkpoint.unsupported",
      /"AutoencoderKL"; expected AutoencoderTiny/,
    ],
    ["nothing there", () => join(scratch, "nowhere"), "checkpoint.missing", /AutoencoderTiny/],
    [
      "half of two files",
      () => {
        const folder = join(scratch, "half");
        cpSync(join(at("few/tiny"), "taesd_encoder.safetensors"), join(folder, "taesd_encoder.safetensors"));
        return join(folder, "taesd_encoder.safetensors");
      },
      "checkpoint.missing",
      /taesd_decoder\.safetensors/,
    ],
    [
      "other weights",
      () => join(CHECKPOINT, "unet/diffusion_pytorch_model.safetensors"),
      "checkpoint.unsupported",
      /no tiny autoencoder/,
    ],
    [
      "a pickle",
      () => {
        const file = join(scratch, "taesd_decoder.pth");
        writeFileSync(file, "PK");
        return file;
      },
      "checkpoint.unsafe",
      /pickle/,
    ],
    [
      "another activation",
      () => {
        const folder = join(scratch, "gelu");
        cpSync(TINY, folder, { recursive: true });
        const file = join(folder, "config.json");
        writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), act_fn: "gelu" }));
        return folder;
      },
      "checkpoint.unsupported",
      /act_fn/,
    ],
  ];
  it.each(refusals)("%s", async (_, path, code, message) => {
    for (const options of [{ vae: path() }, { previewVae: path() }]) {
      await expect(loadModel(CHECKPOINT, { ...options, threads: 1 })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    }
  });

  it.each(["--vae", "--preview-vae"])("by a server when it starts: %s", async (flag) => {
    const { code, stderr } = await emilie(
      "serve",
      "--port",
      "0",
      "--data",
      join(scratch, "data"),
      flag,
      "nowhere",
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/There is no autoencoder "nowhere"/);
  });
});
