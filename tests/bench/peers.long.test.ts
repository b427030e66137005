/** `npm run bench -- peers`: the protocol between it and a peer, the table, and the page that is made of it. No Python: emilie is the peer. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { peerCommand } from "../../benchmarks/peer-commands.ts";
import { Peer } from "../../benchmarks/peer-process.ts";
import { record } from "../../benchmarks/record.ts";
import { speedFigures, writeBlocks } from "../../benchmarks/speed-page.ts";
import { samePicture } from "../../src/images/picture.ts";
import { loadModel, openSession, readPicture } from "../../src/index.ts";
import { createNoise } from "../../src/tensor/noise.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const MODEL = join(ROOT, "tests/fixtures/parity/sd1/checkpoint");
const LIMIT = 100;
const script = (name: string): [string, ...string[]] => [
  process.execPath,
  "--import",
  "tsx",
  join(ROOT, "benchmarks", name),
];
const run = (name: string, ...args: string[]) => {
  const [node, ...rest] = script(name);
  return promisify(execFile)(node, [...rest, ...args], { cwd: ROOT }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error) => ({
      code: error.code as number,
      stdout: error.stdout as string,
      stderr: error.stderr as string,
    }),
  );
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-peers-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("a peer", () => {
  it("computes what emilie computes, and goes on after what it cannot do", async () => {
    const model = await loadModel(MODEL);
    const peer = await Peer.start("emilie", [...script("peer-emilie.ts"), "--model", MODEL], LIMIT);
    try {
      const noise = createNoise(1);
      const shapes = { z: [4, 8, 8], c: [4, 8, 8], text: [77, 24] };
      const [z, c, hidden] = [noise.randn(shapes.z), noise.randn(shapes.c), noise.randn(shapes.text)];
      for (const [name, { data }] of Object.entries({ z, c, text: hidden }))
        await writeFile(join(folder, `${name}.f32`), new Uint8Array(data.buffer));
      const request = { do: "unet", folder, shapes, timestep: 500, out: join(folder, "out.f32") } as const;

      await expect(peer.ask({ ...request, shapes: { ...shapes, z: [4, 16, 8] } }, LIMIT)).rejects.toThrow(
        "z.f32 has 256 values; expected shape [4,16,8]",
      );
      const { seconds, calls } = await peer.ask(request, LIMIT);
      expect([seconds > 0, calls]).toEqual([true, 1]);
      const [ours] = await model.denoise([{ z, c, text: { hidden } }], 500);
      expect(Buffer.from(ours!.data.buffer).equals(await readFile(request.out))).toBe(true);

      const [image, out] = [join(ROOT, "examples/cottage.png"), join(folder, "out.png")];
      const how = { steps: 2, textGuidance: 3, imageGuidance: 2 };
      const edit = { do: "edit", image, instruction: "make it red", seed: 5, out, settings: how } as const;
      expect((await peer.ask(edit, LIMIT)).calls).toBe(6);
      const session = await openSession(model, await readPicture(image));
      const picture = await (await session.edit("make it red", { preset: "best", ...how, seed: 5 })).render();
      expect(samePicture(await readPicture(out), picture)).toBe(true);
      const before = model.calls.denoise;
      await (await openSession(model, await readPicture(image))).edit("make it red", { seed: 5 });
      const own = model.calls.denoise - before;
      expect((await peer.ask({ ...edit, settings: "defaults" }, LIMIT)).calls).toBe(own);
    } finally {
      const peak = await peer.stop();
      expect(peak > 0).toBe(process.platform === "linux");
      await model.dispose();
    }
  });

  it("that cannot start, dies, babbles or is late is refused with the reason", async () => {
    const start = (...command: [string, ...string[]]) => Peer.start("one", command, 5);
    const node = (code: string) => start(process.execPath, "-e", code);
    await expect(start(join(folder, "no-such-program"))).rejects.toThrow(/it ended: spawn .*ENOENT/);
    await expect(node("console.error('no such model'); process.exit(3)")).rejects.toThrow(
      "it ended: no such model",
    );
    await expect(node("console.log('hello')")).rejects.toThrow('it said "hello", which is no JSON object');
    await expect(node('console.log(\'{"error":"no torch"}\')')).rejects.toThrow(/^no torch$/);
    await expect(
      Peer.start("one", [process.execPath, "-e", "setInterval(() => {}, 1000)"], 1),
    ).rejects.toThrow("it took longer than 1 s");
  });
});

describe("npm run bench -- peers", () => {
  it("measures who is there, and says why the others are not", async () => {
    const missing = join(folder, "no-python");
    const settings = ["--model", MODEL, "--python", missing, "--sizes", "32,64", "--rounds", "3"];
    const work = ["--measure", "unet,edit", "--edits", "2", "--steps", "1", "--threads", "1", "--json"];
    const { code, stdout, stderr } = await run("peers.ts", ...settings, ...work);
    expect(code, stderr).toBe(0);
    const { bench, command, machine, rows, skipped } = JSON.parse(stdout);
    expect([bench, machine.cores > 0]).toEqual(["peers", true]);
    expect(command).toContain("npm run bench -- peers --model");
    expect(rows.map((row: { what: string; n?: number }) => [row.what, row.n])).toEqual([
      ["UNet call, 32 px", 3],
      ["UNet call, 64 px", 3],
      [expect.stringMatching(/^edit, \d+ px, 1 steps?, guidance 7.5 and 1.5$/), 2],
      ["all of it", undefined],
    ]);
    for (const row of rows.slice(0, 3)) {
      expect(row).toMatchObject({ peer: "emilie:fp32", ratio: 1 });
      expect(row.seconds).toBeGreaterThan(0);
    }
    expect(rows[2].unetCalls).toBe(3);
    expect(skipped.map((line: string) => line.split(":").slice(0, 2).join(":"))).toEqual([
      "diffusers:fp32",
      "diffusers:bf16+channels-last",
      "sd.cpp:f16",
    ]);
    expect(skipped[0]).toMatch(/ENOENT/);
  });

  it.each([
    [["--measure", "speed"], "--measure speed: expected some of unet, edit, defaults."],
    [["--rounds", "half"], '--rounds is "half"; expected a whole number from 0 on.'],
    [["--peers", "emilie:fp32,emilie:fp32"], "emilie:fp32 is there twice"],
    [["--sizes", "30"], '--sizes is "30"; expected multiples of 4'],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await run("peers.ts", "--model", MODEL, ...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it.each([
    ["torch:fp32", "torch:fp32 is no peer; expected emilie:…, diffusers:… or sd.cpp:…"],
    ["diffusers:fp8", "diffusers:fp8: expected diffusers:fp32 or diffusers:bf16"],
    ["sd.cpp:f16+compile", "sd.cpp:f16+compile: expected flash after +, got compile"],
    ["emilie", "emilie names no precision, as in emilie:fp32"],
    ["emilie:fp32+flash", 'emilie:fp32+flash: emilie has no "+flash"'],
  ])("knows no peer %s", async (name, wrong) => {
    const settings = { model: MODEL, folder: MODEL, threads: 1, python: "python3", sdCpp: "python3" };
    expect(await peerCommand(name, settings)).toEqual({ wrong });
  });
});

describe("the page of speed", () => {
  const what = "UNet call, 512 px";
  const one = {
    ...record("peers", [
      { what, peer: "emilie:fp32", seconds: 4.5, ratio: 1 },
      { what, peer: "diffusers:fp32", seconds: 7.2, ratio: 1.6, error: null },
    ]),
    subject: "full-size",
    skipped: ["sd.cpp:f16: not there"],
  };

  it("has what was measured in its blocks, and leaves the rest alone", () => {
    const page =
      "# Speed\n\n<!-- bench: peers full-size | npm run bench -- peers -->\nold\n<!-- end -->\n\nBetween.\n\n" +
      "<!-- bench: edit picturebook | npm run bench -- edit -->\nold\n<!-- end -->\n";
    const figures = speedFigures([one]);
    const { text, left } = writeBlocks(page, [one, record("window", [])], figures);
    expect(left).toEqual(["window"]);
    expect(text).toContain("| UNet call, 512 px | diffusers:fp32 | 7.2 | 1.6 |  |");
    expect(text).toContain("Left out: sd.cpp:f16: not there.");
    expect(text).toContain("![One UNet call](figures/speed-unet-full-size.svg)");
    expect(text).toContain(
      "<!-- end -->\n\nBetween.\n\n<!-- bench: edit picturebook | npm run bench -- edit -->\n",
    );
    expect(text).toContain("Not measured yet: `npm run bench -- edit`.");
    expect(text).not.toContain("old");
    expect(writeBlocks(text, [one], figures).text).toBe(text);
  });

  it("draws bars as long as the seconds", () => {
    const [figure] = speedFigures([one]);
    const widths = [...figure!.text.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)"/g)].map(([, w]) =>
      Number(w),
    );
    const [first, second] = widths.slice(-2);
    expect(first! / second!).toBeCloseTo(4.5 / 7.2, 2);
    expect(figure!.text).toContain("7.2 s, ×1.6");
  });
});
