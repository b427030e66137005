import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { Graph } from "../graph/graph.ts";
import { add, gemm } from "../graph/ops.ts";
import { zeros } from "../tensor/tensor.ts";
import type { Engine } from "./engine.ts";
import { createNodeEngine, type NodeWorkerSettings, physicalCores, workerPort } from "./node.ts";
import { RemoteEngine } from "./remote.ts";

let engine: Engine;
afterEach(() => engine.dispose());

/** y = x + 1 */
function increment(): Uint8Array {
  const graph = new Graph("increment");
  const at = { graph, path: "increment" };
  graph.output("y", add(at, graph.input("x", [2]), graph.constant([1], [1])));
  return graph.encode();
}
const x = { data: Float32Array.of(1, 2), shape: [2] };

/** A chain of square products: some tenths of a second of uninterrupted work. */
function work(): Uint8Array {
  const [graph, side] = [new Graph("work"), 512];
  const at = { graph, path: "work" };
  const input = graph.input("x", [side, side]);
  let y = input;
  for (let i = 0; i < 80; i++) y = gemm(at, y, input);
  graph.output("y", y);
  return graph.encode();
}

it("runs a graph and leaves the feeds as they were", async () => {
  engine = createNodeEngine({ threads: 1 });
  const session = await engine.createSession(increment());
  expect((await session.run({ x })).y).toEqual({ data: Float32Array.of(2, 3), shape: [2] });
  expect(x.data).toEqual(Float32Array.of(1, 2));
});

it("keeps the event loop live while it computes", async () => {
  engine = createNodeEngine({ threads: 1 });
  const session = await engine.createSession(work());
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await session.run({ x: zeros([512, 512]) });
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(10);
});

it("carries out calls in the order in which they were made", async () => {
  engine = createNodeEngine({ threads: 1 });
  const session = await engine.createSession(increment());
  const order: number[] = [];
  await Promise.all([0, 1, 2, 3].map((i) => session.run({ x }).then(() => order.push(i))));
  expect(order).toEqual([0, 1, 2, 3]);
});

it("reports what the runtime cannot load, feed or run, and goes on", async () => {
  engine = createNodeEngine({ threads: 1 });
  await expect(engine.createSession(new Uint8Array(20))).rejects.toMatchObject({ code: "runtime.failed" });
  const session = await engine.createSession(increment());
  await expect(session.run({})).rejects.toMatchObject({ code: "runtime.failed" });
  await expect(session.run({ x: zeros([3]) })).rejects.toThrow(/run the session/);
  expect((await session.run({ x })).y!.data[0]).toBe(2);
});

it("refuses a released session", async () => {
  engine = createNodeEngine({ threads: 1 });
  const session = await engine.createSession(increment());
  await session.release();
  await expect(session.run({ x })).rejects.toMatchObject({ code: "disposed" });
});

it("rejects what is pending when it is disposed, and everything after", async () => {
  engine = createNodeEngine({ threads: 1 });
  const session = await engine.createSession(work());
  const pending = session.run({ x: zeros([512, 512]) });
  const rejected = expect(pending).rejects.toMatchObject({ code: "disposed" });
  await engine.dispose();
  await rejected;
  await expect(session.run({ x })).rejects.toMatchObject({ code: "disposed" });
  await expect(engine.createSession(increment())).rejects.toMatchObject({ code: "disposed" });
  await session.release();
  await engine.dispose();
});

it.each([
  ["throws", "throw new Error('out of order')", /out of order/],
  ["exits", "process.exit(3)", /code 3/],
])("rejects what is pending when its worker %s", async (_, body, message) => {
  const script = `require("node:worker_threads").parentPort.on("message", () => { ${body} })`;
  engine = new RemoteEngine(() => workerPort(new Worker(script, { eval: true })));
  await expect(engine.createSession(increment())).rejects.toMatchObject({
    code: "runtime.failed",
    message: expect.stringMatching(message),
  });
  await expect(engine.createSession(increment())).rejects.toMatchObject({ code: "runtime.failed" });
});

it("starts another worker for the next session where one has ended, and says which sessions are lost", async () => {
  const workerData: NodeWorkerSettings = { threads: 1, device: "cpu", half: false };
  const path = new URL("./worker.source.mjs", import.meta.url);
  const workers: Worker[] = [];
  engine = new RemoteEngine(() => {
    workers.push(new Worker(path, { workerData }));
    return workerPort(workers.at(-1)!);
  });
  const session = await engine.createSession(increment());
  expect(session.lost).toBe(false);
  await workers[0]!.terminate();
  expect(session.lost).toBe(true);
  await expect(session.run({ x })).rejects.toMatchObject({ code: "runtime.failed" });
  await session.release();
  const other = await engine.createSession(increment());
  expect((await other.run({ x })).y!.data[0]).toBe(2);
  expect(workers).toHaveLength(2);
});

/** The processes that this one has started. */
function children(): number[] {
  const tasks = readdirSync("/proc/self/task");
  const lists = tasks.map((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8"));
  return lists.join(" ").split(" ").filter(Boolean).map(Number);
}

describe.runIf(process.platform === "linux")("where memory is scarce", () => {
  it("computes in a process that gives back what it has freed, and that Ctrl+C leaves to who started it", async () => {
    const before = children();
    engine = createNodeEngine({ threads: 1, lean: true });
    const session = await engine.createSession(increment());
    expect((await session.run({ x })).y!.data).toEqual(new Float32Array([2, 3]));
    const gives = (pid: number) =>
      readFileSync(`/proc/${pid}/environ`, "utf8").includes("MALLOC_MMAP_THRESHOLD_=1048576");
    const own = children().find((pid) => !before.includes(pid) && gives(pid))!;
    process.kill(own, "SIGINT");
    expect((await session.run({ x })).y!.data).toEqual(new Float32Array([2, 3]));
    await engine.dispose();
    expect(existsSync(`/proc/${own}`)).toBe(false);
  });
});

it("counts at least one core", () => {
  engine = createNodeEngine();
  expect(physicalCores()).toBeGreaterThanOrEqual(1);
});
