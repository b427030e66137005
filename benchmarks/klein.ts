/**
 * npm run bench -- klein [--size 512] [--edits 2] [--parts int8,int4,draft,steps] [--peers …] [--python PYTHON] [--threads N]
 *   [--tiny] [--scratch DIR] [--again] [--json] [--write]
 *
 * FLUX.2 klein 4B at full size with random weights, of which every layer has its own (16 GB in bf16; 7 GB of derived weights in int8, 4 GB in int4), on a picture of the
 * given size. Parts, each in a process of its own:
 *
 *   int8, int4   a session of --edits (int4: two) edits of four steps: seconds of load, text, steps and decoding, from the text's end to the transformer's first
 *                call ("start"), of that call ("first"), and the peak of memory in each edit, allocated (anonymous) and with mapped files (resident)
 *   draft        the same of Stable Diffusion 1.5's size in int8 with the preset draft: what an edit cost before
 *   steps        one call of the transformer with one reference by each of --peers (default: emilie:int8, diffusers:bf16, sd.cpp:q8_0), one after the other; the first
 *                call of each does not count. Who is missing is left out, with the reason
 *
 * Rows are printed as they come and kept in DIR/klein-SIZE.json: a run that was stopped goes on after its last whole part, --again begins anew. --tiny takes checkpoints of
 * a few megabytes, to try the command; --write puts the rows into docs/results/klein.json and makes klein.md of it. The scratch folder (default: a new one in the system's temporary folder, deleted at the end) keeps checkpoints and derived weights if named.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { KLEIN_TEXT } from "../src/networks/qwen3/read.ts";
import { layOutKlein, originalTransformer } from "../tests/support/published-flux2.ts";
import {
  layOut,
  MODEL_OPTIONS,
  measureDraft,
  measureSession,
  type Place,
  runModelBench,
} from "./model-parts.ts";
import { type Command, measureSteps, peerScript, stepCommand } from "./model-steps.ts";
import { sizes, usage } from "./options.ts";
import { writeRandom } from "./random-weights.ts";

const PARTS = ["int8", "int4", "draft", "steps"];
const FACTOR = 16;
const TINY = new URL("../tests/fixtures/flux2/klein/checkpoint", import.meta.url).pathname;

const { values: flags } = parseArgs({
  options: {
    ...MODEL_OPTIONS,
    size: { type: "string", default: "512" },
    parts: { type: "string", default: PARTS.join(",") },
    peers: { type: "string", default: "emilie:int8,diffusers:bf16,sd.cpp:q8_0" },
  },
});
const { tiny } = flags;
const [size = 512] = sizes("size", flags.size, FACTOR);

await runModelBench(
  {
    name: "klein",
    title: "FLUX.2 klein 4B at full size",
    subject: `klein 4B ${size}`,
    kept: `klein-${tiny ? "tiny-" : ""}${size}`,
    parts: PARTS,
    measure: async (part, place, keep) => {
      if (part === "draft") await measureDraft(size, tiny, place, keep);
      else if (part === "steps") return measureSteps(await steps(place), (row) => keep({ size, ...row }));
      else {
        const model = await layOutModel(place);
        // The default is for the precision that is of use.
        const edits = part === "int8" ? place.edits : 2;
        await measureSession({ model, precision: part, size, edits }, place, keep);
      }
      return [];
    },
  },
  flags,
);

/** Its folder in the layout of diffusers. */
async function layOutModel({ scratch }: Place): Promise<string> {
  const folder = join(scratch, "klein-4b");
  const write = () => layOutKlein(folder, `${TINY}/tokenizer`, writeRandom);
  return tiny ? TINY : layOut(folder, "klein 4B (16 GB)", write);
}

/** Its transformer in the original names, as one file. */
async function layOutOriginal({ scratch }: Place): Promise<string> {
  if (tiny) return join(scratch, "none");
  const file = join(scratch, "original/flux-2-klein-4b.safetensors");
  return layOut(file, "its transformer in the original names (8 GB)", () =>
    writeRandom(file, originalTransformer("4B")),
  );
}

async function steps(place: Place) {
  const [model, original] = [await layOutModel(place), await layOutOriginal(place)];
  const config = JSON.parse(await readFile(join(model, "transformer/config.json"), "utf8"));
  const latent = [config.in_channels, size / FACTOR, size / FACTOR];
  const { threads, scratch } = place;
  const { python } = flags;
  const sdCpp = (type: string): Command => {
    const parts = [
      ...["--diffusion-model", original, "--llm", join(model, "text_encoder/model.safetensors")],
      ...["--vae", join(model, "vae/diffusion_pytorch_model.safetensors"), "--factor", String(FACTOR)],
    ];
    return [python, peerScript("sdcpp_peer"), "--type", type, ...parts, "--threads", String(threads)];
  };
  const peers = flags.peers.split(",").map((name) => {
    const [kind, type = ""] = name.split(":");
    const place = { model, threads, python, script: "klein_peer" };
    const command = kind === "sd.cpp" ? sdCpp(type) : stepCommand(name, place);
    return [
      name,
      command ??
        usage(`--peers: ${name} is none of emilie:PRECISION, diffusers:fp32, diffusers:bf16, sd.cpp:TYPE.`),
    ] as const;
  });
  const text = [KLEIN_TEXT.tokens, config.joint_attention_dim];
  return { scratch, shapes: { z: latent, c: latent, text }, peers };
}
