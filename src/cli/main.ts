#!/usr/bin/env node
/** The command line's entry: see program.ts for what it does. */
import { isOutOfFiles, tooManyFiles } from "../util/open-files.node.ts";

// A reader that has seen enough (`emilie inspect model | head -3`) ends the report, not the work: files are still written.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

try {
  // Loaded here, so that what is in the way of loading it is said as everything else is.
  const { runCommandLine } = await import("./program.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2));
} catch (error) {
  if (!isOutOfFiles(error)) throw error;
  process.stderr.write(`emilie cannot start: ${tooManyFiles()}.\n`);
  process.exitCode = 1;
}
