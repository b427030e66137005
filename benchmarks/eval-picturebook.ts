/**
 * The table of the shipped checkpoint on pictures it was never trained on, against the exact truth:
 * `npm run bench -- picturebook [--json] [--limit N] [--preset NAME] [--steps T] [--sampler NAME] [--text-guidance s]
 * [--image-guidance s] [--guidance-interval from,to] [--gate g] [--rephrase on|off] [--fixed-seed] [--precision MODE]
 * [--keys-from PIXELS] [--device NAME] [--only single,colours,chain,noop,words] [--words FOLDER]`.
 * `--words words-held-out` takes another list of people's own words, with chains of five of them.
 * `--keys-from 64` spares keys of self-attention (UNetShape) where no picture of this checkpoint would be large enough for that.
 * The held-out pictures lie in benchmarks/picturebook/; the model card says how they are made.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  highFrequencyEnergy,
  mean,
  median,
  psnr,
  squaredError,
  succeeded,
} from "../packages/bench/src/picture-metrics.ts";
import { cacheFolder, mappedStorage } from "../src/checkpoint/storage.node.ts";
import { fromModelImage } from "../src/images/model-image.ts";
import {
  loadModel,
  type NodeDevice,
  openSession,
  type Picture,
  readPicture,
  type SessionEditOptions,
} from "../src/index.ts";
import { checkPrecision, openCheckpoint } from "../src/models/open.node.ts";
import { createEditModel } from "../src/networks/stable-diffusion/editor.ts";
import { createNodeEngine } from "../src/runtime/node.ts";

interface Turn {
  instruction: string;
  kind: string;
  global?: boolean;
  unseen_phrase?: boolean;
  unseen_pair?: boolean;
  target?: string;
  change_mask?: string;
}
interface Item {
  id: string;
  /** Of the words of others: "single", "compound" (two edits at once) or "unsupported". */
  part?: string;
  image: string;
  turns: Turn[];
}

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    limit: { type: "string" },
    model: { type: "string", default: "picturebook" },
    preset: { type: "string" },
    precision: { type: "string", default: "fp32" },
    "keys-from": { type: "string" },
    device: { type: "string", default: "cpu" },
    steps: { type: "string" },
    sampler: { type: "string" },
    "text-guidance": { type: "string" },
    "image-guidance": { type: "string" },
    gate: { type: "string" },
    rephrase: { type: "string" },
    "guidance-interval": { type: "string" },
    seed: { type: "string", default: "0" },
    "fixed-seed": { type: "boolean", default: false },
    words: { type: "string", default: "words" },
    only: { type: "string", default: "single,colours,chain,noop,words" },
  },
});
const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
const interval = flags["guidance-interval"]?.split(",").map(Number);
const options = {
  preset: flags.preset as SessionEditOptions["preset"],
  guidanceInterval: interval as SessionEditOptions["guidanceInterval"],
  steps: number(flags.steps),
  sampler: flags.sampler as SessionEditOptions["sampler"],
  textGuidance: number(flags["text-guidance"]),
  imageGuidance: number(flags["image-guidance"]),
  gate: number(flags.gate),
  rephrase: flags.rephrase as SessionEditOptions["rephrase"],
  seed: Number(flags.seed),
};
/** The options of turn i, from 0: another seed at every turn, as sessions have it. */
const turnOptions = (i: number) => ({ ...options, seed: options.seed + (flags["fixed-seed"] ? 0 : i) });
const root = new URL("./picturebook/", import.meta.url).pathname;
const limit = number(flags.limit) ?? Number.POSITIVE_INFINITY;
const precision = checkPrecision(flags.precision);
const device = flags.device as NodeDevice;
const keysFrom = number(flags["keys-from"]);
const model =
  keysFrom === undefined
    ? await loadModel(flags.model, { precision, device })
    : await createEditModel(openCheckpoint(flags.model), createNodeEngine({ device }), {
        storage: mappedStorage(cacheFolder()),
        precision,
        keysFrom,
      });
const say = (line: string) => flags.json || console.log(line);
const only = new Set(flags.only.split(","));

/** The items of one part; `--limit` takes every n-th, so that all kinds stay in. */
function itemsOf(part: string, folder = part): Item[] {
  if (!only.has(part)) return [];
  const { items } = JSON.parse(readFileSync(join(root, folder, "dataset.json"), "utf8")) as { items: Item[] };
  const stride = Math.max(1, Math.ceil(items.length / limit));
  return items.filter((_, i) => i % stride === 0);
}
const spoken = itemsOf("words", flags.words);
const wordItems = spoken.filter(({ part }) => part !== "chain");
const wordChains = spoken.filter(({ part }) => part === "chain");
const load = (part: string, file: string) => readPicture(join(root, part, file));

/** What the VAE alone makes of a picture. */
async function throughVae(picture: Picture): Promise<Picture> {
  const session = await openSession(model, picture);
  const image = await model.decodeLatent(session.root.latent);
  return fromModelImage(image, picture.width, picture.height, picture);
}

/** Share with a 95 % Wilson interval. */
function share(flags: readonly boolean[]) {
  const n = flags.length;
  const p = flags.filter(Boolean).length / n;
  const z = 1.96;
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n);
  return { value: p, low: centre - half, high: centre + half, n };
}

/** One edit each: of any kind ("single"), or in a colour that training never gave the thing ("colours"). */
async function singles(part: "single" | "colours") {
  const rows = [];
  for (const item of itemsOf(part)) {
    const turn = item.turns[0]!;
    const [source, target, mask] = await Promise.all(
      [item.image, turn.target!, turn.change_mask!].map((file) => load(part, file)),
    );
    const changed = (i: number) => mask!.data[4 * i]! > 127;
    const session = await openSession(model, source!);
    const node = await session.edit(turn.instruction, options);
    const result = await node.render();
    const start = performance.now();
    const reconstruction = await throughVae(target!);
    const vae = psnr(reconstruction, target!);
    rows.push({
      id: item.id,
      ...turn,
      success: succeeded(result, source!, target!, changed),
      errorRatio: squaredError(result, target!, changed) / squaredError(source!, target!, changed),
      vae,
      gap: vae - psnr(result, target!),
      sharpness: highFrequencyEnergy(result) / highFrequencyEnergy(target!),
      preserved: turn.global ? null : psnr(result, source!, (i) => !changed(i)),
      seconds: node.cost.seconds + (performance.now() - start) / 1000,
    });
    if (rows.length % 25 === 0) say(`  ${rows.length} edits of "${part}"`);
  }
  return rows;
}

/** Chains of five turns; in people's own words they lie among those words. */
async function chains(folder: string, items: readonly Item[]) {
  const rows = [];
  for (const item of items) {
    const session = await openSession(model, await load(folder, item.image));
    let before = session.original;
    const successes: boolean[] = [];
    const given: (readonly string[])[] = [];
    for (const [i, turn] of item.turns.entries()) {
      const [target, mask] = await Promise.all(
        [turn.target!, turn.change_mask!].map((file) => load(folder, file)),
      );
      const node = await session.edit(turn.instruction, turnOptions(i));
      given.push(node.understood ? node.phrases : [`(${node.refused[0]?.reason})`]);
      const result = await node.render();
      successes.push(succeeded(result, before, target!, (i) => mask!.data[4 * i]! > 127));
      before = target!;
    }
    const last = await session.head.render();
    rows.push({ id: item.id, successes, given, all: successes.every(Boolean), psnr: psnr(last, before) });
    if (rows.length % 10 === 0) say(`  ${rows.length} chains`);
  }
  return rows;
}

async function noops() {
  const rows = [];
  for (const item of itemsOf("noop")) {
    const session = await openSession(model, await load("noop", item.image));
    const byTurn: number[] = [];
    for (const [i, turn] of item.turns.entries()) {
      const node = await session.edit(turn.instruction, turnOptions(i));
      byTurn.push(psnr(await node.render(), session.original));
    }
    rows.push({ id: item.id, byTurn });
  }
  return rows;
}

/**
 * Instructions in the words of people who had not seen the training grammar: success of single edits and of two at once, and whether what cannot be
 * done leaves every byte as it was. The scenes are of seeds from 4,000,000.
 */
async function words() {
  const rows = [];
  for (const item of wordItems) {
    const turn = item.turns[0]!;
    const source = await load(flags.words, item.image);
    const session = await openSession(model, source);
    const node = await session.edit(turn.instruction, options);
    const result = await node.render();
    const same = psnr(result, source) === Number.POSITIVE_INFINITY;
    const [target, mask] = turn.target
      ? await Promise.all([turn.target, turn.change_mask!].map((file) => load(flags.words, file)))
      : [];
    const success = target ? succeeded(result, source, target, (i) => mask!.data[4 * i]! > 127) : same;
    const { understood, phrases } = node;
    rows.push({ id: item.id, part: item.part!, ...turn, understood, phrases, same, success });
    if (rows.length % 50 === 0) say(`  ${rows.length} in the words of others`);
  }
  return rows;
}

const bytes = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true }).reduce(
    (sum, entry) =>
      sum + (entry.isDirectory() ? bytes(join(folder, entry.name)) : statSync(join(folder, entry.name)).size),
    0,
  );

const [single, colours] = [await singles("single"), await singles("colours")];
const [chain, noop] = [await chains("chain", itemsOf("chain")), await noops()];
const [own, ownChain] = [await words(), await chains(flags.words, wordChains)];
await model.dispose();

const kinds = [...new Set(single.map((row) => row.kind))].map((kind) => {
  const rows = single.filter((row) => row.kind === kind);
  return {
    kind,
    success: share(rows.map((r) => r.success)),
    errorRatio: median(rows.map((r) => r.errorRatio)),
    gap: median(rows.map((r) => r.gap)),
  };
});
const subset = (name: string, rows: typeof single) => ({
  name,
  success: rows.length ? share(rows.map((r) => r.success)) : null,
});
const wordsOf = (part: string, good: (row: (typeof own)[number]) => boolean) => {
  const rows = own.filter((row) => row.part === part);
  return rows.length ? share(rows.map(good)) : null;
};
const table = {
  words: {
    single: wordsOf("single", (row) => row.success),
    falseRefusals: wordsOf("single", (row) => row.kind !== "noop" && !row.understood),
    unsupportedUnchanged: wordsOf("unsupported", (row) => row.same),
    compoundBoth: wordsOf("compound", (row) => row.success),
    compoundBothOrTold: wordsOf("compound", (row) => row.success || !row.understood),
    chainTurn: ownChain.length ? share(ownChain.flatMap((r) => r.successes)) : null,
    chainOfFive: ownChain.length ? share(ownChain.map((r) => r.all)) : null,
  },
  vaePsnr: mean(single.map((r) => r.vae)),
  success: single.length ? share(single.map((r) => r.success)) : null,
  subsets: [
    subset(
      "global",
      single.filter((r) => r.global),
    ),
    subset(
      "local",
      single.filter((r) => !r.global),
    ),
    subset(
      "unseen phrasing",
      single.filter((r) => r.unseen_phrase),
    ),
    subset(
      "unseen kind and colour",
      single.filter((r) => r.unseen_pair),
    ),
  ],
  heldOutColours: colours.length ? share(colours.map((r) => r.success)) : null,
  exactnessGapMedian: median(single.map((r) => r.gap)),
  sharpnessMedian: median(single.map((r) => r.sharpness)),
  preservedMean: mean(single.flatMap((r) => r.preserved ?? [])),
  chainOfFive: chain.length ? share(chain.map((r) => r.all)) : null,
  chainByTurn: [0, 1, 2, 3, 4].map((t) => mean(chain.map((r) => (r.successes[t] ? 1 : 0)))),
  noopByTurn: Array.from({ length: 10 }, (_, t) => mean(noop.map((r) => r.byTurn[t]!))),
  secondsPerEdit: median(single.slice(1).map((r) => r.seconds)),
  megabytes:
    flags.model === "picturebook"
      ? bytes(new URL("../models/picturebook", import.meta.url).pathname) / 1e6
      : null,
};

if (flags.json) {
  console.log(
    JSON.stringify({
      precision: flags.precision,
      options,
      ...table,
      kinds,
      single,
      colours,
      chain,
      noop,
      own,
      ownChain,
    }),
  );
} else {
  const percent = (s: ReturnType<typeof share> | null) =>
    s
      ? `${(100 * s.value).toFixed(1)} %  (95 %: ${(100 * s.low).toFixed(0)}–${(100 * s.high).toFixed(0)}, n = ${s.n})`
      : "–";
  say("");
  say(`VAE, held-out PSNR              ${table.vaePsnr.toFixed(2)} dB`);
  say(`single edit success             ${percent(table.success)}`);
  for (const s of table.subsets) say(`  ${s.name.padEnd(30)}${percent(s.success)}`);
  say(`held-out colours                ${percent(table.heldOutColours)}`);
  say(
    `exactness gap, median           ${table.exactnessGapMedian.toFixed(2)} dB below the VAE's own reconstruction`,
  );
  say(
    `sharpness, median               ${table.sharpnessMedian.toFixed(2)} of the target's high-frequency energy`,
  );
  say(`preserved outside, local edits  ${table.preservedMean.toFixed(2)} dB`);
  say(`chain of five, all successful   ${percent(table.chainOfFive)}`);
  say(`  by turn                       ${table.chainByTurn.map((v) => v.toFixed(2)).join("  ")}`);
  say(
    `no-op, PSNR by turn 1…10        ${table.noopByTurn.map((v) => (Number.isFinite(v) ? v.toFixed(1) : "equal")).join("  ")}`,
  );
  say(`people's own words, single      ${percent(table.words.single)}`);
  say(`  refused though it could       ${percent(table.words.falseRefusals)}`);
  say(`  unsupported: unchanged        ${percent(table.words.unsupportedUnchanged)}`);
  say(`  two at once: both done        ${percent(table.words.compoundBoth)}`);
  say(`  … or said that it was not     ${percent(table.words.compoundBothOrTold)}`);
  say(`  a turn in a chain of five     ${percent(table.words.chainTurn)}`);
  say(`  all five                      ${percent(table.words.chainOfFive)}`);
  say(`one edit, warm, median          ${table.secondsPerEdit.toFixed(2)} s`);
  if (table.megabytes) say(`checkpoint                      ${table.megabytes.toFixed(1)} MB`);
  say("");
  for (const k of kinds) {
    say(
      `  ${k.kind.padEnd(16)} success ${k.success.value.toFixed(2)} (n = ${k.success.n})   error ratio ${k.errorRatio.toFixed(3)}   gap ${k.gap.toFixed(1)} dB`,
    );
  }
}
