/** quiet.worker.ts in a worker_thread, where no environment of the process can be changed. */
import { Worker } from "node:worker_threads";

const code = `
  import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))})
    .then(({ register }) => register())
    .then(() => import(${JSON.stringify(new URL("./quiet.worker.ts", import.meta.url).href)}));`;
const worker = new Worker(code, { eval: true, argv: process.argv.slice(2) });
worker.on("error", (error) => {
  throw error;
});
