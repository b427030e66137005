/**
 * Forms (RFC 7578) as the HTTP libraries of many languages write them. Dicer finds the parts; what a part is, is decided here:
 * every part is bytes first, since some send texts as files and files as texts.
 */

import { Dicer } from "@fastify/busboy";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { EmilieError } from "../../errors.ts";
import { pictureFromText } from "../../input/data-url.ts";
import { InputError, quote } from "../../input/input-error.ts";
import { type Names, sortByName } from "../../input/names.ts";
import { readInput } from "../../input/read-input.ts";
import { concatBytes } from "../../util/bytes.ts";
import { readChunks } from "./body.ts";
import { FormLines } from "./form-lines.ts";
import { headerParameters } from "./header-parameters.ts";

/** How the document describes a file in a form. */
export const fileField = z.any().openapi({ type: "string", format: "binary" });

export interface FormPart {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its file's name, "" where a form's file was not chosen; null for a part without one. */
  readonly file: string | null;
  /** Of its Content-Type, in lower case; "" where it has none. */
  readonly charset: string;
}

const MAX_PARTS = 64;
const MAX_PART_HEADER_BYTES = 16_384;
const MAX_PART_HEADERS = 32;
/** Of a body, to say what is wrong with it. */
const START_BYTES = 2048;
/** Of a part that is read as text and is no picture. */
const MAX_TEXT_BYTES = 2 ** 20;

export function isForm(c: Context): boolean {
  return /^multipart\/form-data\b/i.test((c.req.header("content-type") ?? "").trim());
}

/** The parts of a form in their order. @throws EmilieError "option.invalid", "image.too-large" */
export async function readParts(c: Context, limit: number): Promise<FormPart[]> {
  const boundary = headerParameters(c.req.header("content-type") ?? "").get("boundary");
  if (!boundary || boundary.length > 200) throw malformed("its Content-Type names no boundary");
  const dicer = new Dicer({
    boundary,
    maxHeaderSize: MAX_PART_HEADER_BYTES,
    maxHeaderPairs: MAX_PART_HEADERS,
  } as Dicer.Config);
  const parts: Promise<FormPart>[] = [];
  dicer.on("part", (stream: Dicer.PartStream) => {
    const part = readPart(stream);
    // Awaited below, all of them; one that fails before that is no unhandled rejection.
    part.catch(() => {});
    parts.push(part);
  });
  let problem: Error | undefined;
  const ended = new Promise<void>((resolve) => {
    dicer.on("finish", resolve);
    dicer.on("error", (error: Error) => {
      problem = error;
      resolve();
    });
  });
  let start = "";
  const lines = new FormLines(boundary);
  for await (const chunk of readChunks(c, limit)) {
    if (problem) break;
    if (start.length < START_BYTES) start += Buffer.from(chunk.subarray(0, START_BYTES)).toString("latin1");
    // A part is read as fast as it comes, so nothing waits for it.
    dicer.write(lines.write(Buffer.from(chunk)));
    if (parts.length > MAX_PARTS) throw malformed(`it has more than ${MAX_PARTS} parts`);
  }
  dicer.end(lines.end());
  await ended;
  if (problem) throw malformed(whyUnread(start, boundary), problem);
  return Promise.all(parts);
}

/** What is most often wrong where no end was found, by how the body begins. */
function whyUnread(start: string, boundary: string): string {
  const at = start.indexOf(`--${boundary}`);
  if (at < 0) return `its boundary is not ${JSON.stringify(boundary)}, as its Content-Type says`;
  return "it ends before its last boundary";
}

function readPart(stream: Dicer.PartStream): Promise<FormPart> {
  const chunks: Buffer[] = [];
  let header: Readonly<Record<string, readonly string[]>> = {};
  stream.on("header", (given: object) => {
    header = given as typeof header;
  });
  stream.on("data", (chunk) => chunks.push(chunk as Buffer));
  return new Promise((resolve, reject) => {
    stream.on("error", (cause: Error) => reject(malformed("a part of it breaks off", cause)));
    stream.on("end", () => {
      const disposition = headerParameters(header["content-disposition"]?.[0] ?? "");
      const name = disposition.get("name");
      if (name === undefined) {
        reject(malformed('a part has no name (Content-Disposition: form-data; name="…")'));
        return;
      }
      const file = disposition.get("filename") ?? null;
      const type = header["content-type"]?.[0] ?? "";
      if (/^\s*multipart\//i.test(type)) {
        reject(
          malformed(`its part ${quote(name)} is a form of several files itself; send each file as a part`),
        );
        return;
      }
      const charset = headerParameters(type).get("charset") ?? "";
      resolve({ name, file, charset: charset.toLowerCase(), bytes: concatBytes(chunks.splice(0)) });
    });
  });
}

function malformed(why: string, cause?: unknown): EmilieError {
  return new EmilieError("option.invalid", `The request's body is not a form that can be read: ${why}.`, {
    cause,
  });
}

/** What a form may have: files, and fields with a schema. */
export interface FormSpec<S extends z.ZodObject> extends Omit<Names, "known"> {
  readonly files: readonly string[];
  readonly fields: S;
}

export interface Form<S extends z.ZodObject> {
  readonly values: z.output<S>;
  /** By name; those that were left out or not chosen are not there. */
  readonly files: ReadonlyMap<string, readonly FormPart[]>;
}

/** Reads a form whose parts are known. @throws EmilieError "option.invalid" for any other part, "image.too-large" */
export async function readForm<S extends z.ZodObject>(
  c: Context,
  { files, fields, ...names }: FormSpec<S>,
  limit: number,
): Promise<Form<S>> {
  const known = [...files, ...Object.keys(fields.shape)];
  const entries = (await readParts(c, limit)).map((part) => [part.name, part] as const);
  const sorted = sortByName(entries, { known, ...names }, "the form");
  const found = files.map((name) => [name, (sorted.get(name) ?? []).filter(isGiven)] as const);
  for (const name of files) sorted.delete(name);
  const texts = [...sorted].map(([name, [part]]) => [name, textOf(part!)] as const);
  return {
    values: readInput(fields, Object.fromEntries(texts), "form"),
    files: new Map(found.filter(([, parts]) => parts.length > 0)),
  };
}

/** A form that a page sends has its empty fields too. */
function isGiven({ bytes, file }: FormPart): boolean {
  return bytes.length > 0 || (file !== null && file !== "");
}

/** @throws EmilieError "option.invalid" */
export function textOf({ name, bytes, charset }: FormPart): string {
  if (bytes.length > MAX_TEXT_BYTES) {
    throw new InputError(
      name,
      "invalid",
      `The form's ${name} has more than ${MAX_TEXT_BYTES / 2 ** 20} MiB.`,
    );
  }
  try {
    return new TextDecoder(charset || "utf-8").decode(bytes);
  } catch {
    throw new InputError(name, "invalid", `The form's ${name} is in an unknown charset: ${charset}.`);
  }
}

/**
 * A picture's bytes: the part's own, or those that it holds as text, as a data: URL or base64.
 *
 * @throws InputError for an upload without content, or text that is no picture
 */
export function uploadOf({ name, bytes, file }: FormPart, param = name): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) {
    const message = `The file ${JSON.stringify(file)} sent as '${param}' is empty: 0 bytes arrived.`;
    throw new InputError(param, "invalid", message);
  }
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString("latin1");
  const isText = file === null ? /^[\x20-\x7e\s]*$/.test(start) : /^\s*data:/i.test(start);
  return isText ? pictureFromText(Buffer.from(bytes.buffer).toString("latin1"), param) : bytes;
}

/** @throws InputError */
export function requireFile({ files }: Pick<Form<z.ZodObject>, "files">, name: string): FormPart {
  const part = files.get(name)?.[0];
  if (part) return part;
  throw new InputError(name, "missing", `The form needs a file named "${name}".`);
}
