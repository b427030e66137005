/**
 * npm run bench -- klein [--size 512] [--precision int8] [--edits 2] [--threads N] [--scratch DIR] [--json]
 *
 * FLUX.2 klein 4B at full size with random weights, of which every layer has its own (16 GB in bf16, and 4 to 8 GB of derived weights): a session on a picture of the given
 * size, and edits of four steps in it, in this process. Seconds to load (the first time with making the derived weights), to encode text and picture, of each step, of the
 * decoding; peak memory, anonymous and resident. The scratch folder (default: a new one in the system's temporary folder, deleted at the end) keeps the checkpoint if named.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readPicture } from "../src/images/codec.node.ts";
import { coverPicture } from "../src/images/encode.node.ts";
import { loadModel } from "../src/models/load.node.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { openSession } from "../src/session/open.node.ts";
import { layOutKlein } from "../tests/support/published-flux2.ts";
import { watchMemory } from "./memory.ts";
import { sizes, whole } from "./options.ts";
import { writeRandom } from "./random-weights.ts";
import { digits, type Row, record } from "./record.ts";
import { printRows } from "./table.ts";

const { values: flags } = parseArgs({
  options: {
    size: { type: "string", default: "512" },
    precision: { type: "string", default: "int8" },
    edits: { type: "string", default: "2" },
    threads: { type: "string" },
    scratch: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const [size = 512] = sizes("size", flags.size);
const precision = checkPrecision(flags.precision);
const edits = whole("edits", flags.edits) ?? 2;
const ROOT = new URL("..", import.meta.url).pathname;
const TOKENIZER = join(ROOT, "tests/fixtures/flux2/klein/checkpoint/tokenizer");
const scratch = flags.scratch ?? (await mkdtemp(join(tmpdir(), "emilie-klein-")));
try {
  const result = record("klein", await measure(), { subject: `klein 4B ${precision} ${size}` });
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
} finally {
  if (flags.scratch === undefined) await rm(scratch, { recursive: true, force: true });
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, digits((performance.now() - start) / 1000)];
}

async function measure(): Promise<Row[]> {
  const folder = join(scratch, "klein-4b");
  if (!existsSync(join(folder, "text_encoder/model.safetensors"))) {
    await layOutKlein(folder, TOKENIZER, writeRandom);
  }
  const watch = () => [watchMemory(), watchMemory(100, () => process.memoryUsage.rss())] as const;
  let [anonymous, resident] = watch();
  const threads = flags.threads === undefined ? {} : { threads: whole("threads", flags.threads) };
  const [model, load] = await timed(() =>
    loadModel(folder, { precision, cache: join(scratch, "cache"), ...threads }),
  );
  const cottage = readFileSync(join(ROOT, "examples/cottage.png"));
  const picture = await readPicture(await coverPicture(cottage, size, size));
  const [session, encode] = await timed(() => openSession(model, picture, { workingSize: size }));
  const rows: Row[] = [];
  for (let i = 0; i < edits; i++) {
    const instruction = i % 2 === 0 ? "make it winter" : "paint the roof blue";
    const [, text] = await timed(() => model.encodeText(instruction));
    const steps: number[] = [];
    let before = performance.now();
    const [node, seconds] = await timed(() =>
      session.edit(instruction, {
        onProgress: () => {
          steps.push(digits((performance.now() - before) / 1000));
          before = performance.now();
        },
      }),
    );
    const [, decode] = await timed(() => node.render());
    rows.push({
      ...{ edit: i + 1, precision, size, load, encode, text, first: steps[0]!, step: steps.at(-1)! },
      ...{
        edited: seconds,
        decode,
        anonymousGB: digits(anonymous() / 1e9),
        residentGB: digits(resident() / 1e9),
      },
    });
    [anonymous, resident] = watch();
  }
  for (const stop of [anonymous, resident]) stop();
  await model.dispose();
  return rows;
}
