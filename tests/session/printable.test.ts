/** What a stranger's session, script or picture says reaches the terminal as text, never as commands to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { escapeText } from "../../packages/bench/src/report/html.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { onOneLine, printable, printableJson } from "../../src/session/script/printable.ts";
import { formatScript, parseScript } from "../../src/session/script/script-file.node.ts";
import { emilie } from "../support/command-line.ts";

const checkpoint = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
/** A title, a colour, the eight-bit form of the same, a link, a line turned round, one that ends early, a bell. */
const HOSTILE =
  "red\x1b]0;owned\x07\x1b[2J\x1b[31m \x9b5m\u202egnp.exe\u2066 \u2028x\rdone\nNote: all is well \u{e0041}";
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not come out
const STEERS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;

let folder: string;
let session: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-printable-"));
  session = join(folder, "hostile.emilie");
  const model = await loadModel(checkpoint);
  const opened = await openSession(model, blankPicture(40, 32, [90, 160, 70, 255]));
  const node = await opened.edit(HOSTILE, { steps: 1 });
  opened.rename(node, `${HOSTILE.slice(0, 60)}`);
  await opened.save(session);
  await node.save(join(folder, "hostile.png"));
  await opened.root.save(join(folder, "original.png"));
  await model.dispose();
});
afterAll(() => rm(folder, { recursive: true }));

describe("on the terminal", () => {
  it.each([
    ["show", []],
    ["show", ["--json"]],
    ["show", ["--script"]],
    ["replay", ["--verify"]],
    ["replay", ["--json"]],
    ["edit", ["make it blue", "--steps", "1", "--from", "red"]],
    ["edit", [HOSTILE, "--steps", "1"]],
    ["export", ["x.bmp\x1b[31m"]],
  ] as [string, string[]][])("emilie %s %j prints no control character of a session", async (verb, args) => {
    const out = verb === "edit" ? ["--out", join(folder, "out")] : [];
    const { stdout, stderr } = await emilie(verb, session, ...args, ...out);
    expect(stdout + stderr).not.toBe("");
    expect(stdout).not.toMatch(STEERS);
    expect(stderr).not.toMatch(STEERS);
    // Nor can it begin a line of its own.
    if (!args.includes("--json")) expect(stdout + stderr).not.toMatch(/^Note: all is well/m);
  });

  it("an unknown option of hostile letters is repeated as letters", async () => {
    const { code, stderr } = await emilie("edit", "a.png", "--\x1b[31mred");
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown option '--\\x1b\[31mred'/);
  });

  it("replaying a picture prints its recipes as text", async () => {
    const image = ["--image", join(folder, "original.png"), "--model", checkpoint];
    const { code, stdout } = await emilie("replay", join(folder, "hostile.png"), ...image);
    expect(code).toBe(0);
    expect(stdout).toMatch(/red\\x1b\]0;owned\\x07/);
    expect(stdout).not.toMatch(STEERS);
  });
});

describe("escaped texts", () => {
  const any = fc.string({
    unit: fc.oneof(
      fc.string({ unit: "binary", maxLength: 1 }),
      fc.constantFrom("\x1b", "\x9b", "\u202e", "\n", "é", "אב"),
    ),
  });

  it("of any letters steer nothing, and letters of every script stay", () => {
    fc.assert(
      fc.property(any, (text) => {
        expect(printable(text)).not.toMatch(STEERS);
        expect(onOneLine(text)).not.toMatch(/\n/);
        expect(JSON.parse(printableJson(JSON.stringify({ text })))).toEqual({ text });
        expect(printableJson(JSON.stringify({ text }))).not.toMatch(STEERS);
      }),
    );
    for (const text of ["сделай", "冬にする", "اجعلها شتاءً", "👩‍🚀 🇫🇷", "tab\there"])
      expect(printable(text)).toBe(text);
  });

  it("of scripts are the same script when they are read again", () => {
    fc.assert(
      fc.property(
        any.filter((text) => /\S/.test(text)),
        (instruction) => {
          const yaml = formatScript({ steps: [{ instruction }] });
          expect(yaml).not.toMatch(STEERS);
          expect(parseScript(yaml)).toEqual({ steps: [{ instruction }] });
        },
      ),
    );
  });

  it("in a report turn no line round", () => {
    expect(escapeText("a\u202eb\x1b<")).toBe("a\ufffdb\ufffd&lt;");
  });
});
