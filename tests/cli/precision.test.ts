/** --precision as a person meets it: an edit, its picture's recipe, what is kept, and how that is cleared. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { emilie } from "../support/command-line.ts";

const fixture = resolve(import.meta.dirname, "../fixtures/parity/sd1");
const checkpoint = join(fixture, "checkpoint");
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "emilie-precision-"));
  vi.stubEnv("EMILIE_CACHE", join(home, "converted"));
  vi.stubEnv("HF_HOME", join(home, "hub"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

const json = async (...args: string[]) => {
  const { code, stdout } = await emilie(...args, "--json");
  return { code, ...JSON.parse(stdout) };
};

it.skipIf(process.platform !== "linux" || existsSync("/dev/dri") || existsSync("/dev/nvidia0"))(
  "fp16 wants a device that may be a card, and says where it went on without one",
  async () => {
    const out = join(home, "half");
    const edit = ["edit", join(fixture, "picture-0.png"), "make it winter", "--steps", "2", "--out", out];
    const half = [...edit, "--model", checkpoint, "--precision", "fp16"];
    expect(await emilie(...half)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/fp16 is for GPUs.*--device auto/s),
    });
    expect(await json(...half, "--device", "auto")).toMatchObject({
      code: 0,
      model: { id: `${checkpoint} in fp16` },
    });
    const picture = join(out, "01-make-it-winter.png");
    expect(await json("replay", picture)).toMatchObject({ code: 1, error: { code: "option.invalid" } });
    expect(await json("replay", picture, "--device", "auto", "--verify")).toMatchObject({ code: 0 });
    expect((await emilie("models")).stdout).toContain(`unet of ${checkpoint} in fp16, fp16`);
    await emilie("models", "clear");
  },
);

it("an edit in int8 is replayed in int8, refused in fp32, and what it needed is shown and cleared", async () => {
  const out = join(home, "out");
  const edit = ["edit", join(fixture, "picture-0.png"), "make it winter", "--steps", "2", "--out", out];
  const made = await json(...edit, "--model", checkpoint, "--precision", "int8");
  expect(made).toMatchObject({ code: 0, model: { id: `${checkpoint} in int8` } });
  const picture = join(out, "01-make-it-winter.png");
  expect(await readdir(out)).toContain("01-make-it-winter.png");

  expect(await json("replay", picture)).toMatchObject({ code: 0 });
  expect(await json("replay", picture, "--model", checkpoint)).toMatchObject({
    code: 1,
    error: { code: "session.model", message: expect.stringContaining("made with checkpoint in int8") },
  });
  expect(await json("replay", join(out, "session.emilie"), "--verify")).toMatchObject({ code: 0 });
  expect(await emilie("replay", join(out, "session.emilie"), "--precision", "fp32")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--precision belong to a --model"),
  });
  expect((await emilie(...edit, "--precision", "int2")).stderr).toMatch(/fp32, fp32-fast, int8, int4/);
  expect((await emilie(...edit, "--precision", "int4")).stderr).toMatch(/no precision int4.*"int8"/s);

  const { converted } = await json("models");
  expect(converted.folder).toBe(join(home, "converted"));
  const [file] = converted.files;
  expect(file).toMatchObject({ kind: "int8", model: `${checkpoint} in int8`, bytes: expect.any(Number) });
  expect((await emilie("models")).stdout).toContain(`unet of ${checkpoint} in int8, int8`);
  const cleared = await json("models", "clear");
  expect(cleared).toMatchObject({ code: 0, deleted: [file.file], bytes: file.bytes });
  expect(await readdir(converted.folder)).toEqual([]);
  expect((await emilie("models", "clear")).stdout).toMatch(/Deleted 0 files/);
});
