/**
 * ONNX Runtime's binding for Node sends telemetry: it writes a device's id and a database into the user's cache as its first session is
 * made, and calls its maker after some seconds. emilie sends nothing. The library asks the process's environment, and that of a
 * worker_thread is a copy; so this is called before the binding is loaded, in the main thread of the process that loads it.
 */

/** What turns it off. */
export const QUIET = { ORT_DISABLE_TELEMETRY: "1" } as const;

/** Turns the telemetry of ONNX Runtime off for this process and what it starts, also where the user's environment allows it. */
export function quietRuntime(): void {
  Object.assign(process.env, QUIET);
}
