/** The command line's parts that need no model: what is said, how values and masks are read, how demo scripts are checked. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDemoScript } from "../../src/cli/demo-script.ts";
import { slug } from "../../src/cli/files.ts";
import { checkMaskSpec, maskSources, parseNumbered } from "../../src/cli/masks.ts";
import { formatLarge, formatSeconds, Output } from "../../src/cli/output.ts";
import { readSetting } from "../../src/cli/settings.ts";
import { writePicture } from "../../src/images/codec.node.ts";
import { maskFromBox, pictureFromMask } from "../../src/images/mask.ts";
import { makeMask, parseMaskSpec } from "../../src/images/mask-spec.ts";
import { blankPicture } from "../../src/images/picture.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

function terminal(isTTY: boolean) {
  const written = { out: "", err: "" };
  const stdout = {
    write: (text: string) => {
      written.out += text;
    },
  };
  const stderr = {
    isTTY,
    columns: 60,
    write: (text: string) => {
      written.err += text;
    },
  };
  return { written, streams: { stdout, stderr } };
}

describe("what is said", () => {
  it("goes to stdout for people, and is one document there with --json", () => {
    const { written, streams } = terminal(false);
    const people = new Output(false, streams);
    people.say("hello");
    people.document({ a: 1 });
    expect(written).toEqual({ out: "hello\n", err: "" });
    const machines = new Output(true, streams);
    machines.say("hello");
    machines.warn("careful");
    machines.document({ psnr: Number.POSITIVE_INFINITY, warnings: machines.warnings });
    expect(JSON.parse(written.out.slice("hello\n".length))).toEqual({ psnr: null, warnings: ["careful"] });
    expect(written.err).toBe("Note: careful\n");
  });

  it("rewrites one progress line on a terminal, cut to its width, and wipes it before anything else", () => {
    const { written, streams } = terminal(true);
    const output = new Output(false, streams);
    output.progress("1/1 make it winter in the whole of this very long instruction", 5, 20, 2);
    output.progress("1/1 make it winter", 10, 20, 4);
    expect(written.err).not.toContain("\n");
    for (const line of written.err.split("\r\x1b[K")) expect(line.length).toBeLessThan(60);
    expect(written.err).toMatch(/step 10 of 20, 4\.0 s left$/);
    output.say("done");
    expect(written.err.endsWith("\r\x1b[K")).toBe(true);
  });

  it("writes a line at each quarter where there is no terminal", () => {
    const { written, streams } = terminal(false);
    const output = new Output(false, streams);
    for (const label of ["1/2 a", "2/2 b"]) {
      for (let done = 1; done <= 20; done++) output.progress(label, done, 20, done / 10);
    }
    const lines = written.err.trimEnd().split("\n");
    expect(lines).toHaveLength(8);
    expect(lines[0]).toBe("1/2 a: step 5 of 20, 1.5 s left");
    expect(lines[7]).toBe("2/2 b: step 20 of 20");
  });

  it("uses readable numbers", () => {
    expect([0.04, 9.96, 75, 89.7, 150].map(formatSeconds)).toEqual([
      "0.0 s",
      "10 s",
      "75 s",
      "90 s",
      "2 min 30 s",
    ]);
    expect([999, 1000, 859_520_964, 803e9].map((n) => formatLarge(n))).toEqual([
      "999",
      "1.0 k",
      "859.5 M",
      "803.0 G",
    ]);
    expect(formatLarge(999_960, "B")).toBe("1.0 MB");
  });

  it("names files after instructions", () => {
    expect(slug("Paint the roof blue!")).toBe("paint-the-roof-blue");
    expect(slug("../../etc/passwd")).toBe("etc-passwd");
    // Letters keep their marks, however they came.
    expect(slug("ändere das Café".normalize("NFD"))).toBe("ändere-das-café".normalize("NFC"));
    expect(slug("Сделай зиму ёлкой")).toBe("сделай-зиму-ёлкой");
    expect(slug("इसे सर्दी बनाओ")).toBe("इसे-सर्दी-बनाओ");
    expect(slug("اجعلها شتاءً")).toBe("اجعلها-شتاءً");
    expect(slug("add 👩‍🚀 & 🇫🇷!")).toBe("add-👩‍🚀-🇫🇷");
    // What turns the direction of a line round, or steers a terminal, is no part of a name.
    expect(slug("\u202egnp.exe\u0007 \x1b[31mred")).toBe("gnp-exe-31mred");
    expect(slug("CON")).toBe("con-edit");
    expect(slug("\ud800x")).toBe("x");
    for (const letter of ["一", "👩‍👩‍👧‍👦", "é", "क्षि"]) {
      const name = slug(letter.repeat(100));
      expect(Buffer.byteLength(name), letter).toBeLessThanOrEqual(120);
      expect(name, "whole letters only").toBe(letter.repeat(name.length / letter.length));
    }
    expect(slug("把天空变成红色")).toBe("把天空变成红色");
    expect(slug("?!")).toBe("edit");
    expect(slug(`${"a".repeat(39)} b`).length).toBeLessThanOrEqual(40);
  });
});

describe("values on the command line", () => {
  it("are numbers in a range, or names from a list", () => {
    expect(readSetting("seed", "7")).toBe(7);
    // Seeds have 64 bits; a number would round the larger ones.
    expect(readSetting("seed", "9007199254740993")).toBe("9007199254740993");
    expect(readSetting("seed", "18446744073709551615")).toBe("18446744073709551615");
    expect(readSetting("steps", "20")).toBe(20);
    expect(readSetting("textGuidance", "1.25")).toBe(1.25);
    expect(readSetting("textGuidance", "-100")).toBe(-100);
    expect(readSetting("sampler", "ddim")).toBe("ddim");
    expect(readSetting("control", "literal")).toBe("literal");
    expect(readSetting("guidanceInterval", "0,0.7")).toEqual([0, 0.7]);
    expect(readSetting("workingSize", "own")).toBe("own");
    // A text of digits is a text where one is meant.
    expect(readSetting("base", "7")).toBe("7");
  });

  it.each([
    ["seed", "-1", /whole number from 0/],
    ["seed", "1.5", /whole number/],
    ["seed", "1e30", /whole number/],
    ["seed", "99999999999999999999", /whole number/],
    ["seed", "18446744073709551616", /to 18446744073709551615/],
    ["textGuidance", "0x10", /from -100 to 100/],
    ["steps", "0", /from 1 to 1000/],
    ["steps", "NaN", /from 1 to 1000/],
    ["steps", "", /from 1 to 1000/],
    ["textGuidance", "-100.5", /from -100 to 100/],
    ["textGuidance", "NaN", /from -100 to 100/],
    ["textGuidance", "Infinity", /from -100 to 100/],
    ["textGuidance", " ", /from -100 to 100/],
    ["imageGuidance", "0.5", /from 1 to 100/],
    ["gate", "100.5", /from 0 to 100/],
    ["guidanceInterval", "0.7,0.2", /the smaller first/],
    ["guidanceInterval", "0.2", /the smaller first/],
    ["guidanceInterval", ",1", /the smaller first/],
    ["workingSize", "7", /from 8 to 100000/],
    ["sampler", "plms", /ddim, ddpm, euler, euler-ancestral/],
    ["control", "none", /anchored, direction/],
  ] as const)("%s refuses %j and says what is allowed", (name, text, message) => {
    expect(() => readSetting(name, text)).toThrow(message);
  });
});

describe("masks on the command line", () => {
  it("give the number of the edit they are for; with one edit they need not", () => {
    const parse = (text: string, edits: number) => parseNumbered(text, "--mask", edits, "N=FILE");
    expect(parse("2=roof.png", 3)).toEqual({ edit: 2, value: "roof.png" });
    expect(parse("1=a=b.png", 1)).toEqual({ edit: 1, value: "a=b.png" });
    expect(parse("auto", 1)).toEqual({ edit: 1, value: "auto" });
    expect(() => parse("roof.png", 2)).toThrow(/give the number of the edit/);
    for (const wrong of ["0=a.png", "4=a.png"]) expect(() => parse(wrong, 3)).toThrow(/there is no edit/);
    expect(() => parse("1=", 1)).toThrow(/expected N=FILE/);
  });

  it("are pictures, shapes or auto; other sizes and other aspects are told", async () => {
    const picture = blankPicture(60, 40);
    const file = async (name: string, width: number, height: number) => {
      const path = join(folder, name);
      const half = maskFromBox(width, height, { x: 0, y: 0, width: width / 2, height });
      await writePicture(pictureFromMask(half), path);
      return path;
    };
    const read = async (value: string) => {
      const output = new Output(true, terminal(false).streams);
      const mask = await makeMask(parseMaskSpec(value), picture, maskSources(folder, output));
      return { mask, warnings: output.warnings };
    };
    expect(await read("auto")).toEqual({ mask: "auto", warnings: [] });
    const box = await read("box:10,5,20,8");
    expect(box.mask).toMatchObject({ width: 60, height: 40 });
    expect((box.mask as { data: Float32Array }).data.reduce((sum, m) => sum + m, 0)).toBe(160);
    expect((await read(await file("same.png", 60, 40))).warnings).toEqual([]);
    expect((await read(await file("half.png", 30, 20))).warnings).toEqual([expect.stringMatching(/scaled/)]);
    expect((await read(await file("tall.png", 40, 50))).warnings).toEqual([
      expect.stringMatching(/stretched/),
    ]);
    // A name is looked for beside the script.
    expect((await read("half.png")).warnings).toEqual([expect.stringMatching(/mask half\.png .*scaled/)]);
    expect(() => checkMaskSpec("box:1,2,3")).toThrow(/box:x,y,width,height/);
    await expect(read("box:50,0,20,10")).rejects.toMatchObject({ code: "mask.invalid" });
    await expect(read(join(folder, "nowhere.png"))).rejects.toMatchObject({ code: "image.unreadable" });
  });
});

describe("demo scripts", () => {
  const write = async (script: unknown) => {
    const path = join(folder, "demo.json");
    await writeFile(path, typeof script === "string" ? script : JSON.stringify(script));
    return path;
  };
  const base = { model: "picturebook", image: "scene.png" };

  it("have absolute paths and parents once they are read", async () => {
    const plan = [
      { id: "a", instruction: "x" },
      { id: "b", instruction: "y", mask: "roof.png" },
      { id: "c", instruction: "z", from: "a", mask: "auto", seed: 3 },
      { id: "d", instruction: "z", from: "original" },
    ];
    const script = await readDemoScript(await write({ ...base, steps: plan, expect: { c: "golden/c.png" } }));
    expect(script.steps.map((step) => step.from)).toEqual([undefined, "a", "a", "original"]);
    expect(script.steps[1]!.mask).toBe("roof.png");
    expect(script.steps[2]).toMatchObject({ mask: "auto", settings: { seed: 3n } });
    expect(script).toMatchObject({
      model: "picturebook",
      folder,
      image: join(folder, "scene.png"),
      expect: { c: join(folder, "golden/c.png") },
      tolerance: { psnr: 30 },
    });
  });

  it.each([
    ["{", /not JSON/],
    [{ ...base, steps: [] }, /steps/],
    [{ ...base, steps: [{ id: "a", instruction: "x", sead: 1 }] }, /sead/],
    [{ ...base, steps: [{ id: "a", instruction: "x", sampler: "plms" }] }, /steps\[0\]\.sampler/],
    [{ ...base, steps: [{ id: "a", instruction: "x", from: "b" }] }, /starts from "b"/],
    [{ ...base, steps: [{ id: "original", instruction: "x" }] }, /"original" is taken/],
    [{ ...base, steps: [{ id: "a", instruction: "x" }], expect: { b: "b.png" } }, /expected of "b"/],
  ])("that make no sense are refused: %j", async (script, message) => {
    await expect(readDemoScript(await write(script))).rejects.toThrow(message);
  });
});
