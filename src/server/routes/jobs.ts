/** /jobs and /events: what is under way, stopping it, and hearing of it. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Filter } from "../events.ts";
import type { Parts } from "../parts.ts";
import * as s from "../schemas/index.ts";
import { route } from "./route.ts";

/** A client takes five seconds of silence for a lost connection; proxies close one that says nothing for a minute. */
const HEARTBEAT_MS = 2000;

export function addJobs(app: OpenAPIHono, parts: Parts): void {
  const { queue, dispatcher, events } = parts;
  const params = z.object({ job: s.jobId });
  const bySession = z.object({ session: s.sessionId.optional() });

  route(
    app,
    {
      method: "get",
      path: "/jobs",
      tag: "Jobs",
      summary: "All jobs, oldest first",
      query: bySession,
      answer: z.array(s.jobSchema),
    },
    async (c, { query }) =>
      c.json(await Promise.all((await queue.list(query.session)).map((job) => dispatcher.view(job)))),
  );
  route(
    app,
    { method: "get", path: "/jobs/{job}", tag: "Jobs", summary: "A job", params, answer: s.jobSchema },
    async (c, { params: { job } }) => c.json(await dispatcher.view(await queue.get(job))),
  );
  route(
    app,
    {
      method: "delete",
      path: "/jobs/{job}",
      tag: "Jobs",
      summary:
        "Stop a job: at once where it waits, after the current step where it runs. What it has finished is kept",
      params,
      answer: s.jobSchema,
    },
    async (c, { params: { job } }) => {
      await dispatcher.cancel(job);
      return c.json(await dispatcher.view(await queue.get(job)));
    },
  );
  route(
    app,
    {
      method: "post",
      path: "/jobs/{job}/keep",
      tag: "Jobs",
      summary: "End a running edit after its current step, with the preview as its result",
      description:
        "The result is x̂₀ of that step; the recipe records how many steps were taken, so it can be made again.",
      params,
      status: 202,
      answer: s.jobSchema,
    },
    async (c, { params: { job } }) => {
      await dispatcher.keep(job);
      return c.json(await dispatcher.view(await queue.get(job)), 202);
    },
  );
  const resume =
    "Events have ids; with Last-Event-ID the missed events are sent first, or { type: reset } if they are no longer available.";
  route(
    app,
    {
      method: "get",
      path: "/jobs/{job}/events",
      tag: "Events",
      summary:
        "What happens to a job, and to the model that it waits for, until it ends (server-sent events)",
      description: resume,
      params,
      answer: ["text/event-stream"],
    },
    async (c, { params: { job } }) => {
      await queue.get(job);
      return stream(c, { job }, async () => dispatcher.view(await queue.get(job)));
    },
  );
  route(
    app,
    {
      method: "get",
      path: "/events",
      tag: "Events",
      summary: "What happens (server-sent events)",
      description: resume,
      query: bySession,
      answer: ["text/event-stream"],
    },
    (c, { query }) => stream(c, query),
  );

  /** A job's stream begins with the job as it is, and ends with it. */
  function stream(c: Context, filter: Filter, job?: () => Promise<s.JobInfo>): Response {
    return streamSSE(c, async (out) => {
      const controller = new AbortController();
      out.onAbort(() => controller.abort());
      const beat = setInterval(() => void out.write(": \n\n"), HEARTBEAT_MS);
      const since = c.req.header("last-event-id");
      const log = events.follow(filter, since, controller.signal);
      const send = (event: s.ServerEvent, id: string) =>
        out.writeSSE({ id, event: event.type, data: JSON.stringify(event) });
      try {
        // From here on nothing is missed: the generator starts to listen with its first step.
        const first = log.next();
        if (since === undefined) await out.write(`id: ${events.last}\n\n`);
        if (job && since === undefined) {
          const now = await job();
          await send({ type: "job", job: now }, events.last);
          if (now.finished !== null) return;
        }
        for (let next = await first; !next.done; next = await log.next()) {
          const { id, event } = next.value;
          await send(event, id);
          if (!job) continue;
          if (event.type === "reset") {
            const now = await job();
            await send({ type: "job", job: now }, id);
            if (now.finished !== null) return;
          }
          if (event.type === "job" && event.job.finished !== null) return;
        }
      } finally {
        clearInterval(beat);
        controller.abort();
        await log.return(undefined);
      }
    });
  }
}
