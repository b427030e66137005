/** The inference process's heartbeat: a byte a second to the server, from a thread that computing does not hold up. */
import { Worker } from "node:worker_threads";

/** The pipe, as the server opens it for its child. */
export const HEARTBEAT_FD = 4;

/** Where nobody hears it any more, the server has ended, and so does this process, even in the middle of a step. */
const SOURCE = `
const { writeSync } = require("node:fs");
const beat = () => {
  try {
    writeSync(${HEARTBEAT_FD}, ".");
  } catch (error) {
    if (error.code === "EPIPE") process.kill(process.pid, "SIGKILL");
  }
};
setInterval(beat, 1000);
beat();
`;

export function startHeartbeat(): void {
  new Worker(SOURCE, { eval: true, stdin: false }).unref();
}
