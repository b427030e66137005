/** Token ids against transformers' CLIPTokenizer, over plain, long and odd texts. */
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { readTokenizer } from "../../src/checkpoint/tokenizer.ts";
import { at, fixtures, readReferences } from "./parity/references.ts";

describe.each(fixtures())("tokens of %s", (folder) => {
  const { references, tensor } = readReferences(folder);
  const ids = tensor(references.tokens.ids);
  const cases = references.tokens.texts.map((text, i) => ({
    text,
    shown: JSON.stringify(text.slice(0, 40)),
    i,
  }));

  test.each(cases)(`${basename(folder)}: $shown`, async ({ text, i }) => {
    const tokenizer = await readTokenizer(folderSource(join(folder, "checkpoint")), "tokenizer", 77);
    expect([...tokenizer.encode(text)]).toEqual([...at(ids, i).data]);
  });
});
