/**
 * npm run bench -- peers [--model full-size|picturebook|FOLDER] [--sizes 512,256] [--rounds 5] [--measure unet,edit,defaults]
 *   [--precision fp32,int8] [--peers emilie:fp32,diffusers:bf16+channels-last,sd.cpp:f16] [--preset P] [--memory low]
 *   [--edits 3] [--steps T] [--threads N] [--python PY] [--sd-cpp PY] [--limit SECONDS] [--json]
 *
 * The same work by emilie, by diffusers on PyTorch and by stable-diffusion.cpp: one UNet call ("unet"), a whole edit with the
 * same steps and guidance ("edit"), a whole edit as each does it when nothing is said ("defaults"). Every peer is a process
 * that keeps its model; they take turns, one call each, so that all see the same machine. Ratios are to the first peer, round
 * by round; with --rounds 0 a UNet call is made once, for how far its result is from the first peer's. benchmarks/peers/README.md says how to set the others up; who is not there is left out with the reason.
 */
import { rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../packages/bench/src/picture-metrics.ts";
import { wilson } from "../packages/bench/src/study/analyse.ts";
import { resolveOptions } from "../src/method/options.ts";
import { checkpointFolder, loadModel } from "../src/models/load.node.ts";
import { openCheckpoint } from "../src/models/open.node.ts";
import { readCheckpoint } from "../src/networks/stable-diffusion/checkpoint.ts";
import { physicalCores } from "../src/runtime/node.ts";
import { createNoise } from "../src/tensor/noise.ts";
import { distance } from "./distance.ts";
import { refused, sizes, usage, whole } from "./options.ts";
import { peerCommand } from "./peer-commands.ts";
import { type EditItem, heldOut, samePicture, score } from "./peer-edits.ts";
import { type Answer, type EditSettings, Peer, PeerError, type Request } from "./peer-process.ts";
import { makeRandomCheckpoint } from "./random-checkpoint.ts";
import { digits, type Row, record } from "./record.ts";
import { printRows } from "./table.ts";

/** emilie comes first, in each precision asked for. What diffusers does best is in peers/README.md. */
const OTHERS = ["diffusers:fp32", "diffusers:bf16+channels-last", "sd.cpp:f16"];
const MEASURES = ["unet", "edit", "defaults"];
const TIMESTEP = 500;

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "full-size" },
    sizes: { type: "string" },
    rounds: { type: "string" },
    measure: { type: "string" },
    precision: { type: "string", default: "fp32" },
    peers: { type: "string" },
    preset: { type: "string" },
    memory: { type: "string" },
    edits: { type: "string" },
    steps: { type: "string" },
    threads: { type: "string" },
    python: { type: "string", default: process.env.PYTHON ?? "python3" },
    "sd-cpp": { type: "string" },
    limit: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const full = flags.model === "full-size";
const rounds = whole("rounds", flags.rounds, 0) ?? 5;
const edits = whole("edits", flags.edits) ?? (full ? 2 : 5);
const limit = whole("limit", flags.limit) ?? 900;
const measures = (flags.measure ?? (full ? "unet,edit" : MEASURES.join(","))).split(",");
const unknown = measures.find((measure) => !MEASURES.includes(measure));
if (unknown !== undefined) usage(`--measure ${unknown}: expected some of ${MEASURES.join(", ")}.`);
const names = flags.peers?.split(",") ?? [...flags.precision.split(",").map((p) => `emilie:${p}`), ...OTHERS];
const twice = names.find((name, i) => names.indexOf(name) < i);
if (twice !== undefined) usage(`--peers: ${twice} is there twice.`);

/** Those that still take part. */
let peers: Peer[] = [];
const skipped: string[] = [];
const rows: Row[] = [];
const versions: string[] = [];
const work = await mkdtemp(join(tmpdir(), "emilie-bench-peers-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
try {
  await main(full ? (await makeRandomCheckpoint()).folder : flags.model);
} catch (error) {
  refused(error);
} finally {
  for (const peer of peers) await peer.stop();
}

async function main(name: string): Promise<void> {
  const model = await loadModel(name);
  const { tokens, unet } = await readCheckpoint(openCheckpoint(name));
  await model.dispose();
  const { factor, stride, latentChannels, nativeSize } = model;
  const pictureSizes = sizes("sizes", flags.sizes ?? (full ? "512,256" : String(nativeSize)), stride);
  await startAll(name);

  if (measures.includes("unet")) {
    for (const size of pictureSizes) {
      const latent = [latentChannels, size / factor, size / factor];
      const shapes = { z: latent, c: latent, text: [tokens, unet.levels[0]!.crossAttentionDim] };
      await measureUNet(size, shapes);
    }
  }
  if (measures.includes("edit")) {
    const own = resolveOptions(model, { steps: whole("steps", flags.steps) ?? (full ? 2 : undefined) });
    const { steps, textGuidance, imageGuidance } = own;
    const what = `edit, ${nativeSize} px, ${steps} steps, guidance ${textGuidance} and ${imageGuidance}`;
    await measureEdits(what, await items(nativeSize), { steps, textGuidance, imageGuidance });
  }
  if (measures.includes("defaults")) {
    const how = flags.preset === undefined ? "own defaults" : `own defaults, emilie's preset ${flags.preset}`;
    await measureEdits(`edit, ${nativeSize} px, ${how}`, await items(nativeSize), "defaults");
  }

  for (const peer of peers)
    rows.push({ what: "all of it", peer: peer.name, peakAnonymousGB: digits((await peer.stop()) / 1e9) });
  const result = record("peers", rows, { subject: basename(flags.model), skipped, versions });
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
  if (peers.length === 0) process.exitCode = 1;
}

/** One after the other: two that load at once would need both their memory twice. */
async function startAll(model: string): Promise<void> {
  const threads = whole("threads", flags.threads) ?? physicalCores();
  const { python, preset, memory } = flags;
  const sdCpp = flags["sd-cpp"] ?? python;
  const settings = { model, folder: checkpointFolder(model), threads, python, sdCpp, preset, memory };
  const commands = [];
  for (const name of names) commands.push({ name, ...(await peerCommand(name, settings)) });
  for (const one of commands) {
    if ("wrong" in one) usage(`--peers: ${one.wrong}.`);
  }
  for (const one of commands) {
    console.error(`starting ${one.name}`);
    try {
      if ("reason" in one) throw new PeerError(one.reason);
      if (!("command" in one)) continue;
      const peer = await Peer.start(one.name, one.command, limit);
      peers.push(peer);
      const facts = Object.entries(peer.ready.versions).map(([what, version]) => `${what} ${version}`);
      versions.push(`${one.name}: ${facts.join(", ")}`);
    } catch (error) {
      leaveOut(one.name, error);
    }
  }
}

/** Random inputs, the same for all; how far the outputs are from the first peer's is a column. */
async function measureUNet(size: number, shapes: Extract<Request, { do: "unet" }>["shapes"]): Promise<void> {
  const noise = createNoise(size);
  for (const [name, shape] of Object.entries(shapes))
    await writeFile(join(work, `${name}.f32`), new Uint8Array(noise.randn(shape).data.buffer));
  const out = (peer: Peer) => join(work, `${peers.indexOf(peer)}.out.f32`);
  const request = { do: "unet", folder: work, shapes, timestep: TIMESTEP } as const;
  const what = `UNet call, ${size} px`;
  // The first call makes the session, compiles, fills caches.
  const first = await takeTurns(`${what}, first`, 1, (peer) => ({ ...request, out: out(peer) }));
  const outputs = await Promise.all(peers.map((peer) => readFile(out(peer)).catch(() => null)));
  const errors = new Map(peers.map((peer, i) => [peer.name, distance(outputs[i]!, outputs[0]!)]));
  const answers = rounds === 0 ? first : await takeTurns(what, rounds, () => request);
  for (const row of timeRows(what, answers))
    rows.push({ ...row, errorToFirst: errors.get(String(row.peer)) ?? null });
}

function items(size: number): Promise<EditItem[]> {
  return flags.model === "picturebook" ? heldOut(edits) : samePicture(edits, size, work);
}

async function measureEdits(what: string, items: readonly EditItem[], settings: EditSettings): Promise<void> {
  const out = (peer: Peer, i: number) => join(work, `${peers.indexOf(peer)}-${i}.png`);
  const request = (peer: Peer, i: number): Request => {
    const { image, instruction, seed } = items[i]!;
    return { do: "edit", image, instruction, seed, out: out(peer, i), settings };
  };
  // One that does not count: it makes the sessions of the encoder and the decoder.
  await takeTurns(`${what}, first`, 1, (peer) => request(peer, 0));
  const taken = [...peers];
  const answers = await takeTurns(what, items.length, request);
  for (const row of timeRows(what, answers)) {
    const peer = taken.find(({ name }) => name === row.peer)!;
    const scores = await Promise.all(
      items.map((item, i) => score(item, join(work, `${taken.indexOf(peer)}-${i}.png`))),
    );
    const good = scores.every((one) => one === null)
      ? null
      : wilson(scores.filter(Boolean).length, scores.length);
    rows.push({
      ...row,
      unetCalls: answers.get(peer.name)!.at(-1)!.calls ?? null,
      ...(good
        ? { success: digits(good.value), successLow: digits(good.low), successHigh: digits(good.high) }
        : {}),
    });
  }
}

/** Every peer once, then every peer again. Who cannot go on is left out from there, and its answers with it. */
async function takeTurns(
  what: string,
  rounds: number,
  request: (peer: Peer, round: number) => Request,
): Promise<Map<string, Answer[]>> {
  const answers = new Map<string, Answer[]>(peers.map((peer) => [peer.name, []]));
  const gone = new Set<Peer>();
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      if (gone.has(peer)) continue;
      try {
        const answer = await peer.ask(request(peer, round), limit);
        answers.get(peer.name)!.push(answer);
        console.error(`${what}: ${peer.name} ${answer.seconds.toFixed(3)} s`);
      } catch (error) {
        leaveOut(`${peer.name}, ${what}`, error);
        await peer.stop();
        gone.add(peer);
        answers.delete(peer.name);
      }
    }
  }
  peers = peers.filter((peer) => !gone.has(peer));
  return answers;
}

/** Medians, and the median of the rounds' ratios with the lowest and the highest of them. */
function timeRows(what: string, answers: ReadonlyMap<string, readonly Answer[]>): Row[] {
  const first = [...answers.values()][0];
  return [...answers].map(([peer, own]) => {
    const ratios = own.map(({ seconds }, i) => seconds / first![i]!.seconds);
    return {
      what,
      peer,
      seconds: digits(median(own.map(({ seconds }) => seconds))),
      ratio: digits(median(ratios)),
      lowestRatio: digits(Math.min(...ratios)),
      highestRatio: digits(Math.max(...ratios)),
      n: own.length,
    };
  });
}

function leaveOut(who: string, error: unknown): void {
  if (!(error instanceof PeerError)) throw error;
  skipped.push(`${who}: ${error.message}`);
  console.error(`without ${skipped.at(-1)}`);
}
