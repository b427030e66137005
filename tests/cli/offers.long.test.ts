/** Editors by name: what `emilie models` offers, what a pull says of licences, and what becomes of a photograph for which no model was named. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KNOWN_MODELS } from "../../src/checkpoint/known-models.ts";
import { looksLikePhotograph } from "../../src/images/photograph.ts";
import { readPicture } from "../../src/index.ts";
import { offers, planOfKnown } from "../../src/models/offers.ts";
import { emilie } from "../support/command-line.ts";
import { HubServer } from "../support/hub-server.ts";

const root = resolve(import.meta.dirname, "../..");
const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");
const photo = join(root, "examples/photographs/dandelion.jpg");
const KNOWN = "timbrooks/instruct-pix2pix";

let hub: HubServer;
let home: string;
beforeEach(async () => {
  hub = await new HubServer().start();
  home = await mkdtemp(join(tmpdir(), "emilie-offers-"));
  for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"])
    vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("EMILIE_CACHE", join(home, "converted"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  // What is free on the machine that runs the tests is not what they are about.
  memoryIs(16);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true });
});

const memoryIs = (gigabytes: number) => vi.spyOn(process, "availableMemory").mockReturnValue(gigabytes * 1e9);
const json = async (...args: string[]) => {
  const { code, stdout } = await emilie(...args, "--json");
  return { code, ...JSON.parse(stdout) };
};
const editing = (...args: string[]) => [
  ...["edit", photo, "make it winter", "--steps", "1", "--out", join(home, "out")],
  ...args,
];
const asked = () => hub.log.length;

describe("a photograph without --model", () => {
  it("names the editor to pull, with size and licence, and downloads nothing unasked", async () => {
    const people = await emilie(...editing());
    expect(people).toMatchObject({ code: 1, stdout: "" });
    expect(people.stderr).toMatch(
      /dandelion\.jpg looks like a photograph.*4\.3 GB to download, licence MIT\. Run emilie pull timbrooks\/instruct-pix2pix; .*--yes.*--model picturebook/,
    );
    expect(await json(...editing())).toMatchObject({ code: 1, error: { code: "model.unsuited" } });
    expect(asked()).toBe(0);
    expect(existsSync(join(home, "out"))).toBe(false);
  });

  it("has its canvas changed without any editor, which a crop or an expansion does not need", async () => {
    const out = join(home, "wide");
    const { code, stderr } = await emilie("edit", photo, "--expand", "left:10%", "--out", out);
    expect(code, stderr).toBe(0);
    expect(existsSync(join(out, "session.emilie"))).toBe(true);
    expect(asked()).toBe(0);
  });

  it("is edited with --yes, by what is pulled for it, and again by what is here then", async () => {
    hub.addFolder(KNOWN, checkpoint);
    const { code, stdout, stderr } = await emilie(...editing("--yes"));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`edited by ${KNOWN}`);
    // What it costs on the disk and later in memory is said before the first byte of weights.
    expect(stderr).toMatch(
      /Licence: MIT\. Any use[^\n]*\nThen an edit of 512 px takes in fp32 2\.\d+ GB of memory; in int8 .* and once .* of disk\. Here .* of memory are free.*fits[^\n]*\n(.*\n)*.*1\.5 MB of 1\.5 MB/,
    );
    const before = asked();
    const refused = await emilie(...editing());
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`To edit it with ${KNOWN}`) });
    const again = await emilie(...editing("--yes"));
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`edited by ${KNOWN}`) });
    expect(asked()).toBe(before);
  });

  it("is edited by picturebook where that is what was asked for", async () => {
    const { code, stdout } = await emilie(...editing("--model", "picturebook"));
    expect(code).toBe(0);
    expect(stdout).toContain("edited by picturebook");
  });

  it("is told where no editor fits", async () => {
    memoryIs(1);
    expect((await emilie(...editing("--yes"))).stderr).toMatch(/No model for photographs fits this machine/);
    expect(asked()).toBe(0);
  });
});

it("photographs and drawings are told apart", async () => {
  const looks = async (file: string) => looksLikePhotograph(await readPicture(join(root, file)));
  for (const name of ["mountains", "meadow", "dogs", "dandelion", "fig"])
    expect(await looks(`examples/photographs/${name}.jpg`), name).toBe(true);
  for (const file of ["examples/cottage.png", "docs/strip.png", "docs/studio.png"])
    expect(await looks(file), file).toBe(false);
});

describe("emilie models", () => {
  it("offers what can be run and is not here, with licence, needs and an estimate", async () => {
    const list = await json("models");
    expect(list.offers.map((one: { id: string }) => one.id)).toEqual(offers().map(({ id }) => id));
    expect(list.flopsPerSecond).toBeGreaterThan(1e8);
    const [first] = list.offers;
    expect(first).toMatchObject({
      ...{ id: KNOWN, tried: false, downloadBytes: 4.27e9, license: { name: "MIT" } },
      plan: { takes: "fp32", width: 512, precisions: [{ precision: "fp32" }, { precision: "int8" }] },
    });
    expect(first.seconds.int8).toBeLessThan(first.seconds.fp32);
    const { stdout } = await emilie("models");
    expect(stdout).toMatch(/timbrooks\/instruct-pix2pix\s+MIT\s+4\.3 GB\s+512 px\s+no\n/);
    expect(stdout).toMatch(/picturebook, 128 px\s+fp32 \*/);

    hub.addFolder(KNOWN, checkpoint);
    await emilie("pull", KNOWN);
    const after = await json("models");
    expect(after.offers.map((one: { id: string }) => one.id)).not.toContain(KNOWN);
    expect(after.models[1]).toMatchObject({ id: KNOWN, plan: { takes: "fp32" } });
    expect(after.models[1].seconds.fp32).toBeGreaterThan(0);
  });

  it("says of each precision what fits", () => {
    const [sd1] = KNOWN_MODELS;
    const takes = (memoryGB: number, diskGB: number) =>
      planOfKnown(sd1!, { memoryBytes: memoryGB * 1e9, diskBytes: diskGB * 1e9 }).takes;
    expect([takes(8, 8), takes(2.6, 8), takes(2.6, 0.1), takes(1, 8)]).toEqual(["fp32", "int8", null, null]);
  });
});

it("a pull says the licence that the model's page names before it downloads", async () => {
  hub.addFolder("tiny/editor", checkpoint);
  expect((await emilie("pull", "tiny/editor")).stderr).toMatch(/Licence: its page names none/);
  await rm(join(home, "hub"), { recursive: true });
  hub.tamper = (document) => {
    document.tags = ["diffusers", "license:openrail++", "region:us"];
  };
  const { stderr } = await emilie("pull", "tiny/editor");
  expect(stderr).toMatch(/Licence, as its page says: openrail\+\+\n(.*\n)*.*1\.5 MB of 1\.5 MB/);
  await rm(join(home, "hub"), { recursive: true });
  hub.tamper = (document) => {
    document.tags = { license: "odd" };
  };
  expect((await emilie("pull", "tiny/editor")).code).toBe(0);
});

describe("a model is loaded", () => {
  const edit = () =>
    emilie(
      "edit",
      join(root, "examples/cottage.png"),
      "make it winter",
      "--steps",
      "1",
      "--out",
      join(home, "out"),
    );

  it("not where it cannot fit, unless that is asked for", async () => {
    memoryIs(0.1);
    const refused = await edit();
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /picturebook in fp32 needs about 0\.\d GB of memory, and 0\.1 GB are free, even for a picture of 64 px\. .*EMILIE_FIT=ignore/,
    );
    vi.stubEnv("EMILIE_FIT", "ignore");
    expect((await edit()).code).toBe(0);
  });

  it("with a note of what it will need, where that is much of what is free", async () => {
    memoryIs(1);
    expect((await edit()).stderr).toMatch(
      /picturebook: an edit of 128 px takes about \d+\.\d s and 4\d\d\.\d MB of memory \(1\.0 GB are free\)/,
    );
    memoryIs(16);
    expect((await edit()).stderr).not.toMatch(/takes about/);
  });
});
