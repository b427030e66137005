/**
 * npm run bench -- dreamlite [--edits 3] [--parts mobile,draft,mobile-1024,steps,diffusers] [--peers …] [--python PYTHON] [--threads N]
 *   [--tiny] [--scratch DIR] [--again] [--json] [--write]
 *
 * DreamLite mobile at full size with random weights, of which every layer has its own (5 GB in bf16, 2.4 GB of derived weights), in int8. Parts, each in a process of its own:
 *
 *   mobile        a session of --edits edits of four steps on a picture of 512 px: seconds of load, text ("look": what it needs for the picture, which is decoded and
 *                 seen), steps and decoding, and the peak of memory in each edit, allocated (anonymous) and with mapped files (resident)
 *   draft         the same of Stable Diffusion 1.5's size in int8 with the preset draft: what an edit cost before
 *   mobile-1024   as mobile, two edits, on a picture of 1024 px
 *   steps         one call of the UNet at 512 px by each of --peers (default: emilie:int8, emilie:fp32, diffusers:bf16, diffusers:fp32), one after the other; the first
 *                 call of each does not count. Who is missing is left out, with the reason
 *   diffusers     whole edits at 512 px, text and picture included, by those of --peers that are diffusers; the first does not count
 *
 * What follows is compared with what it is to be ("bars"). Rows are printed as they come and kept in DIR/dreamlite.json: a run that was stopped goes on after its last whole
 * part, --again begins anew. --tiny takes checkpoints of a few megabytes and pictures of 128 and 256 px, to try the command; --write puts the rows into
 * docs/results/dreamlite.json and makes dreamlite.md of it. The scratch folder (default: a new one in the system's temporary folder, deleted at the end) keeps checkpoints and
 * derived weights if named: 13 GB.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../packages/bench/src/picture-metrics.ts";
import { USUAL_TOKENS } from "../src/networks/dreamlite/describe.ts";
import { parseDreamLiteUNet } from "../src/networks/dreamlite/unet-config.ts";
import { DREAMLITE, layOutDreamLite } from "../tests/support/dreamlite-fixture.ts";
import {
  layOut,
  MODEL_OPTIONS,
  measureDraft,
  measureSession,
  type Place,
  runModelBench,
} from "./model-parts.ts";
import { LIMIT_SECONDS, measureSteps, stepCommand } from "./model-steps.ts";
import { usage } from "./options.ts";
import { samePicture } from "./peer-edits.ts";
import { askEach, type Peer } from "./peer-process.ts";
import { writeRandom } from "./random-weights.ts";
import { digits, type Row } from "./record.ts";

const PARTS = ["mobile", "draft", "mobile-1024", "steps", "diffusers"];
const FACTOR = 8;
/** Whole edits by diffusers that count; one more comes before them. */
const EDITS = 2;

const { values: flags } = parseArgs({
  options: {
    ...MODEL_OPTIONS,
    edits: { type: "string", default: "3" },
    parts: { type: "string", default: PARTS.join(",") },
    peers: { type: "string", default: "emilie:int8,emilie:fp32,diffusers:bf16,diffusers:fp32" },
  },
});
const { tiny } = flags;
/** Sides of the pictures, in pixels. */
const [small, large] = tiny ? [128, 256] : [512, 1024];

await runModelBench(
  {
    name: "dreamlite",
    title: "DreamLite mobile at full size",
    subject: "DreamLite mobile",
    kept: tiny ? "dreamlite-tiny" : "dreamlite",
    parts: PARTS,
    measure: async (part, place, keep) => {
      if (part === "draft") await measureDraft(small, tiny, place, keep);
      else if (part === "steps")
        return measureSteps(await steps(place), (row) => keep({ size: small, ...row }));
      else if (part === "diffusers") return measureDiffusers(place, (row) => keep({ size: small, ...row }));
      else {
        const how = part === "mobile" ? { size: small, edits: place.edits } : { size: large, edits: 2 };
        const model = await layOutModel(place);
        await measureSession({ model, precision: "int8", look: true, ...how }, place, keep);
      }
      return [];
    },
    bars,
  },
  flags,
);

async function layOutModel({ scratch }: Place): Promise<string> {
  const folder = join(scratch, "dreamlite-mobile");
  const write = () => layOutDreamLite(folder, writeRandom);
  return tiny ? join(DREAMLITE, "mobile/checkpoint") : layOut(folder, "DreamLite mobile (5 GB)", write);
}

async function steps(place: Place) {
  const model = await layOutModel(place);
  const config = parseDreamLiteUNet(JSON.parse(await readFile(join(model, "unet/config.json"), "utf8")));
  const latent = [config.in_channels, small / FACTOR, small / FACTOR];
  const shapes = { z: latent, c: latent, text: [USUAL_TOKENS, config.textWidth] };
  return { scratch: place.scratch, shapes, peers: peersOf(model, place) };
}

/** How each of --peers is started. */
function peersOf(model: string, { threads }: Place) {
  const { python } = flags;
  return flags.peers.split(",").map((name) => {
    const command = stepCommand(name, { model, threads, python, script: "dreamlite_peer" });
    return [
      name,
      command ?? usage(`--peers: ${name} is none of emilie:PRECISION, diffusers:fp32, diffusers:bf16.`),
    ] as const;
  });
}

/** Whole edits by diffusers; returns who was left out, with the reason. */
async function measureDiffusers(place: Place, keep: (row: Row) => void): Promise<string[]> {
  const { scratch } = place;
  const peers = peersOf(await layOutModel(place), place)
    .filter(([name]) => name.startsWith("diffusers:"))
    .map(([name, command]) => [name, [...command, "--whole"] as const] as const);
  const items = await samePicture(1 + EDITS, small, scratch);
  const ask = async (peer: Peer) => {
    const seconds: number[] = [];
    for (const item of items) {
      const out = join(scratch, "edited.png");
      const request = { do: "edit", ...item, out, settings: "defaults" } as const;
      seconds.push((await peer.ask(request, LIMIT_SECONDS)).seconds);
    }
    return { seconds: digits(Math.min(...seconds.slice(1))) };
  };
  return askEach(peers, LIMIT_SECONDS, ask, keep);
}

/** What is asked of it: how much faster it is than what there was, and how little it needs. */
function bars(rows: readonly Row[]): readonly Row[] {
  const of = (part: string) => rows.filter((row) => row.part === part);
  const numbers = (some: readonly Row[], column: string) => some.map((row) => Number(row[column]));
  // The first edit makes what the others find.
  const warm = (part: string) => median(numbers(of(part).slice(1), "whole"));
  const peak = (part: string) => Math.max(...numbers(of(part), "residentGB"));
  const diffusers = Math.min(...numbers(of("diffusers"), "seconds"));
  const made: readonly (readonly [
    figure: string,
    value: number,
    least: number | null,
    most: number | null,
  ])[] = [
    [`a warm edit at ${small} px, in warm edits of the draft`, warm("mobile") / warm("draft"), null, 0.7],
    [`diffusers' fastest whole edit at ${small} px, in warm edits`, diffusers / warm("mobile"), 1.5, null],
    [`most resident memory at ${small} px, GB`, peak("mobile"), null, 4],
    [
      `a warm edit at ${large} px, in warm edits at ${small} px`,
      warm("mobile-1024") / warm("mobile"),
      null,
      4.5,
    ],
    [`most resident memory at ${large} px, GB`, peak("mobile-1024"), null, 6],
  ];
  return made
    .filter(([, value]) => Number.isFinite(value) && value > 0)
    .map(([figure, value, least, most]) => ({
      figure,
      value: digits(value),
      bar: least === null ? `at most ${most}` : `at least ${least}`,
      met: value >= (least ?? 0) && value <= (most ?? Number.POSITIVE_INFINITY) ? "yes" : "no",
    }));
}
