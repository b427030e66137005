/** docs/results/NAME.md of a benchmark of one model: the results of each size. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type BenchRecord, describeMachine, type Row } from "./record.ts";
import { markdownRows } from "./table.ts";

const RESULTS = new URL("../docs/results/", import.meta.url).pathname;

/** Puts a result in the place of the one of its subject, and writes the page of all. */
export function writeModelPage(name: string, title: string, result: BenchRecord): void {
  const file = `${RESULTS}${name}`;
  const known: BenchRecord[] = existsSync(`${file}.json`)
    ? JSON.parse(readFileSync(`${file}.json`, "utf8"))
    : [];
  const all = [...known.filter(({ subject }) => subject !== result.subject), result];
  writeFileSync(`${file}.json`, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(`${file}.md`, page(title, all));
}

function page(title: string, results: readonly BenchRecord[]): string {
  const machines = [...new Set(results.map(({ machine }) => describeMachine(machine)))];
  const commands = results.map(({ command }) =>
    command.replace(/ --(again|write)\b| --(scratch|python) \S+/g, ""),
  );
  return `# ${title}

Random weights in the published shapes, every layer its own: seconds and memory are those of real ones, and pictures mean nothing. ${machines.join(" ")}

\`\`\`sh
${commands.join("\n")}
\`\`\`

${results.map(section).join("\n")}`;
}

const EDITS =
  'Seconds of each part of an edit whose text is new: "text" is its encoding, "start" from its end to the first call of the denoiser, "first" that call, with what makes the denoiser ready, "step" the median of the others, "whole" text, steps and decoding.';
const LOOK =
  'Of "text", "look" is what the encoder needs for the picture: decoding it, and its vision tower.';
const DRAFT = '"draft" is Stable Diffusion 1.5\'s size in int8 with the preset draft.';
const MEMORY =
  "Anonymous memory is what the process has allocated; resident memory has the mapped pages of weights besides.";
const STEPS =
  'One call of the denoiser on a picture by each program, one after the other in one run; "times" is its time over that of the first.';
const WHOLE =
  "Whole edits by diffusers, from picture to picture with text and autoencoder; the first of each does not count.";
const BARS = "What follows from these, and what it is to be.";

function section({ subject, rows, skipped = [] }: BenchRecord): string {
  const of = (part: string) => rows.filter((row) => row.part === part);
  const sessions = rows.filter(({ part }) => part !== "steps" && part !== "diffusers" && part !== "bars");
  const looks = sessions.some(({ look }) => look !== undefined);
  const table = (text: string, of: readonly Row[]) =>
    of.length === 0 ? [] : [`${text}\n`, `${markdownRows(of)}\n`];
  const parts = [
    `## ${subject}\n`,
    ...table([EDITS, ...(looks ? [LOOK] : []), DRAFT, MEMORY].join(" "), sessions),
    ...table(STEPS, of("steps")),
    ...table(WHOLE, of("diffusers")),
    ...table(BARS, of("bars")),
    ...skipped.map((reason) => `Left out: ${reason}\n`),
  ];
  return parts.join("\n");
}
