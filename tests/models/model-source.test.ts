/** A session finds its model from any folder: its parts are stored by themselves, not as one name to be taken apart. */
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { LoadProgress } from "../../src/checkpoint/load-progress.ts";
import { writePicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { readPngText, writePngText } from "../../src/images/png-text.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { packContainer, readContainer } from "../../src/session/file/container.node.ts";
import { loadModelOf } from "../../src/session/file/model-source.node.ts";
import { loadSession, readSession } from "../../src/session/file/store.node.ts";
import { emilie } from "../support/command-line.ts";

const fixtures = new URL("../fixtures", import.meta.url).pathname;
/** What joined names are split at, in the names of files. */
const [MODEL, LORA] = ["models/tiny + in int8", "styles/soft + warm=2.safetensors"];

const home = process.cwd();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-source-"));
  const [work, elsewhere] = [join(folder, "work"), join(folder, "elsewhere")];
  await mkdir(join(work, "styles"), { recursive: true });
  await mkdir(elsewhere);
  await cp(join(fixtures, "parity/sd1/checkpoint"), join(work, MODEL), { recursive: true });

  await cp(join(fixtures, "lora/kohya.safetensors"), join(work, LORA));
  await writePicture(blankPicture(40, 32, [90, 160, 70, 255]), join(work, "photo.png"));
  process.chdir(work);
  const made = await emilie(
    "edit",
    "photo.png",
    "make it red",
    "--model",
    MODEL,
    "--lora",
    `${LORA}=0.5`,
    "--steps",
    "1",
  );
  expect(made.code, made.stderr).toBe(0);
});
afterEach(() => process.chdir(home));
afterAll(() => rm(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);
const replay = (...args: string[]) => emilie("replay", ...args);

describe("a session made with relative paths", () => {
  it("is replayed from another folder, as its pictures are", async () => {
    process.chdir(at("elsewhere"));
    for (const file of ["session.emilie", "01-make-it-red.png"]) {
      const { code, stderr } = await replay("../work/out/".concat(file));
      expect(code, stderr).toBe(0);
    }
    const { source, model } = (await readContainer(at("work/out/session.emilie"))).manifest;
    expect(model.id).toBe(`${MODEL} + ${LORA}=0.5`);
    expect(source).toEqual({
      base: { name: at("work", MODEL), beside: `../${MODEL}` },
      loras: [{ name: at("work", LORA), beside: `../${LORA}`, weight: 0.5 }],
      precision: "fp32",
    });
  });

  it("is its model's own when the LoRA has another name, and when an earlier version made it", async () => {
    process.chdir(at("elsewhere"));
    const [session, renamed] = [at("work/out/session.emilie"), at("work/styles/renamed.safetensors")];
    await cp(at("work", LORA), renamed);
    const lora = [{ file: renamed, weight: 0.5 }];
    const { code, stderr } = await replay(
      session,
      "--verify",
      "--model",
      at("work", MODEL),
      "--lora",
      `${renamed}=0.5`,
    );
    expect(code, stderr).toBe(0);

    const model = await loadModel(at("work", MODEL), { lora });
    const { manifest, pieces } = await readContainer(session);
    expect(model.fingerprint).toBe(manifest.model.fingerprint);
    const all = manifest.pieces.map((entry) => ({ ...entry, bytes: pieces.get(entry.name)! }));
    const older = (fingerprint: string) => ({ ...manifest, model: { ...manifest.model, fingerprint } });
    await writeFile("older.emilie", (await packContainer(older(model.olderFingerprints![0]!), all)).parts);
    const opened = await loadSession("older.emilie", { model });
    expect(opened.nodes.size).toBe(2);
    await writeFile("others.emilie", (await packContainer(older("0".repeat(64)), all)).parts);
    await expect(loadSession("others.emilie", { model })).rejects.toMatchObject({ code: "session.model" });
    await model.dispose();
    await rm(renamed);
  });

  it("is replayed when it has moved together with its model, and goes on there", async () => {
    await rename(at("work"), at("moved"));
    process.chdir(at("elsewhere"));
    const { code, stderr } = await replay("../moved/out/session.emilie", "--verify");
    expect(code, stderr).toBe(0);
    const on = await emilie(
      "edit",
      at("moved/out/session.emilie"),
      "make it blue",
      "--steps",
      "1",
      "--out",
      at("on"),
    );
    expect(on.code, on.stderr).toBe(0);
    await rename(at("moved"), at("work"));
  });

  it("says what is missing, and takes the model and the LoRA from where they are now", async () => {
    await rename(at("work", MODEL), at("elsewhere/tiny"));
    const session = at("work/out/session.emilie");
    const lost = await replay(session);
    expect(lost).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/made with models\/tiny.*There is no checkpoint.*--model/s),
    });
    // The LoRA is where it was, and is taken from there.
    const given = await replay(session, "--model", at("elsewhere/tiny"));
    expect(given.code, given.stderr).toBe(0);
    await rename(at("work", LORA), at("elsewhere/soft + warm=2.safetensors"));
    expect((await replay(session, "--model", at("elsewhere/tiny"))).stderr).toMatch(/no LoRA file/);
    const both = [
      "--model",
      at("elsewhere/tiny"),
      "--lora",
      `${at("elsewhere/soft + warm=2.safetensors")}=0.5`,
    ];
    const found = await replay(session, ...both);
    expect(found.code, found.stderr).toBe(0);
    const other = await replay(
      session,
      ...both.slice(0, 3),
      `${at("elsewhere/soft + warm=2.safetensors")}=0.75`,
    );
    expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/other weights/) });
    await rename(at("elsewhere/tiny"), at("work", MODEL));
    await rename(at("elsewhere/soft + warm=2.safetensors"), at("work", LORA));
  });

  it("of version 3, with one relative name, is found from the folder that its own folder is in", async () => {
    await rename(at("work", MODEL), at("work/plain"));
    process.chdir(at("work"));
    const version3 = ["--steps", "1", "--detail", "off"];
    await emilie("edit", "photo.png", "make it red", "--model", "plain", ...version3, "--out", "old");
    const { manifest, pieces } = await readContainer("old/session.emilie");
    const listed = manifest.pieces.map((piece) => ({ ...piece, bytes: pieces.get(piece.name)! }));
    const older = { ...manifest, version: 3, source: undefined } as typeof manifest;
    await writeFile("old/session.emilie", Buffer.concat((await packContainer(older, listed)).parts));
    process.chdir(at("elsewhere"));
    const { code, stderr } = await replay("../work/old/session.emilie");
    expect(code, stderr).toBe(0);
  });
});

describe("a session whose model is a part of what its folder has", () => {
  it("finds the variant of the weights, after both have moved too", async () => {
    process.chdir(at("work"));
    await cp("plain", "both", { recursive: true });
    const weights = (variant: string) => `both/unet/diffusion_pytorch_model${variant}.safetensors`;
    await cp(weights(""), weights(".non_ema"));
    await rename(weights(""), weights(".ema"));
    const how = ["--model", "both", "--variant", "ema", "--steps", "1", "--out", "averaged"];
    const made = await emilie("edit", "photo.png", "make it red", ...how);
    expect(made.code, made.stderr).toBe(0);
    const { source } = (await readContainer("averaged/session.emilie")).manifest;
    expect(source?.base).toEqual({ name: at("work/both:ema"), beside: "../both:ema" });

    await rename(at("work"), at("moved"));
    process.chdir(at("elsewhere"));
    const session = at("moved/averaged/session.emilie");
    const runs = [
      [session],
      [at("moved/averaged/01-make-it-red.png")],
      [session, "--model", at("moved/both:ema")],
    ];
    for (const args of runs) {
      const { code, stderr } = await replay(...args);
      expect(code, stderr).toBe(0);
    }
    const twice = ["--model", at("moved/both:ema"), "--variant", "non_ema"];
    const contrary = await emilie("edit", session, "make it blue", ...twice, "--out", at("contrary"));
    expect(contrary.stderr).toMatch(/names the variant ema, but non_ema was requested/);
    const plain = await replay(session, "--model", at("moved/both"));
    expect(plain).toMatchObject({ code: 1, stderr: expect.stringMatching(/variants ema, non_ema/) });
    await rename(at("moved"), at("work"));
  });

  it("is told what is made of it as it opens, and stopped", async () => {
    process.chdir(at("work"));
    const how = ["--model", "plain", "--precision", "int8", "--steps", "1", "--out", "rounded"];
    const made = await emilie("edit", "photo.png", "make it red", ...how);
    expect(made.code, made.stderr).toBe(0);
    vi.stubEnv("EMILIE_CACHE", at("cache"));
    try {
      const bytes = await readFile("rounded/session.emilie");
      const stop = new AbortController();
      const stopped = { signal: stop.signal, onProgress: () => stop.abort() };
      await expect(readSession(bytes, "rounded/session.emilie", stopped)).rejects.toMatchObject({
        code: "aborted",
      });
      const told: LoadProgress[] = [];
      const onProgress = (progress: LoadProgress) => void told.push(progress);
      await (await readSession(bytes, "rounded/session.emilie", { onProgress })).model.dispose();
      expect(told[0]).toMatchObject({ stage: "start", what: expect.stringMatching(/int8.*unet/) });
      expect(told.at(-1)!.stage).toBe("done");

      await rm(at("cache"), { recursive: true });
      const { code, stderr } = await replay("rounded/01-make-it-red.png");
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(/Generating the int8 weights of /);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("a model on another machine", () => {
  const far = ["\\\\host\\share\\model", "//host/share/model", "/\\host\\share"];

  it("is not looked for, whichever part of the model a session's file says is there", async () => {
    const { manifest } = await readContainer(at("work/out/session.emilie"));
    const source = manifest.source!;
    for (const name of far) {
      const places = [
        { ...source, base: { ...source.base, name, beside: "nowhere" } },
        { ...source, loras: [{ name, weight: 1 }] },
        { ...source, tokenizer: { name } },
      ];
      for (const one of places) {
        const loading = loadModelOf({ ...manifest, source: one }, at("work/out/session.emilie"));
        await expect(loading).rejects.toMatchObject({ code: "session.model" });
        await expect(loading).rejects.toThrow(/on another machine.*Give it/);
      }
      const older = { model: { ...manifest.model, id: `${name} + ${name}=0.5` } };
      await expect(loadModelOf(older, "old.emilie")).rejects.toThrow(/on another machine/);
    }
  });

  it("is not looked for where a picture says so", async () => {
    const picture = new Uint8Array(await readFile(at("work/out/01-make-it-red.png")));
    const text = Object.entries(readPngText(picture)).map(([keyword, said]) => [
      keyword,
      said.replace(/"models\/tiny[^"]*"/g, () => JSON.stringify(far[0])),
    ]);
    await writeFile(at("elsewhere/far.png"), writePngText(picture, Object.fromEntries(text)));
    const { code, stderr } = await replay(at("elsewhere/far.png"), "--image", at("work/photo.png"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/on another machine/);
  });
});
