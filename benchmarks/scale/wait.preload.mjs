/**
 * Makes a process's networks wait, as on a card that computes for a while and leaves the processor alone: each message to a thread goes
 * out later. Two cores cannot show otherwise what more machines are worth.
 */
import { Worker } from "node:worker_threads";

const milliseconds = Number(process.env.EMILIE_BENCH_WAIT ?? 0);
const send = Worker.prototype.postMessage;
if (milliseconds > 0) {
  Worker.prototype.postMessage = function (...args) {
    setTimeout(() => send.apply(this, args), milliseconds);
  };
}
