/** JSON and text of a dataset's index, bounded, and held to a schema whose complaints name the item and the turn. */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { z } from "zod";
import { wrong } from "./draft.ts";

/** An index of more is no index. */
const MAX_BYTES = 64 * 2 ** 20;

export async function readText(path: string): Promise<string> {
  const name = basename(path);
  const handle = await open(path, "r").catch((cause: Error) => {
    throw wrong(name, `cannot be read: ${cause.message}`, { cause });
  });
  try {
    const { size } = await handle.stat();
    if (size > MAX_BYTES) throw wrong(name, `has ${size} bytes; at most ${MAX_BYTES} are read.`);
    const text = await handle.readFile("utf8");
    return text.replace(/^\uFEFF/, "");
  } finally {
    await handle.close();
  }
}

export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const name = basename(path);
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw wrong(name, `is not JSON (${(cause as Error).message}).`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw wrong(`${name}, ${wordsOf(issue.path, value)}`, `${issue.message}.`, { cause: result.error });
}

/** ["items", 3, "turns", 0, "mask"] in words: item chains-03, turn 1, mask. */
function wordsOf(path: readonly PropertyKey[], value: unknown): string {
  const words: string[] = [];
  let at = value as Record<PropertyKey, unknown> | undefined;
  path.forEach((key, i) => {
    at = at?.[key] as Record<PropertyKey, unknown> | undefined;
    const within = path[i - 1];
    if (typeof key !== "number") {
      if (key !== "items" && key !== "turns") words.push(String(key));
      else if (i === path.length - 1) words.push(key);
    } else if (within === "items") {
      words.push(`item ${typeof at?.id === "string" ? at.id : `number ${key + 1}`}`);
    } else words.push(`turn ${key + 1}`);
  });
  return words.join(", ") || "the whole";
}
