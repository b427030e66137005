/** `emilie pull`, `models` and `doctor` as a person or a script runs them, with a hub on the loopback interface. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { emilie } from "../support/command-line.ts";
import { HubServer } from "../support/hub-server.ts";

const checkpoint = resolve(import.meta.dirname, "../fixtures/parity/sd1/checkpoint");
const id = "tiny/editor";

let hub: HubServer;
let home: string;
beforeAll(async () => {
  hub = await new HubServer().start();
  hub.addFolder(id, checkpoint);
  home = await mkdtemp(join(tmpdir(), "emilie-models-"));
  for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"])
    vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("EMILIE_CACHE", join(home, "converted"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true });
});

const json = async (...args: string[]) => {
  const { code, stdout } = await emilie(...args, "--json");
  return { code, ...JSON.parse(stdout) };
};

describe("emilie pull and models", () => {
  it("download, list, inspect and delete a model by its name", async () => {
    const empty = await json("models");
    expect(empty.models.map((model: { id: string }) => model.id)).toEqual(["picturebook"]);
    expect(empty.cache).toEqual({ folder: join(home, "hub"), bytes: 0, others: 0, unfinished: [] });

    const pulled = await emilie("pull", id);
    expect(pulled).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/12 files, 1\.5 MB; 1\.5 MB downloaded/),
    });
    expect(pulled.stderr).toMatch(/tiny\/editor: 1\.5 MB of 1\.5 MB/);
    expect(pulled.stdout).toContain(`--model ${id}`);
    expect(await json("pull", id)).toMatchObject({ code: 0, id, downloadedBytes: 0 });

    // What Python tools leave behind: a language model, and an image model that is no editor.
    const language = join(home, "hub/models--some--language/snapshots", "0".repeat(40));
    await mkdir(language, { recursive: true });
    await writeFile(join(language, "config.json"), "{}");
    const painter = join(home, "hub/models--some--painter/snapshots", "1".repeat(40));
    await mkdir(painter, { recursive: true });
    await writeFile(join(painter, "model_index.json"), "{}");

    const list = await json("models");
    expect(list.cache).toMatchObject({ others: 1 });
    const [, partly, editor] = list.models;
    expect(editor).toMatchObject({
      ...{ id, from: "cache", problem: null, bytes: 1539589, commit: hub.repos.get(id)!.commit },
      ...{ family: expect.stringMatching(/^InstructPix2Pix/), nativeSize: expect.any(Number) },
    });
    expect(partly).toMatchObject({
      id: `some/painter@${"1".repeat(40)}`,
      family: null,
      problem: expect.stringContaining("scheduler"),
    });
    expect((await emilie("models")).stdout).toMatch(/tiny\/editor\s+InstructPix2Pix\s+\d+ px\s+1\.5 MB/);
    expect(await json("inspect", id)).toMatchObject({ code: 0, id, folder: editor.folder });

    const refused = await emilie("models", "rm", id);
    expect(refused).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/would delete.*--yes/),
    });
    expect(existsSync(editor.folder)).toBe(true);
    expect(await json("models", "rm", id, "--yes")).toMatchObject({ code: 0, deleted: id });
    expect((await readdir(join(home, "hub"))).sort()).toEqual([
      "models--some--language",
      "models--some--painter",
    ]);
    expect(await json("models", "rm", id, "--yes")).toMatchObject({
      code: 1,
      error: { code: "checkpoint.missing" },
    });
    for (const name of ["picturebook", "../hub", "some/painter@v1"])
      expect((await emilie("models", "rm", name, "--yes")).code).toBe(2);
  });

  it("say what went wrong, with an exit code and one document", async () => {
    expect(await json("pull", "tiny/nothing")).toMatchObject({ code: 1, error: { code: "hub.missing" } });
    expect(await json("edit", "x.png", "y", "--model", "tiny/nothing")).toMatchObject({ code: 1 });
    expect(await json("inspect", "tiny/nothing")).toMatchObject({
      code: 1,
      error: { message: expect.stringContaining("emilie pull tiny/nothing") },
    });
    for (const verb of ["pull", "models", "doctor"]) {
      const help = await emilie(verb, "--help");
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining(`$ emilie ${verb}`) });
    }
  });
});

describe("emilie doctor", () => {
  it("names the runtime, the machine and the folders, and what will work", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret");
    const report = await json("doctor");
    expect(report.runtime).toMatchObject({ version: expect.stringMatching(/^1\./), problem: null });
    expect(report.runtime.backends).toContainEqual({ name: "cpu", bundled: true });
    expect(report.machine.cores).toBeGreaterThan(0);
    expect(report.machine.availableBytes).toBeGreaterThan(0);
    expect(report.folders[0]).toMatchObject({ path: join(home, "hub"), exists: true, writable: true });
    expect(report.folders[1]).toMatchObject({ path: join(home, "converted"), exists: false, writable: true });
    const check = (name: string) => report.checks.find((one: { name: string }) => one.name === name);
    for (const name of ["Node", "ONNX Runtime", "pictures", "hub settings"])
      expect(check(name).ok, name).toBe(true);
    expect(check("hub settings").detail).toMatch(/token from HF_TOKEN/);
    expect(JSON.stringify(report)).not.toContain("hf_secret");
    expect(report.code).toBe(report.ok ? 0 : 1);
    const people = await emilie("doctor");
    expect(people.stdout).toMatch(
      /✓ ONNX Runtime: 1\..*\n(.*\n)*What will work:\n(.*\n)*. timbrooks\/instruct-pix2pix: InstructPix2Pix, not pulled/,
    );
  });

  it("fails where a setting or a folder does not work, and says what to do", async () => {
    vi.stubEnv("HF_ENDPOINT", "not an address");
    await writeFile(join(home, "file"), "");
    vi.stubEnv("EMILIE_CACHE", join(home, "file", "below"));
    try {
      const { code, stdout, stderr } = await emilie("doctor");
      expect(code).toBe(1);
      expect(stdout).toMatch(/✗ hub settings: HF_ENDPOINT is "not an address"/);
      expect(stdout).toMatch(/✗ converted weights: .*not writable\)\n {4}Set EMILIE_CACHE/);
      expect(stderr).toMatch(/Failed checks: .*converted weights, hub settings/);
    } finally {
      vi.stubEnv("HF_ENDPOINT", hub.endpoint);
    }
  });
});
