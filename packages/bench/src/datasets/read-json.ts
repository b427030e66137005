/** JSON and text of a dataset's index, bounded, and held to a schema whose complaints name the item and the turn. */

import { basename } from "node:path";
import type { z } from "zod";
import { DATASET_JSON, parseJson, readFileWithin } from "../library.ts";
import { wrong } from "./draft.ts";

export async function readText(path: string): Promise<string> {
  const name = basename(path);
  const bytes = await readFileWithin(path, DATASET_JSON.length).catch((cause: Error) => {
    throw wrong(name, `cannot be read: ${cause.message}`, { cause });
  });
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
}

export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return parseIndex(await readText(path), basename(path), schema);
}

/** JSON held to a schema; `name` is what messages call the text. */
export function parseIndex<T>(text: string, name: string, schema: z.ZodType<T>): T {
  const value = parseJson(text, DATASET_JSON, (what, cause) => {
    return wrong(name, `${what}${cause ? ` (${(cause as Error).message})` : ""}.`, { cause });
  });
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
