/** The shipped checkpoint's reader against transformers (training/parity/make_reader.py). */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cacheFolder, mappedStorage } from "../../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import { openCheckpoint } from "../../src/models/open.node.ts";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import {
  buildReader,
  feedsOf,
  meanOfRows,
  type ReaderPart,
} from "../../src/networks/stable-diffusion/reader.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { OnnxSessions } from "../../src/runtime/onnx-sessions.ts";
import { expectClose } from "./references.ts";

interface Case {
  readonly text: string;
  readonly ids: readonly number[];
  readonly read: readonly number[];
}
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../fixtures/reader.json", import.meta.url), "utf8"),
);
const source = openCheckpoint("picturebook");
const engine = createNodeEngine({ device: "cpu" });
const sessions = new OnnxSessions(engine, "normal");
let reader: ReaderPart;
let weights: PlacedWeights;

beforeAll(async () => {
  reader = (await readCheckpoint(source)).reader!;
  weights = await mappedStorage(cacheFolder()).place(source, reader.table);
});
afterAll(async () => {
  await engine.dispose();
  await weights.release();
});

describe.each(["fused", "plain"] as const)("the reader with %s operators", (dialect) => {
  test.each(cases.map((one) => [one.text.slice(0, 40), one] as const))(
    "%j",
    async (_, { text, ids, read }) => {
      const found = reader.tokenizer.encode(text);
      expect([...found]).toEqual(ids);
      const network = { name: dialect, weights, hot: false };
      const { tokens, feeds } = feedsOf(reader, found);
      const build = () => buildReader(reader, weights, tokens, dialect);
      const { hidden } = await sessions.run(network, `${tokens}`, build, feeds);
      const shape = [read.length];
      const mean = { data: meanOfRows(hidden!, found.length), shape };
      expectClose(mean, { data: Float32Array.from(read), shape }, text);
    },
  );
});
