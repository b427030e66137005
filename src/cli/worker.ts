/** `emilie worker`: computes what the servers of a database are asked for, until SIGTERM or Ctrl-C. */
import { createServer, type Server } from "node:http";
import type { Command } from "commander";
import type { Precision } from "../checkpoint/derived.ts";
import { listModels } from "../models/list.node.ts";
import type { NodeDevice } from "../models/load.node.ts";
import type { RunningWorker } from "../server/database/worker.ts";
import { listen, shut } from "../server/listen.ts";
import type { Context } from "./context.ts";
import { databaseOptions, requireDatabase } from "./database-options.ts";
import { deviceOption, fitOption, precisionOption, vaeOption } from "./model-options.ts";
import { portNumber } from "./options.ts";
import type { Output } from "./output.ts";
import { megabytes } from "./serve.ts";

const HELP = `
Examples:
  $ emilie worker --database postgres://emilie@db/emilie --model timbrooks/instruct-pix2pix
  $ EMILIE_DATABASE=postgres://emilie:PASSWORD@db/emilie emilie worker --device cuda

Servers are started with emilie serve --database and the same addresses. A worker runs one edit at a time, with the models that it
is given; several are loaded in turn. SIGTERM and Ctrl-C finish the current step and return the edit to the queue. A worker
without a heartbeat for 15 seconds loses its edit, and another worker restarts it. Guide: docs/scale.md.`;

interface Flags {
  readonly database?: string;
  readonly blobs?: string;
  readonly model?: string[];
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly vae?: string;
  readonly previewVae?: string;
  readonly workerMemory?: number;
  readonly name?: string;
  readonly healthPort?: number;
  readonly json?: boolean;
}

export function addWorker(program: Command, context: Context): void {
  databaseOptions(program.command("worker").description("compute the edits of servers that share a database"))
    .option("--model <model...>", "the models that it runs (default: picturebook)")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(fitOption())
    .addOption(vaeOption())
    .option("--preview-vae <path>", "a tiny autoencoder for previews only, which makes them faster")
    .option("--worker-memory <MB>", "stop an edit that uses more memory than this", megabytes)
    .option(
      "--name <name>",
      "its name in GET /workers, different from all others (default: the machine's name and a number)",
    )
    .option("--health-port <port>", "answer GET /live, GET /health and GET /metrics on this port", portNumber)
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((flags: Flags) => context.run(flags.json ?? false, (output) => work(flags, output)));
}

async function work(flags: Flags, output: Output): Promise<void> {
  const { blobs, model, device, precision, vae, previewVae, workerMemory, name, healthPort } = flags;
  const database = requireDatabase(flags, output);
  const { startWorker } = await import("../server/database/worker.ts");
  const worker = await startWorker(
    {
      ...{ database, blobs, models: model, device, precision, vae, previewVae, name },
      workerMemory: workerMemory && workerMemory * 1e6,
      log: (line) => output.note(line),
    },
    listModels,
  );
  const health = healthPort === undefined ? null : await answerHealth(worker, healthPort);
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  output.document({ name: worker.name, models: worker.models, pid: process.pid });
  output.say(`emilie worker ${worker.name} takes jobs for ${worker.models.join(", ")}`);
  output.say("Ctrl-C finishes the current step and returns its job to the queue.");
  await stopped;
  output.note("Stopping after this step; its job goes back to the queue.");
  if (health) await shut(health);
  await worker.close();
}

async function answerHealth(worker: RunningWorker, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === "/metrics") {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(worker.metrics());
      return;
    }
    const problem = request.url === "/health" ? worker.problem() : null;
    const known = request.url === "/health" || request.url === "/live";
    response.writeHead(known ? (problem === null ? 200 : 503) : 404, { "content-type": "text/plain" });
    response.end(known ? (problem ?? "ok") : "not found");
  });
  await listen(server, port, "0.0.0.0");
  return server;
}
