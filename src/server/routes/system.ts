/** /health, /metrics, /openapi.json and /docs. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { PAGE_HEADERS } from "../guard.ts";
import { referencePage } from "../pages/reference.ts";
import type { Parts } from "../parts.ts";
import { withoutPaths } from "../private-paths.ts";
import { figuresOf } from "../queue/position.ts";
import { type Health, healthSchema, workerSchema } from "../schemas/index.ts";
import { countSessions } from "../store/find.ts";
import { route } from "./route.ts";

export function addSystem(app: OpenAPIHono, parts: Parts): void {
  const { queue, worker, store, events, metrics, disk, retry, links, version, workers } = parts;
  const problems = async () => {
    const onDisk = await disk.problem();
    const found = [
      onDisk === null
        ? null
        : `The ${workers ? "database or the bucket" : "data folder"} cannot be written: ${onDisk}.`,
      retry.problem === null ? null : `A job waits to be tried again: ${retry.problem}.`,
      worker.problem === null ? null : `No edit can run: ${worker.problem}.`,
    ];
    return found.filter((problem) => problem !== null).map(withoutPaths);
  };
  const figures = async () => {
    const { waiting, running } = await figuresOf(queue);
    return { waiting, running };
  };
  const document = (c: Context) =>
    app.getOpenAPIDocument({
      openapi: "3.1.0",
      servers: [{ url: links.base(c) }],
      info: {
        title: "emilie",
        version,
        description:
          "Iterative image editing: sessions are trees of edits, edits are jobs, and progress is sent as server-sent events. " +
          "/v1/images/edits speaks OpenAI's API.",
      },
    });

  route(
    app,
    {
      method: "get",
      path: "/health",
      tag: "Server",
      summary: "Whether it works; needs no token",
      description: "Status 503 and `degraded` while it cannot do what it is asked to; `problems` says why.",
      anyQuery: true,
      answer: healthSchema,
    },
    async (c) => {
      const { state, restarts } = worker;
      const now = await problems();
      // While the database is away nothing else is known.
      if (workers && now.length > 0) {
        const queue = { waiting: 0, running: 0 };
        return c.json(
          { status: "degraded", problems: now, version, worker: { state, restarts: 0 }, queue },
          503,
        );
      }
      const health: Health = {
        status: now.length === 0 ? "ok" : "degraded",
        problems: now,
        version,
        worker: { state, restarts: Math.max(0, restarts) },
        queue: await figures(),
      };
      return c.json(health, now.length === 0 ? 200 : 503);
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/metrics",
      tag: "Server",
      summary: "Figures for Prometheus",
      anyQuery: true,
      answer: ["text/plain"],
    },
    async (c) => {
      const { waiting, running, oldestSeconds } = await figuresOf(queue);
      const others = workers && (await workers());
      const text = metrics.render({
        queue_waiting: ["Jobs that wait.", waiting],
        queue_running: ["Jobs that run.", running],
        queue_oldest_seconds: ["How long the job that waits longest has waited.", oldestSeconds],
        sessions: ["Sessions in the store.", await countSessions(store)],
        event_listeners: ["Open event streams.", events.listeners],
        worker_up: ["Whether the inference process runs.", worker.state === "stopped" ? 0 : 1],
        worker_restarts: ["How often the inference process was restarted.", Math.max(0, worker.restarts)],
        worker_resident_bytes: ["Resident memory of the inference process.", worker.memory],
        ...(others && {
          workers: ["Workers that are alive.", others.length],
          workers_busy: ["Workers that run a job.", others.filter(({ job }) => job !== null).length],
        }),
        process_resident_bytes: ["Resident memory of the server.", process.memoryUsage.rss()],
      });
      return c.body(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/live",
      tag: "Server",
      summary: "Whether the process answers at all; needs no token",
      anyQuery: true,
      answer: ["text/plain"],
    },
    (c) => c.text("ok"),
  );

  route(
    app,
    {
      method: "get",
      path: "/workers",
      tag: "Server",
      summary:
        "Who computes: workers that are alive, and what each holds; none where the server computes itself",
      anyQuery: true,
      answer: z.array(workerSchema),
    },
    async (c) => c.json(workers ? await workers() : []),
  );

  app.get("/openapi.json", (c) => c.json(document(c)));
  app.get("/docs", (c) => c.html(referencePage(document(c)), 200, { ...PAGE_HEADERS }));
}
