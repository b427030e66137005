/**
 * Does an edit cost more the deeper the history? `npm run bench -- chain [--edits 100] [--model M] [--device D] [--steps T] [--json]`
 * edits one picture again and again and compares the first and the last quarter of the chain: seconds an edit, and memory
 * (method, invariant 7). Also the share of a step that is spent outside ONNX Runtime.
 */
import { parseArgs } from "node:util";
import { median } from "../packages/bench/src/picture-metrics.ts";
import { loadModel, type NodeDevice, openSession, readPicture } from "../src/index.ts";
import { digits, record } from "./record.ts";

const { values: flags } = parseArgs({
  options: {
    edits: { type: "string", default: "100" },
    model: { type: "string", default: "picturebook" },
    device: { type: "string" },
    image: { type: "string", default: new URL("../examples/cottage.png", import.meta.url).pathname },
    steps: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const INSTRUCTIONS = ["make it winter", "make it night", "make it day", "make it summer"];
const edits = Number(flags.edits);
const model = await loadModel(flags.model, { device: flags.device as NodeDevice | undefined });
const session = await openSession(model, await readPicture(flags.image));
const steps = flags.steps ? Number(flags.steps) : undefined;
// The first edit creates the sessions; it is not part of the chain.
await (await session.edit("leave it as it is", { steps })).render();

// Edits take turns with the bare networks, called as often as the edit called them, so that both see the same machine.
const warm = await model.encodeText("make it winter");
const z = session.root.latent;
const rows: { seconds: number; networks: number; megabytes: number }[] = [];
for (let e = 0; e < edits; e++) {
  const before = model.calls.denoise;
  let start = performance.now();
  const node = await session.edit(INSTRUCTIONS[e % INSTRUCTIONS.length]!, { steps, seed: e });
  await node.render();
  const seconds = (performance.now() - start) / 1000;
  const calls = model.calls.denoise - before;
  start = performance.now();
  for (let k = 0; k < calls; k++) await model.denoise([{ z, c: z, text: warm }], 500);
  await model.decodeLatent(z);
  rows.push({
    seconds,
    networks: (performance.now() - start) / 1000,
    megabytes: process.memoryUsage().rss / 1e6,
  });
}
await model.dispose();

const quarter = Math.max(1, Math.floor(edits / 4));
const of = (part: typeof rows, key: keyof (typeof rows)[number]) => median(part.map((row) => row[key]));
const [first, last] = [rows.slice(0, quarter), rows.slice(-quarter)];
const result = {
  edits,
  secondsFirstQuarter: of(first, "seconds"),
  secondsLastQuarter: of(last, "seconds"),
  ratio: of(last, "seconds") / of(first, "seconds"),
  megabytesFirstQuarter: of(first, "megabytes"),
  megabytesLastQuarter: of(last, "megabytes"),
  outsideNetworks: 1 - of(rows, "networks") / of(rows, "seconds"),
};
const short = Object.fromEntries(Object.entries(result).map(([name, value]) => [name, digits(value)]));
if (flags.json) console.log(JSON.stringify({ ...result, rows, record: record("chain", [short]) }));
else {
  console.log(`${edits} edits of one picture, each from the result of the one before`);
  console.log(
    `seconds an edit     ${result.secondsFirstQuarter.toFixed(3)} (first quarter)   ${result.secondsLastQuarter.toFixed(3)} (last)   ratio ${result.ratio.toFixed(3)}`,
  );
  console.log(
    `memory of the process ${result.megabytesFirstQuarter.toFixed(0)} MB → ${result.megabytesLastQuarter.toFixed(0)} MB`,
  );
  console.log(`outside the networks ${(100 * result.outsideNetworks).toFixed(2)} % of an edit`);
}
