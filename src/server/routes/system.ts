/** /health, /metrics, /openapi.json and /docs. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { PAGE_HEADERS } from "../guard.ts";
import { referencePage } from "../pages/reference.ts";
import type { Parts } from "../parts.ts";
import { withoutPaths } from "../private-paths.ts";
import { type Health, healthSchema } from "../schemas/index.ts";
import { countSessions } from "../store/find.ts";
import { route } from "./route.ts";

export function addSystem(app: OpenAPIHono, parts: Parts): void {
  const { queue, worker, store, events, metrics, disk, retry, links, version } = parts;
  const problems = async () => {
    const onDisk = await disk.problem();
    const found = [
      onDisk === null ? null : `The data folder cannot be written: ${onDisk}.`,
      retry.problem === null ? null : `A job waits to be tried again: ${retry.problem}.`,
      worker.problem === null ? null : `No edit can run: ${worker.problem}.`,
    ];
    return found.filter((problem) => problem !== null).map(withoutPaths);
  };
  const counts = async () => {
    const jobs = await queue.list();
    const count = (state: string) => jobs.filter((job) => job.state === state).length;
    return { waiting: count("waiting"), running: count("running") };
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
      const health: Health = {
        status: now.length === 0 ? "ok" : "degraded",
        problems: now,
        version,
        worker: { state, restarts: Math.max(0, restarts) },
        queue: await counts(),
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
      const { waiting, running } = await counts();
      const text = metrics.render({
        queue_waiting: ["Jobs that wait.", waiting],
        queue_running: ["Jobs that run.", running],
        sessions: ["Sessions in the store.", await countSessions(store)],
        event_listeners: ["Open event streams.", events.listeners],
        worker_up: ["Whether the inference process runs.", worker.state === "stopped" ? 0 : 1],
        worker_restarts: ["How often the inference process was restarted.", Math.max(0, worker.restarts)],
        worker_resident_bytes: ["Resident memory of the inference process.", worker.memory],
        process_resident_bytes: ["Resident memory of the server.", process.memoryUsage.rss()],
      });
      return c.body(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    },
  );

  app.get("/openapi.json", (c) => c.json(document(c)));
  app.get("/docs", (c) => c.html(referencePage(document(c)), 200, { ...PAGE_HEADERS }));
}
