/**
 * An edit script: edits one after the other, branches included, as data. It says what a recipe says, before there is a
 * picture; scriptOf (script-of.ts) is the way back. The JSON schema of it is schema/edit-script.schema.json.
 */
import { z } from "zod";
import { EmilieError } from "../../errors.ts";
import type { SessionSettings } from "../../method/settings.ts";
import { editShape, fromJson, INSTRUCTION, WEIGHT } from "../../method/settings-derived.ts";
import { defined } from "../../util/defined.ts";
import { type CanvasInput, canvasInput, cropSchema, expandSchema } from "../tree/canvas-input.ts";
import { MAX_REGIONS } from "../tree/check-edit.ts";
import { closest } from "./closest.ts";
import type { EditScript } from "./edit-script.ts";

/** What steps start from that is no step. */
export const ORIGINAL = "original";
/** As many as a session has nodes. */
export const MAX_STEPS = 10_000;

const instruction = INSTRUCTION.describe('What should change, as in "make it winter".');
const mask = z.string().min(1);
const MASK =
  "box:x,y,width,height, ellipse:x,y,rx,ry, poly:x1,y1,x2,y2,…, at:x,y, around:x,y,width,height (pixels of the picture), or the name of a picture file, white = " +
  "edit; before it alpha:, invert: or soft:PX:.";

const settings = editShape();

const regionSchema = z.strictObject({
  instruction,
  mask: mask.optional().describe(`${MASK} Default: everywhere.`),
  weight: WEIGHT.optional().describe("Replaces textGuidance; negative values push away."),
});

/** One edit; the demo's script has the same. */
const stepShape = {
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
      'Where it starts: the id or the number of an earlier step, "original", or a node of the session. Default: the previous step.',
    ),
  crop: cropSchema.optional(),
  expand: expandSchema.optional(),
  instruction: instruction.optional().describe(`${instruction.description} Optional with crop or expand.`),
  mask: mask
    .optional()
    .describe(
      `Where the picture may change: "auto" (the model judges), "border" (the area that the preceding expansion added), ${MASK} Default: everywhere; after expand, its border.`,
    ),
  references: z
    .array(z.string().min(1))
    .max(64)
    .optional()
    .describe("Picture files that the instruction refers to, for models that accept reference pictures."),
  regions: z
    .array(regionSchema)
    .max(MAX_REGIONS - 1)
    .optional()
    .describe("Further instructions with their own masks, in the same pass."),
  ...settings,
};

export const scriptStepSchema = z.strictObject(stepShape);

/** The zod schema of {@link EditScript}, for programs that take scripts from elsewhere. */
export const editScriptSchema = z.strictObject({
  $schema: z.string().optional().describe("For text editors with validation and completion."),
  defaults: z.strictObject(settings).optional().describe("Default settings of all steps."),
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

/** A step with everything settled but its masks, which are words still. */
export interface ScriptStep {
  readonly id: string;
  /** ORIGINAL, the id of a step before, or what the session is asked for; undefined: where the script starts. */
  readonly from: string | undefined;
  /** A crop or an expansion and nothing else: its instruction is "". */
  readonly canvas?: CanvasInput;
  readonly instruction: string;
  readonly mask?: string;
  /** Files, or sha256:… for one that the session holds. */
  readonly references: readonly string[];
  readonly regions: readonly {
    readonly instruction: string;
    readonly mask?: string;
    readonly weight?: number;
  }[];
  readonly settings: SessionSettings;
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
  const last = path.at(-1);
  if (last === "crop") return Object.keys(cropSchema.shape);
  if (last === "expand") return Object.keys(expandSchema.shape);
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
  return steps.flatMap((step, index): ScriptStep[] => {
    const {
      id = String(index + 1),
      from,
      crop,
      expand,
      instruction,
      mask,
      references,
      regions = [],
      ...own
    } = step;
    const wrong = (key: string, message: string) =>
      wrongScript(called, { path: ["steps", index, key], message });
    if (known.has(id))
      throw wrong("id", `"${id}" is taken: ids differ, and a step without one is called by its number`);
    if (typeof from === "number" && from > index)
      throw wrong("from", `there is no step ${from} before step ${index + 1}`);
    if (typeof from === "string" && ids.has(from) && !known.has(from))
      throw wrong("from", `"${from}" is not a step before step ${index + 1}`);
    const canvas = canvasInput(crop, expand);
    if (crop && expand)
      throw wrong("expand", "a step has crop or expand, not both; give the other a step of its own");
    if (!canvas && instruction === undefined) {
      throw wrong("instruction", "a step says what should change, or has crop or expand");
    }
    const [idle] = Object.keys(defined({ mask, references, regions: step.regions, ...own }));
    if (instruction === undefined && idle !== undefined) {
      throw wrong(idle, "a step without an instruction computes nothing; add one, or leave this out");
    }
    known.add(id);
    const start =
      from === undefined
        ? stepId(steps, index - 1)
        : typeof from === "number"
          ? stepId(steps, from - 1)
          : from;
    const nothing = { instruction: "", references: [], regions: [], settings: {} };
    if (instruction === undefined) return [{ id, from: start, canvas, ...nothing }];
    const edit = {
      instruction,
      references: references ?? [],
      regions,
      settings: fromJson({ ...defaults, ...own }),
    };
    if (!canvas) return [{ id, from: start, mask, ...edit }];
    // The canvas is a node of its own, so that it can be gone back to, and kept without the edit.
    const first = { id: `${id}.canvas`, from: start, canvas, ...nothing };
    return [first, { id, from: first.id, mask: mask ?? (expand && "border"), ...edit }];
  });
}

const stepId = (steps: readonly { id?: string }[], index: number): string | undefined =>
  index < 0 ? undefined : (steps[index]!.id ?? String(index + 1));

/** option.invalid, naming the script, the key and its place. */
export function wrongScript(called: string, { path, message }: ScriptIssue, line?: number): EmilieError {
  const where = line === undefined ? "" : `, line ${line}`;
  return new EmilieError("option.invalid", `${called}${where}: ${pathText(path)}: ${message}.`);
}
