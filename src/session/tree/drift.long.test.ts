import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { warnedOf } from "../../../tests/support/drift-chain.ts";
import { readPicture } from "../../images/codec.node.ts";

it("of the exact pictures of the held-out chains at most one of 200 edits is warned of", async () => {
  const root = new URL("../../../benchmarks/picturebook/chain/", import.meta.url);
  const { items } = JSON.parse(readFileSync(new URL("dataset.json", root), "utf8")) as {
    items: { image: string; turns: { target: string }[] }[];
  };
  const warnings: boolean[] = [];
  for (const { image, turns } of items) {
    const files = [image, ...turns.map(({ target }) => target)];
    const pictures = await Promise.all(files.map((file) => readPicture(new URL(file, root))));
    warnings.push(...(await warnedOf(pictures)));
  }
  expect(warnings.length).toBe(200);
  expect(warnings.filter(Boolean).length).toBeLessThanOrEqual(1);
});
