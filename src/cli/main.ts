#!/usr/bin/env node
/** The command line's entry: see program.ts for what it does. */
import { runCommandLine } from "./program.ts";

// A reader that has seen enough (`emilie inspect model | head -3`) ends the report, not the work: files are still written.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2));
