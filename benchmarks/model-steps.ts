/** The part "steps" of a benchmark of one model, such as `npm run bench -- klein`: one call of its denoiser by each peer in a process of its own, one after the other. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createNoise } from "../src/tensor/noise.ts";
import { distance } from "./distance.ts";
import { askEach, type Peer, type Request } from "./peer-process.ts";
import { digits, type Row } from "./record.ts";

export type Command = readonly [string, ...string[]];

export interface StepSettings {
  readonly scratch: string;
  /** Of what the denoiser is given. */
  readonly shapes: Readonly<Record<"z" | "c" | "text", readonly number[]>>;
  /** By name, in the order in which they are asked; the first is what the others are compared with. */
  readonly peers: readonly (readonly [name: string, command: Command])[];
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DTYPES: Readonly<Record<string, string>> = { fp32: "float32", bf16: "bfloat16" };
/** Half way; 1000 times as much is a number of bfloat16 too, in which diffusers computes it. */
const TIMESTEP = 500;
/** Calls that count; one more comes before them, which makes sessions and fills caches. stable-diffusion.cpp's is the second step of an edit with its text: it is asked once. */
const ROUNDS = 2;
export const LIMIT_SECONDS = 3600;

/** Gives each peer's row to `keep`; returns who was left out, with the reason. */
export async function measureSteps(
  { scratch, shapes, peers }: StepSettings,
  keep: (row: Row) => void,
): Promise<string[]> {
  const work = join(scratch, "steps");
  await mkdir(work, { recursive: true });
  // What emilie derived for the sessions serves here too.
  process.env.EMILIE_CACHE = join(scratch, "cache");
  const noise = createNoise(shapes.z.at(-1) ?? 0);
  for (const [name, shape] of Object.entries(shapes)) {
    await writeFile(join(work, `${name}.f32`), new Uint8Array(noise.randn(shape).data.buffer));
  }
  let first: { readonly seconds: number; readonly output: Buffer | null } | undefined;
  const ask = async (peer: Peer) => {
    const out = join(work, `${peer.name.replace(":", "-")}.out.f32`);
    await rm(out, { force: true });
    const request: Request = { do: "unet", folder: work, shapes, timestep: TIMESTEP };
    const once = await peer.ask({ ...request, out }, LIMIT_SECONDS);
    const isWarm = peer.name.startsWith("sd.cpp:");
    const times = isWarm ? [once.seconds] : [];
    for (let i = 0; i < (isWarm ? 0 : ROUNDS); i++)
      times.push((await peer.ask(request, LIMIT_SECONDS)).seconds);
    const seconds = Math.min(...times);
    const output = await readFile(out).catch(() => null);
    first ??= { seconds, output };
    return {
      ...{ seconds: digits(seconds), times: digits(seconds / first.seconds) },
      errorToFirst: output && first.output ? distance(output, first.output) : null,
    };
  };
  return askEach(peers, LIMIT_SECONDS, ask, keep);
}

export interface PeerPlace {
  readonly model: string;
  readonly threads: number;
  /** A Python that has what the peers need. */
  readonly python: string;
  /** Of benchmarks/peers, which loads the denoiser with diffusers. */
  readonly script: string;
}

/** How "emilie:int8" or "diffusers:bf16" is started; null for other names. */
export function stepCommand(name: string, { model, threads, python, script }: PeerPlace): Command | null {
  const [kind, precision = ""] = name.split(":");
  const how = ["--model", model, "--threads", String(threads)];
  if (kind === "emilie") {
    const peer = join(HERE, "peer-emilie.ts");
    return [process.execPath, "--import", "tsx", peer, ...how, "--precision", precision];
  }
  const dtype = DTYPES[precision];
  return kind === "diffusers" && dtype ? [python, peerScript(script), ...how, "--dtype", dtype] : null;
}

export const peerScript = (name: string): string => join(HERE, "peers", `${name}.py`);
