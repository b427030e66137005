/**
 * ONNX Runtime's binding for Node sends telemetry: it writes a device's id and a database into the user's cache as it is loaded, and
 * calls its maker after some seconds. emilie sends nothing. The library asks the process's environment, and that of a worker_thread
 * is a copy; so this is called in the thread that starts the worker, before it does.
 */
import { isMainThread } from "node:worker_threads";

const SWITCH = "ORT_DISABLE_TELEMETRY";
let told = false;

/**
 * Turns the telemetry of ONNX Runtime off, for the whole process and for what it starts. A value that the user has set to allow it
 * is replaced: no door of emilie lets anything out.
 */
export function quietRuntime(): void {
  const before = process.env[SWITCH];
  process.env[SWITCH] = "1";
  // The main thread has set it, or the user has: a worker's copy shows it.
  if (isMainThread || before === "1" || told) return;
  told = true;
  process.emitWarning(
    `emilie runs in a worker thread, from where ONNX Runtime's telemetry cannot be turned off. Start the process with ${SWITCH}=1, ` +
      `or set process.env.${SWITCH} = "1" in its main thread before the worker is started.`,
    { type: "EmilieWarning", code: "EMILIE_TELEMETRY" },
  );
}
