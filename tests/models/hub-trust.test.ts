/** What a pull does not trust, who may read, and how refusals are explained. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { loadModel } from "../../src/index.ts";
import {
  cache,
  checkpoint,
  decoys,
  home,
  hub,
  hubForEachTest,
  id,
  needed,
  pull,
  sameAsCheckpoint,
  unet,
  unfinished,
} from "../support/hub-fixture.ts";

hubForEachTest();

describe("what is not trusted", () => {
  it("throws away what has the wrong hash, and leaves nothing behind", async () => {
    for (const path of ["tokenizer/vocab.json", unet]) {
      const { files } = hub.addFolder(id, checkpoint);
      hub.faults.set(path, [{ kind: "wrong" }]);
      await expect(pull()).rejects.toMatchObject({
        code: "hub.corrupt",
        message: expect.stringContaining(path),
      });
      // Other files that were on their way are paused, and gone on with by the next pull.
      expect((await unfinished()).filter((name) => !name.endsWith(".paused.incomplete"))).toEqual([]);
      const bytes = Buffer.from(files.get(path)!);
      const git = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
      const own = [git, createHash("sha256").update(bytes).digest("hex")];
      expect((await unfinished()).filter((name) => own.some((hash) => name.includes(hash)))).toEqual([]);
      const links = await readdir(join(cache, "models--tiny--editor"), { recursive: true });
      expect(links.filter((name) => name.endsWith(path))).toEqual([]);
      expect(existsSync(join(cache, "models--tiny--editor/refs/main"))).toBe(false);
    }
    await sameAsCheckpoint((await pull()).folder);
  });

  it("does not build on an earlier download's wrong bytes", async () => {
    const { files } = hub.addFolder(id, checkpoint);
    await pull();
    const blob = await realpath(join((await pull()).folder, unet));
    await rm(blob);
    for (const owner of ["paused", "elsewhere"])
      await writeFile(`${blob}.${owner}.incomplete`, "x".repeat(1000));
    hub.log.length = 0;
    await sameAsCheckpoint((await pull()).folder);
    expect(hub.requests(unet, "storage").map(({ range }) => range)).toEqual(["bytes=1000-", undefined]);
    // The other may be written by somebody at this moment, and is left alone.
    expect(await unfinished()).toEqual([expect.stringContaining("elsewhere")]);
    expect(files.size).toBe(needed.length);
  });

  it.each([
    "unet/../../../../evil.safetensors",
    "../evil.json",
    "/etc/passwd",
    "C:/evil.json",
    "a\\..\\..\\evil.json",
    `${"d/".repeat(200)}x.json`,
  ])("refuses a repository with a file named %j", async (path) => {
    hub.addFolder(id, checkpoint, { [path]: "x" });
    await expect(pull()).rejects.toMatchObject({ code: "hub.malformed" });
    expect(await readdir(home)).toEqual([]);
  });

  it.each<[string, (listing: Record<string, unknown>) => void]>([
    ["no commit", (listing) => delete listing.sha],
    ["a commit that is a path", (listing) => Object.assign(listing, { sha: "../../x" })],
    [
      "a hash that is a path",
      ({ siblings }) => Object.assign((siblings as object[])[0]!, { blobId: "../../x" }),
    ],
    ["no hashes", (listing) => Object.assign(listing, { siblings: [{ rfilename: "model_index.json" }] })],
    ["a negative size", ({ siblings }) => Object.assign((siblings as object[])[0]!, { size: -1 })],
    ["a file twice", ({ siblings }) => (siblings as unknown[]).push((siblings as unknown[])[0])],
    [
      "200,000 files",
      (listing) => Object.assign(listing, { siblings: Array(200_000).fill({ rfilename: "x", size: 1 }) }),
    ],
    [
      "a configuration of a gigabyte",
      ({ siblings }) =>
        Object.assign(
          (siblings as { rfilename: string }[]).find(({ rfilename }) => rfilename === "unet/config.json")!,
          { size: 2 ** 30 },
        ),
    ],
  ])("refuses a listing with %s", async (_, tamper) => {
    hub.addFolder(id, checkpoint);
    hub.tamper = tamper;
    await expect(pull()).rejects.toMatchObject({ code: "hub.malformed" });
    expect(await readdir(home)).toEqual([]);
  });

  it("refuses pickles, text-to-image checkpoints and what is no image model before the weights are fetched", async () => {
    const repo = hub.addFolder(id, checkpoint, decoys);
    repo.files.delete(unet);
    repo.files.delete("unet/diffusion_pytorch_model.fp16.safetensors");
    await expect(pull()).rejects.toMatchObject({
      code: "checkpoint.unsafe",
      message: /only pickled.*refs\/pr/,
    });
    hub.addFolder("tiny/language", join(checkpoint, "text_encoder"));
    await expect(pull({}, "tiny/language")).rejects.toThrow(/no model_index\.json/);
    const config = JSON.parse(await readFile(join(checkpoint, "unet/config.json"), "utf8"));
    const plain = JSON.stringify({ ...config, in_channels: 4 });
    hub.addFolder("tiny/painter", checkpoint, { "unet/config.json": plain });
    await expect(pull({}, "tiny/painter")).rejects.toMatchObject({ code: "checkpoint.unsupported" });
    expect(hub.log.filter(({ host }) => host === "storage")).toEqual([]);
  });
});

describe("who may read", () => {
  it("sends the token to the hub and never to its storage", async () => {
    hub.addFolder(id, checkpoint, {}, { access: "private" });
    vi.stubEnv("HF_TOKEN", hub.goodToken);
    await sameAsCheckpoint((await pull()).folder);
    const sent = (host: string) =>
      new Set(hub.log.filter((l) => l.host === host).map((l) => l.authorization));
    expect(sent("hub")).toEqual(new Set([`Bearer ${hub.goodToken}`]));
    expect(sent("storage")).toEqual(new Set([undefined]));
  });

  it("finds the token that the Python tools have saved", async () => {
    hub.addFolder(id, checkpoint, {}, { access: "gated" });
    await mkdir(home, { recursive: true });
    await writeFile(join(home, "token"), `${hub.goodToken}\n`);
    await sameAsCheckpoint((await pull()).folder);
  });

  it("explains gates, privacy, bad tokens, missing repositories and revisions", async () => {
    hub.addFolder(id, checkpoint, {}, { access: "gated" });
    hub.addFolder("tiny/secret", checkpoint, {}, { access: "private" });
    await expect(pull()).rejects.toMatchObject({ code: "hub.denied", message: /gated.*accept.*HF_TOKEN/s });
    await expect(pull({ token: "hf_stranger" })).rejects.toMatchObject({
      code: "hub.denied",
      message: /your token has no access/,
    });
    await expect(pull({ token: "hf_expired" })).rejects.toMatchObject({
      code: "hub.denied",
      message: /refused the token \(Invalid credentials/,
    });
    for (const name of ["tiny/secret", "tiny/nothing"]) {
      for (const token of [undefined, "hf_stranger"]) {
        await expect(pull({ token }, name)).rejects.toMatchObject({
          code: "hub.missing",
          message: /or it is private/,
        });
      }
    }
    await expect(pull({}, `${id}@v9`)).rejects.toMatchObject({
      code: "hub.missing",
      message: /no revision "v9"/,
    });
    await expect(pull({}, "not a name")).rejects.toMatchObject({ code: "option.invalid" });
    const leak = await pull({ token: "hf_secret\nx" }).catch((error: Error) => error);
    expect(leak).toMatchObject({ code: "option.invalid" });
    expect(String(leak)).not.toContain("hf_secret");
  });

  it("says so when there is no hub, and asks nobody when it must not", async () => {
    hub.addFolder(id, checkpoint);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await expect(pull()).rejects.toMatchObject({
      code: "hub.offline",
      message: /has nothing of tiny\/editor/,
    });
    expect(hub.log).toEqual([]);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    const { folder, files } = await pull();
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    hub.log.length = 0;
    expect(await pull()).toMatchObject({ folder, files, downloadedBytes: 0 });
    await rm(await realpath(join(folder, unet)));
    await expect(pull()).rejects.toMatchObject({ code: "hub.offline", message: /only a part/ });
    await expect(loadModel(id)).rejects.toThrow(/only a part.*unet.*emilie pull tiny\/editor/s);
    expect(hub.log).toEqual([]);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    await hub.stop();
    await expect(pull()).rejects.toMatchObject({ code: "hub.unreachable", message: /ECONNREFUSED/ });
    await hub.start();
  });
});
