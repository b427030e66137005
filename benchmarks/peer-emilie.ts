/**
 * emilie as a peer of `npm run bench -- peers`: `tsx benchmarks/peer-emilie.ts --model M [--precision P] [--preset P] [--memory low] [--threads N]`.
 * Speaks the protocol of peer-process.ts.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  type EditModel,
  loadModel,
  openSession,
  type PresetName,
  readPicture,
  type SessionEditOptions,
  type Tensor,
  writePicture,
} from "../src/index.ts";
import { defaultSampler } from "../src/samplers/index.ts";
import { sizeOf } from "../src/tensor/tensor.ts";
import { loadOptions } from "./options.ts";
import type { Answer, Ready, Request } from "./peer-process.ts";
import { machine } from "./record.ts";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "picturebook" },
    precision: { type: "string" },
    preset: { type: "string" },
    memory: { type: "string" },
    threads: { type: "string" },
  },
});
const model = await loadModel(flags.model, loadOptions(flags));
const say = (answer: Answer | Ready | { error: string }) => console.log(JSON.stringify(answer));
const { node, onnxruntime } = machine();
say({ ready: true, versions: { "ONNX Runtime": onnxruntime, Node: node } });
for await (const line of createInterface({ input: process.stdin })) {
  const request: Request = JSON.parse(line);
  try {
    say(await (request.do === "unet" ? unet(model, request) : edit(model, request)));
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
await model.dispose();

async function unet(model: EditModel, request: Extract<Request, { do: "unet" }>): Promise<Answer> {
  const { folder, shapes, timestep, out } = request;
  const [z, c, hidden] = await Promise.all(
    (["z", "c", "text"] as const).map((name) => values(folder, name, shapes[name])),
  );
  const input = { z: z!, c: c!, text: { hidden: hidden! } };
  const start = performance.now();
  const [noise] = await model.denoise([input], timestep);
  const seconds = (performance.now() - start) / 1000;
  if (out) await writeFile(out, new Uint8Array(noise!.data.slice().buffer));
  return { seconds, calls: 1 };
}

async function edit(model: EditModel, request: Extract<Request, { do: "edit" }>): Promise<Answer> {
  const { image, instruction, seed, out, settings } = request;
  const own = { preset: flags.preset as PresetName | undefined };
  const how = settings === "defaults" ? own : { ...settings, ...everyTerm(model) };
  const picture = await readPicture(image);
  const before = model.calls.denoise;
  const start = performance.now();
  const session = await openSession(model, picture);
  const result = await (await session.edit(instruction, { ...how, seed })).render();
  const seconds = (performance.now() - start) / 1000;
  await writePicture(result, out);
  return { seconds, calls: model.calls.denoise - before };
}

/** The checkpoint's sampler, every guidance term at every step, all of the result and the instruction as it is, whatever the defaults are: what the others compute. */
function everyTerm(model: EditModel): SessionEditOptions {
  const sampler = defaultSampler(model.schedulerConfig);
  return { guidanceInterval: [0, 1], gate: 0, rephrase: "off", sampler };
}

async function values(folder: string, name: string, shape: readonly number[]): Promise<Tensor> {
  const bytes = await readFile(join(folder, `${name}.f32`));
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  if (data.length !== sizeOf(shape))
    throw new RangeError(`${name}.f32 has ${data.length} values; expected shape [${shape}]`);
  return { data, shape };
}
