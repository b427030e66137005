/** How errors end a command: one clear line, and an exit code that scripts can rely on. */
import { CommanderError } from "commander";
import { EmilieError, isEmilieError } from "../errors.ts";
import { isOutOfFiles, tooManyFiles } from "../util/open-files.node.ts";

/** 0 done, 1 it did not work, 2 the command was not understood, 130 stopped by Ctrl-C (as shells count it). */
export const EXIT = { done: 0, failed: 1, usage: 2, stopped: 130 } as const;

/** The command line asks for something that makes no sense; what is wrong with it is in the message. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command has reported all it has to report, and ends with this exit code nevertheless. */
export class Unsuccessful extends Error {
  override readonly name = "Unsuccessful";
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** What is thrown where nobody expected it, as what it is for whoever started the program: the system's own limits. */
export function explained(error: unknown): unknown {
  if (isEmilieError(error) || !isOutOfFiles(error)) return error;
  return new EmilieError("io.failed", `emilie cannot go on: ${tooManyFiles()}.`, { cause: error });
}

export function exitCode(error: unknown): number {
  if (error instanceof Unsuccessful) return error.exitCode;
  if (error instanceof UsageError) return EXIT.usage;
  if (isEmilieError(error) && error.code === "aborted") return EXIT.stopped;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  return EXIT.failed;
}

/** One line for people; for what nobody expected also where it happened. */
export function describe(error: unknown): string {
  if (error instanceof UsageError || error instanceof Unsuccessful || isEmilieError(error))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What --json prints in place of a result. The codes beside the library's own are listed in docs/cli.md. */
export function errorDocument(error: unknown): unknown {
  return { error: { code: codeOf(error), message: error instanceof Error ? error.message : String(error) } };
}

function codeOf(error: unknown): string {
  if (isEmilieError(error)) return error.code;
  if (error instanceof UsageError || error instanceof CommanderError) return "usage";
  if (error instanceof Unsuccessful) return error.exitCode === EXIT.stopped ? "aborted" : "unsuccessful";
  return "unexpected";
}
