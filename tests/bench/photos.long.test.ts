/** npm run bench -- photos, with a tiny checkpoint: what it writes, and that both ways see the same noise. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readPicture } from "../../src/index.ts";

const root = resolve(import.meta.dirname, "../..");
const model = join(root, "tests/fixtures/parity/sd1/checkpoint");
const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, ["--import", "tsx", "benchmarks/index.ts", "photos", ...args], {
    cwd: root,
  });

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "emilie-photos-"));
});
afterAll(() => rm(out, { recursive: true }));

it("edits photographs in two ways, and writes a sheet and a table", async () => {
  const { stdout } = await run(model, "--turns", "2", "--limit", "1", "--steps", "2", "--out", out);
  expect(stdout).toMatch(/turn\s+instruction/);
  const { rows, measured, command } = JSON.parse(await readFile(join(out, "drift.json"), "utf8"));
  expect(command).toContain("npm run bench -- photos");
  expect(rows).toHaveLength(2);
  expect(measured.map(({ way, turn }: { way: string; turn: number }) => `${way} ${turn}`)).toEqual([
    "latent iteration 1",
    "latent iteration 2",
    "image iteration 1",
    "image iteration 2",
  ]);
  // The first turn is the same edit; from the second on it begins with a latent, or with its picture.
  expect(rows[0]["psnr first, latent"]).toBe(rows[0]["psnr first, image"]);
  expect(measured[1].psnrFirst).not.toBe(measured[3].psnrFirst);
  for (const one of measured) expect(one.detail).toBeGreaterThan(0);
  const sheet = await readPicture(join(out, "sheet.jpg"));
  expect(sheet.width).toBeGreaterThan(2 * 256);
  expect(sheet.height).toBeGreaterThan(2 * 100);
  expect(await readFile(join(out, "drift.md"), "utf8")).toMatch(/\| 2 \| make it sunset \|/);
});

it("refuses what it cannot use before it loads a model", async () => {
  await expect(run(model, "--photos", join(out, "nowhere"))).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("There is no picture"),
  });
  await expect(run(model, "--turns", "0")).rejects.toMatchObject({ code: 2 });
});
