/** Bodies of requests: read within their limit, whatever their headers claim, and checked. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { EmilieError } from "../../errors.ts";
import { REQUEST_JSON } from "../../limits.ts";
import { parseJson as parseWithin } from "../../parse-json.ts";
import { check } from "./route.ts";

/** How the document describes a file in a form. */
export const fileField = z.any().openapi({ type: "string", format: "binary" });

export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, UploadedFile>;
}
export interface UploadedFile {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** JSON and short texts have no need of more. */
const MAX_JSON_BYTES = 4 * 2 ** 20;
const MAX_PARTS = 64;

export function isForm(c: Context): boolean {
  return /^multipart\/form-data\b/i.test(c.req.header("content-type") ?? "");
}

/** @throws EmilieError "image.too-large" */
export async function readBytes(c: Context, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new EmilieError(
      "image.too-large",
      `The request's body may have at most ${Math.floor(limit / 2 ** 20)} MiB.`,
    );
  if (Number(c.req.header("content-length") ?? 0) > limit) throw tooLarge();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = c.req.raw.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw tooLarge();
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export async function readJson<S extends z.ZodType>(
  c: Context,
  schema: S,
  limit = MAX_JSON_BYTES,
): Promise<z.output<S>> {
  const type = c.req.header("content-type") ?? "";
  if (!/^application\/(\w+\+)?json\b/i.test(type)) {
    throw new EmilieError(
      "option.invalid",
      `Expected a body of type application/json, got ${JSON.stringify(type)}.`,
    );
  }
  return check(schema, parseJson(new TextDecoder().decode(await readBytes(c, limit))), "body");
}

export function parseJson(text: string): unknown {
  return parseWithin(text, REQUEST_JSON, (what) => {
    return new EmilieError("option.invalid", `The request's body ${what}.`);
  });
}

/** Of several parts with one name the last counts, except where `name[]` asks for all: those get a number each. */
export async function readForm(c: Context, limit: number): Promise<Form> {
  const bytes = await readBytes(c, limit);
  const headers = { "content-type": c.req.header("content-type") ?? "" };
  let form: FormData;
  try {
    form = await new Response(bytes, { headers }).formData();
  } catch (cause) {
    throw new EmilieError("option.invalid", "The request's body is not a form that can be read.", { cause });
  }
  const fields = new Map<string, string>();
  const files = new Map<string, UploadedFile>();
  let count = 0;
  for (const [name, value] of form) {
    if (++count > MAX_PARTS)
      throw new EmilieError("option.invalid", `A form may have at most ${MAX_PARTS} parts.`);
    if (typeof value === "string") fields.set(name, value);
    else {
      const key = name.endsWith("[]") ? `${name}${count}` : name;
      files.set(key, { bytes: new Uint8Array(await value.arrayBuffer()), name: value.name });
    }
  }
  return { fields, files };
}

export function requireFile({ files }: Form, name: string): UploadedFile {
  const file = files.get(name);
  if (file) return file;
  throw new EmilieError(
    "option.invalid",
    `The form needs a file named "${name}"; it has ${[...files.keys()].join(", ") || "none"}.`,
  );
}
