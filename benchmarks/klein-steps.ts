/** The part "steps" of `npm run bench -- klein`: one call of the transformer with one reference, by each peer in a process of its own, one after the other. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KLEIN_TEXT } from "../src/networks/qwen3/read.ts";
import { createNoise } from "../src/tensor/noise.ts";
import { distance } from "./distance.ts";
import type { KleinModels } from "./klein-models.ts";
import { usage } from "./options.ts";
import { Peer, PeerError, type Request } from "./peer-process.ts";
import { digits, type Row } from "./record.ts";

export interface StepSettings extends KleinModels {
  readonly scratch: string;
  /** Of the picture, in pixels. */
  readonly size: number;
  readonly threads: number;
  /** A Python that has diffusers, and stable-diffusion-cpp-python. */
  readonly python: string;
  /** "emilie:int8", "diffusers:bf16", "sd.cpp:q8_0". */
  readonly peers: readonly string[];
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DTYPES: Readonly<Record<string, string>> = { fp32: "float32", bf16: "bfloat16" };
const FACTOR = 16;
/** Half way; 1000 times as much is a number of bfloat16 too, in which diffusers computes it. */
const TIMESTEP = 500;
/** Calls that count; one more comes before them, which makes sessions and fills caches. stable-diffusion.cpp's is the second step of an edit with its text: it is asked once. */
const ROUNDS = 2;
const LIMIT_SECONDS = 3600;

/** Gives each peer's row to `keep`; returns who was left out, with the reason. */
export async function measureSteps(settings: StepSettings, keep: (row: Row) => void): Promise<string[]> {
  const commands = settings.peers.map((name) => ({ name, command: commandOf(name, settings) }));
  const work = join(settings.scratch, "steps");
  await mkdir(work, { recursive: true });
  // What emilie derived for the sessions serves here too.
  process.env.EMILIE_CACHE = join(settings.scratch, "cache");
  const config = JSON.parse(await readFile(join(settings.klein, "transformer/config.json"), "utf8"));
  const side = settings.size / FACTOR;
  const latent = [config.in_channels, side, side];
  const shapes = { z: latent, c: latent, text: [KLEIN_TEXT.tokens, config.joint_attention_dim] };
  const noise = createNoise(settings.size);
  for (const [name, shape] of Object.entries(shapes)) {
    await writeFile(join(work, `${name}.f32`), new Uint8Array(noise.randn(shape).data.buffer));
  }
  const skipped: string[] = [];
  let first: { readonly seconds: number; readonly output: Buffer | null } | undefined;
  for (const { name, command } of commands) {
    console.error(`${name}: loading`);
    let peer: Peer | undefined;
    try {
      peer = await Peer.start(name, command, LIMIT_SECONDS);
      const out = join(work, `${name.replace(":", "-")}.out.f32`);
      await rm(out, { force: true });
      const request: Request = { do: "unet", folder: work, shapes, timestep: TIMESTEP };
      const once = await peer.ask({ ...request, out }, LIMIT_SECONDS);
      const isWarm = name.startsWith("sd.cpp:");
      const times = isWarm ? [once.seconds] : [];
      for (let i = 0; i < (isWarm ? 0 : ROUNDS); i++)
        times.push((await peer.ask(request, LIMIT_SECONDS)).seconds);
      const seconds = Math.min(...times);
      const output = await readFile(out).catch(() => null);
      first ??= { seconds, output };
      const peak = await peer.stop();
      keep({
        ...{ peer: name, seconds: digits(seconds), times: digits(seconds / first.seconds) },
        errorToFirst: output && first.output ? distance(output, first.output) : null,
        anonymousGB: digits(peak / 1e9),
      });
    } catch (error) {
      await peer?.stop();
      if (!(error instanceof PeerError)) throw error;
      skipped.push(`${name}: ${error.message}`);
      console.error(`${name} is left out: ${error.message}`);
    }
  }
  return skipped;
}

function commandOf(name: string, settings: StepSettings): readonly [string, ...string[]] {
  const [kind, precision = ""] = name.split(":");
  const { klein, original, python } = settings;
  const threads = ["--threads", String(settings.threads)];
  if (kind === "emilie") {
    const script = join(HERE, "peer-emilie.ts");
    const model = ["--model", klein, "--precision", precision];
    return [process.execPath, "--import", "tsx", script, ...model, ...threads];
  }
  const dtype = DTYPES[precision];
  if (kind === "diffusers" && dtype) {
    return [python, join(HERE, "peers/klein_peer.py"), "--model", klein, "--dtype", dtype, ...threads];
  }
  if (kind === "sd.cpp") {
    const parts = [
      ...["--diffusion-model", original, "--llm", join(klein, "text_encoder/model.safetensors")],
      ...["--vae", join(klein, "vae/diffusion_pytorch_model.safetensors"), "--factor", String(FACTOR)],
    ];
    return [python, join(HERE, "peers/sdcpp_peer.py"), "--type", precision, ...parts, ...threads];
  }
  return usage(`--peers: ${name} is none of emilie:PRECISION, diffusers:fp32, diffusers:bf16, sd.cpp:TYPE.`);
}
