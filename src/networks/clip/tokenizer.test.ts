import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderSource } from "../../checkpoint/source.node.ts";
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

describe("a special token that the vocabulary lacks", () => {
  it("has the next id where the text encoder has an embedding for it", async () => {
    config({ pad_token: "[PAD]" });
    const size = PIECES.length + 1;
    const { encode } = await readTokenizer(folderSource(root), "tokenizer", 5, { vocabulary: size });
    expect([...encode("")].slice(2)).toEqual([size - 1, size - 1, size - 1]);
    await expect(readTokenizer(folderSource(root), "tokenizer", 5, { vocabulary: size - 1 })).rejects.toThrow(
      /"\[PAD\]" has the id 12, but the text encoder has 12 embeddings/,
    );
  });
});

it("a single file's padding replaces the folder's, which is a plain word again", async () => {
  config({ pad_token: "!" });
  put("special_tokens_map.json", JSON.stringify({ pad_token: "!" }));
  const { encode } = await readTokenizer(folderSource(root), "tokenizer", 6, { pad: END });
  expect(encode("cat!")).toEqual(ids(START, "cat</w>", "!</w>", END, END, END));
});

describe("files that are not what they claim to be", () => {
  const DECODER = { "12": { content: "<new>" } };
  it.each([
    ["vocab.json", "{}", /vocab\.json is not a map from tokens to ids: it is empty/],
    ["vocab.json", "[1]", /is not a map/],
    ["vocab.json", '{"a": 0, "b": 0}', /"b" and "a" have the same id 0/],
    ["vocab.json", '{"a": -1}', /the id of "a" is -1/],
    ["vocab.json", '{"a": 9007199254740991}', /the id of "a" is 9007199254740991/],
    ["vocab.json", '{"a": "0"}', /the id of "a" is "0"/],
    ["vocab.json", `${"[".repeat(1e5)}${"]".repeat(1e5)}`, /nests deeper than 64/],
    ["vocab.json", `"${'\\"'.repeat(1e5)}`, /is not JSON/],
    ["vocab.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0", /Git LFS pointer/],
    ["merges.txt", "c a t\n", /merges\.txt: merge 1 is "c a t"; expected two pieces/],
    ["merges.txt", "c a\nz z\n", /merge 2 is "z z", but the vocabulary has no "z"/],
    ["merges.txt", "c a\n".repeat(600_000), /has 600000 merges/],
    ["merges.txt", "x".repeat(2 ** 24 + 1), /has 16777217 bytes/],
    ["tokenizer_config.json", '{"padding_side": "left"}', /"padding_side" is "left"/],
    ["tokenizer_config.json", '{"split_special_tokens": true}', /"split_special_tokens" is true/],
    ["tokenizer_config.json", '{"model_max_length": 1}', /"model_max_length" is 1/],
    ["tokenizer_config.json", '{"model_max_length": "77"}', /"model_max_length" is "77"/],
    ["tokenizer_config.json", '{"pad_token": {"content": "a", "single_word": true}}', /"pad_token"/],
    ["tokenizer_config.json", '{"pad_token": 3}', /"pad_token" is 3/],
    ["tokenizer_config.json", '{"added_tokens_decoder": {"x": "a"}}', /added_tokens_decoder/],
    [
      "tokenizer_config.json",
      JSON.stringify({ added_tokens_decoder: { "3": { content: "<new>" } } }),
      /id 3, but the next id.*is 12/,
    ],
    [
      "tokenizer_config.json",
      JSON.stringify({ added_tokens_decoder: { "3": { content: "a" } } }),
      /id 3, but the vocabulary has it with the id 1/,
    ],
    [
      "tokenizer_config.json",
      JSON.stringify({ added_tokens_decoder: { ...DECODER, "13": { content: "<NEW>" } } }),
      /differ only in upper and lower case/,
    ],
    ["tokenizer_config.json", "[]", /tokenizer_config\.json is not a JSON object/],
    ["added_tokens.json", '{"<new>": -1}', /added_tokens\.json: "<new>" is -1/],
    ["special_tokens_map.json", "<!doctype html>", /a web page/],
    ["tokenizer.json", '{"model": {"vocab": {"a": 0}}}', /no list of merges/],
  ])("$0, $2", async (name, content, message) => {
    put(name, content);
    await expect(open()).rejects.toMatchObject({
      code: expect.stringMatching(/^checkpoint\.(malformed|unsupported)$/),
      message: expect.stringMatching(message),
    });
  });

  it("whatever one key or one byte of them is", async () => {
    const good = JSON.stringify({ pad_token: "!", added_tokens_decoder: DECODER, model_max_length: 77 });
    const random = generator(7);
    for (let i = 0; i < 300; i++) {
      const [at, what] = [
        Math.floor(random() * good.length),
        '{}[]",:0-x\\'[Math.floor(random() * 12)] ?? "",
      ];
      put("tokenizer_config.json", good.slice(0, at) + what + good.slice(at + (random() < 0.5 ? 1 : 0)));
      const error = await open().then(
        () => null,
        (thrown: unknown) => thrown,
      );
      if (error !== null) expect(error).toMatchObject({ name: "EmilieError" });
    }
  });
});

/** Numbers from 0 to 1, the same every time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
