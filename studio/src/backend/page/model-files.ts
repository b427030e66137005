/**
 * The model's files, each fetched whole and once, and kept in the browser's Cache: the next visit, also one without a
 * network, reads them from there. Heads and ranges are answered from the whole file. Asked for piece by piece, a server
 * that compresses under one ETag gets compressed bytes into the browser's own cache as if they were the file.
 */
const CACHE = "emilie-models";

interface File {
  readonly blob: Blob;
  readonly type: string;
}

/** `onBytes` hears of every piece that arrives, also of what comes from the cache. */
export function modelFetch(onBytes: (bytes: number) => void): typeof fetch {
  const files = new Map<string, Promise<File | null>>();
  return async (input, init) => {
    const url = String(input);
    let file = files.get(url);
    if (!file) {
      file = load(url, onBytes);
      files.set(url, file);
      file.catch(() => files.delete(url));
    }
    const found = await file;
    return found ? answer(found, init) : new Response(null, { status: 404 });
  };
}

function answer({ blob, type }: File, init?: RequestInit): Response {
  const range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init?.headers).get("range") ?? "");
  const body = range ? blob.slice(Number(range[1]), Number(range[2]) + 1) : blob;
  const headers = { "content-type": type, "content-length": String(body.size) };
  return new Response(init?.method === "HEAD" ? null : body, { status: range ? 206 : 200, headers });
}

async function load(url: string, onBytes: (bytes: number) => void): Promise<File | null> {
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined);
  const kept = await cache?.match(url);
  if (kept?.ok && (await isCurrent(url, kept))) {
    const blob = await kept.blob();
    onBytes(blob.size);
    return { blob, type: kept.headers.get("content-type") ?? "" };
  }
  const response = await fetch(url, { cache: "no-cache" }).catch((error) => {
    // That a file is not there was known before the network went.
    if (kept?.status === 404) return kept;
    throw error;
  });
  if (response.status === 404) {
    await cache?.put(url, new Response(null, { status: 404 })).catch(() => {});
    return null;
  }
  if (!response.ok || !response.body) throw new Error(`${url} answered with status ${response.status}.`);
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      onBytes(chunk.length);
      controller.enqueue(chunk);
    },
  });
  const blob = await new Response(response.body.pipeThrough(counter)).blob();
  const type = response.headers.get("content-type") ?? "application/octet-stream";
  const headers = { "content-type": type, "x-mark": markOf(response) };
  // Without room for it the model is fetched again next time.
  await cache?.put(url, new Response(blob, { headers })).catch(() => {});
  return { blob, type };
}

const markOf = ({ headers }: Response) => headers.get("etag") ?? headers.get("last-modified") ?? "";

/** What cannot be asked, because there is no network, is taken as it is. */
async function isCurrent(url: string, kept: Response): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "HEAD", cache: "no-store" });
    return !response.ok || markOf(response) === kept.headers.get("x-mark");
  } catch {
    return true;
  }
}
