/** All routes on one application; it runs wherever Hono does. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { OpenAPIHono } from "@hono/zod-openapi";
import { isEmilieError } from "../errors.ts";
import { shareWith } from "./cors.ts";
import { answerError, describeError } from "./errors.ts";
import { ALL_HEADERS, type GuardOptions, guard, isLink, PAGE_HEADERS } from "./guard.ts";
import { addOpenAI } from "./openai/routes.ts";
import { staticFiles } from "./pages/static.ts";
import { WELCOME } from "./pages/welcome.ts";
import type { Parts } from "./parts.ts";
import { addJobs } from "./routes/jobs.ts";
import { addModels } from "./routes/models.ts";
import { addNodes } from "./routes/nodes.ts";
import { addPictures } from "./routes/pictures.ts";
import { addSessions } from "./routes/sessions.ts";
import { addSystem } from "./routes/system.ts";
import { countUploads } from "./uploads.ts";

export interface AppOptions extends Omit<GuardOptions, "requestsPerSecond" | "burst"> {
  /** The studio's files. */
  readonly studio?: string;
  /** One line a request: never a picture, an instruction, or a token. */
  readonly log?: (line: string) => void;
}

export function createApp(parts: Parts, { studio, log, ...options }: AppOptions): OpenAPIHono {
  const { metrics, limits, queue, disk } = parts;
  const app = new OpenAPIHono();

  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    for (const [name, value] of Object.entries(ALL_HEADERS)) c.res.headers.set(name, value);
    shareWith(c, options.allowedOrigins ?? [], isLink(c));
    metrics.request(c.req.method, c.res.status);
    // The path without its query, which may hold the token.
    log?.(`${c.req.method} ${c.req.path} ${c.res.status} ${Math.round(performance.now() - start)} ms`);
  });
  app.use(guard({ ...options, requestsPerSecond: limits.requestsPerSecond, burst: limits.burst }));
  app.use(countUploads(limits.uploadsAtOnce));

  app.onError(async (error, c) => {
    disk.note(error);
    const answer = describeError(error, metrics);
    const full = isEmilieError(error) && error.code === "queue.full";
    // When about a tenth of what waits is done, somebody else's turn has come.
    const retryAfter = full ? (metrics.meanSeconds * (await queue.order()).length) / 10 : 1;
    return answerError(c, answer, retryAfter);
  });
  app.notFound((c) => {
    const message = `There is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}. See /docs.`;
    // The path is the client's own, and none of the host's that would have to be kept from it.
    return answerError(c, { status: 404, code: "server.missing", message });
  });

  const api = new OpenAPIHono();
  addSessions(api, parts);
  addNodes(api, parts);
  addPictures(api, parts);
  addJobs(api, parts);
  addModels(api, parts);
  app.route("/api/v1", api);
  addOpenAI(app, parts);
  addSystem(app, parts);

  if (studio && existsSync(join(studio, "index.html"))) app.use(staticFiles(studio));
  else app.get("/", (c) => c.html(WELCOME, 200, { ...PAGE_HEADERS }));
  return app;
}
