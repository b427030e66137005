/** Bodies of requests: read within their limit, whatever their headers claim, and checked. */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { EmilieError, isEmilieError } from "../../errors.ts";
import { quote } from "../../input/input-error.ts";
import { parseJson } from "../../input/json.ts";
import { readInput } from "../../input/read-input.ts";
import { RequestError } from "../errors.ts";

/** JSON and short texts have no need of more. */
const MAX_JSON_BYTES = 4 * 2 ** 20;

/** Between two pieces of a body. A slow line sends something all the time. */
const SILENCE_MS = 30_000;

/** A content-encoding's name, and what undoes it. */
const ENCODINGS: Readonly<Record<string, "gzip" | "deflate">> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
};

/** @throws EmilieError "image.too-large", whatever the body is compressed to; RequestError (415), "option.invalid" */
export async function* readChunks(c: Context, limit: number): AsyncGenerator<Uint8Array> {
  const tooLarge = () =>
    new EmilieError(
      "image.too-large",
      `The request's body may have at most ${Math.floor(limit / 2 ** 20)} MiB.`,
    );
  if (Number(c.req.header("content-length") ?? 0) > limit) throw tooLarge();
  const stream = plainBody(c);
  if (!stream) return;
  let size = 0;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await withinTime(reader.read());
      if (done) return;
      size += value.length;
      if (size > limit) throw tooLarge();
      yield value;
    }
  } catch (cause) {
    if (isEmilieError(cause)) throw cause;
    throw new EmilieError(
      "option.invalid",
      "The request's body is incomplete, or its compression does not match its Content-Encoding.",
      {
        cause,
      },
    );
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** @throws RequestError (408) where nothing more of a body comes: it would keep its place, and what it has sent, for minutes. */
async function withinTime<T>(read: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(SILENCE_MS, undefined, { signal: timer.signal }).then(() => {
    throw new RequestError(
      408,
      "option.invalid",
      `Nothing of the request's body came for ${SILENCE_MS / 1000} s.`,
    );
  });
  late.catch(() => {});
  try {
    return await Promise.race([read, late]);
  } finally {
    timer.abort();
  }
}

function plainBody(c: Context): ReadableStream<Uint8Array> | null {
  const { body } = c.req.raw;
  const encoding = (c.req.header("content-encoding") ?? "").trim().toLowerCase();
  if (!body || encoding === "" || encoding === "identity") return body;
  const format = ENCODINGS[encoding];
  if (!format) {
    const message = `A body may be sent as it is, or with content-encoding gzip or deflate, got ${quote(encoding)}.`;
    throw new RequestError(415, "option.invalid", message);
  }
  return body.pipeThrough(new DecompressionStream(format) as ReadableWritablePair<Uint8Array, Uint8Array>);
}

/** @throws EmilieError "image.too-large" */
export async function readBytes(c: Context, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(c, limit)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

export function isJson(c: Context): boolean {
  return /^application\/(\w+\+)?json\b/i.test((c.req.header("content-type") ?? "").trim());
}

/** @throws EmilieError "option.invalid", naming the first thing that is wrong */
export async function readJson<S extends z.ZodType>(
  c: Context,
  schema: S,
  limit = MAX_JSON_BYTES,
): Promise<z.output<S>> {
  if (!isJson(c)) {
    throw new EmilieError(
      "option.invalid",
      `Expected a body of type application/json, got ${JSON.stringify(c.req.header("content-type") ?? "")}.`,
    );
  }
  return readInput(schema, await readJsonValue(c, limit), "body");
}

/** @throws InputError where it is no JSON */
export async function readJsonValue(c: Context, limit: number): Promise<unknown> {
  return parseJson(new TextDecoder().decode(await readBytes(c, limit)));
}
