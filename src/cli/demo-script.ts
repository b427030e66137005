/** examples/demo.json: a picture, edits that may branch, and the pictures that should come out. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { CONTROLS } from "../method/gradient-control.ts";
import { samplerNames } from "../samplers/index.ts";
import { ORIGINAL } from "./steps.ts";

const stepSchema = z.strictObject({
  /** What later steps and `expect` call this one. */
  id: z.string().min(1),
  /** The id of the step to start from, or "original". Default: the step before. */
  from: z.string().optional(),
  instruction: z.string().min(1),
  /** A picture beside the script, "auto", or "box:x,y,width,height". */
  mask: z.string().min(1).optional(),
  seed: z.int().min(0).optional(),
  steps: z.int().min(1).max(1000).optional(),
  sampler: z.enum(samplerNames).optional(),
  textGuidance: z.number().optional(),
  imageGuidance: z.number().optional(),
  control: z.enum(CONTROLS).optional(),
});

const scriptSchema = z.strictObject({
  model: z.string().min(1),
  image: z.string().min(1),
  steps: z.array(stepSchema).min(1),
  /** By step: a picture that the result must be close to. */
  expect: z.record(z.string(), z.string()).default({}),
  /** The lowest PSNR in dB that counts as close. */
  tolerance: z.strictObject({ psnr: z.number().positive() }).default({ psnr: 30 }),
});

export type DemoStep = z.output<typeof stepSchema> & { readonly from: string };
export interface DemoScript extends Omit<z.output<typeof scriptSchema>, "steps"> {
  readonly steps: readonly DemoStep[];
}

/** Reads a script; paths in it become absolute. Throws io.failed and option.invalid, naming what is wrong in it. */
export async function readDemoScript(path: string): Promise<DemoScript> {
  const script = parse(path, await readText(path));
  const beside = (file: string) => resolve(dirname(path), file);
  const known = new Set([ORIGINAL]);
  let previous = ORIGINAL;
  const steps = script.steps.map((step): DemoStep => {
    const from = step.from ?? previous;
    if (known.has(step.id)) throw wrong(path, `two steps are called "${step.id}"`);
    if (!known.has(from))
      throw wrong(path, `step "${step.id}" starts from "${from}", which no step before it is called`);
    known.add(step.id);
    previous = step.id;
    const mask = step.mask && !/^(auto$|box:)/.test(step.mask) ? beside(step.mask) : step.mask;
    return { ...step, from, mask };
  });
  const stray = Object.keys(script.expect).find((id) => !known.has(id));
  if (stray !== undefined) throw wrong(path, `a picture is expected of "${stray}", but no step is called so`);
  const expect = Object.fromEntries(Object.entries(script.expect).map(([id, file]) => [id, beside(file)]));
  const model = script.model.startsWith(".") ? beside(script.model) : script.model;
  return { ...script, model, image: beside(script.image), steps, expect };
}

function parse(path: string, text: string): z.output<typeof scriptSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong(path, `it is not JSON (${error instanceof Error ? error.message : error})`);
  }
  const result = scriptSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw wrong(path, `${issue.path.join(".") || "the whole"}: ${issue.message}`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new EmilieError("io.failed", `The demo's script ${path} cannot be read.`, { cause: error });
  }
}

function wrong(path: string, what: string): EmilieError {
  return new EmilieError("option.invalid", `${path} is not a demo script: ${what}.`);
}
