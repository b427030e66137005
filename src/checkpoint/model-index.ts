/** model_index.json of a checkpoint in the layout of diffusers: the pipeline's class, and the class of each part. */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { asObject, show } from "./parse-config.ts";
import { type CheckpointSource, readJson } from "./source.ts";

/** A part: the library and the class; null or [null, null] where it is not there. */
export const component = z.tuple([z.string().nullable(), z.string().nullable()]).nullish();

/** Which classes each part may be of. */
export type Classes = Readonly<Record<string, readonly string[]>>;

export interface ModelIndex<T> {
  readonly values: T;
  /** The error for a value that is not read: "checkpoint.unsupported". */
  refuse(key: string, value: unknown, expected: string): EmilieError;
  /** Throws that error for a part that is of none of the classes, or not there. */
  requireClasses(classes: Classes): void;
}

/** @param expected in words, of keys that are no parts @throws EmilieError "checkpoint.*" naming key and value */
export async function readModelIndex<T extends z.ZodType>(
  source: CheckpointSource,
  schema: T,
  expected: Readonly<Record<string, string>> = {},
): Promise<ModelIndex<z.output<T>>> {
  const path = "model_index.json";
  const json = asObject(await readJson(source, path), `${path} of ${source.id}`);
  const refuse = (key: string, value: unknown, expected: string) =>
    new EmilieError(
      "checkpoint.unsupported",
      `${path} of ${source.id}: "${key}" is ${show(value)}; expected ${expected}.`,
    );
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const key = String(parsed.error.issues[0]?.path[0] ?? "");
    throw refuse(key, json[key], expected[key] ?? "a library and a class, as diffusers writes them");
  }
  return {
    values: parsed.data,
    refuse,
    requireClasses(classes) {
      for (const [key, wanted] of Object.entries(classes)) {
        const value = json[key];
        const given = Array.isArray(value) ? value[1] : undefined;
        if (!wanted.includes(given)) throw refuse(key, value, `the class ${wanted.join(" or ")}`);
      }
    },
  };
}
