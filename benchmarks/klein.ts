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
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { physicalCores } from "../src/runtime/node.ts";
import { layOutModels } from "./klein-models.ts";
import { writeKlein } from "./klein-page.ts";
import { measureSteps } from "./klein-steps.ts";
import { sizes, usage, whole } from "./options.ts";
import { type BenchRecord, type Row, record } from "./record.ts";
import { rowsOf } from "./row-process.ts";
import { printRows } from "./table.ts";

const { values: flags } = parseArgs({
  options: {
    size: { type: "string", default: "512" },
    edits: { type: "string", default: "2" },
    parts: { type: "string", default: "int8,int4,draft,steps" },
    peers: { type: "string", default: "emilie:int8,diffusers:bf16,sd.cpp:q8_0" },
    python: { type: "string", default: process.env.EMILIE_PEER_PYTHON ?? "python3" },
    threads: { type: "string" },
    tiny: { type: "boolean", default: false },
    scratch: { type: "string" },
    again: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const [size = 512] = sizes("size", flags.size, 16);
const edits = whole("edits", flags.edits) ?? 2;
const threads = whole("threads", flags.threads) ?? physicalCores();
const PARTS = ["int8", "int4", "draft", "steps"];
const parts = flags.parts.split(",");
const unknown = parts.find((part) => !PARTS.includes(part));
if (unknown !== undefined) usage(`--parts ${unknown}: expected some of ${PARTS.join(", ")}.`);

const scratch = flags.scratch ?? (await mkdtemp(join(tmpdir(), "emilie-klein-")));
const kept = join(scratch, `klein-${flags.tiny ? "tiny-" : ""}${size}.json`);
type Kept = Pick<BenchRecord, "rows" | "skipped"> & { readonly done: readonly string[] };
const known = !flags.again && existsSync(kept);
let state: Kept = known ? JSON.parse(readFileSync(kept, "utf8")) : { rows: [], skipped: [], done: [] };
try {
  for (const part of parts) {
    if (state.done.includes(part)) continue;
    // What a part that was stopped has left is measured again.
    state = { ...state, rows: state.rows.filter((row) => row.part !== part) };
    await measure(part);
    state = { ...state, done: [...state.done, part] };
    writeFileSync(kept, JSON.stringify(state, null, 2));
  }
  const subject = `klein 4B ${size}${flags.tiny ? " tiny" : ""}`;
  const result = record("klein", state.rows, { subject, skipped: state.skipped ?? [] });
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
  if (flags.write) writeKlein(result);
} finally {
  if (flags.scratch === undefined) await rm(scratch, { recursive: true, force: true });
}

function keep(row: Row): void {
  state = { ...state, rows: [...state.rows, row] };
  console.error(JSON.stringify(row));
  writeFileSync(kept, JSON.stringify(state, null, 2));
}

async function measure(part: string): Promise<void> {
  await mkdir(scratch, { recursive: true });
  const models = await layOutModels(scratch, flags.tiny, part);
  if (part === "steps") {
    const { python } = flags;
    const settings = { ...models, scratch, size, threads, python, peers: flags.peers.split(",") };
    const skipped = await measureSteps(settings, (row) => keep({ part, size, ...row }));
    state = { ...state, skipped };
    return;
  }
  const isDraft = part === "draft";
  const args = [
    ...["--model", isDraft ? models.sd1 : models.klein, "--precision", isDraft ? "int8" : part],
    ...["--size", String(size), "--edits", String(part === "int8" ? edits : 2)],
    ...["--cache", join(scratch, "cache"), "--threads", String(threads)],
    ...(isDraft ? ["--preset", "draft"] : []),
  ];
  for await (const row of rowsOf("klein-session", args)) keep({ part, size, ...row });
}
