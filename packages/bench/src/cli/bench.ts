/** `emilie bench`: methods against each other on a dataset, with the numbers that say how much better and where not. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { openDataset } from "../datasets/index.node.ts";
import { EXPERIMENTS } from "../experiments/index.ts";
import { type WrittenLayout, writeLayout } from "../layouts.node.ts";
import {
  type Cells,
  type Context,
  databaseOf,
  databaseOptions,
  deviceOption,
  type EditModel,
  EXIT,
  fitOption,
  formatCount,
  formatSeconds,
  isEmilieError,
  loadTold,
  makeFolder,
  type NodeDevice,
  type Output,
  openSharedCells,
  type Precision,
  positive,
  precisionOption,
  resolveOptions,
  steps,
  stoppable,
  Unsuccessful,
  UsageError,
} from "../library.ts";
import { METHODS } from "../methods/index.ts";
import { writeReport } from "../report/index.node.ts";
import { checkResultsFolder } from "../results.node.ts";
import { type BenchProgress, runBench } from "../run.node.ts";
import { openScorer } from "../scorers/index.node.ts";
import type { BenchDataset, BenchMethod, Scorer, SettingsMode } from "../types.ts";
import { sayResults } from "./bench-table.ts";

const EXAMPLES = `
Examples:
  $ emilie bench --methods emilie,image-iteration --limit 4 --seeds 1
  $ emilie bench --dataset imie-picturebook --parts chains --seeds 3 --same-steps --out out/chains
  $ emilie bench --dataset my-sessions --model timbrooks/instruct-pix2pix --turns 3 --json
  $ emilie bench --experiment iteration --out out/iteration
  $ emilie bench --experiment control --limit 2 --seeds 1
  $ emilie bench --seeds 3 --database postgres://emilie@db/emilie     the same on every machine: they share the work

A dataset is imie-picturebook, editbench, magicbrush, edival, mse-bench, imgedit, or a folder with a dataset.json: items of {image, turns: [{instruction, mask?,
target?, …}]}. Pictures of magicbrush and edival are also written under the names that their authors' scorers read.
results.json, results.csv, report.html and a cache are written to --out. Every picture and score is cached under a hash of its
inputs, so repeating a command computes nothing, an interrupted one resumes, and a different one reuses what applies; results.json
and the other files are those of the last run. Every method uses the settings of its own paper; with --same-steps all use the
same number of steps and one sampler.
Methods: ${Object.keys(METHODS).join(", ")}.
Experiments: ${Object.values(EXPERIMENTS)
  .map(({ name, question }) => `\n  ${name.padEnd(14)}${question}`)
  .join("")}
Exit codes: 0 success, 1 failure, 2 invalid command line, 130 stopped by Ctrl-C (the same command resumes).`;

interface Flags {
  readonly dataset: string;
  readonly methods?: readonly string[];
  readonly model: string;
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly out: string;
  readonly limit?: number;
  readonly seeds?: number;
  readonly turns?: number;
  readonly parts?: readonly string[];
  readonly sameSteps?: true | number;
  readonly scorers?: readonly string[];
  readonly experiment?: string;
  readonly database?: string;
  readonly blobs?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export function addBench(program: Command, context: Context): void {
  databaseOptions(
    program
      .command("bench")
      .description("compare methods on a dataset: numbers with intervals, tables and pictures"),
  )
    .option("--dataset <folder>", "a name, or a folder with a dataset.json (see below)", "imie-picturebook")
    .option(
      "--methods <names>",
      "the methods to compare, separated by commas (default: emilie,image-iteration)",
      list,
    )
    .option("--model <model>", "the checkpoint that every method uses", "picturebook")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(fitOption())
    .option("--out <folder>", "the folder for results, report and cache", "out/bench")
    .option(
      "--limit <n>",
      "maximum number of items of each part; with --experiment, number of scenes of each kind",
      positive,
    )
    .option("--seeds <n>", "number of seeds per item: 0, 1, … (default: 1)", positive)
    .option("--turns <k>", "only the first k turns of each item", positive)
    .option("--parts <names>", "only these parts of the dataset, separated by commas", list)
    .option(
      "--same-steps [steps]",
      "the same number of steps for all methods, with the checkpoint's own sampler",
      steps,
    )
    .option(
      "--scorers <models>",
      "networks for additional scores (CLIP, BLIP-ITM, DINO): picturebook-clip, folders, or names in the hub's cache",
      list,
    )
    .addOption(
      new Option("--experiment <name>", "a named experiment, which selects items, methods and seeds").choices(
        Object.keys(EXPERIMENTS),
      ),
    )
    .option("--resume", "no effect: runs always resume from --out")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", EXAMPLES)
    .action((flags: Flags, command: Command) =>
      context.run(flags.json ?? false, (output) => bench(flags, command.parent?.args.slice(1) ?? [], output)),
    );
}

async function bench(flags: Flags, command: readonly string[], output: Output): Promise<void> {
  const experiment = flags.experiment === undefined ? undefined : EXPERIMENTS[flags.experiment]!;
  const names = flags.methods ?? experiment?.methods ?? ["emilie", "image-iteration"];
  const methods = [...new Set(names)].map((name) => methodOf(name));
  const whole = partsOf(await openDataset(flags.dataset), flags.parts);
  await checkResultsFolder(flags.out);
  await makeFolder(flags.out);
  const dataset: BenchDataset = {
    ...whole,
    items: experiment
      ? await experiment.items(whole, { limit: flags.limit, folder: join(flags.out, "masks") })
      : firstOfEachPart(whole, flags.limit),
  };
  if (dataset.items.length === 0) {
    const whose = experiment ? ` that the experiment ${experiment.name} could use` : "";
    throw new UsageError(`${whole.name} has no items${whose}.`);
  }
  const database = databaseOf(flags, output);
  const seeds = Array.from({ length: flags.seeds ?? experiment?.seeds ?? 1 }, (_, i) => i);
  const scorers = await openScorers(flags.scorers ?? []);
  const model = await loadTold(
    flags.model,
    { device: flags.device, precision: flags.precision, understanding: false },
    output,
  );
  let cells: Cells | undefined;
  try {
    await sayReplaced(flags, experiment?.name ?? null, model, output);
    if (experiment) output.say(`${experiment.question}\n`);
    output.say(
      `${formatCount(dataset.items.length)} items of ${dataset.name} × ${methods.length} methods × ${seeds.length} seeds, by ${model.id}`,
    );
    cells = database === undefined ? undefined : await openCells(database, flags.blobs, model, output);
    const run = await stoppable(
      output,
      (signal) =>
        runBench({
          model,
          dataset,
          methods,
          seeds,
          mode: settingsMode(model, flags.sameSteps),
          turns: flags.turns,
          scorers,
          out: flags.out,
          experiment,
          cells,
          command: withoutDatabase(command).map(withoutFolders),
          signal,
          onProgress: (progress) => sayProgress(progress, output),
        }),
      "Stopping after this step; finished results are kept. Press Ctrl-C again to exit immediately.",
    ).catch((error) => {
      if (!isEmilieError(error) || error.code !== "aborted") throw error;
      throw new Unsuccessful(
        `Stopped. Every finished turn is kept in ${flags.out}; the same command resumes from there.`,
        EXIT.stopped,
      );
    });
    output.note("Writing the report …");
    const report = await writeReport(run.results, flags.out, { dataset });
    const layout = await writeLayout(run.results, { dataset, methods, out: flags.out });
    sayResults(run, methods, report, output);
    if (layout) sayLayout(layout, flags.out, output);
  } finally {
    await cells?.close();
    for (const scorer of scorers) await scorer.dispose();
    await model.dispose();
  }
}

/** The engine that other machines with the same command take cells from. */
async function openCells(
  url: string,
  blobs: string | undefined,
  model: EditModel,
  output: Output,
): Promise<Cells> {
  const onProblem = (message: string) => output.note(message);
  return openSharedCells(url, { blobs, group: model.fingerprint, onProblem });
}

/** Where cells were computed is no part of what was computed, and an address may hold a password. */
function withoutDatabase(words: readonly string[]): string[] {
  const isOption = (word: string | undefined) => word === "--database" || word === "--blobs";
  return words.filter((word, i) => !/^--(database|blobs)(=|$)/.test(word) && !isOption(words[i - 1]));
}

/** Results are passed on, and where things lie on this machine is nobody else's business. */
function withoutFolders(word: string): string {
  const [, name = "", value = ""] = /^([a-z-]+=)?(.*)$/s.exec(word)!;
  return name + (isAbsolute(value) ? basename(value) : value);
}

/** One after the other; those that were opened are freed if another one cannot be. */
async function openScorers(names: readonly string[]): Promise<Scorer[]> {
  const scorers: Scorer[] = [];
  try {
    for (const name of names) scorers.push(await openScorer(name));
  } catch (error) {
    for (const scorer of scorers) await scorer.dispose();
    throw error;
  }
  return scorers;
}

function methodOf(name: string): BenchMethod {
  if (Object.hasOwn(METHODS, name)) return METHODS[name]!;
  throw new UsageError(
    `There is no method ${JSON.stringify(name)}. Known: ${Object.keys(METHODS).join(", ")}.`,
  );
}

function partsOf(dataset: BenchDataset, parts: readonly string[] | undefined): BenchDataset {
  if (!parts) return dataset;
  const known = [...new Set(dataset.items.flatMap(({ part }) => part ?? []))];
  const unknown = parts.find((part) => !known.includes(part));
  if (unknown !== undefined) {
    const names = known.length > 0 ? `Its parts: ${known.join(", ")}.` : "It has no parts.";
    throw new UsageError(`${dataset.name} has no part ${JSON.stringify(unknown)}. ${names}`);
  }
  return {
    ...dataset,
    items: dataset.items.filter(({ part }) => part !== undefined && parts.includes(part)),
  };
}

/** The first items of each part, so that a larger limit takes over what a smaller one has computed. */
function firstOfEachPart({ items }: BenchDataset, limit = Number.POSITIVE_INFINITY): BenchDataset["items"] {
  const seen = new Map<string | undefined, number>();
  return items.filter(({ part }) => {
    const before = seen.get(part) ?? 0;
    seen.set(part, before + 1);
    return before < limit;
  });
}

function settingsMode(model: EditModel, sameSteps: true | number | undefined): SettingsMode {
  if (sameSteps === undefined) return { mode: "paper" };
  const own = resolveOptions(model);
  return { mode: "same-steps", steps: sameSteps === true ? own.steps : sameSteps, sampler: own.sampler };
}

/** Results of another kind are about to be replaced; their pictures stay in the cache. */
async function sayReplaced(flags: Flags, experiment: string | null, model: EditModel, output: Output) {
  const file = join(flags.out, "results.json");
  if (!existsSync(file)) return;
  const before = JSON.parse(await readFile(file, "utf8"));
  if (before.experiment === experiment && before.model?.fingerprint === model.fingerprint) return;
  output.note(`Results of another run in ${flags.out} are replaced; its pictures stay in the cache.`);
}

function sayProgress({ phase, label, done, total, seconds }: BenchProgress, output: Output): void {
  const left = done < total ? `, ${formatSeconds((seconds / done) * (total - done))} left` : "";
  const what = phase === "pictures" ? "turn" : "score";
  output.progressLine(`${label}: ${what} ${formatCount(done)} of ${formatCount(total)}${left}`, done, total);
}

function sayLayout({ folder, pictures, leftOut }: WrittenLayout, out: string, output: Output): void {
  const without =
    leftOut.length > 0 ? `, without ${leftOut.join(", ")}: every turn starts from the first picture` : "";
  output.say(
    `${formatCount(pictures)} pictures for the authors' own scorer → ${join(out, folder)}${without}`,
  );
}

function list(text: string): string[] {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  if (words.length === 0) throw new InvalidArgumentError("Expected at least one name.");
  return words;
}
