/** A checkpoint behind a web address, read piece by piece where the server allows ranges. */
import { EmilieError } from "../errors.ts";
import { VOCABULARY_JSON } from "../limits.ts";
import { type CheckpointSource, missingFile } from "./source.ts";

/**
 * For what asks about a file or for a piece of it: past the browser's own cache, which holds files whole. A server that
 * compresses under one ETag would have it join pieces of the file with pieces of its compressed form.
 */
const PAST_CACHE = { cache: "no-store" } as const;

/** `base` is the address of the checkpoint's folder, with or without its final slash. */
export function webSource(base: string, id = base, fetchFile: typeof fetch = fetch): CheckpointSource {
  const root = base.endsWith("/") ? base : `${base}/`;
  const address = (path: string) => root + path.split("/").map(encodeURIComponent).join("/");
  const sizes = new Map<string, Promise<number | null>>();
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

  async function fetchWhole(path: string): Promise<Uint8Array | null> {
    const response = await request(path, {});
    return response && new Uint8Array(await response.arrayBuffer());
  }

  async function measure(path: string): Promise<number | null> {
    const response = await request(path, { method: "HEAD", ...PAST_CACHE });
    if (!response) return null;
    const length = response.headers.get("content-length");
    // The length of a compressed answer is not the file's.
    if (length !== null && !response.headers.has("content-encoding")) return Number(length);
    const bytes = await fetchWhole(path);
    if (bytes) whole.set(path, bytes);
    return bytes ? bytes.length : null;
  }

  function sizeOrNull(path: string): Promise<number | null> {
    let size = sizes.get(path);
    if (!size) {
      size = measure(path);
      sizes.set(path, size);
      size.catch(() => sizes.delete(path));
    }
    return size;
  }

  return {
    id,
    exists: async (path) => (await sizeOrNull(path)) !== null,
    async size(path) {
      const size = await sizeOrNull(path);
      if (size === null) throw missingFile(id, path);
      return size;
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
      const known = whole.get(path);
      if (known) return cut(path, known, offset, length);
      const everything = offset === 0 && length === (await sizeOrNull(path));
      const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
      const range = everything ? {} : { headers, ...PAST_CACHE };
      const response = length === 0 ? null : await request(path, range);
      if (length === 0) return new Uint8Array();
      if (!response) throw missingFile(id, path);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (everything || response.status === 206) return cut(path, bytes, 0, length);
      whole.set(path, bytes);
      return cut(path, bytes, offset, length);
    },
  };
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
