/**
 * JSON as Python, editors and people write it, with limits that hold before anything is built from it: a byte order mark is
 * passed over, NaN and Infinity are read, and a file that is too large or nested too deeply is refused by name.
 */
import { EmilieError } from "../errors.ts";

/** Configurations have a few kilobytes, the index of a checkpoint in parts some hundred. */
export const CONFIG_BYTES = 2 ** 21;
/** CLIP's vocabulary has one megabyte, a tokenizer.json with everything in it four. */
export const VOCABULARY_BYTES = 2 ** 24;

/** No file of a checkpoint nests more than about eight; what walks a value later may do so by recursion. */
const DEPTH = 64;

const MARK = "\uFEFF";

/** Parses the text of `path` of the checkpoint `id`. Throws "checkpoint.malformed" naming the file. */
export function parseJson(text: string, path: string, id: string): unknown {
  const where = id === "" ? path : `${path} of ${id}`;
  const strict = asStrictJson(text.startsWith(MARK) ? text.slice(1) : text, where);
  try {
    return JSON.parse(strict);
  } catch (cause) {
    throw new EmilieError("checkpoint.malformed", `${where} is not JSON${insteadOfJson(text)}.`, { cause });
  }
}

/** What else lies in published folders under the name of a JSON file. */
function insteadOfJson(text: string): string {
  if (text.startsWith("version https://git-lfs")) {
    return ", but a pointer of Git LFS: fetch the files themselves (git lfs pull)";
  }
  if (/^\s*<(!doctype|html)/i.test(text)) return ", but a web page";
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
 * and NaN as null. One pass, whatever the text: strings are skipped, brackets are counted.
 */
function asStrictJson(text: string, where: string): string {
  const interesting = /["[\]{}]|NaN\b|Infinity\b/g;
  const parts: string[] = [];
  let depth = 0;
  let copied = 0;
  for (let found = interesting.exec(text); found; found = interesting.exec(text)) {
    const [token] = found;
    if (token === '"') interesting.lastIndex = endOfString(text, found.index);
    else if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth--;
    else {
      parts.push(text.slice(copied, found.index), token === "NaN" ? "null" : "1e999");
      copied = found.index + token.length;
    }
    if (depth > DEPTH) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${where} nests more than ${DEPTH} lists or objects in one another.`,
      );
    }
  }
  return parts.length === 0 ? text : parts.join("") + text.slice(copied);
}

/** Where the string that begins at `start` is over; the end of the text where it never is. */
function endOfString(text: string, start: number): number {
  const stop = /["\\]/g;
  stop.lastIndex = start + 1;
  for (let found = stop.exec(text); found; found = stop.exec(text)) {
    if (found[0] === '"') return stop.lastIndex;
    stop.lastIndex++; // the character that the backslash is for
  }
  return text.length;
}
