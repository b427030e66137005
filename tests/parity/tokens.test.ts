/** Token ids against transformers' CLIPTokenizer, over plain, long and odd texts. */
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/models/open.node.ts";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import { checkpointOf } from "./models.ts";
import { at, fixtures, readReferences } from "./references.ts";

describe.each(fixtures())("tokens of %s", (folder) => {
  const { references, tensor } = readReferences(folder);
  const ids = tensor(references.tokens.ids);
  const cases = references.tokens.texts.map((text, i) => ({
    text,
    shown: JSON.stringify(text.slice(0, 40)),
    i,
  }));

  test.each(cases)(`${basename(folder)}: $shown`, async ({ text, i }) => {
    const { texts } = await readCheckpoint(openCheckpoint(checkpointOf(folder)));
    expect([...texts[0]!.tokenizer.encode(text)]).toEqual([...at(ids, i).data]);
    if (references.tokens.ids2 === undefined) return expect(texts).toHaveLength(1);
    expect([...texts[1]!.tokenizer.encode(text)]).toEqual([...at(tensor(references.tokens.ids2), i).data]);
  });
});
