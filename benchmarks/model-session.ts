/**
 * A part of a benchmark of one model, such as `npm run bench -- klein`: a session of edits, each with a text that is new to the model, and the picture decoded after each. A row
 * (one line of JSON) an edit. With --look a second text of the same picture is encoded beside each, which tells the text's time from the picture's.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readPicture } from "../src/images/codec.node.ts";
import { coverPicture } from "../src/images/encode.node.ts";
import { loadModel } from "../src/models/load.node.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { openSession } from "../src/session/open.node.ts";
import { anonymousBytesOf, ofTree, residentBytesOf, watchMemory } from "./memory.ts";
import { digits } from "./record.ts";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "" },
    precision: { type: "string", default: "int8" },
    size: { type: "string", default: "512" },
    edits: { type: "string", default: "2" },
    cache: { type: "string" },
    threads: { type: "string", default: "2" },
    preset: { type: "string" },
    look: { type: "boolean", default: false },
  },
});
const size = Number(flags.size);
const WISHES = ["make it winter", "paint the roof blue", "add a tree", "make it night", "turn the wall red"];

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}

const precision = checkPrecision(flags.precision);
let told = 0;
const watch = () =>
  [anonymousBytesOf, residentBytesOf].map((bytes) => watchMemory(100, () => ofTree(process.pid, bytes))) as [
    () => number,
    () => number,
  ];
let [anonymous, resident] = watch();
const [model, load] = await timed(() =>
  loadModel(flags.model, {
    precision,
    cache: flags.cache,
    threads: Number(flags.threads),
    onProgress: ({ what, bytes, totalBytes }) => {
      // Minutes, the first time.
      if (Date.now() - told < 10_000) return;
      told = Date.now();
      console.error(`${what}: ${((100 * bytes) / totalBytes).toFixed(0)} %`);
    },
  }),
);
const cottage = readFileSync(new URL("../examples/cottage.png", import.meta.url));
const picture = await readPicture(await coverPicture(cottage, size, size));
/** When the denoiser was first called for the edit at hand. */
let begun: number | undefined;
const denoise = model.denoise.bind(model);
Object.assign(model, {
  denoise: (...args: Parameters<typeof denoise>) => {
    begun ??= performance.now();
    return denoise(...args);
  },
});
const [session, encode] = await timed(() => openSession(model, picture, { workingSize: size }));
for (let i = 0; i < Number(flags.edits); i++) {
  // Every text is new, as a person's is, so that the encoder has its turn.
  const wish = `${WISHES[i % WISHES.length]}${i < WISHES.length ? "" : ` (${i})`}`;
  const { latent: c } = session.head;
  const [, text] = await timed(() => model.encodeText(wish, { c }));
  // As many words, and a picture that is known by now.
  const other = wish.split(" ").reverse().join(" ");
  const alone = flags.look ? (await timed(() => model.encodeText(other, { c })))[1] : text;
  const steps: number[] = [];
  begun = undefined;
  const asked = performance.now();
  let before = asked;
  const [node, edited] = await timed(() =>
    session.edit(wish, {
      ...(flags.preset === undefined ? {} : { preset: flags.preset as "draft" }),
      onProgress: () => {
        const now = performance.now();
        steps.push((now - Math.max(before, begun ?? 0)) / 1000);
        before = now;
      },
    }),
  );
  const [, decode] = await timed(() => node.render());
  const others = steps.slice(1).sort((a, b) => a - b);
  const step = others[Math.floor(others.length / 2)] ?? steps[0] ?? 0;
  const row = {
    ...{ edit: i + 1, precision, load, encode, text, ...(flags.look ? { look: text - alone } : {}) },
    ...{ start: ((begun ?? asked) - asked) / 1000, first: steps[0], step },
    ...{ edited, decode, whole: text + edited + decode },
    ...{ anonymousGB: anonymous() / 1e9, residentGB: resident() / 1e9 },
  };
  const rounded = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "number" ? digits(value) : value,
  ]);
  const { encodeImage, denoise: calls } = model.calls;
  console.log(JSON.stringify({ ...Object.fromEntries(rounded), encodes: encodeImage, calls }));
  [anonymous, resident] = watch();
}
for (const stop of [anonymous, resident]) stop();
await model.dispose();
