/**
 * npm run bench -- edit [--model picturebook] [--image FILE] [--runs 7] [--steps T] [--json]
 * npm run bench -- edit --full-size [--size 512] [--runs 3] [--steps 2] [--json]
 * Both: [--precision NAME] [--preset NAME] [--memory low] [--threads N]. --clean removes the full-size weights.
 *
 * From picture to picture. Cold: a fresh `emilie edit` in a process of its own, from its start to its end, with the picture and
 * the session on disk. Warm: one more edit in a process that has made one. --full-size takes random weights of the size of
 * InstructPix2Pix, and says what each part takes in seconds and in memory.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { median } from "../packages/bench/src/picture-metrics.ts";
import { edit, loadModel, openSession, type PresetName, readPicture } from "../src/index.ts";
import { guidesWithin } from "../src/method/guidance.ts";
import { firstCondition, toDecoderInput } from "../src/method/latent-iteration.ts";
import { resolveOptions } from "../src/method/options.ts";
import { createNoise } from "../src/tensor/noise.ts";
import { mappedBytes, watchMemory } from "./memory.ts";
import { loadOptions, refused, sizes, usage, whole } from "./options.ts";
import { makeRandomCheckpoint } from "./random-checkpoint.ts";
import { removeRandomUNet } from "./random-unet.ts";
import { digits, type Row, record } from "./record.ts";
import { printRows } from "./table.ts";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "picturebook" },
    image: { type: "string", default: new URL("../examples/cottage.png", import.meta.url).pathname },
    "full-size": { type: "boolean", default: false },
    size: { type: "string", default: "512" },
    runs: { type: "string" },
    steps: { type: "string" },
    precision: { type: "string" },
    preset: { type: "string" },
    memory: { type: "string" },
    threads: { type: "string" },
    json: { type: "boolean", default: false },
    clean: { type: "boolean", default: false },
  },
});
const ROOT = new URL("..", import.meta.url).pathname;
const INSTRUCTIONS = ["make it winter", "make it night", "make it autumn", "paint the roof blue"];
const steps = whole("steps", flags.steps);

if (flags.clean) await removeRandomUNet();
else await main().catch(refused);

async function main(): Promise<void> {
  const rows = flags["full-size"] ? await fullSize() : await small();
  const subject = flags["full-size"] ? "full-size" : basename(flags.model);
  const result = record("edit", rows, { subject });
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
}

/** Whole edits on a checkpoint that can edit: cold ones first, while nothing else runs. */
async function small(): Promise<Row[]> {
  const runs = whole("runs", flags.runs) ?? 7;
  if (!existsSync(flags.image)) usage(`--image: there is no file ${flags.image}.`);
  const options = loadOptions(flags);
  const cold: Row[] = [];
  for (const [what, program] of entries()) {
    const samples: number[] = [];
    for (let i = 0; i < runs; i++) samples.push(await coldSeconds(program));
    cold.push(secondsRow(`cold, process start to end, ${what}`, samples));
  }

  const model = await loadModel(flags.model, options);
  const picture = await readPicture(flags.image);
  const how = { steps, preset: flags.preset as PresetName | undefined };
  // The first edit makes the sessions.
  const first = await openSession(model, picture);
  await (await first.edit("leave it as it is", how)).render();
  const samples = {
    whole: [] as number[],
    open: [] as number[],
    edit: [] as number[],
    decode: [] as number[],
  };
  for (let i = 0; i < runs; i++) {
    const [session, open] = await timed(() => openSession(model, picture));
    const [node, edited] = await timed(() =>
      session.edit(INSTRUCTIONS[i % INSTRUCTIONS.length]!, { ...how, seed: i }),
    );
    const [, decode] = await timed(() => node.render());
    samples.open.push(open);
    samples.edit.push(edited);
    samples.decode.push(decode);
    samples.whole.push(edited + decode);
  }
  await model.dispose();
  return [
    ...cold,
    secondsRow("warm, one edit with its picture", samples.whole),
    secondsRow("warm, of this the UNet and the text", samples.edit),
    secondsRow("warm, of this decoding and laying over the picture", samples.decode),
    secondsRow("warm, opening a picture (encoding it)", samples.open),
  ];
}

/** The command line as it is here, and as it is built, where it has been. */
function entries(): [string, string[]][] {
  const built = join(ROOT, "dist/cli/main.mjs");
  const source: [string, string[]] = ["from source", ["--import", "tsx", join(ROOT, "src/cli/main.ts")]];
  return existsSync(built) ? [["built", [built]], source] : [source];
}

async function coldSeconds(program: readonly string[]): Promise<number> {
  const out = await mkdtemp(join(tmpdir(), "emilie-bench-edit-"));
  try {
    const { precision, preset, model } = flags;
    const options = Object.entries({ model, out, steps, precision, preset }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    );
    const args = [...program, "edit", flags.image, INSTRUCTIONS[0]!, "--seed", "7", ...options];
    return (await timed(() => promisify(execFile)(process.execPath, args, { cwd: ROOT })))[1];
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

function secondsRow(what: string, samples: readonly number[]): Row {
  return {
    what,
    seconds: digits(median(samples)),
    fastest: digits(Math.min(...samples)),
    slowest: digits(Math.max(...samples)),
    n: samples.length,
  };
}

/** The parts of one edit with full-size networks, each called alone, and a short edit of all of them. */
async function fullSize(): Promise<Row[]> {
  const runs = whole("runs", flags.runs) ?? 3;
  const [size = 512] = sizes("size", flags.size, 64);
  const loading = loadOptions(flags);
  const { folder, parameters } = await makeRandomCheckpoint();
  const rows: Row[] = [];
  const warm = new Map<string, number>();
  const stopAll = watchMemory();
  /** Calls once, which makes the session, and then `runs` times more. */
  const part = async <T>(what: string, of: string, work: () => Promise<T>): Promise<T> => {
    const stop = watchMemory();
    const [result, firstSeconds] = await timed(work);
    const samples: number[] = [];
    for (let i = 0; i < runs; i++) samples.push((await timed(work))[1]);
    warm.set(what, median(samples));
    const facts = { parametersM: digits(parameters[of]! / 1e6, 4), n: runs, ...memory(stop()) };
    rows.push({ what, seconds: digits(median(samples)), firstSeconds: digits(firstSeconds), ...facts });
    return result;
  };

  const model = await loadModel(folder, loading);
  const noise = createNoise(0);
  const image = noise.randn([3, size, size]);
  const c = firstCondition(model, await part("encode", "vae", () => model.encodeImage(image)));
  let texts = 0;
  // Another text every time: a text that was encoded is kept.
  const text = await part("text", "text", () => model.encodeText(`make it ${texts++}`));
  const z = noise.randn(c.shape);
  await part("UNet, one call", "unet", () => model.denoise([{ z, c, text }], 500));
  await part("decode", "vae", () => model.decodeLatent(c));

  const how = {
    steps: steps ?? (flags.preset === undefined ? 2 : undefined),
    preset: flags.preset as PresetName | undefined,
  };
  const before = model.calls.denoise;
  const [taken, seconds] = await timed(async () => {
    const start = firstCondition(model, await model.encodeImage(image));
    const result = await edit(model, start, [{ instruction: "make it winter" }], how);
    await model.decodeLatent(toDecoderInput(model, result.c));
    return result.steps;
  });
  const unetCalls = model.calls.denoise - before;
  const edited = `edit of ${taken} step${taken === 1 ? "" : "s"}, ${unetCalls} UNet calls`;
  rows.push({ what: edited, seconds: digits(seconds), n: 1, ...memory(stopAll()) });
  const { steps: usual, guidanceInterval } = resolveOptions(model);
  if (flags.preset === undefined && taken < usual) {
    const guides = guidesWithin({ guidanceInterval }, usual);
    // Three terms where there is guidance, one where there is none.
    const calls = Array.from({ length: usual }, (_, i) => (guides(i) ? 3 : 1)).reduce((a, b) => a + b, 0);
    const of = (what: string) => warm.get(what)!;
    const sum = of("encode") + 2 * of("text") + calls * of("UNet, one call") + of("decode");
    rows.push({ what: `edit of ${usual} steps, ${calls} UNet calls (sum of parts)`, seconds: digits(sum) });
  }
  await model.dispose();
  return rows.map((row) => ({ size, precision: flags.precision ?? "fp32", ...row }));
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}

function memory(peak: number): Row {
  return { peakAnonymousGB: digits(peak / 1e9), mappedGB: digits(mappedBytes() / 1e9) };
}
