/**
 * An edit script: edits one after the other, branches included, as data. It says what a recipe says, before there is a
 * picture; scriptOf (script-of.ts) is the way back. The JSON schema of it is schema/edit-script.schema.json.
 */
import { z } from "zod";
import { EmilieError } from "../../errors.ts";
import { CONTROLS } from "../../method/gradient-control.ts";
import { PRESETS } from "../../method/presets.ts";
import { samplerNames } from "../../samplers/index.ts";
import { MAX_SEED, SEED_RANGE } from "../../tensor/noise.ts";
import { DETAIL, MAX_INSTRUCTION_LENGTH, MAX_REGIONS } from "../tree/check-edit.ts";
import { closest } from "./closest.ts";
import type { EditScript } from "./edit-script.ts";

/** What steps start from that is no step. */
export const ORIGINAL = "original";
/** As many as a session has nodes. */
export const MAX_STEPS = 10_000;

const instruction = z
  .string()
  .max(MAX_INSTRUCTION_LENGTH)
  .regex(/\S/, "an instruction says what should change; it is empty")
  .describe('What should change, as in "make it winter".');
const mask = z.string().min(1);
const MASK =
  "box:x,y,width,height, ellipse:x,y,rx,ry, poly:x1,y1,x2,y2,…, at:x,y, around:x,y,width,height (pixels of the picture), or the name of a picture file, white = " +
  "edit; before it alpha:, invert: or soft:PX:.";

const SEED = `a seed is ${SEED_RANGE}; in quotes where it is larger than 2^53 - 1`;
const share = z.number().min(0).max(1);
const settings = {
  preset: z
    .enum(PRESETS)
    .describe(
      "Quality against speed: draft for previews, balanced (the default), best for final results. Explicit settings override it.",
    ),
  seed: z
    .union(
      [
        z.int(SEED).min(0, SEED),
        z
          .string()
          .regex(/^\d{1,20}$/, SEED)
          .refine((digits) => !/^\d{1,20}$/.test(digits) || BigInt(digits) <= MAX_SEED, SEED),
      ],
      { error: SEED },
    )
    .describe(
      "Chooses the noise: a whole number from 0 to 2^64 - 1; as a string where it is larger than 2^53 - 1.",
    ),
  steps: z.int().min(1).max(1000).describe("Denoising steps."),
  sampler: z.enum(samplerNames).describe("How they are taken."),
  stopAfter: z
    .int()
    .min(1)
    .max(1000)
    .describe("Ends after this number of steps, with the preview as the result. Default: all steps."),
  strength: z
    .number()
    .min(0)
    .max(1)
    .describe("How much of the edit is done, from 0 (nothing) to 1 (all of it)."),
  gate: z
    .number()
    .min(0)
    .describe(
      "What an edit moves by less than this in the latent is carried over exactly; 0 takes everything.",
    ),
  textGuidance: z.number().describe("How strongly the edit follows the instruction."),
  imageGuidance: z.number().describe("How strongly the edit keeps to the original picture."),
  guidanceInterval: z
    .tuple([share, share])
    .describe("Where guidance acts, as shares of the schedule: 0 is its noisy end, 1 its clean one."),
  control: z.enum(CONTROLS).describe("How a mask acts."),
  detail: z
    .enum(DETAIL)
    .describe(
      'Whether the result keeps the detail of a picture that is larger than the model\'s size ("on"), or is the model\'s output, upscaled ("off", the default).',
    ),
  base: z.string().max(MAX_INSTRUCTION_LENGTH).describe("The text to use instead of the empty null prompt."),
  window: z
    .union([
      z.enum(["off", "auto"]),
      z.strictObject({
        margin: z.int().min(0),
        least: z.int().min(1).optional(),
      }),
    ])
    .describe(
      'Where the model runs: on the whole picture ("off"), or on a window around the masks: its margin and its least side in ' +
        'latent pixels, or "auto", which is a window above the model\'s native size, and the whole picture otherwise.',
    ),
};

const regionSchema = z.strictObject({
  instruction,
  mask: mask.optional().describe(`${MASK} Default: everywhere.`),
  weight: z.number().optional().describe("Replaces textGuidance; negative values push away."),
});

/** One edit; the demo's script has the same. */
export const scriptStepSchema = z.strictObject({
  id: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("What later steps call this one. Default: its number, from 1."),
  from: z
    .union([z.string().min(1), z.int().min(1)])
    .optional()
    .describe(
      'Where it starts: the id or the number of a step before, "original", or a node of the session. Default: the step before.',
    ),
  instruction,
  mask: mask
    .optional()
    .describe(`Where the picture may change: "auto" (the model judges), ${MASK} Default: everywhere.`),
  regions: z
    .array(regionSchema)
    .max(MAX_REGIONS - 1)
    .optional()
    .describe("Further instructions with places of their own, in the same pass."),
  ...z.object(settings).partial().shape,
});

/** The zod schema of {@link EditScript}, for programs that take scripts from elsewhere. */
export const editScriptSchema = z.strictObject({
  $schema: z.string().optional().describe("For editors that check and complete."),
  defaults: z
    .strictObject(settings)
    .partial()
    .optional()
    .describe("Settings of all steps that say no other."),
  steps: z.array(scriptStepSchema).min(1).max(MAX_STEPS),
}) satisfies z.ZodType<EditScript, EditScript>;

/** The JSON schema that is published in schema/edit-script.schema.json, for editors and other programs. */
export function scriptJsonSchema(): object {
  return {
    title: "emilie edit script",
    description:
      "Edits of a picture, one after the other, branches included: emilie edit IMAGE --script FILE",
    ...z.toJSONSchema(editScriptSchema, { io: "input" }),
  };
}

type StepSettings = z.output<z.ZodObject<typeof settings>>;

/** A step with everything settled but its masks, which are words still. */
export interface ScriptStep {
  readonly id: string;
  /** ORIGINAL, the id of a step before, or what the session is asked for; undefined: where the script starts. */
  readonly from: string | undefined;
  readonly instruction: string;
  readonly mask?: string;
  readonly regions: readonly {
    readonly instruction: string;
    readonly mask?: string;
    readonly weight?: number;
  }[];
  readonly settings: Partial<Omit<StepSettings, "seed">> & { readonly seed?: bigint };
}

/** Where in a script something is wrong: keys and numbers from its root, and what is wrong there. */
export interface ScriptIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What is wrong with a value that should be a script; null where nothing is. */
export function scriptIssue(value: unknown): ScriptIssue | null {
  const { error } = editScriptSchema.safeParse(value);
  return error ? issueOf(error) : null;
}

/**
 * What zod has to say, in our words where its are for programmers: an unknown key before all else, since a key that is missing is
 * mostly one that is spelt wrong.
 */
export function issueOf(error: z.ZodError): ScriptIssue {
  const issue = error.issues.find(({ code }) => code === "unrecognized_keys") ?? error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const allowed = keysAt(issue.path);
    const meant = closest(key, allowed ?? []);
    const known = allowed ? `; keys here are ${allowed.join(", ")}` : "";
    const hint = meant ? `; did you mean "${meant}"` : "";
    return { path: [...issue.path, key], message: `there is no such key here${hint}${known}` };
  }
  return { path: issue.path, message: issue.message };
}

/** The keys that stand at a place of a script; undefined elsewhere. */
function keysAt(path: readonly PropertyKey[]): string[] | undefined {
  if (path.length === 0) return Object.keys(editScriptSchema.shape);
  if (path[0] === "defaults") return Object.keys(settings);
  return Object.keys(path.includes("regions") ? regionSchema.shape : scriptStepSchema.shape);
}

/** "steps[2].seed" */
export function pathText(path: readonly PropertyKey[]): string {
  const place = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return place.replace(/^\./, "") || "the whole";
}

/**
 * A script's steps in order, with ids, places to start from and defaults settled. `called` names the script in messages.
 * Throws option.invalid naming key and place.
 */
export function planScript(script: unknown, called = "The edit script"): ScriptStep[] {
  const issue = scriptIssue(script);
  if (issue) throw wrongScript(called, issue);
  const { defaults = {}, steps } = script as z.output<typeof editScriptSchema>;
  const known = new Set([ORIGINAL]);
  const ids = new Set(steps.map((_, index) => stepId(steps, index)));
  return steps.map((step, index): ScriptStep => {
    const { id = String(index + 1), from, instruction, mask, regions = [], ...own } = step;
    const wrong = (key: string, message: string) =>
      wrongScript(called, { path: ["steps", index, key], message });
    if (known.has(id))
      throw wrong("id", `"${id}" is taken: ids differ, and a step without one is called by its number`);
    if (typeof from === "number" && from > index)
      throw wrong("from", `there is no step ${from} before step ${index + 1}`);
    if (typeof from === "string" && ids.has(from) && !known.has(from))
      throw wrong("from", `"${from}" is not a step before step ${index + 1}`);
    known.add(id);
    const { seed, ...rest } = { ...defaults, ...own };
    return {
      id,
      from:
        from === undefined
          ? stepId(steps, index - 1)
          : typeof from === "number"
            ? stepId(steps, from - 1)
            : from,
      instruction,
      mask,
      regions,
      settings: { ...rest, seed: seed === undefined ? undefined : BigInt(seed) },
    };
  });
}

const stepId = (steps: readonly { id?: string }[], index: number): string | undefined =>
  index < 0 ? undefined : (steps[index]!.id ?? String(index + 1));

/** option.invalid, naming the script, the key and its place. */
export function wrongScript(called: string, { path, message }: ScriptIssue, line?: number): EmilieError {
  const where = line === undefined ? "" : `, line ${line}`;
  return new EmilieError("option.invalid", `${called}${where}: ${pathText(path)}: ${message}.`);
}
