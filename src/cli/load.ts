/** Loading a model on the command line: what is made on the way is said beforehand, shown, and may be stopped. */
import type { LoadProgress } from "../checkpoint/load-progress.ts";
import { isEmilieError } from "../errors.ts";
import type { EditModel } from "../method/edit-model.ts";
import { type FitPlan, type LoadOptions, loadModel } from "../models/load.node.ts";
import { stoppable } from "./context.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import { formatLarge, formatSeconds, type Output } from "./output.ts";

/** loadModel() with its progress on stderr. Stopped, it ends the verb as Ctrl-C does everywhere. */
export function loadTold(name: string, options: LoadOptions, output: Output): Promise<EditModel> {
  return told(output, (watch) => loadModel(name, { ...options, ...watch }));
}

/** Runs what loads a model, with what it takes for that. */
export async function told<T>(
  output: Output,
  load: (watch: Pick<LoadOptions, "onProgress" | "onPlan" | "signal">) => Promise<T>,
): Promise<T> {
  const onProgress = sayLoad(output);
  const note = "Stopping. What is there is kept. Press Ctrl-C again to leave at once.";
  try {
    return await stoppable(
      output,
      (signal) => load({ onProgress, onPlan: (plan) => output.note(sayPlan(plan)), signal }),
      note,
    );
  } catch (error) {
    if (isEmilieError(error) && error.code === "aborted") throw new Unsuccessful(error.message, EXIT.stopped);
    throw error;
  }
}

/** "owner/name: an edit of 512 px takes about 4 min and 2.5 GB of memory (19.2 GB are free), and once 0.8 GB of disk." */
export function sayPlan({
  model,
  nativeSize,
  derivedBytes,
  memoryBytes,
  works,
  lacks,
  machine,
  seconds,
  quicker,
}: FitPlan): string {
  const disk = derivedBytes > 0 ? `, and once ${formatLarge(derivedBytes, "B")} of disk` : "";
  const free = `${formatLarge(machine.memoryBytes, "B")} are free`;
  const slowly =
    works === "slowly"
      ? " Its weights do not stay in memory, so that every step reads them from the disk again."
      : "";
  const no =
    lacks === "memory"
      ? " It may end for want of memory: choose --precision int8, or a smaller --working-size."
      : "";
  const time = seconds === null ? "" : `${formatSeconds(Math.max(1, Math.round(seconds)))} and `;
  const other = quicker
    ? ` With --precision ${quicker.precision} it takes about ${formatSeconds(Math.round(quicker.seconds))}.`
    : "";
  return `${model}: an edit of ${nativeSize} px takes about ${time}${formatLarge(memoryBytes, "B")} of memory (${free})${disk}.${other}${slowly}${no}`;
}

function sayLoad(output: Output): (progress: LoadProgress) => void {
  let waiting = false;
  return ({ stage, what, folder, bytes, totalBytes, secondsLeft, reason }) => {
    const size = formatLarge(totalBytes, "B");
    const about = formatSeconds(Math.max(1, Math.round(secondsLeft)));
    if (stage === "start") {
      if (reason !== undefined) output.note(`${what}: ${reason}. It is generated again.`);
      const there = bytes > totalBytes / 1000 ? ` Resuming at ${formatLarge(bytes, "B")}.` : "";
      output.note(
        `Generating ${what}, once: ${size} in ${folder}, about ${about}. Ctrl-C stops it; the next run resumes from there.${there}`,
      );
    }
    if (stage === "waiting" && !waiting) {
      waiting = true;
      output.note(`Another process is generating ${what} (${size}). Waiting for it; Ctrl-C stops waiting.`);
    }
    if (stage === "done") output.note(`Made ${what}.`);
    else
      output.steadyLine(`${what}: ${formatLarge(bytes, "B")} of ${size}, ${about} left`, bytes, totalBytes);
  };
}
