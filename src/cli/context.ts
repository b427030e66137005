/** What the verbs share: how they are run, how they are stopped. */
import { mkdir } from "node:fs/promises";
import type { Command } from "commander";
import { EmilieError } from "../errors.ts";
import type { Device, EditModel } from "../method/edit-model.ts";
import { EXIT } from "./errors.ts";
import type { Output } from "./output.ts";

/** Runs a verb with an Output, and turns what it throws into a message and an exit code. */
export interface Context {
  run(json: boolean, action: (output: Output) => Promise<void>): Promise<void>;
  /** All verbs with their options, for what is made from them. */
  tree(): Promise<Command>;
}

/** Runs something that Ctrl-C may stop: once in order (after the current step), twice at once. */
export async function stoppable<T>(
  output: Output,
  action: (signal: AbortSignal) => Promise<T>,
  note = "Stopping after this step. Press Ctrl-C again to leave at once.",
): Promise<T> {
  const controller = new AbortController();
  const onInterrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.stopped);
    output.note(note);
    controller.abort();
  };
  process.on("SIGINT", onInterrupt);
  try {
    return await action(controller.signal);
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

/** What a JSON document says about the model: also where it ran, where it did. */
export function modelFacts({ id, fingerprint, device }: EditModel): {
  readonly id: string;
  readonly fingerprint: string;
  readonly device?: Device;
} {
  return { id, fingerprint, ...(device ? { device } : {}) };
}

/** Makes the folder that pictures go to. Throws io.failed. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmilieError("io.failed", `The folder ${path} cannot be made: ${reason}`, { cause });
  }
}
