import { expect, it } from "vitest";
import { parseJson } from "./json.ts";

const parse = (text: string) => parseJson(text, "unet/config.json", "model");

it("reads a byte order mark, and the numbers that Python writes", () => {
  expect(parse('\uFEFF{"a": [-Infinity, Infinity, NaN, 1], "NaN": "Infinity \\" NaN"}')).toEqual({
    a: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, null, 1],
    NaN: 'Infinity " NaN',
  });
});

it.each([
  [
    "version https://git-lfs.github.com/spec/v1\noid sha256:30eb\nsize 1680\n",
    /pointer of Git LFS.*git lfs pull/,
  ],
  ["<!DOCTYPE html><html>", /a web page/],
  ['{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> b\n}', /merge that was not finished/],
  ['{\0"\0a\0"\0', /UTF-16/],
  ["", /it is empty/],
  ['{"a": 1,}', /is not JSON\.$/],
  [`${'{"a":'.repeat(100)}1${"}".repeat(100)}`, /nests more than 64/],
])("says what lies there instead: %j", (text, message) => {
  expect(() => parse(text)).toThrow(
    expect.objectContaining({ code: "checkpoint.malformed", message: expect.stringMatching(message) }),
  );
});

it("takes a text once, however it is quoted", () => {
  const quotes = `"${'\\"'.repeat(200_000)}`;
  expect(() => parse(quotes)).toThrow(/is not JSON/);
  expect(parse(`${quotes}"`)).toBe('"'.repeat(200_000));
});
