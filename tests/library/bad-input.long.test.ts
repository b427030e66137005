/** What goes wrong in the world outside: a full disk, a killed process, a damaged picture. Every earlier result is still there. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng, readPicture, writePicture } from "../../src/images/codec.node.ts";
import { blankPicture, type Picture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { EMILIE } from "../support/command.ts";
import { emilie } from "../support/command-line.ts";

const root = resolve(import.meta.dirname, "../..");
const CHECKPOINT = join(root, "tests/fixtures/parity/sd1/checkpoint");
/** Does not compress: a session of it has its 60 kB and a little for every edit. */
const noise: Picture = {
  width: 150,
  height: 100,
  data: Uint8ClampedArray.from({ length: 60_000 }, (_, i) =>
    i % 4 === 3 ? 255 : ((i * 2654435761) >>> 13) % 256,
  ),
};

let folder: string;
let model: EditModel;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-bad-"));
  model = await loadModel(CHECKPOINT);
  await writePicture(noise, at("noise.png"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const settings = (out: string) => ["--model", CHECKPOINT, "--steps", "1", "--out", at(out)];

/** The command line in a process of its own, where no file may grow beyond so many bytes: what a full disk does to a write. */
function confined(
  bytes: number,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const script = `ulimit -f ${Math.floor(bytes / 512)} 2>/dev/null; exec "$0" "$@"`;
  // The transformer's cache would be a file too.
  const env = { ...process.env, TSX_DISABLE_CACHE: "1" };
  const child = spawn("/bin/sh", ["-c", script, process.execPath, ...EMILIE, ...args], { cwd: root, env });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (chunk) => {
      said[stream] += chunk;
    });
  }
  return new Promise((done) => child.on("close", (code) => done({ code, ...said })));
}

describe.skipIf(process.platform === "win32")("a full disk", () => {
  it("is io.failed with exit code 1, and session and pictures are those from before", async () => {
    const first = await emilie("edit", at("noise.png"), "make it red", ...settings("full"));
    expect(first.code).toBe(0);
    const before = new Map<string, Buffer>();
    for (const name of await readdir(at("full"))) before.set(name, await readFile(at(`full/${name}`)));
    const session = before.get("session.emilie")!;
    // Room for what is there, but not for one more edit.
    const limit = session.length + 512;
    const { code, stdout, stderr } = await confined(
      limit,
      "edit",
      at("full/session.emilie"),
      "make it blue",
      ...settings("full"),
      "--json",
    );
    expect(stderr).toMatch(/Could not write .*session\.emilie/);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "io.failed" } });
    // Nothing half written is left, and nothing is lost.
    expect((await readdir(at("full"))).sort()).toEqual([...before.keys()].sort());
    for (const [name, bytes] of before) {
      if (name !== "00-original.png") expect(await readFile(at(`full/${name}`)), name).toEqual(bytes);
    }
    const opened = await loadSession(at("full/session.emilie"), { model });
    expect(opened.warnings).toEqual([]);
    expect([...opened.nodes.values()].map((node) => node.instruction)).toEqual(["", "make it red"]);
    // And with room again it goes on.
    const again = await emilie("edit", at("full/session.emilie"), "make it blue", ...settings("full"));
    expect(again.code).toBe(0);
  });
});

describe("a picture that is cut off, damaged, or a bomb", () => {
  it("is an error with exit code 1 that names the file, in any place a picture is given", async () => {
    const whole = await encodePng(noise);
    await writeFile(at("cut.png"), whole.subarray(0, whole.length / 2));
    const bomb = Buffer.from(await encodePng(blankPicture(4, 4)));
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await writeFile(at("bomb.png"), bomb);
    await writeFile(at("empty.png"), "");
    for (const name of ["cut.png", "bomb.png", "empty.png"]) {
      const asPicture = await emilie("edit", at(name), "make it red", ...settings("never"));
      expect(asPicture.code, name).toBe(1);
      expect(asPicture.stderr, name).toContain(name);
      const asMask = await emilie(
        "edit",
        at("noise.png"),
        "make it red",
        "--mask",
        at(name),
        ...settings("never"),
      );
      expect(asMask.code, name).toBe(1);
      expect(asMask.stderr, name).toContain(name);
    }
    expect(await readdir(folder)).not.toContain("never");
  });
});

describe("an instruction nobody can follow to its end", () => {
  it("of 10,000 characters is done as far as the model reads, with a warning in the document", async () => {
    const long = "paint the roof blue and ".repeat(420);
    const { code, stdout, stderr } = await emilie(
      "edit",
      at("noise.png"),
      long,
      ...settings("long"),
      "--json",
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.warnings).toEqual([expect.stringMatching(/tokens.*the rest has no effect/s)]);
    expect(stderr).toMatch(/Note: The instruction/);
    expect(report.steps[0].recipe.regions[0].instruction).toBe(long);
    expect((await readPicture(report.steps[0].file)).width).toBe(150);
  });

  it("that is longer than any model reads is an error, and what was there stays", async () => {
    const { code, stdout } = await emilie(
      "edit",
      at("noise.png"),
      "x".repeat(100_001),
      ...settings("long"),
      "--json",
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "option.invalid" } });
    expect((await loadSession(at("long/session.emilie"), { model })).nodes.size).toBe(2);
  });
});
