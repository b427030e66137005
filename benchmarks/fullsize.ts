/**
 * npm run bench -- fullsize --family sd1 [--form folder|file] [--precision int8] [--size 512] [--runs 2] [--scratch DIR]
 *   [--keep] [--json] [--write]
 *
 * One edit of four UNet calls (two steps, of which the first is guided) by `emilie edit` in a process of its own, with a checkpoint of
 * random weights in the layout and at the size that is published: SD 1.x in fp32 (4.3 GB), SDXL in fp16 (6.9 GB). It is run twice:
 * "first" makes what the precision derives from the weights, "again" finds it (--runs 1 leaves that out). Time, peak memory and what lies on the disk afterwards.
 * The scratch folder (default: a new one in the system's temporary folder) is deleted at the end without --keep. It needs the
 * checkpoint and what is derived: SD 1.x 9 GB at most, SDXL 16 GB in int8 and 20 GB in fp32.
 * --write puts the rows into docs/results/fullsize.json and makes fullsize.md of it.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clearSideFiles } from "../src/checkpoint/side-list.node.ts";
import { coverPicture } from "../src/images/encode.node.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { layOutFolder, layOutSingleFile } from "../tests/support/full-checkpoint.ts";
import { anonymousBytesOf, residentBytesOf, watchMemory } from "./memory.ts";
import { sizes, usage, whole } from "./options.ts";
import { writeRandom } from "./random-weights.ts";
import { type BenchRecord, commandLine, describeMachine, digits, type Row, record } from "./record.ts";
import { markdownRows, printRows } from "./table.ts";

const FAMILIES = { sd1: "SD 1.x", sdxl: "SDXL" } as const;
const EDIT = ["make it winter", "--steps", "2", "--guidance-interval", "0,0.5", "--seed", "7"];
const ROOT = new URL("..", import.meta.url).pathname;
const RESULTS = join(ROOT, "docs/results/fullsize");

const { values: flags } = parseArgs({
  options: {
    family: { type: "string", default: "sd1" },
    form: { type: "string", default: "folder" },
    precision: { type: "string", default: "int8" },
    size: { type: "string", default: "512" },
    runs: { type: "string", default: "2" },
    scratch: { type: "string" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

const { family, form } = flags;
if (family !== "sd1" && family !== "sdxl") usage(`--family is "${family}"; expected sd1 or sdxl.`);
if (form !== "folder" && form !== "file") usage(`--form is "${form}"; expected folder or file.`);
const precision = checkPrecision(flags.precision);
const [size = 512] = sizes("size", flags.size);
const runs = ["first", "again"].slice(0, whole("runs", flags.runs));

const scratch = flags.scratch ?? (await mkdtemp(join(tmpdir(), "emilie-fullsize-")));
try {
  const rows = await measure();
  // Where the scratch folder lies changes nothing.
  const { scratch: _, keep: __, write: ___, json: ____, ...said } = flags;
  const words = Object.entries(said).flatMap(([name, value]) => [`--${name}`, value]);
  const command = commandLine("fullsize", [...words, "--write"]);
  const subject = `${family} ${form} ${precision} ${size}`;
  const result = { ...record("fullsize", rows, { subject }), command };
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
  if (flags.write) keepResult(result);
} finally {
  if (!flags.keep) await rm(scratch, { recursive: true, force: true });
}

async function measure(): Promise<Row[]> {
  const model = await checkpoint();
  const [picture, cache] = [join(scratch, `picture-${size}.png`), join(scratch, `cache-${family}-${form}`)];
  await mkdir(cache, { recursive: true });
  await clearSideFiles(cache);
  await writePicture(picture);
  const rows: Row[] = [];
  for (const run of runs) {
    const args = [
      picture,
      ...EDIT,
      "--model",
      model,
      "--precision",
      precision,
      "--working-size",
      String(size),
    ];
    const measured = await edit([...args, "--out", join(scratch, "out", run)], cache);
    rows.push({
      family: FAMILIES[family as keyof typeof FAMILIES],
      form,
      precision,
      size,
      run,
      unetCalls: 4,
      ...measured,
      checkpointGB: gigabytes(bytesBelow(model)),
      derivedGB: gigabytes(bytesBelow(cache)),
    });
  }
  return rows;
}

/** Lays the checkpoint out where it is not there yet. */
async function checkpoint(): Promise<string> {
  const name = family as keyof typeof FAMILIES;
  const at = join(scratch, `${name}-${form}`);
  if (form === "folder") {
    await layOutFolder(at, name, { write: writeRandom });
    return at;
  }
  const file = join(at, `${name}-edit.safetensors`);
  await layOutSingleFile(file, name, { write: writeRandom });
  return file;
}

/** A picture as large as was asked for: the working size is at most its own. */
async function writePicture(path: string): Promise<void> {
  const cottage = readFileSync(join(ROOT, "examples/cottage.png"));
  writeFileSync(path, await coverPicture(cottage, size, size));
}

/** Runs the command line to its end. */
async function edit(args: readonly string[], cache: string): Promise<Row> {
  const start = performance.now();
  const child = spawn(process.execPath, ["--import", "tsx", join(ROOT, "src/cli/main.ts"), "edit", ...args], {
    cwd: ROOT,
    env: { ...process.env, EMILIE_CACHE: cache },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const of = (read: (pid: number) => number) => watchMemory(100, () => (child.pid ? read(child.pid) : 0));
  const [anonymous, resident] = [of(anonymousBytesOf), of(residentBytesOf)];
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const peaks = { peakAnonymousGB: gigabytes(anonymous()), peakResidentGB: gigabytes(resident()) };
  if (code !== 0) throw new Error(`emilie edit ended with code ${code}`);
  return { seconds: digits((performance.now() - start) / 1000), ...peaks };
}

function bytesBelow(path: string): number {
  const facts = statSync(path);
  if (!facts.isDirectory()) return facts.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0);
}

function gigabytes(bytes: number): number {
  return digits(bytes / 1e9);
}

/** Puts a result in the place of the one of the same subject. */
function keepResult(result: BenchRecord): void {
  const known: BenchRecord[] = existsSync(`${RESULTS}.json`)
    ? JSON.parse(readFileSync(`${RESULTS}.json`, "utf8"))
    : [];
  const all = [...known.filter(({ subject }) => subject !== result.subject), result];
  all.sort((a, b) => String(a.subject).localeCompare(String(b.subject), "en", { numeric: true }));
  writeFileSync(`${RESULTS}.json`, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(`${RESULTS}.md`, page(all));
}

/** The page of all results. */
function page(results: readonly BenchRecord[]): string {
  const commands = results.map(
    ({ command }) => `${command.replace(/ --(keep|write)\b/g, "").replace(/ --scratch \S+/, "")} --write`,
  );
  const machines = [...new Set(results.map((one) => describeMachine(one.machine)))];
  return `# Checkpoints of full size

One edit of four UNet calls by \`emilie edit\`, in a process of its own, with random weights in the layout and at the size that is published: SD 1.x as
timbrooks/instruct-pix2pix (fp32, 4.3 GB), SDXL InstructPix2Pix (fp16, 6.9 GB). "first" makes what the precision derives from the weights, "again" finds it.
Anonymous memory is what the process has allocated. Resident memory has the pages of weights besides that are mapped from their files, which the system may drop.
Derived is what the cache folder holds afterwards. ${machines.join(" ")}

\`\`\`sh
${commands.join("\n")}
\`\`\`

${markdownRows(results.flatMap(({ rows }) => rows))}
`;
}
