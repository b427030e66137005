/**
 * npm run bench -- photos [MODEL] [--turns 10] [--photos DIR] [--limit 5] [--instructions FILE] [--precision int8] [--preset P] [--steps T]
 *   [--size PX] [--seed 1] [--out out/photos] [--json]
 *
 * Edits the photographs of examples/photographs (or of a folder) by a list of instructions, each from the result of the one before, in two ways with the
 * same noise: latent iteration, as a session does it, and image iteration, which encodes every decoded picture again. What to see by eye is on sheet.jpg, a row a
 * photograph and way; drift.md and drift.json have the numbers, means over the photographs by turn. There is no ground truth for a photograph, so they tell what adds up
 * from turn to turn whatever was asked: "detail" is the energy of the picture's Laplacian in relation to the photograph's own (1: as it was; less: blurred; more: noise), "psnr first"
 * the likeness to the photograph in dB, "psnr before" to the turn before. Without a MODEL it is picturebook, which was not made for photographs: that shows
 * that the benchmark works, and nothing about an editor. For the published checkpoints: emilie models lists them.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { highFrequencyEnergy, mean, psnr } from "../packages/bench/src/picture-metrics.ts";
import type { Frame } from "../src/images/strip.ts";
import {
  type EditModel,
  loadModel,
  openSession,
  type Picture,
  readPicture,
  type SessionEditOptions,
  strip,
  writePicture,
} from "../src/index.ts";
import { SHIPPED } from "../src/models/load.node.ts";
import { loadOptions, refused, usage, whole } from "./options.ts";
import { commandLine, describeMachine, digits, type Row, record } from "./record.ts";
import { stacked } from "./stacked.ts";
import { markdownRows, printRows } from "./table.ts";

/** Global and local changes, some of which undo each other: what is left of the first photograph after ten of them is drift. */
const INSTRUCTIONS = [
  "make it winter",
  "make it sunset",
  "add fog",
  "make it a sunny summer day",
  "turn it into a watercolour painting",
  "make it a photograph again",
  "make it night",
  "make it day",
  "make it autumn",
  "make it spring",
];

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    turns: { type: "string", default: "10" },
    photos: { type: "string", default: new URL("../examples/photographs", import.meta.url).pathname },
    limit: { type: "string" },
    instructions: { type: "string" },
    precision: { type: "string" },
    preset: { type: "string" },
    steps: { type: "string" },
    size: { type: "string" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: "out/photos" },
    json: { type: "boolean", default: false },
  },
});
if (positionals.length > 1) usage(`Expected one model, got ${positionals.join(" ")}.`);
const [name = SHIPPED[0]!] = positionals;
const turns = whole("turns", flags.turns)!;
const seed = whole("seed", flags.seed, 0)!;
const instructions = readInstructions(turns);
const photos = readPhotos();

interface Way {
  readonly way: "latent iteration" | "image iteration";
  /** The pictures after each turn. */
  run(model: EditModel, photo: Picture): AsyncGenerator<Picture>;
}

const settings = (turn: number): SessionEditOptions => ({
  seed: seed + turn,
  ...(flags.preset === undefined ? {} : { preset: flags.preset as SessionEditOptions["preset"] }),
  ...(flags.steps === undefined ? {} : { steps: whole("steps", flags.steps) }),
});
const opening = flags.size === undefined ? {} : { workingSize: whole("size", flags.size, 8) };

const WAYS: readonly Way[] = [
  {
    way: "latent iteration",
    async *run(model, photo) {
      const session = await openSession(model, photo, opening);
      let node = session.root;
      for (const [turn, instruction] of instructions.entries()) {
        node = await node.edit(instruction, settings(turn));
        yield await node.render();
      }
    },
  },
  {
    way: "image iteration",
    async *run(model, photo) {
      let picture = photo;
      for (const [turn, instruction] of instructions.entries()) {
        const session = await openSession(model, picture, opening);
        picture = await (await session.edit(instruction, settings(turn))).render();
        yield picture;
      }
    },
  },
];

/** What is measured of a picture after a turn. */
interface Measured {
  readonly way: Way["way"];
  readonly photo: string;
  readonly turn: number;
  readonly detail: number;
  readonly psnrFirst: number;
  readonly psnrBefore: number;
  readonly seconds: number;
}

try {
  // A checkpoint's list of what it understands would end the chain at the first photograph.
  const model = await loadModel(name, { ...loadOptions(flags), understanding: false });
  const { measured, rows } = await editAll(model);
  await model.dispose();
  const words = [...positionals, ...Object.entries(flags).flatMap(([key, value]) => said(key, value))];
  const result = {
    ...record("photos", tableOf(measured), { subject: name }),
    command: commandLine("photos", words),
  };
  await mkdir(flags.out, { recursive: true });
  await writePicture(stacked(rows), join(flags.out, "sheet.jpg"));
  await writeFile(join(flags.out, "drift.json"), `${JSON.stringify({ ...result, measured }, null, 2)}\n`);
  await writeFile(join(flags.out, "drift.md"), page(result));
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else {
    printRows(result);
    console.log(`\n${note()}\n${join(flags.out, "sheet.jpg")}, drift.md and drift.json beside it`);
  }
} catch (error) {
  refused(error);
}

async function editAll(model: EditModel): Promise<{ measured: Measured[]; rows: Picture[] }> {
  const measured: Measured[] = [];
  const rows: Picture[] = [];
  for (const file of photos) {
    const photo = await readPicture(file.path);
    const energy = highFrequencyEnergy(photo);
    for (const { way, run } of WAYS) {
      const frames: Frame[] = [{ picture: photo, caption: `${file.name}, ${way}` }];
      let [before, start] = [photo, performance.now()];
      for await (const picture of run(model, photo)) {
        const turn = frames.length;
        const seconds = (performance.now() - start) / 1000;
        const detail = highFrequencyEnergy(picture) / energy;
        const likeness = { psnrFirst: psnr(picture, photo), psnrBefore: psnr(picture, before) };
        measured.push({ way, photo: file.name, turn, detail, ...likeness, seconds });
        frames.push({ picture, caption: instructions[turn - 1]! });
        if (!flags.json)
          console.error(`${file.name}, ${way}: turn ${turn} of ${turns}, ${digits(seconds)} s`);
        [before, start] = [picture, performance.now()];
      }
      rows.push(strip(frames, { columns: turns + 1 }));
    }
  }
  return { measured, rows };
}

/** Means over the photographs, a row a turn. */
function tableOf(measured: readonly Measured[]): Row[] {
  return instructions.map((instruction, i) => {
    const of = (way: Way["way"], key: "detail" | "psnrFirst" | "psnrBefore" | "seconds") =>
      digits(mean(measured.filter((one) => one.way === way && one.turn === i + 1).map((one) => one[key])));
    return {
      turn: i + 1,
      instruction,
      "detail, latent": of("latent iteration", "detail"),
      "detail, image": of("image iteration", "detail"),
      "psnr first, latent": of("latent iteration", "psnrFirst"),
      "psnr first, image": of("image iteration", "psnrFirst"),
      "psnr before, latent": of("latent iteration", "psnrBefore"),
      "psnr before, image": of("image iteration", "psnrBefore"),
      "seconds, latent": of("latent iteration", "seconds"),
      "seconds, image": of("image iteration", "seconds"),
    };
  });
}

function readInstructions(count: number): string[] {
  const lines = flags.instructions === undefined ? INSTRUCTIONS : readLines(flags.instructions);
  if (lines.length === 0) usage(`${flags.instructions} holds no instruction; expected one a line.`);
  return Array.from({ length: count }, (_, i) => lines[i % lines.length]!);
}

function readLines(file: string): string[] {
  if (!existsSync(file)) usage(`There is no file ${file}.`);
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

function readPhotos(): { name: string; path: string }[] {
  const files = existsSync(flags.photos) ? readdirSync(flags.photos).sort() : [];
  const pictures = files.filter((file) => /\.(jpe?g|png|webp|avif|tiff?)$/i.test(file));
  if (pictures.length === 0) usage(`There is no picture in ${flags.photos}.`);
  return pictures
    .slice(0, whole("limit", flags.limit))
    .map((file) => ({ name: file.replace(/\.\w+$/, ""), path: join(flags.photos, file) }));
}

/** An option as it was given; defaults, and where things lie, change nothing. */
function said(key: string, value: string | boolean | undefined): string[] {
  if (["out", "json", "photos"].includes(key) || value === undefined) return [];
  return [`--${key}`, String(value)];
}

function note(): string {
  return SHIPPED.includes(name)
    ? `${name} was not made for photographs: this shows that the benchmark works, and says nothing about an editor of photographs.`
    : "Look at the sheet first: the numbers tell what adds up from turn to turn, not whether an instruction was followed.";
}

function page(result: ReturnType<typeof record> & { readonly command: string }): string {
  return `# Photographs, edited again and again

${note()} ${photos.length} photographs; what the columns are stands at the top of \`benchmarks/photos.ts\`. ${describeMachine(result.machine)}

\`\`\`sh
${result.command}
\`\`\`

${markdownRows(result.rows)}
`;
}
