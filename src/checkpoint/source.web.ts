/** A checkpoint behind a web address, read piece by piece where the server allows ranges. */
import { EmilieError } from "../errors.ts";
import { VOCABULARY_JSON } from "../limits.ts";
import { onceEach } from "../util/once-each.ts";
import { type CheckpointSource, missingFile } from "./source.ts";

/**
 * For what asks about a file or for a piece of it: past the browser's own cache, which holds files whole. A server that
 * compresses under one ETag would have it join pieces of the file with pieces of its compressed form.
 */
const PAST_CACHE = { cache: "no-store" } as const;

/** Of a server that answers a range with everything, a file of up to so many bytes is taken whole. */
const MOST_WHOLE = 256 << 20;

/** After a connection that was lost, a piece is asked for again so many milliseconds later. */
const PAUSES_MS = [500, 2000];

/** What is known of a file before it is read. */
export interface WebFile {
  readonly size: number;
  /** Its ETag, else when it was changed last; "" where the server says neither. */
  readonly mark: string;
}

export interface WebSource extends CheckpointSource {
  /** Asks the server, once for each file. Null where there is none. @throws EmilieError "io.failed" */
  look(path: string): Promise<WebFile | null>;
}

/** `base` is the address of the checkpoint's folder, with or without its final slash. */
export function webSource(base: string, id = base, fetchFile: typeof fetch = fetch): WebSource {
  const root = base.endsWith("/") ? base : `${base}/`;
  const address = (path: string) => root + path.split("/").map(encodeURIComponent).join("/");
  /** Files of servers that answer a range with everything. */
  const whole = new Map<string, Uint8Array>();

  async function request(path: string, init: RequestInit): Promise<Response | null> {
    let response: Response;
    try {
      response = await fetchFile(address(path), init);
    } catch (cause) {
      throw new EmilieError("io.failed", `${address(path)} could not be fetched.`, { cause });
    }
    // Development servers answer what they do not have with their start page.
    const page = response.headers.get("content-type")?.startsWith("text/html");
    if (response.status === 404 || response.status === 403 || page) return null;
    if (response.ok) return response;
    throw new EmilieError("io.failed", `${address(path)} answered with status ${response.status}.`);
  }

  async function bytesOf(path: string, response: Response): Promise<Uint8Array> {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new EmilieError("io.failed", `The connection was lost while ${address(path)} was fetched.`, {
        cause,
      });
    }
  }

  async function fetchWhole(path: string): Promise<Uint8Array | null> {
    const response = await request(path, {});
    return response && bytesOf(path, response);
  }

  async function measure(path: string): Promise<WebFile | null> {
    const response = await request(path, { method: "HEAD", ...PAST_CACHE });
    if (!response) return null;
    const mark = markOf(response);
    const length = response.headers.get("content-length");
    // The length of a compressed answer is not the file's.
    if (length !== null && !response.headers.has("content-encoding")) return { size: Number(length), mark };
    const bytes = await fetchWhole(path);
    if (bytes) whole.set(path, bytes);
    return bytes && { size: bytes.length, mark };
  }

  const look = onceEach(measure);

  /** A piece of a file, or all of it where the server knows no pieces and it is small enough for that. */
  async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
    const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
    const response = await request(path, { headers, ...PAST_CACHE });
    if (!response) throw missingFile(id, path);
    const file = await look(path);
    if (response.status === 206) {
      requireSame(address(path), response, file);
      return cut(path, await bytesOf(path, response), 0, length);
    }
    const size = file?.size ?? 0;
    if (size > MOST_WHOLE) {
      await response.body?.cancel().catch(() => {});
      throw new EmilieError(
        "io.failed",
        `The server of ${address(path)} answers no range requests (status ${response.status} where 206 was expected), and the file has ` +
          `${(size / 1e9).toFixed(1)} GB: all of it would be sent for every piece. Put the checkpoint on a server that does, as nginx, Caddy, S3 and ` +
          "the Hugging Face hub do.",
      );
    }
    const bytes = await bytesOf(path, response);
    whole.set(path, bytes);
    return cut(path, bytes, offset, length);
  }

  return {
    id,
    look,
    exists: async (path) => (await look(path)) !== null,
    async size(path) {
      const file = await look(path);
      if (!file) throw missingFile(id, path);
      return file.size;
    },
    async readText(path) {
      const response = await request(path, {});
      if (!response) throw missingFile(id, path);
      const claimed = Number(response.headers.get("content-length") ?? 0);
      if (claimed > VOCABULARY_JSON.length) {
        throw new EmilieError(
          "checkpoint.malformed",
          `${address(path)} has ${claimed} bytes; at most ${VOCABULARY_JSON.length} are read.`,
        );
      }
      return response.text();
    },
    async read(path, offset, length) {
      const here = whole.get(path);
      if (here) return cut(path, here, offset, length);
      if (length === 0) return new Uint8Array();
      if (offset === 0 && length === (await look(path))?.size) {
        const bytes = await fetchWhole(path);
        if (!bytes) throw missingFile(id, path);
        return cut(path, bytes, 0, length);
      }
      return patiently(() => readRange(path, offset, length));
    },
  };
}

function markOf({ headers }: Response): string {
  return (headers.get("etag") ?? headers.get("last-modified") ?? "").replace(/^W\//, "");
}

/** @throws EmilieError "io.failed" where a piece is not of the file that was looked at: joined with others it would be neither */
function requireSame(address: string, response: Response, file: WebFile | null): void {
  const mark = markOf(response);
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  const sameMark = !mark || !file?.mark || mark === file.mark;
  if (sameMark && (total === undefined || Number(total) === file?.size)) return;
  void response.body?.cancel().catch(() => {});
  throw new EmilieError(
    "io.failed",
    `${address} was replaced by another file while it was being fetched. Load the model again: what has changed is fetched anew.`,
  );
}

/** Tries again after a lost connection. What a server says is final. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof EmilieError && error.code === "io.failed" && error.cause)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return attempt();
}

/** A copy, so that the caller may give it away. */
function cut(path: string, bytes: Uint8Array, offset: number, length: number): Uint8Array {
  if (offset + length > bytes.length) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path} has ${bytes.length} bytes from there; ${offset + length} were expected. Is the file complete?`,
    );
  }
  return offset === 0 && length === bytes.length ? bytes : bytes.slice(offset, offset + length);
}
