/** `emilie mcp` as an assistant's program runs it: a process, a real client, the shipped checkpoint. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { encodePng, readPicture, writePicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { animate } from "../../src/images/encode.node.ts";
import { maskFromBox, pictureFromMask } from "../../src/images/mask.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { readPngText } from "../../src/images/png-text.ts";
import { MAX_SHOWN_BYTES, MAX_SHOWN_SIDE } from "../../src/mcp/tool.ts";
import { EMILIE } from "../support/command.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

const repository = resolve(import.meta.dirname, "../..");
const cottage = join(repository, "examples/cottage.png");

let folder: string;
let client: Client;
const stderr: string[] = [];
const at = (name: string) => join(folder, "root", name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-mcp-"));
  await mkdir(join(folder, "root"));
  await writePicture(await readPicture(cottage), at("cottage.png"));
  await writePicture(blankPicture(1600, 400, [90, 140, 200, 255]), at("wide.png"));
  await writePicture(await readPicture(cottage), join(folder, "secret.png"));
  await symlink(join(folder, "secret.png"), at("link.png"));
  await symlink(folder, at("up"));
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...EMILIE, "mcp", "--root", join(folder, "root")],
    cwd: repository,
    stderr: "pipe",
  });
  transport.stderr?.on("data", (chunk) => stderr.push(String(chunk)));
  client = new Client({ name: "emilie-test", version: "1.0.0" });
  await client.connect(transport);
});
afterAll(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

type Options = NonNullable<Parameters<Client["callTool"]>[1]>;
interface Result {
  readonly isError?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: what the server answered, looked at field by field
  readonly data: any;
  readonly text: string;
  readonly image?: Uint8Array;
}

async function call(name: string, given: Record<string, unknown> = {}, options?: Options): Promise<Result> {
  const { content, structuredContent, isError } = await client.callTool(
    { name, arguments: given },
    { timeout: 240_000, ...options },
  );
  const text = content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  const image = content.find((part) => part.type === "image");
  return {
    isError,
    text,
    data: structuredContent,
    image: image?.type === "image" ? Buffer.from(image.data, "base64") : undefined,
  };
}

describe("the tools", () => {
  it("are listed with descriptions and schemas", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual(
      [
        ...[
          "branch",
          "close",
          "compare",
          "crop",
          "edit",
          "expand",
          "export",
          "history",
          "open",
          "redo",
          "undo",
        ],
      ].sort(),
    );
    for (const { description, inputSchema } of tools) {
      expect(description!.length).toBeGreaterThan(40);
      expect(inputSchema.type).toBe("object");
    }
    expect(client.getInstructions()).toContain("mask");
  });

  it("open, edit with a box, branch, compare, undo, redo, list and export", async () => {
    const opened = await call("open", { path: "cottage.png" });
    expect(opened.data).toMatchObject({
      session: "s1",
      parent: null,
      width: 128,
      model: { id: "picturebook" },
    });
    const original = await readPicture(opened.image!);
    expect(original).toEqual(await readPicture(cottage));

    const progress: { progress: number; total?: number }[] = [];
    const box = { x: 40, y: 30, width: 48, height: 40 };
    const roof = await call(
      "edit",
      { instruction: "paint the roof blue", mask: box, steps: 4, seed: 3 },
      { onprogress: (event) => progress.push(event) },
    );
    expect(roof.isError).toBeFalsy();
    expect(progress.map(({ progress: done, total }) => [done, total])).toEqual([
      [1, 4],
      [2, 4],
      [3, 4],
      [4, 4],
    ]);
    expect(roof.data).toMatchObject({
      session: "s1",
      parent: opened.data.node,
      seed: "3",
      head: roof.data.node,
    });
    expect(roof.data.change.outside).toMatchObject({ changedPixels: 0, psnr: null });
    const change = compareInsideOutside(original, await readPicture(roof.image!), maskFromBox(128, 128, box));
    expect(change.outside.changedPixels).toBe(0);
    expect(change.inside.changedPixels).toBeGreaterThan(100);

    const night = await call("branch", { from: "original", instruction: "make it night", steps: 2 });
    expect(night.data).toMatchObject({ parent: opened.data.node, head: night.data.node });

    const compared = await call("compare", { a: roof.data.node.slice(0, 6), b: "original" });
    expect(compared.data).toMatchObject({
      a: roof.data.node,
      b: opened.data.node,
      outside: { changedPixels: 0 },
    });
    expect((await readPicture(compared.image!)).width).toBeLessThanOrEqual(MAX_SHOWN_SIDE);

    expect((await call("undo")).data).toMatchObject({ node: opened.data.node });
    const redone = await call("redo");
    expect(redone.data).toMatchObject({ node: night.data.node });
    expect(redone.image).toEqual(night.image);

    const listed = await call("history");
    expect(listed.data.nodes.map(({ node }: { node: string }) => node)).toEqual([
      opened.data.node,
      roof.data.node,
      night.data.node,
    ]);
    expect(listed.text).toContain(`make it night from ${opened.data.node}  ← head`);

    await call("export", { path: "roof.png", node: roof.data.node });
    const written = await readFile(at("roof.png"));
    expect(await readPicture(written)).toEqual(await readPicture(roof.image!));
    expect(JSON.parse(readPngText(written).emilie!)).toMatchObject({ seed: "3", steps: 4 });
    expect(await call("export", { path: "all.emilie" })).toMatchObject({ data: { path: at("all.emilie") } });
    // Its own file is written again without asking.
    expect((await call("export", { path: "all.emilie" })).isError).toBeFalsy();
    const again = await call("open", { path: "all.emilie" });
    expect(again.data).toMatchObject({ session: "s2", nodes: 3, head: night.data.node });
    expect((await call("close", { session: "s2" })).isError).toBeFalsy();
    expect((await call("history")).data.session).toBe("s1");
  });

  it("crop, expand and fill the border, at the size that the picture then has", async () => {
    await call("open", { path: "cottage.png" });
    const crop = await call("crop", { x: 16, y: "8", width: 80, height: 100 });
    expect(crop.data).toMatchObject({ width: 80, height: 100, changes: { kind: "cropped" } });
    const room = await call("expand", { left: "25%", bottom: 8 });
    expect(room.data).toMatchObject({ width: 100, height: 108, parent: crop.data.node });
    const edit = { instruction: "make it winter", steps: 1, seed: 3 };
    const filled = await call("edit", { ...edit, mask: "border" });
    expect(filled.data.change.outside).toMatchObject({ changedPixels: 0, pixels: 8000 });
    const boxed = await call("branch", { ...edit, from: room.data.node, mask: [90, 0, 10, 108] });
    expect(boxed.data.change.inside.pixels).toBe(1080);
    const refused = await call("crop", { x: 90, y: 0, width: 80, height: 9, from: room.data.node });
    expect([refused.isError, refused.text]).toEqual([
      true,
      expect.stringMatching(/^option.invalid: a crop is a box/),
    ]);
    const { nodes } = (await call("history")).data;
    expect(nodes.at(1)).toMatchObject({ instruction: "crop to 80×100", width: 80, masked: false });
    await call("close");
  });

  it("take masks as files and as the model's own idea, and show large pictures small", async () => {
    const opened = await call("open", { path: at("wide.png") });
    const shown = await readPicture(opened.image!);
    expect([shown.width, shown.height]).toEqual([MAX_SHOWN_SIDE, MAX_SHOWN_SIDE / 4]);
    const mask = maskFromBox(1600, 400, { x: 100, y: 100, width: 300, height: 200 });
    await writePicture(pictureFromMask(mask), at("mask.png"));
    const edited = await call("edit", { instruction: "make it red", mask: { file: "mask.png" }, steps: 1 });
    expect(edited.data.change.outside).toMatchObject({ changedPixels: 0, pixels: 1600 * 400 - 300 * 200 });
    const auto = await call("branch", {
      from: "original",
      instruction: "make it red",
      mask: "auto",
      steps: 1,
    });
    expect(auto.isError).toBeFalsy();
    await call("close", { session: opened.data.session });
    // At its own size it is not made small for the model, and only what a mask confines can be done.
    const own = await call("open", { path: at("wide.png"), workingSize: "own" });
    const small = { x: 100, y: 100, width: 60, height: 40 };
    await writePicture(pictureFromMask(maskFromBox(1600, 400, small)), at("small.png"));
    const sharp = await call("edit", { instruction: "make it red", mask: { file: "small.png" }, steps: 1 });
    expect(sharp.data.change.outside).toMatchObject({ changedPixels: 0, pixels: 1600 * 400 - 60 * 40 });
    expect((await call("edit", { instruction: "make it winter", steps: 1 })).text).toMatch(
      /^edit\.too-large/,
    );
    await call("close", { session: own.data.session });

    const data = Uint8ClampedArray.from(
      { length: 1000 * 900 * 4 },
      (_, i) => (1e4 * Math.abs(Math.sin(i))) % 256,
    );
    await writePicture({ width: 1000, height: 900, data }, at("noise.png"));
    const noise = await call("open", { path: "noise.png" });
    expect(noise.image!.length).toBeLessThanOrEqual(MAX_SHOWN_BYTES);
    expect((await readPicture(noise.image!)).width).toBeGreaterThan(100);
    await call("close", { session: noise.data.session });
  });

  it("stop an edit that is cancelled, and leave the session as it was", async () => {
    await call("open", { path: "cottage.png" });
    const before = (await call("history")).data;
    const controller = new AbortController();
    const steps: number[] = [];
    const pending = call(
      "edit",
      { instruction: "make it winter", steps: 400 },
      {
        signal: controller.signal,
        onprogress: ({ progress }) => {
          steps.push(progress);
          controller.abort();
        },
      },
    );
    await expect(pending).rejects.toThrow(/abort/i);
    // The next request waits for the one before; it would wait long if that went on.
    expect((await call("history")).data).toEqual(before);
    expect(steps.length).toBeLessThan(400);
  });
});

describe("arguments", () => {
  const text = (value: object) => JSON.stringify(value);
  const box = { x: 40, y: 30, width: 48, height: 40 };

  it("are read as models write them", async () => {
    await writePicture(pictureFromMask(maskFromBox(128, 128, box)), at("box é.png"));
    await call("open", { path: "cottage.png", working_size: "None" });
    const edit = { instruction: "paint the roof blue", from: "original", steps: 1, seed: 3 };
    const expected = await call("branch", { ...edit, mask: box });
    expect(expected.isError, expected.text).toBeFalsy();
    const file = `file://${encodeURI(at("box é.png"))}`;
    const same = [
      { mask: text(box) },
      { mask: [40, 30, 48, 40] },
      { mask: "[40, 30, 48, 40]" },
      { mask: { box } },
      { mask: "box:40,30,48,40" },
      { mask: "box é.png" },
      { mask: "box%20%C3%A9.png" },
      { mask: "box é.png".normalize("NFD") },
      { mask: file },
      { mask: { file } },
      { mask: text({ file: at("box é.png") }) },
      { mask: box, seed: "3", steps: " 1 ", preset: null, sampler: "", text_guidance: null, session: null },
    ];
    for (const more of same) {
      const made = await call("branch", { ...edit, ...more });
      expect(made.data?.node, `${text(more)}: ${made.text}`).toBe(expected.data.node);
    }
    const everywhere = await call("branch", { ...edit, mask: null });
    expect(everywhere.data.node).not.toBe(expected.data.node);
  });

  it("are refused by name otherwise, with the forms that are understood", async () => {
    await call("open", { path: "cottage.png" });
    const cases: [string, Record<string, unknown>, RegExp][] = [
      ["open", {}, /^option\.invalid: .*arguments, path: is missing/],
      ["open", { path: "cottage.png", masks: 1 }, /"masks" in the request's arguments is not a known name/],
      ["open", { path: "cottage.png", Path: "cottage.png" }, /"path" appears more than once/],
      ["open", { path: "file://elsewhere/cottage.png" }, /is not the address of a file here/],
      ["open", { path: "~/cottage.png" }, /is outside the folders/],
      ["open", { path: "%2e%2e/secret.png" }, /is outside the folders/],
      ["edit", { instruction: "x", mask_file: "a.png" }, /Did you mean "mask"/],
      [
        "edit",
        { instruction: "x", mask: { x: 40.5, y: 30, width: 48, height: 40 } },
        /box in whole pixels.*"auto"/,
      ],
      ["edit", { instruction: "x", mask: { left: 1, top: 2, width: 3, height: 4 } }, /box in whole pixels/],
      ["edit", { instruction: "x", mask: 7 }, /box in whole pixels/],
      ["edit", { instruction: "x", mask: "file:/etc/hostname" }, /is outside the folders/],
      ["edit", { instruction: "x", mask: "alpha:file:../secret.png" }, /is outside the folders/],
      ["edit", { instruction: "x", mask: "alpha:/etc/hostname" }, /is outside the folders/],
      ["edit", { instruction: "x", mask: "none.png" }, /There is no file none\.png/],
      ["edit", { instruction: "x", steps: "four" }, /arguments, steps: /],
    ];
    for (const [tool, given, message] of cases) {
      const { isError, text: said } = await call(tool, given);
      expect(isError, said).toBe(true);
      expect(said).toMatch(message);
    }
  });

  it("are answered with what of a picture is not edited", async () => {
    const frames = await Promise.all([0, 120].map((r) => encodePng(blankPicture(32, 32, [r, 0, 0, 255]))));
    await writeFile(at("moving.gif"), await animate(frames, { format: "gif", seconds: 1 }));
    const opened = await call("open", { path: "moving.gif" });
    const told = /moving\.gif is an animation \(2 frames\); the first one is edited/;
    expect(opened.text).toMatch(told);
    expect(opened.data.warnings).toEqual([expect.stringMatching(told)]);
    await call("close", { session: opened.data.session });
  });
});

describe("errors", () => {
  it("say what was expected, what was given, and what to do", async () => {
    await call("open", { path: "cottage.png" });
    const cases: [string, Record<string, unknown>, RegExp][] = [
      ["open", { path: "none.png" }, /^image\.unreadable: There is no file none\.png/],
      [
        "edit",
        { instruction: "x", mask: { x: 100, y: 0, width: 90, height: 9 } },
        /^mask\.invalid: .*128×128/,
      ],
      ["edit", { instruction: "x", session: "s99" }, /"s99"\. There are s1 \(cottage\.png\)/],
      [
        "branch",
        { instruction: "x", from: "zzz" },
        /"zzz" is no node of this session\. There are: \w+ \(original\)/,
      ],
      ["undo", {}, /^option\.invalid: Nothing can be undone/],
      ["export", { path: "cottage.png" }, /exists\. Choose another name, or set overwrite/],
      ["export", { path: "picture.bmp" }, /written as \.png.*got \.bmp/],
      ["export", { path: "nowhere/picture.png" }, /There is no folder nowhere/],
    ];
    for (const [tool, given, message] of cases) {
      const { isError, text } = await call(tool, given);
      expect(isError, text).toBe(true);
      expect(text).toMatch(message);
    }
    await writeFile(at("broken.png"), "not a picture");
    expect((await call("open", { path: "broken.png" })).text).toMatch(/^image\.unreadable/);
    expect((await call("edit", { instruction: "  " })).isError).toBe(true);
  });

  it("keep every path inside the folders, links too", async () => {
    await call("open", { path: "cottage.png" });
    const outside = /is outside the folders that this server may use/;
    for (const path of [
      "../secret.png",
      "/etc/hostname",
      join(folder, "secret.png"),
      "link.png",
      "up/secret.png",
    ])
      expect((await call("open", { path })).text).toMatch(outside);
    for (const path of ["../out.png", "up/out.png", join(folder, "out.png"), `${folder}/root-beside.png`])
      expect((await call("export", { path })).text).toMatch(outside);
    expect((await call("export", { path: "link.png", overwrite: true })).text).toMatch(
      /is a link or a folder/,
    );
    expect((await call("edit", { instruction: "x", mask: { file: "../secret.png" } })).text).toMatch(outside);
    expect((await readdir(folder)).sort()).toEqual(["root", "secret.png"]);
    expect(stderr.join("")).toBe("");
  });
});
