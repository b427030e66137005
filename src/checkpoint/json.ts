/**
 * JSON of a checkpoint as Python, editors and people write it: a byte order mark is passed over, NaN and Infinity are read, and
 * what lies there instead of JSON, or goes beyond its limits, is refused by name.
 */
import { EmilieError } from "../errors.ts";
import { CONFIG_JSON, type JsonLimits } from "../limits.ts";
import { outsideStrings, parseJson as parseWithin } from "../util/parse-json.ts";

const MARK = "\uFEFF";

/** Parses the text of `path` of the checkpoint `id`. Throws "checkpoint.malformed" naming the file. */
export function parseJson(text: string, path: string, id: string, limits: JsonLimits = CONFIG_JSON): unknown {
  const where = id === "" ? path : `${path} of ${id}`;
  const strict = asStrictJson(text.startsWith(MARK) ? text.slice(1) : text);
  return parseWithin(strict, limits, (what, cause) => {
    const instead = cause === undefined ? "" : insteadOfJson(text);
    return new EmilieError("checkpoint.malformed", `${where} ${what}${instead}.`, { cause });
  });
}

/** What keeps a published file from being JSON. What lies in the place of any file, JSON or not, stand-in.ts says. */
function insteadOfJson(text: string): string {
  if (/^<{7} /m.test(text)) return ": it has the marks of a merge that was not finished (<<<<<<<)";
  if (text.slice(0, 64).includes("\0")) return ": it was saved as UTF-16; save it as UTF-8";
  return text.trim() === "" ? ": it is empty" : "";
}

/** Throws "checkpoint.malformed" where a file is larger than what it is can be. `bytes` is its size. */
export function checkFileSize(path: string, id: string, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new EmilieError(
    "checkpoint.malformed",
    `${path} of ${id} has ${bytes} bytes; a file of this kind has at most ${limit}.`,
  );
}

/**
 * Python writes numbers that JSON does not have (DPM-Solver's "lambda_min_clipped": -Infinity): 1e999 is read as infinite,
 * and NaN as null. Strings are left alone.
 */
function asStrictJson(text: string): string {
  if (!/Infinity|NaN/.test(text)) return text;
  return outsideStrings(text, (part) => part.replace(/\bInfinity\b/g, "1e999").replace(/\bNaN\b/g, "null"));
}
