/** JSON from outside, held to its limits before it is parsed: a text of some megabytes may otherwise become gigabytes of objects. */
import type { JsonLimits } from "../limits.ts";

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Parses a JSON text within limits; `wrong` makes the error of "is not JSON" or "nests deeper than 64 levels" that is thrown.
 * The limits are looked at in one pass over the text, before anything is made of it.
 */
export function parseJson(
  text: string,
  limits: JsonLimits,
  wrong: (what: string, cause?: unknown) => Error,
): unknown {
  const excess = excessOf(text, limits);
  if (excess) throw wrong(excess);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrong("is not JSON", cause);
  }
}

/** By what a JSON text exceeds its limits, in words; undefined where it does not. */
function excessOf(text: string, { length, depth, values }: JsonLimits): string | undefined {
  if (text.length > length) return `has ${text.length} characters; at most ${length} are read`;
  let [level, count] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_LIST:
      case OPEN_MAP:
        if (++level > depth) return `nests deeper than ${depth} levels`;
        if (++count > values) return `holds more than ${values} values`;
        break;
      case CLOSE_LIST:
      case CLOSE_MAP:
        level--;
        break;
      case COMMA:
        if (++count > values) return `holds more than ${values} values`;
    }
  }
  return undefined;
}

/** Where the string that begins at `start` has its closing quote; the text's end where it has none. */
export function endOfString(text: string, start: number): number {
  for (let at = start; ; ) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let escapes = at;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((at - escapes) % 2 === 0) return at;
  }
}

/** The text with what stands outside of its strings changed. */
export function outsideStrings(text: string, change: (part: string) => string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const stop = quote < 0 ? text.length : quote;
    const [part, next] = [text.slice(at, stop), quote < 0 ? stop : endOfString(text, quote) + 1];
    const changed = change(part);
    if (changed !== part) {
      parts.push(text.slice(copied, at), changed);
      copied = stop;
    }
    at = next;
  }
  return parts.length === 0 ? text : parts.join("") + text.slice(copied);
}
