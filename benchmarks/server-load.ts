/**
 * Many clients at once on one server: `npm run bench -- server [--clients 50] [--edits 4] [--steps 8] [--json] [--write]`.
 * Every client opens a session and edits it again and again, each edit after the one before. Reported: what was lost (must
 * be nothing), how evenly clients were served, how long edits took, and how much memory server and worker took at most.
 * --write puts the table into docs/results/server.md.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { EmilieClient, isEmilieError, type JobInfo } from "../src/client/index.ts";
import { spawnServer } from "../tests/support/spawn-server.ts";

const { values: flags } = parseArgs({
  options: {
    clients: { type: "string", default: "50" },
    edits: { type: "string", default: "4" },
    steps: { type: "string", default: "8" },
    minutes: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const [clients, edits, steps] = [Number(flags.clients), Number(flags.edits), Number(flags.steps)];
const INSTRUCTIONS = ["make it winter", "make it night", "add a red balloon", "make it autumn", "add clouds"];
const root = new URL("..", import.meta.url).pathname;

const data = await mkdtemp(join(tmpdir(), "emilie-load-"));
const { process: server, url } = await spawnServer(data);
// Nothing here may run for ever.
const signal = AbortSignal.timeout(Number(flags.minutes) * 60_000);
const memory = { server: 0, worker: 0 };
const scales = setInterval(() => void weigh().catch(() => {}), 500);
try {
  const start = performance.now();
  const results = await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  const seconds = (performance.now() - start) / 1000;
  await weigh();
  const times = results.flatMap((one) => one.seconds).sort((a, b) => a - b);
  const means = results.map((one) => one.seconds.reduce((a, b) => a + b, 0) / one.seconds.length);
  const result = {
    clients,
    edits,
    steps,
    lost: results.reduce((sum, one) => sum + one.lost, 0),
    refused: results.reduce((sum, one) => sum + one.refused, 0),
    seconds,
    editsPerSecond: times.length / seconds,
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    longest: times.at(-1)!,
    // Jain's index over the clients' mean times: 1 where all are served alike, 1/n where one has everything.
    fairness: means.reduce((a, b) => a + b, 0) ** 2 / (means.length * means.reduce((a, b) => a + b * b, 0)),
    slowestClientToMedian:
      Math.max(...means) /
      quantile(
        [...means].sort((a, b) => a - b),
        0.5,
      ),
    peakServerMegabytes: memory.server / 1e6,
    peakWorkerMegabytes: memory.worker / 1e6,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`,
  };
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else console.log(table(result));
  if (flags.write) {
    await mkdir(join(root, "docs/results"), { recursive: true });
    await writeFile(join(root, "docs/results/server.md"), page(result));
  }
  if (result.lost > 0) process.exitCode = 1;
} finally {
  clearInterval(scales);
  server.kill("SIGTERM");
  await new Promise((resolve) => server.once("exit", resolve));
  await rm(data, { recursive: true, force: true });
}

/** One client's life: how long each edit took from asking to picture, and what is missing at the end. */
async function client(number: number): Promise<{ seconds: number[]; refused: number; lost: number }> {
  const own = new EmilieClient({ baseUrl: url });
  const example = ["cottage", "lake", "meadow", "road"][number % 4]!;
  const { id } = await own.createSession({ example }, { name: `client ${number}`, signal });
  const seconds: number[] = [];
  const made: string[] = [];
  let refused = 0;
  for (let edit = 0; edit < edits; edit++) {
    const instruction = INSTRUCTIONS[(number + edit) % INSTRUCTIONS.length]!;
    const start = performance.now();
    let job: JobInfo | null = null;
    while (!job) {
      try {
        job = await own.edit(id, { instruction, steps, seed: 1000 * number + edit, previews: 0 }, { signal });
      } catch (error) {
        if (!isEmilieError(error) || error.code !== "queue.full") throw error;
        refused++;
        await sleep(500, undefined, { signal });
      }
    }
    const done = await own.finished(job.id, { signal });
    const picture = done.nodes[0] ? await own.picture(id, done.nodes[0], {}, { signal }) : null;
    if (done.state === "done" && picture && picture.size > 0) made.push(done.nodes[0]!);
    seconds.push((performance.now() - start) / 1000);
  }
  const { nodes } = await own.session(id);
  const there = new Set(nodes.map((node) => node.id));
  return { seconds, refused, lost: edits - made.filter((node) => there.has(node)).length };
}

async function weigh(): Promise<void> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string) => Number(new RegExp(`^emilie_${name} (\\d+)`, "m").exec(text)?.[1] ?? 0);
  memory.server = Math.max(memory.server, read("process_resident_bytes"));
  memory.worker = Math.max(memory.worker, read("worker_resident_bytes"));
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

type Figures = Readonly<Record<string, number | string>>;

function table(figures: Figures): string {
  const rows = Object.entries(figures).map(([name, value]) => {
    const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const shown = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2) : value;
    return `| ${words} | ${shown} |`;
  });
  return ["| measure | |", "|---|---|", ...rows].join("\n");
}

function page(figures: Figures): string {
  return `# The server under load

\`npm run bench -- server --clients ${clients} --edits ${edits} --steps ${steps} --write\` wrote this: ${clients} clients on loopback, each with a session
of its own, each asking for its next edit when it has the picture of the last. Times are in seconds, from asking to having the
picture. "lost" are edits whose node or picture is missing at the end. "fairness" is Jain's index over the clients' mean times:
1 where all are served alike.

${table(figures)}
`;
}
