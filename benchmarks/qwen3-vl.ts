/**
 * npm run bench -- qwen3-vl [--precision int8] [--runs 3] [--threads N] [--scratch DIR] [--json]
 *
 * DreamLite's text encoder, Qwen3-VL-2B, at full size with random weights, of which every layer has its own (4.3 GB in bf16, and 1 to 2 GB of derived weights): seconds for
 * the vision tower to look at a picture of 512 px, and for the text of an instruction with it, the first time and the fastest of some; each one's share of their sum;
 * peak memory, anonymous and resident. The scratch folder (default: a new one in the system's temporary folder, deleted at the end) keeps the checkpoint if named.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { folderSource } from "../src/checkpoint/source.node.ts";
import { mappedStorage } from "../src/checkpoint/storage.node.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { NetworkRunner } from "../src/networks/network-runner.ts";
import { encodePrompt, qwen3VlNeeds, seePicture } from "../src/networks/qwen3-vl/encoder.ts";
import { editSentence } from "../src/networks/qwen3-vl/prompts.ts";
import { readQwen3Vl } from "../src/networks/qwen3-vl/read.ts";
import { createNodeEngine } from "../src/runtime/node.ts";
import { createNoise } from "../src/tensor/noise.ts";
import { layOutQwen3Vl } from "../tests/support/qwen3-vl.ts";
import { watchMemory } from "./memory.ts";
import { whole } from "./options.ts";
import { writeRandom } from "./random-weights.ts";
import { digits, type Row, record } from "./record.ts";
import { printRows } from "./table.ts";

const { values: flags } = parseArgs({
  options: {
    precision: { type: "string", default: "int8" },
    runs: { type: "string", default: "3" },
    threads: { type: "string" },
    scratch: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const precision = checkPrecision(flags.precision);
const runs = whole("runs", flags.runs) ?? 3;
const scratch = flags.scratch ?? (await mkdtemp(join(tmpdir(), "emilie-qwen3-vl-")));
try {
  const result = record("qwen3-vl", await measure(), { subject: `Qwen3-VL-2B ${precision}` });
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
} finally {
  if (flags.scratch === undefined) await rm(scratch, { recursive: true, force: true });
}

async function measure(): Promise<Row[]> {
  const folder = join(scratch, "qwen3-vl-2b");
  await layOutQwen3Vl(folder, writeRandom);
  const source = folderSource(folder);
  const qwen = await readQwen3Vl(source);
  const needs = qwen3VlNeeds(qwen, precision);
  const storage = mappedStorage(join(scratch, "cache"));
  const place = (part: "vision" | "text") => storage.place(source, qwen[part], undefined, needs[part], false);
  const weights = { vision: await place("vision"), text: await place("text") };
  const threads = flags.threads === undefined ? {} : { threads: whole("threads", flags.threads) };
  const runner = new NetworkRunner(createNodeEngine(threads), source, "normal");
  const stages = (part: "vision" | "text") =>
    runner.stages({ name: part, what: part, hot: false, weights: weights[part], table: qwen[part] }, {});
  const watched = [watchMemory(), watchMemory(100, () => process.memoryUsage.rss())] as const;
  const picture = createNoise(1).randn([3, 512, 512]);
  const prompt = editSentence("make it winter");
  const seconds: Record<"vision" | "text", number[]> = { vision: [], text: [] };
  let tokens = 0;
  for (let i = 0; i <= runs; i++) {
    const start = performance.now();
    const features = await seePicture(qwen, weights.vision, picture, stages("vision"));
    const seen = performance.now();
    const { ids } = await encodePrompt(qwen, source, weights.text, prompt, features, stages("text"));
    seconds.vision.push((seen - start) / 1000);
    seconds.text.push((performance.now() - seen) / 1000);
    tokens = ids.length;
  }
  const [anonymousGB, residentGB] = watched.map((stop) => digits(stop() / 1e9));
  await runner.dispose([weights.vision, weights.text]);
  const fastest = { vision: Math.min(...seconds.vision), text: Math.min(...seconds.text) };
  const sum = fastest.vision + fastest.text;
  return (["vision", "text"] as const).map((part) => ({
    ...{ part, precision: needs[part]?.precision ?? precision, tokens: part === "text" ? tokens : 1024 },
    ...{
      first: digits(seconds[part][0]!),
      fastest: digits(fastest[part]),
      share: digits(fastest[part] / sum),
    },
    ...{ anonymousGB: anonymousGB!, residentGB: residentGB! },
  }));
}
