/** The command line: one verb a file, one place for help, errors and exit codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { packageRoot } from "../runtime/package-root.node.ts";
import type { Context } from "./context.ts";
import { addDemo } from "./demo.ts";
import { addDoctor } from "./doctor.ts";
import { addEdit } from "./edit.ts";
import { describe, EXIT, errorDocument, exitCode, Unsuccessful, UsageError } from "./errors.ts";
import { addInspect } from "./inspect.ts";
import { addModels } from "./models.ts";
import { Output, type Streams } from "./output.ts";
import { addPull } from "./pull.ts";
import { addReplay } from "./replay.ts";
import { addServe } from "./serve.ts";
import { addShow } from "./show.ts";

/** Runs a command line (without "node" and the script) and returns its exit code; never throws. */
export async function runCommandLine(args: readonly string[], streams: Streams = process): Promise<number> {
  let code: number = EXIT.done;
  const context: Context = {
    async run(json, action) {
      const output = new Output(json, streams);
      try {
        await action(output);
      } catch (error) {
        code = exitCode(error);
        output.note(describe(error));
        if (error instanceof UsageError) output.note("Use --help to see what is allowed.");
        if (!(error instanceof Unsuccessful)) output.document(errorDocument(error));
      }
    },
  };
  try {
    await buildProgram(context, streams).parseAsync(args, { from: "user" });
  } catch (error) {
    code = exitCode(error);
    // Commander has already said what it did not understand.
    if (!(error instanceof CommanderError)) streams.stderr.write(`${describe(error)}\n`);
  }
  return code;
}

function buildProgram(context: Context, streams: Streams): Command {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  const program = new Command("emilie")
    .description("Iterative image editing: say what should change, mark where, look, and go on.")
    .version(manifest.version)
    .showHelpAfterError("Use --help to see what is allowed.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    });
  addEdit(program, context);
  addDemo(program, context);
  addInspect(program, context);
  addPull(program, context);
  addModels(program, context);
  addDoctor(program, context);
  addShow(program, context);
  addReplay(program, context);
  addServe(program, context);
  return program;
}
