/** The event stream, which goes on where it was when a connection is lost. */
import { EmilieError, isEmilieError } from "../errors.ts";
import type { Requests } from "./request.ts";
import { readEvents } from "./sse.ts";
import type { ServerEvent } from "./types.ts";

export interface EventsOptions {
  /** Only events of this session (and those of models). */
  readonly session?: string;
  readonly signal?: AbortSignal;
  /** Called when the stream is open, lost (with the error), and open again. */
  readonly onConnection?: (state: "open" | "lost", error?: EmilieError) => void;
  /** Milliseconds before a lost connection is tried again, doubled up to 10 seconds. Default 500. */
  readonly retryDelay?: number;
  /**
   * Milliseconds without a byte after which the connection counts as lost: a network that is gone does not say so. The server says
   * something every two seconds. Default 5000.
   */
  readonly silence?: number;
}

/**
 * Yields events until the signal stops it. A lost connection is made again; what happened meanwhile is told then, or
 * where the server no longer knows it, `{ type: "reset" }`: fetch the state again. Opening it the first time tells nothing
 * of the past.
 *
 * @throws EmilieError where trying again is no use ("server.denied", "server.missing")
 */
export async function* follow(
  requests: Requests,
  path: string,
  { session, signal, onConnection, retryDelay = 500, silence = 5000 }: EventsOptions = {},
  isLast: (event: ServerEvent) => boolean = () => false,
): AsyncGenerator<ServerEvent> {
  let last = "";
  let delay = retryDelay;
  while (!signal?.aborted) {
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (last) headers["last-event-id"] = last;
      const opening = requests.send("GET", path, { headers, query: { session }, signal });
      const response = await within(opening, silence).catch((error) => {
        // It may be answered after all, when nobody waits for it any more.
        opening.then(({ body }) => body?.cancel()).catch(() => {});
        throw error;
      });
      onConnection?.("open");
      delay = retryDelay;
      for await (const { id, data } of readEvents(response.body!, (waiting) => within(waiting, silence))) {
        if (id) last = id;
        if (data === "") continue;
        const event = JSON.parse(data) as ServerEvent;
        yield event;
        if (isLast(event)) return;
      }
      throw new EmilieError("server.unreachable", "the event stream ended");
    } catch (error) {
      if (signal?.aborted) return;
      if (isEmilieError(error) && (error.code === "server.denied" || error.code === "server.missing"))
        throw error;
      onConnection?.(
        "lost",
        isEmilieError(error) ? error : new EmilieError("server.unreachable", String(error)),
      );
      await pause(delay, signal);
      delay = Math.min(10_000, 2 * delay);
    }
  }
}

/** Waits for so many milliseconds at most. @throws EmilieError "server.unreachable" */
async function within<T>(waiting: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<never>((_, reject) => {
    const error = new EmilieError("server.unreachable", `the server said nothing for ${milliseconds} ms`);
    timer = setTimeout(() => reject(error), milliseconds);
  });
  try {
    return await Promise.race([waiting, silent]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
