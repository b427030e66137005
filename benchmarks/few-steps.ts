/**
 * npm run bench -- few-steps [--size 512] [--precision int8] [--rounds 2] [--scratch DIR] [--keep] [--json]
 *
 * A whole warm edit, from a picture to a picture (encode, four UNet calls of LCM without guidance, decode) with a tiny autoencoder, against the same with the
 * preset draft and the checkpoint's own VAE: SD 1.x at the size that is published, random weights (4.3 GB), in turns in one process. "times" is draft's time
 * over each row's. The scratch folder (default: a new one in the system's temporary folder) is deleted at the end without --keep.
 */
import { readFileSync } from "node:fs";
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
    keep: { type: "boolean", default: false },
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
try {
  const result = record("few-steps", await measure());
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
} catch (error) {
  refused(error);
} finally {
  if (!flags.keep) await rm(scratch, { recursive: true, force: true });
}

async function measure(): Promise<Row[]> {
  const [checkpoint, tiny, picture] = [
    join(scratch, "sd1"),
    join(scratch, "taesd"),
    join(scratch, `picture-${size}.png`),
  ];
  await layOutFolder(checkpoint, "sd1", { write: writeRandom });
  await writeRandomWeights(join(tiny, "diffusion_pytorch_model.safetensors"), tinyShapes());
  await writeFile(join(tiny, "config.json"), JSON.stringify(TINY));
  await writeFile(picture, await coverPicture(readFileSync(join(ROOT, "examples/cottage.png")), size, size));
  const rows: Row[] = [];
  for (let round = 1; round <= rounds; round++) {
    let draft = 0;
    for (const { name, tiny: isTiny, options } of WAYS) {
      const vae = isTiny ? { vae: tiny } : {};
      const model = await loadModel(checkpoint, { precision, cache: join(scratch, "cache"), ...vae });
      await once(model, picture, options); // sessions are made, and weights of the precision
      const peak = watchMemory(100, () => residentBytesOf(process.pid));
      const before = { ...model.calls };
      const start = performance.now();
      await once(model, picture, options);
      const seconds = (performance.now() - start) / 1000;
      draft ||= seconds;
      rows.push({
        round,
        edit: name,
        size,
        precision,
        unetCalls: unetCalls(model) - unetCalls({ calls: before }),
        seconds: digits(seconds),
        times: digits(draft / seconds),
        peakResidentGB: digits(peak() / 1e9),
      });
      await model.dispose();
    }
  }
  return rows;
}

const unetCalls = ({ calls }: Pick<EditModel, "calls">): number => calls.denoise;

/** From a picture to a picture. */
async function once(model: EditModel, picture: string, options: SessionEditOptions): Promise<void> {
  const session = await openSession(model, picture, { workingSize: size });
  const node = await session.edit("make it winter", options);
  await node.render();
}
