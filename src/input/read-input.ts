/**
 * Values from outside, read by the schema that they are for. Forms and queries know text only, models write objects as JSON
 * text and nothing as null, Python writes True: what is clear is taken as what the schema expects, and the rest is refused by
 * the schema. Names follow the rule of names.ts, in every object at every depth.
 */
import type { z } from "zod";
import { InputError } from "./input-error.ts";
import { parseJson } from "./json.ts";
import { sortByName } from "./names.ts";

type Schema = z.core.$ZodType;

/**
 * Checks a value by a schema, having brought it into the schema's form.
 *
 * @param where what the value is, for messages: "body", "query", "arguments"
 * @throws InputError naming the first thing that is wrong
 */
export function readInput<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const adapted = adapt(schema, value, `the request's ${where}`);
  const result = schema.safeParse(adapted);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue!.path.map(String);
  const at = path.length > 0 ? `${where}, ${path.join(".")}` : where;
  const isMissing = issue!.code === "invalid_type" && valueAt(adapted, issue!.path) === undefined;
  const problem = isMissing && path.length > 0 ? "missing" : "invalid";
  const wrong = problem === "missing" ? "is missing" : issue!.message;
  throw new InputError(path[0] ?? "", problem, `The request's ${at}: ${wrong}.`);
}

/** The value in the form that the schema expects, as far as it is clear what is meant; else as it is. */
function adapt(schema: Schema, value: unknown, where: string): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "default":
    case "prefault":
      return isAbsent(def.innerType, value) ? undefined : adapt(def.innerType, value, where);
    case "nullable":
      return value === null || isAbsent(def.innerType, value) ? null : adapt(def.innerType, value, where);
    case "pipe":
      return adapt(def.in, value, where);
    case "object":
      return adaptObject(def, fromText(value, "{"), where);
    case "array": {
      const list = fromText(value, "[");
      return Array.isArray(list) ? list.map((one) => adapt(def.element, one, where)) : list;
    }
    case "tuple": {
      const list = fromText(value, "[");
      if (!Array.isArray(list)) return list;
      return list.map((one, i) => (def.items[i] ? adapt(def.items[i], one, where) : one));
    }
    case "union":
      return adaptUnion(def.options, value, where);
    case "number":
      return numberFrom(value);
    case "boolean":
      return booleanFrom(value);
    case "enum":
      return wordFrom(value, Object.values(def.entries));
    case "literal":
      return wordFrom(value, def.values);
    default:
      return value;
  }
}

function adaptObject({ shape, catchall }: z.core.$ZodObjectDef, value: unknown, where: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const isLoose = catchall !== undefined && (catchall as z.core.$ZodTypes)._zod.def.type !== "never";
  const known = Object.keys(shape);
  const entries = Object.entries(value);
  const named = isLoose ? entries : [...sortByName(entries, { known }, where)].map(([k, [v]]) => [k, v]);
  const adapted: Record<string, unknown> = {};
  for (const [name, given] of named as [string, unknown][]) {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    const read = field ? adapt(field, given, where) : given;
    if (read !== undefined) adapted[name] = read;
  }
  return adapted;
}

/** The first of the choices that the value can be read as. */
function adaptUnion(options: readonly Schema[], value: unknown, where: string): unknown {
  for (const option of options) {
    try {
      const read = adapt(option, value, where);
      if (accepts(option, read)) return read;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  return value;
}

/** Null and empty text stand for nothing, unless the schema has a meaning for them; so do the words for it. */
function isAbsent(schema: Schema, value: unknown): boolean {
  if (value === undefined) return true;
  const isNothing =
    value === null || (typeof value === "string" && /^(|null|none|undefined)$/i.test(short(value)));
  return isNothing && !accepts(schema, value);
}

function accepts(schema: Schema, value: unknown): boolean {
  return (schema as z.ZodType).safeParse(value).success;
}

/** What is longer is neither a number nor a word. */
const MAX_WORD = 100;
function short(text: string): string {
  return text.length > MAX_WORD ? text : text.trim();
}

function fromText(value: unknown, start: "{" | "["): unknown {
  if (typeof value !== "string" || !value.trimStart().startsWith(start)) return value;
  try {
    return parseJson(value);
  } catch (error) {
    // Where it is no JSON the schema says what it expects.
    if (error instanceof InputError && error.problem === "invalid") return value;
    throw error;
  }
}

function numberFrom(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const text = short(value);
  if (text.length > MAX_WORD || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return value;
  const number = Number(text);
  // Digits beyond a double's would be lost.
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? value : number;
}

function booleanFrom(value: unknown): unknown {
  if (value === 0 || value === 1) return value === 1;
  if (typeof value !== "string") return value;
  const text = short(value).toLowerCase();
  if (["true", "1", "yes", "on"].includes(text)) return true;
  return ["false", "0", "no", "off"].includes(text) ? false : value;
}

function wordFrom(value: unknown, words: readonly unknown[]): unknown {
  if (typeof value !== "string" || words.includes(value)) return value;
  const text = short(value).toLowerCase();
  return words.find((word) => typeof word === "string" && word.toLowerCase() === text) ?? value;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );
}
