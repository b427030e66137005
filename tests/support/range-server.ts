/**
 * A server of files over HTTP that answers ranges, and that can be told to fail as real ones do: to cut connections, to know no ranges, to have
 * another file in the place of one. What it was asked for, and how much it has sent, it tells. That is for what lies below /told/ alone, where every
 * file is once more: whoever else asks meanwhile is served as usual.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How it behaves; each is kept until it is told otherwise. */
export interface Behaviour {
  /** Default true. */
  readonly ranges?: boolean;
  /** After so many bytes of contents the connection is cut, and whatever is asked for then, until this is told anew. Default: never. */
  readonly cutAfter?: number | null;
  /** Part of every ETag: another one is another file. Default "". */
  readonly edition?: string;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** Bytes of the file from (inclusive) to (exclusive) that were sent. */
  readonly from: number;
  readonly to: number;
}

export interface RangeServer {
  readonly url: string;
  close(): Promise<void>;
}

const TOLD = "told/";

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "*",
  "access-control-allow-headers": "*",
  "access-control-expose-headers": "etag, content-range, content-length",
};

/** `read` gives a file by its path; `answer` whatever else is asked for below /-/. POST /-/behave changes its behaviour, GET /-/asked tells and forgets. */
export async function startRangeServer(
  read: (path: string) => Promise<Uint8Array | null>,
  answer: (path: string) => Promise<Uint8Array | null> = async () => null,
): Promise<RangeServer> {
  let behaviour: Behaviour = {};
  let left = Number.POSITIVE_INFINITY;
  const asked: Asked[] = [];

  const send = (response: ServerResponse, one: Omit<Asked, "to">, bytes: Uint8Array) => {
    if (!one.path.startsWith(TOLD)) return void response.end(bytes);
    const some = bytes.subarray(0, Math.max(0, left));
    left -= some.length;
    asked.push({ ...one, to: one.from + some.length });
    if (some.length === bytes.length) return void response.end(bytes);
    response.write(some, () => response.destroy());
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = "GET" } = request;
    const path = decodeURIComponent(new URL(request.url!, "http://localhost").pathname).slice(1);
    for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
    if (method === "OPTIONS") return void response.writeHead(204).end();
    if (path === "-/behave") {
      let text = "";
      for await (const chunk of request) text += chunk;
      behaviour = { ...behaviour, ...JSON.parse(text) };
      left = behaviour.cutAfter ?? Number.POSITIVE_INFINITY;
      return void response.end();
    }
    if (path === "-/asked") return void response.end(JSON.stringify(asked.splice(0)));
    if (path.startsWith("-/")) {
      const bytes = await answer(path.slice(2));
      return void (bytes ? response.end(bytes) : response.writeHead(404).end());
    }
    const told = path.startsWith(TOLD);
    if (told && left <= 0) return void request.socket.destroy();
    const bytes = await read(told ? path.slice(TOLD.length) : path);
    if (!bytes) {
      if (told) asked.push({ method, path, from: 0, to: 0 });
      return void response.writeHead(404).end();
    }
    const etag = `"${(told && behaviour.edition) || ""}-${bytes.length}"`;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (!range || (told && behaviour.ranges === false)) {
      response.writeHead(200, { etag, "content-length": bytes.length });
      if (method === "GET") return send(response, { method, path, from: 0 }, bytes);
      if (told) asked.push({ method, path, from: 0, to: 0 });
      return void response.end();
    }
    const [from, to] = [Number(range[1]), Math.min(bytes.length, Number(range[2]) + 1)];
    const headers = {
      etag,
      "content-length": to - from,
      "content-range": `bytes ${from}-${to - 1}/${bytes.length}`,
    };
    response.writeHead(206, headers);
    send(response, { method, path, from }, bytes.subarray(from, to));
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error) => response.writeHead(500).end(String(error?.stack ?? error)));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
