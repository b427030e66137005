/** What all requests together may hold in memory: each has a limit of its own, and hundreds may come at once. */
import type { MiddlewareHandler } from "hono";
import { EmilieError } from "../errors.ts";

/** Counts the bodies of requests, chunk by chunk and until they are answered, and refuses those that come on top of `limit` bytes. */
export function countUploads(limit: number): MiddlewareHandler {
  let held = 0;
  return async (c, next) => {
    const { body } = c.req.raw;
    if (!body) return next();
    let mine = 0;
    const counted = body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          if (held + chunk.length > limit) {
            throw new EmilieError(
              "server.busy",
              `Uploads of more than ${Math.floor(limit / 2 ** 20)} MiB are in progress. Try again when others are done.`,
            );
          }
          held += chunk.length;
          mine += chunk.length;
          controller.enqueue(chunk);
        },
      }),
    );
    c.req.raw = new Request(c.req.raw, { body: counted, duplex: "half" } as RequestInit);
    try {
      await next();
    } finally {
      held -= mine;
    }
  };
}
