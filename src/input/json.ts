/** What requests say as JSON: within limits, and a key that an object has twice is refused, rather than the first one lost. */
import { REQUEST_JSON } from "../limits.ts";
import { endOfString, parseJson as parseWithin } from "../util/parse-json.ts";
import { InputError, quote } from "./input-error.ts";

/** @throws InputError where the text is no JSON, goes beyond REQUEST_JSON, or an object in it has a key twice */
export function parseJson(text: string, where = "the request's body"): unknown {
  const value = parseWithin(text, REQUEST_JSON, (what) => {
    return new InputError("", "invalid", `${where[0]!.toUpperCase()}${where.slice(1)} ${what}.`);
  });
  const twice = repeatedKey(text);
  if (twice === undefined) return value;
  const message = `A JSON object has the key ${quote(twice)} twice. Give it once: it is not clear which value applies.`;
  throw new InputError(twice, "repeated", message);
}

/** In valid JSON a string is a key where a colon follows it. One pass, whatever the depth. */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(NO_KEYS);
    else if (char === "}" || char === "]") open.pop();
    if (char !== '"') continue;
    const end = endOfString(json, at);
    const keys = open.at(-1);
    if (keys && keys !== NO_KEYS && isColonNext(json, end + 1)) {
      const key = JSON.parse(json.slice(at, end + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
    at = end;
  }
  return undefined;
}

const NO_KEYS = new Set<string>();

function isColonNext(json: string, from: number): boolean {
  let at = from;
  while (json[at] === " " || json[at] === "\n" || json[at] === "\r" || json[at] === "\t") at++;
  return json[at] === ":";
}
