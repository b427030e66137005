/**
 * npm run bench -- few-steps [--size 512] [--precision int8] [--rounds 2] [--scratch DIR] [--again] [--json]
 *
 * A whole warm edit, from a picture to a picture (encode, four UNet calls of LCM without guidance, decode) with a tiny autoencoder, against the same with the
 * preset draft and the checkpoint's own VAE: SD 1.x at the size that is published, random weights (4.3 GB), in turns in one process. "times" is draft's time
 * over each row's. Rows are printed as they come and kept in DIR/few-steps-SIZE-PRECISION.json: a run that was
 * stopped goes on after the last one, --again begins anew. The scratch folder (default: a new one in the system's temporary folder, deleted at the end) keeps the checkpoint,
 * and what is derived from it, if named: the first run of a folder writes 4.3 GB and derives 0.8 GB, minutes before the first row.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { coverPicture } from "../src/images/encode.node.ts";
import { type EditModel, loadModel, openSession, type SessionEditOptions } from "../src/index.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { layOutFolder } from "../tests/support/full-checkpoint.ts";
import { TINY, tinyShapes } from "../tests/support/tiny.ts";
import { residentBytesOf, watchMemory } from "./memory.ts";
import { refused, sizes, whole } from "./options.ts";
import { writeRandom, writeRandomWeights } from "./random-weights.ts";
import { digits, type Row, record } from "./record.ts";
import { printRows } from "./table.ts";

const { values: flags } = parseArgs({
  options: {
    size: { type: "string", default: "512" },
    precision: { type: "string", default: "int8" },
    rounds: { type: "string", default: "2" },
    scratch: { type: "string" },
    again: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const precision = checkPrecision(flags.precision);
const [size = 512] = sizes("size", flags.size, 64);
const rounds = whole("rounds", flags.rounds) ?? 2;
const ROOT = new URL("..", import.meta.url).pathname;

/** How an edit is made; `tiny`: with the tiny autoencoder. */
interface Way {
  readonly name: string;
  readonly tiny: boolean;
  readonly options: SessionEditOptions;
}
const LCM: SessionEditOptions = {
  sampler: "lcm",
  steps: 4,
  textGuidance: 1,
  imageGuidance: 1,
  guidanceInterval: [0, 1],
};
const WAYS: readonly Way[] = [
  { name: "draft, own VAE", tiny: false, options: { preset: "draft" } },
  { name: "LCM of 4 steps, own VAE", tiny: false, options: LCM },
  { name: "LCM of 4 steps, tiny autoencoder", tiny: true, options: LCM },
];

const scratch = flags.scratch ?? (await mkdtemp(join(tmpdir(), "emilie-few-steps-")));
const kept = join(scratch, `few-steps-${size}-${precision}.json`);
try {
  const result = record("few-steps", await measure());
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
} catch (error) {
  refused(error);
} finally {
  if (flags.scratch === undefined) await rm(scratch, { recursive: true, force: true });
}

async function measure(): Promise<Row[]> {
  const [checkpoint, tiny, picture] = [
    join(scratch, "sd1"),
    join(scratch, "taesd"),
    join(scratch, `picture-${size}.png`),
  ];
  if (!existsSync(checkpoint)) console.error(`writing a checkpoint of 4.3 GB to ${checkpoint}, once`);
  await layOutFolder(checkpoint, "sd1", { write: writeRandom });
  await writeRandomWeights(join(tiny, "diffusion_pytorch_model.safetensors"), tinyShapes());
  await writeFile(join(tiny, "config.json"), JSON.stringify(TINY));
  await writeFile(picture, await coverPicture(readFileSync(join(ROOT, "examples/cottage.png")), size, size));
  const rows: Row[] = !flags.again && existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : [];
  for (let round = 1; round <= rounds; round++) {
    for (const way of WAYS) {
      if (rows.some((row) => row.round === round && row.edit === way.name)) continue;
      const measured = await measureWay(way, checkpoint, tiny, picture);
      const draft = rows.find((row) => row.round === round)?.seconds ?? measured.seconds;
      const row = { round, edit: way.name, size, precision, ...measured };
      rows.push({ ...row, times: digits(Number(draft) / measured.seconds) });
      console.error(JSON.stringify(rows.at(-1)));
      await writeFile(kept, JSON.stringify(rows, null, 2));
    }
  }
  return rows;
}

async function measureWay({ tiny: isTiny, options }: Way, checkpoint: string, tiny: string, picture: string) {
  const vae = isTiny ? { vae: tiny } : {};
  const model = await loadModel(checkpoint, {
    ...{ precision, cache: join(scratch, "cache"), ...vae },
    onProgress: ({ stage, what }) => {
      if (stage === "start") console.error(`making ${what}, once`);
    },
  });
  await once(model, picture, options); // sessions are made, and weights of the precision
  const peak = watchMemory(100, () => residentBytesOf(process.pid));
  const before = model.calls.denoise;
  const parts = await once(model, picture, options);
  const unetCalls = model.calls.denoise - before;
  const result = { unetCalls, ...parts, peakResidentGB: digits(peak() / 1e9) };
  await model.dispose();
  return result;
}

/** From a picture to a picture; seconds of it all and of its parts. */
async function once(model: EditModel, picture: string, options: SessionEditOptions) {
  const times = [performance.now()];
  const lap = () => times.push(performance.now());
  const session = await openSession(model, picture, { workingSize: size });
  lap();
  const node = await session.edit("make it winter", options);
  lap();
  await node.render();
  lap();
  const seconds = (from: number, to: number) => digits((times[to]! - times[from]!) / 1000);
  return { encode: seconds(0, 1), editing: seconds(1, 2), decode: seconds(2, 3), seconds: seconds(0, 3) };
}
