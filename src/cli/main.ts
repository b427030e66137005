#!/usr/bin/env node
/** The command line's entry: see program.ts for what it does. */
import { runCommandLine } from "./program.ts";

process.exitCode = await runCommandLine(process.argv.slice(2));
