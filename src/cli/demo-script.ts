/** examples/demo.json: a picture, edits that may branch, and the pictures that should come out. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { REQUEST_JSON, SCRIPT } from "../limits.ts";
import {
  issueOf,
  ORIGINAL,
  pathText,
  planScript,
  type ScriptStep,
  scriptStepSchema,
} from "../session/script/script.ts";
import { readFileWithin } from "../util/open-file.node.ts";
import { parseJson } from "../util/parse-json.ts";

const stepSchema = scriptStepSchema.required({ id: true });

const scriptSchema = z.strictObject({
  model: z.string().min(1),
  image: z.string().min(1),
  steps: z.array(stepSchema).min(1),
  /** By step: a picture that the result must be close to. */
  expect: z.record(z.string(), z.string()).default({}),
  /** The lowest PSNR in dB that counts as close. */
  tolerance: z.strictObject({ psnr: z.number().positive() }).default({ psnr: 30 }),
});

export interface DemoScript extends Omit<z.output<typeof scriptSchema>, "steps"> {
  readonly steps: readonly ScriptStep[];
  /** What the names of masks are relative to. */
  readonly folder: string;
}

/** Reads a script; its paths but those of masks become absolute. Throws io.failed and option.invalid, naming what is wrong in it. */
export async function readDemoScript(path: string): Promise<DemoScript> {
  const script = parse(path, await readText(path));
  const folder = dirname(path);
  const beside = (file: string) => resolve(folder, file);
  const steps = planScript({ steps: script.steps }, path);
  const known = [ORIGINAL, ...steps.map(({ id }) => id)];
  // A demo starts from its picture and from nothing else.
  steps.forEach(({ id, from }, i) => {
    if (from !== undefined && !known.slice(0, i + 1).includes(from))
      throw wrong(path, `step "${id}" starts from "${from}", which no step before it is called`);
  });
  const stray = Object.keys(script.expect).find((id) => !known.includes(id));
  if (stray !== undefined) throw wrong(path, `a picture is expected of "${stray}", but no step is called so`);
  const expect = Object.fromEntries(Object.entries(script.expect).map(([id, file]) => [id, beside(file)]));
  const model = script.model.startsWith(".") ? beside(script.model) : script.model;
  return { ...script, model, image: beside(script.image), steps, expect, folder };
}

function parse(path: string, text: string): z.output<typeof scriptSchema> {
  let json: unknown;
  try {
    json = parseJson(text, REQUEST_JSON, (what) => new Error(what));
  } catch (error) {
    throw wrong(path, `it is not JSON (${error instanceof Error ? error.message : error})`);
  }
  const result = scriptSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = issueOf(result.error);
  throw wrong(path, `${pathText(issue.path)}: ${issue.message}`);
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFileWithin(path, SCRIPT.bytes)).toString("utf8");
  } catch (error) {
    throw new EmilieError("io.failed", `The demo's script ${path} cannot be read.`, { cause: error });
  }
}

function wrong(path: string, what: string): EmilieError {
  return new EmilieError("option.invalid", `${path} is not a demo script: ${what}.`);
}
