/** docs/results/klein.md from the results of `npm run bench -- klein`, one of each size. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type BenchRecord, describeMachine } from "./record.ts";
import { markdownRows } from "./table.ts";

const RESULTS = new URL("../docs/results/klein", import.meta.url).pathname;

/** Puts a result in the place of the one of its subject, and writes the page of all. */
export function writeKlein(result: BenchRecord): void {
  const known: BenchRecord[] = existsSync(`${RESULTS}.json`)
    ? JSON.parse(readFileSync(`${RESULTS}.json`, "utf8"))
    : [];
  const all = [...known.filter(({ subject }) => subject !== result.subject), result];
  writeFileSync(`${RESULTS}.json`, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(`${RESULTS}.md`, page(all));
}

function page(results: readonly BenchRecord[]): string {
  const machines = [...new Set(results.map(({ machine }) => describeMachine(machine)))];
  const commands = results.map(({ command }) =>
    command.replace(/ --(again|write)\b| --(scratch|python) \S+/g, ""),
  );
  return `# FLUX.2 klein 4B at full size

Random weights in the published shapes, every layer its own: seconds and memory are those of real ones, and pictures mean nothing. ${machines.join(" ")}

\`\`\`sh
${commands.join("\n")}
\`\`\`

${results.map(section).join("\n")}`;
}

function section({ subject, rows, skipped = [] }: BenchRecord): string {
  const steps = rows.filter(({ part }) => part === "steps");
  const sessions = rows.filter(({ part }) => part !== "steps");
  const parts = [
    `## ${subject}\n`,
    ...(sessions.length === 0
      ? []
      : [
          'Seconds of each part of an edit whose text is new: "start" is from the end of the text\'s encoding to the first call of the transformer, "first" that call, with what makes the transformer ready, "step" the median of the others, "whole" text, steps and decoding. ' +
            '"draft" is Stable Diffusion 1.5\'s size in int8 with the preset draft. Anonymous memory is what the process has allocated; resident memory has the mapped pages of weights besides.\n',
          `${markdownRows(sessions)}\n`,
        ]),
    ...(steps.length === 0
      ? []
      : [
          'One call of the transformer with one reference by each program, one after the other in one run; "times" is its time over that of the first.\n',
          `${markdownRows(steps)}\n`,
        ]),
    ...skipped.map((reason) => `Left out: ${reason}\n`),
  ];
  return parts.join("\n");
}
