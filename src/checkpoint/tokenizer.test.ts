import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { folderSource } from "./source.node.ts";
import { readTokenizer } from "./tokenizer.ts";

const START = "<|startoftext|>";
const END = "<|endoftext|>";
const PIECES = ["!", "a", "c", "t", "a</w>", "c</w>", "t</w>", "!</w>", "ca", "cat</w>", START, END];
const VOCAB = Object.fromEntries(PIECES.map((piece, id) => [piece, id]));
const MERGES = "#version: 0.2\nc a\nca t</w>\n";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "emilie-tokenizer-"));
  mkdirSync(join(root, "tokenizer"));
  put("vocab.json", JSON.stringify(VOCAB));
  put("merges.txt", MERGES);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const put = (name: string, content: string) => writeFileSync(join(root, "tokenizer", name), content);
const config = (settings: object) => put("tokenizer_config.json", JSON.stringify(settings));
const open = (limit = 8) => readTokenizer(folderSource(root), "tokenizer", limit);
const ids = (...pieces: readonly string[]) => Int32Array.from(pieces, (piece) => VOCAB[piece]!);

it("merges, marks word ends, and pads with the end token as SD 1.x does", async () => {
  const { encode } = await open();
  expect(encode("cat act!")).toEqual(ids(START, "cat</w>", "a", "c", "t</w>", "!</w>", END, END));
});

it("lowers case and squeezes white space", async () => {
  const { encode } = await open();
  expect(encode("  CAT \t\n a ")).toEqual(encode("cat a"));
});

it("pads with the token that the checkpoint names, as SD 2.x does", async () => {
  config({ pad_token: { content: "!", lstrip: false }, model_max_length: 6 });
  const { encode, length } = await open();
  expect(length).toBe(6);
  expect(encode("")).toEqual(ids(START, END, "!", "!", "!", "!"));
});

it("cuts a long text and still ends it", async () => {
  const { encode } = await open(5);
  expect(encode("a c t a c t a c t")).toEqual(ids(START, "a</w>", "c</w>", "t</w>", END));
});

it("takes the text encoder's length where the tokenizer has no limit", async () => {
  config({ model_max_length: 1e30, pad_token: null });
  expect((await open(7)).length).toBe(7);
});

it("says which token is missing", async () => {
  config({ pad_token: "[PAD]" });
  await expect(open()).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringContaining('"[PAD]"'),
  });
});

it("names the missing file", async () => {
  rmSync(join(root, "tokenizer", "merges.txt"));
  await expect(open()).rejects.toMatchObject({
    code: "checkpoint.missing",
    message: expect.stringContaining("merges.txt"),
  });
});

it("refuses a tokenizer.json without a vocabulary", async () => {
  put("tokenizer.json", JSON.stringify({ model: { type: "BPE" } }));
  await expect(open()).rejects.toMatchObject({ code: "checkpoint.malformed" });
});
