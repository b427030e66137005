/** The command line: one verb a file, one place for help, errors and exit codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { packageRoot } from "../runtime/package-root.node.ts";
import { printable } from "../session/script/printable.ts";
import { addFromBench } from "./bench-package.ts";
import type { Context } from "./context.ts";
import { describe, EXIT, errorDocument, exitCode, explained, UsageError } from "./errors.ts";
import { Output, type Streams } from "./output.ts";

const EXAMPLES = `
Examples:
  $ emilie demo                                     try emilie, offline
  $ emilie edit photo.jpg "make it winter"          edit a picture
  $ emilie edit out/session.emilie "make it night"  continue from there
  $ emilie pull timbrooks/instruct-pix2pix          a model for photographs
  $ emilie studio                                   the same in the browser
  $ emilie edit --help                              full help for a command

Every command except studio, mcp, completion and help accepts --json: one document on stdout, also for errors.
Exit codes: 0 success, 1 failure, 2 invalid command line, 130 stopped by Ctrl-C.`;

/**
 * Each verb is loaded when it is asked for, and all of them where a list of them is: the whole command line has to start in
 * a blink, also from a shell's completion.
 */
const VERBS: Readonly<Record<string, () => Promise<(program: Command, context: Context) => void>>> = {
  edit: async () => (await import("./edit.ts")).addEdit,
  demo: async () => (await import("./demo.ts")).addDemo,
  inspect: async () => (await import("./inspect.ts")).addInspect,
  pull: async () => (await import("./pull.ts")).addPull,
  models: async () => (await import("./models.ts")).addModels,
  doctor: async () => (await import("./doctor.ts")).addDoctor,
  show: async () => (await import("./show.ts")).addShow,
  export: async () => (await import("./export.ts")).addExport,
  replay: async () => (await import("./replay.ts")).addReplay,
  study: () => addFromBench("study"),
  serve: async () => (await import("./serve.ts")).addServe,
  studio: async () => (await import("./serve.ts")).addStudio,
  worker: async () => (await import("./worker.ts")).addWorker,
  database: async () => (await import("./database.ts")).addDatabase,
  bench: () => addFromBench("bench"),
  mcp: async () => (await import("./mcp.ts")).addMcp,
  completion: async () => (await import("./completion.ts")).addCompletion,
};

/** Runs a command line (without "node" and the script) and returns its exit code; never throws. */
export async function runCommandLine(args: readonly string[], streams: Streams = process): Promise<number> {
  let code: number = EXIT.done;
  const context: Context = {
    tree: () => buildProgram(context, streams),
    async run(json, action) {
      const output = new Output(json, streams);
      try {
        await action(output);
      } catch (thrown) {
        const error = explained(thrown);
        code = exitCode(error);
        output.note(describe(error));
        if (error instanceof UsageError) output.note("Use --help to see what is allowed.");
        if (!output.documented) output.document(errorDocument(error));
      }
    },
  };
  try {
    const program = await buildProgram(context, streams, args[0]);
    await program.parseAsync(args, { from: "user" });
  } catch (thrown) {
    const error = explained(thrown);
    code = exitCode(error);
    // Commander has already said what it did not understand, but not to a program.
    if (!(error instanceof CommanderError)) streams.stderr.write(`${printable(describe(error))}\n`);
    if (code !== EXIT.done && args.includes("--json"))
      new Output(true, streams).document(errorDocument(error));
  }
  return code;
}

/** The whole tree of commands, or the part of it that one verb needs. */
async function buildProgram(context: Context, streams: Streams, verb = ""): Promise<Command> {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  const program = new Command("emilie")
    .description(
      "Iterative image editing: describe a change, mask where it may apply, look at the result, and continue.",
    )
    .version(manifest.version)
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("Use --help to see what is allowed.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(printable(text)),
    });
  const asked = Object.hasOwn(VERBS, verb) ? [VERBS[verb]!] : Object.values(VERBS);
  for (const add of await Promise.all(asked.map((load) => load()))) add(program, context);
  refuseRepeats(program);
  return program;
}

/** An option with one value that is said twice means one of the two, and which is not known. */
function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    const single = (option.required || option.optional) && !option.variadic;
    // What may be said several times says so in its help.
    if (!single || /\brepeatable\b/.test(option.description)) continue;
    let said = false;
    command.on(`option:${option.name()}`, () => {
      if (said) command.error(`error: option '${option.flags}' is given twice; it has one value`);
      said = true;
    });
  }
  for (const inner of command.commands) refuseRepeats(inner);
}
