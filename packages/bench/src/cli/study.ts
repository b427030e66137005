/** `emilie study`: a blind preference study from runs of the benchmark; its export, its analysis, and raters that are metrics. */

import { existsSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import {
  type Context,
  EmilieError,
  type Output,
  openInBrowser,
  portNumber,
  printable,
  sayTable,
  shuffleSeed,
  UsageError,
  writeAtomically,
} from "../library.ts";
import { type Analysis, analyse, type Rate, type Voters } from "../study/analyse.ts";
import { readStudy, updateStudy, writeStudy } from "../study/file.node.ts";
import { answered, mailedPage, readAnswers } from "../study/mail.node.ts";
import { makeStudy, type StudyOptions } from "../study/make.node.ts";
import { withRater } from "../study/raters.ts";
import { csvOf, rowsOf } from "../study/rows.ts";
import { STUDY_PORT, serveStudy } from "../study/serve.ts";
import { simulate } from "../study/simulate.ts";
import type { Study } from "../study/study.ts";

const HELP = `
Examples:
  $ emilie study out/bench --method-a emilie --method-b image-iteration
  $ emilie study out/monday out/tuesday --method-a emilie --method-b emilie --out tuesday.json
  $ emilie study study.json                        continue it later
  $ emilie study analyse study.json
  $ emilie study export study.json --csv > choices.csv
  $ emilie study simulate study.json --metric psnr
  $ emilie study page study.json --page study.html   one file to mail, for raters without a server
  $ emilie study add study.json answers-Kim.json

Raters see a picture, the instruction and two results, and choose one: method names are hidden, sides are random
and balanced, and about a tenth of the pairs are repeated. Each rater enters a name and gets their own order; every choice is
saved to --out immediately.`;

interface Flags {
  readonly methodA?: string;
  readonly methodB?: string;
  readonly dataset?: string;
  readonly turn: NonNullable<StudyOptions["turn"]>;
  readonly limit?: number;
  readonly out: string;
  readonly port: number;
  readonly seed: number;
  readonly open?: boolean;
  readonly json?: boolean;
}

export function addStudy(program: Command, context: Context): void {
  const study = program
    .command("study")
    .description("run a blind study in which people choose between the pictures of two methods")
    .argument("[run-a]", "a folder that emilie bench wrote, or a study.json to continue")
    .argument("[run-b]", "a second folder (default: the first, with two of its methods)")
    .option("--method-a <name>", "the method of the first run (default: its only one)")
    .option("--method-b <name>", "the method of the second run")
    .option("--dataset <dataset>", "the dataset of the runs (default: as recorded in the run)")
    .option("--turn <turn>", "last, each, or a turn's number", turn, "last")
    .option("--limit <n>", "maximum number of pairs, drawn at random", positive)
    .option("--out <file>", "the study's file", "study.json")
    .option("--port <port>", "the port of the page; 0 picks a free one", portNumber, STUDY_PORT)
    .option("--seed <n>", "the seed for drawing pairs and for the raters' orders", shuffleSeed, 0)
    .option("--no-open", "only print the address")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((runA: string | undefined, runB: string | undefined, flags: Flags) =>
      context.run(flags.json ?? false, (output) => ask(runA, runB, flags, output)),
    );
  study
    .command("analyse")
    .description("win rates with 95 % intervals, consistency and side bias of each rater")
    .argument("<study>", "the study's file")
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((file: string, _, command: Command) =>
      context.run(wantsJson(command), async (output) => sayAnalysis(analyse(await readStudy(file)), output)),
    );
  study
    .command("export")
    .description("every choice as a row, on stdout: JSON, or CSV")
    .argument("<study>", "the study's file")
    .option("--csv", "comma-separated values with a header line")
    .option("--json", "JSON, the default")
    .action((file: string, flags: { csv?: boolean }, command: Command) =>
      // Without --csv it is a document with or without --json.
      context.run(wantsJson(command) || !flags.csv, async (output) => {
        if (flags.csv && output.json) throw new UsageError("--csv and --json are two formats; choose one.");
        const rows = rowsOf(await readStudy(file));
        output.document(rows);
        // Rows end as CSV has it; only their text is escaped.
        output.raw(csvOf(rows).split("\r\n").map(printable).join("\r\n"));
      }),
    );
  study
    .command("simulate")
    .description("let a metric choose, as a rater named simulated:METRIC")
    .argument("<study>", "the study's file")
    .requiredOption(
      "--metric <name>",
      "a metric that the runs contain for every picture, such as psnr or clip.direction",
    )
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((file: string, { metric }: { metric: string }, command: Command) =>
      context.run(wantsJson(command), (output) => simulateInto(file, metric, output)),
    );
  study
    .command("page")
    .description(
      "the study as one HTML file to mail: it needs no server, and its answers come back as a file",
    )
    .argument("<study>", "the study's file")
    .requiredOption("--page <file>", "the HTML file")
    .option(
      "--order <n>",
      "the order of the questions: use a different number for each copy that you mail",
      positive,
      1,
    )
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((file: string, { page, order }: { page: string; order: number }, command: Command) =>
      context.run(wantsJson(command), (output) => writePage(file, page, order, output)),
    );
  study
    .command("add")
    .description("add the answers that a mailed page has saved")
    .argument("<study>", "the study's file")
    .argument("<answers...>", "the files that raters sent back")
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((file: string, answers: string[], _, command: Command) =>
      context.run(wantsJson(command), (output) => addAnswers(file, answers, output)),
    );
}

/** The verb itself knows --json too, and takes it wherever it stands. */
const wantsJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json ?? false;

async function ask(
  runA: string | undefined,
  runB: string | undefined,
  flags: Flags,
  output: Output,
): Promise<void> {
  if (runA === undefined) throw new UsageError("Give a run of emilie bench, or a study's file to continue.");
  const goesOn = runB === undefined && runA.endsWith(".json");
  const file = goesOn ? runA : flags.out;
  const study = goesOn ? await readStudy(file) : await prepare(runA, runB ?? runA, flags, output);
  const server = await serveStudy(file, { port: flags.port, log: (line) => output.note(line) });
  const { pairs, identical, raters } = study;
  output.document({ url: server.url, study: file, pairs: pairs.length, identical, pid: process.pid });
  // Who reads this may be the rater: no names here.
  output.say(
    `The study is at ${server.url}/: ${pairs.length} pairs${identical > 0 ? `, and ${identical} left out because their pictures are identical` : ""}.`,
  );
  if (raters.length > 0)
    output.say(`  ${raters.length} raters have started; each continues under the same name.`);
  output.say(`  Choices are kept in ${file}; see them with: emilie study analyse ${file}`);
  output.say("Ctrl-C stops it.");
  if (flags.open !== false && !flags.json) openInBrowser(`${server.url}/`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await server.close();
}

/** A new study, or the one that is there if it is of the same pairs. */
async function prepare(runA: string, runB: string, flags: Flags, output: Output): Promise<Study> {
  const start = performance.now();
  const made = await makeStudy(runA, runB, {
    ...flags,
    onProgress: (done, total) =>
      output.progress("looking at the pairs", done, total, (performance.now() - start) / 1000),
  });
  if (!existsSync(flags.out)) {
    await writeStudy(flags.out, made);
    return made;
  }
  const kept = await readStudy(flags.out);
  const facts = ({ seed, dataset, methods, pairs }: Study) =>
    JSON.stringify({ seed, dataset, methods, pairs });
  if (facts(kept) === facts(made)) return kept;
  throw new EmilieError(
    "study.invalid",
    `${flags.out} contains another study, which was not replaced. Continue it (emilie study ${flags.out}), or choose another --out.`,
  );
}

async function simulateInto(file: string, metric: string, output: Output): Promise<void> {
  const rater = await updateStudy(file, (study) => {
    const result = simulate(study, metric);
    return { study: withRater(study, result), result };
  });
  output.document({ study: file, rater: rater.name, answered: rater.choices.length });
  output.say(
    `${rater.name} has answered ${rater.choices.length} questions in ${file}. It is a metric, not a person.`,
  );
}

async function writePage(file: string, page: string, order: number, output: Output): Promise<void> {
  const html = await mailedPage(file, await readStudy(file), order);
  await writeAtomically(page, [Buffer.from(html)]);
  output.document({ study: file, page, order, bytes: html.length });
  output.say(
    `${page} has the study in order ${order}, ${(html.length / 1e6).toFixed(1)} MB. It needs no server; nothing in it names a method.`,
  );
  output.say(`Take in what comes back with: emilie study add ${file} answers-NAME.json`);
}

async function addAnswers(file: string, answers: readonly string[], output: Output): Promise<void> {
  const added = [];
  for (const path of answers) {
    const given = await readAnswers(path);
    const rater = await updateStudy(file, (study) => {
      const result = answered(study, given);
      return { study: withRater(study, result), result };
    });
    added.push({ rater: rater.name, answered: rater.choices.length, asked: rater.order.length });
    output.say(`${rater.name} has answered ${rater.choices.length} of ${rater.order.length} questions.`);
  }
  output.document({ study: file, added });
}

function sayAnalysis(analysis: Analysis, output: Output): void {
  output.document(analysis);
  const { methods, dataset, pairs, identical, people, simulated, raters } = analysis;
  const same = methods.a.name === methods.b.name;
  const [a, b] = same ? [`${methods.a.name} (a)`, `${methods.b.name} (b)`] : [methods.a.name, methods.b.name];
  output.say(
    `${a} against ${b} on ${dataset.name}: ${pairs} pairs, ${identical} more with identical pictures`,
  );
  if (raters.length === 0) {
    output.say("There are no answers yet.");
    return;
  }
  if (people.raters > 0) sayVoters(`People (${people.raters})`, people, a, b, output);
  for (const one of simulated) sayVoters(`${one.name}, a metric, not a person`, one, a, b, output);
  output.say();
  sayTable(output, [
    ["rater", "answered", `prefers ${a}`, "consistent", "chose left", "seconds"],
    ...raters.map(({ name, answered, asked, a: rate, consistency, left, medianSeconds }) => [
      name,
      `${answered} of ${asked}`,
      percent(rate),
      consistency ? `${consistency.count} of ${consistency.n}` : "",
      `${percent(left)}${left && (left.low > 0.5 || left.high < 0.5) ? " !" : ""}`,
      medianSeconds === null ? "" : medianSeconds.toFixed(1),
    ]),
  ]);
  output.say(
    "\nIntervals are 95 % over scenes, as the benchmark's: several raters, seeds and turns of one scene count as one.",
  );
  output.say(
    "Consistent: repeated questions with swapped sides that were answered the same way. !: prefers one side beyond chance.",
  );
}

function sayVoters(title: string, { groups, majority }: Voters, a: string, b: string, output: Output): void {
  output.say(`\n${title}`);
  sayTable(output, [
    ["pairs", "votes", `for ${a}`, "95 % interval"],
    ...groups.map(({ group, a: rate }) => [
      group,
      `${rate.n}`,
      percent(rate),
      rate.low === null || rate.high === null
        ? "too few scenes"
        : `${percentOf(rate.low)} to ${percentOf(rate.high)}`,
    ]),
  ]);
  output.say(`By majority of each pair: ${a} ${majority.a}, ${b} ${majority.b}, tied ${majority.tied}`);
}

const percentOf = (share: number): string => `${(100 * share).toFixed(1)} %`;
const percent = (rate: Rate | null): string => (rate === null ? "" : percentOf(rate.value));

function turn(text: string): "last" | "each" | number {
  if (text === "last" || text === "each") return text;
  const value = wholeNumber(text);
  if (value === null) throw new InvalidArgumentError("Expected last, each, or a turn's number.");
  return value;
}

function positive(text: string): number {
  const value = wholeNumber(text);
  if (value === null) throw new InvalidArgumentError("Expected a whole number from 1.");
  return value;
}

const wholeNumber = (text: string): number | null => (/^[1-9]\d{0,5}$/.test(text) ? Number(text) : null);
