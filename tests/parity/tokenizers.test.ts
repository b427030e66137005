/** Which of a tokenizer's files counts, against transformers' CLIPTokenizer on folders drawn at random (training/parity/make_tokenizers.py). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { readTokenizer } from "../../src/networks/clip/tokenizer.ts";

interface Whole {
  readonly model: object;
}
interface Case {
  readonly files: Readonly<Record<string, object>>;
  readonly size: number;
  readonly end: number;
  readonly ids: readonly (readonly number[])[];
}

const { vocab, merges, texts, cases } = JSON.parse(
  readFileSync(new URL("../fixtures/tokenizers/cases.json", import.meta.url), "utf8"),
) as { vocab: object; merges: string[]; texts: string[]; cases: Case[] };

const root = mkdtempSync(join(tmpdir(), "emilie-tokenizers-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function open(files: Case["files"], size: number) {
  const folder = mkdtempSync(join(root, "case-"));
  const put = (name: string, json: object) => writeFileSync(join(folder, name), JSON.stringify(json));
  put("vocab.json", vocab);
  writeFileSync(join(folder, "merges.txt"), ["#version: 0.2", ...merges, ""].join("\n"));
  for (const [name, json] of Object.entries(files)) {
    const whole = name === "tokenizer.json";
    put(name, whole ? { ...json, model: { ...(json as Whole).model, vocab, merges } } : json);
  }
  return readTokenizer(folderSource(folder), ".", 77, { vocabulary: size });
}

describe("a folder of tokenizer files", () => {
  test.each(cases.map((one, i) => [i, Object.keys(one.files).join(", ") || "pieces alone", one] as const))(
    "%i: %s",
    async (_, __, { files, size, end, ids }) => {
      const tokenizer = await open(files, size);
      expect(texts.map((text) => [...tokenizer.encode(text)])).toEqual(ids);
      expect([tokenizer.size, tokenizer.end]).toEqual([size, end]);
      // One embedding fewer than there are tokens, and the folder is refused.
      await expect(open(files, size - 1)).rejects.toMatchObject({
        code: "checkpoint.malformed",
        message: expect.stringMatching(
          new RegExp(`has the id ${size - 1}, but the text encoder has ${size - 1}`),
        ),
      });
    },
  );
});
