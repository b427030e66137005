/** `emilie edit`: a picture, instructions one after the other, masks where wanted. */

import { basename, dirname } from "node:path";
import type { Command } from "commander";
import type { Precision } from "../checkpoint/derived.ts";
import { parseCrop, parseSides } from "../images/canvas.ts";
import { readPictureFile } from "../images/codec.node.ts";
import { checkReferenceCount } from "../method/capabilities.ts";
import type { EditModel } from "../method/edit-model.ts";
import { resolveOptions } from "../method/options.ts";
import type { OpenSettings } from "../method/settings.ts";
import { describeSettings, inJson, pickSettings, type SettingsInJson } from "../method/settings-derived.ts";
import type { LoraOption, NodeDevice } from "../models/load.node.ts";
import type { StoredSession } from "../session/file/store.node.ts";
import type { EditScript } from "../session/script/edit-script.ts";
import { type Ground, readySteps } from "../session/script/run-script.ts";
import { planScript } from "../session/script/script.ts";
import { readScript } from "../session/script/script-file.node.ts";
import type { Node } from "../session/session.ts";
import { MAX_SEED, SEED_RANGE } from "../tensor/noise.ts";
import { type Context, makeFolder, modelFacts, stoppable } from "./context.ts";
import { EXAMPLES } from "./edit-help.ts";
import { EXIT, Unsuccessful, UsageError } from "./errors.ts";
import { checkMaskSpec, maskSources, numbered, parseNumbered } from "./masks.ts";
import {
  deviceOption,
  fitOption,
  loraOption,
  precisionOption,
  sayDevice,
  tokenizerOption,
  vaeOption,
  variantOption,
} from "./model-options.ts";
import { modelForPicture } from "./offers.ts";
import { collect } from "./options.ts";
import type { Output } from "./output.ts";
import { type Preview, previewOption } from "./preview.ts";
import { beginSession, continueSession, findNode, isSessionFile, saveNode } from "./session-file.ts";
import { readWeight, settingOptions } from "./settings.ts";
import { runSteps, type Step } from "./steps.ts";

interface Flags extends SettingsInJson, OpenSettings {
  readonly mask?: readonly string[];
  readonly reference?: readonly string[];
  readonly crop?: readonly string[];
  readonly expand?: readonly string[];
  readonly script?: string;
  readonly model?: string;
  readonly lora?: readonly LoraOption[];
  readonly tokenizer?: string;
  readonly vae?: string;
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly weight?: readonly string[];
  readonly avoid?: readonly string[];
  readonly out: string;
  readonly session?: string;
  readonly from?: string;
  readonly preview: Preview;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addEdit(program: Command, context: Context): void {
  const command = program
    .command("edit")
    .description("edit a picture with one or more instructions, in order")
    .argument("<image>", "PNG, JPEG, WebP, AVIF or TIFF, any size and aspect; or a saved session (.emilie)")
    .argument(
      "[instruction...]",
      'what should change, as in "make it winter"; or none with --script, --crop or --expand',
    )
    .option("--script <file>", "a file that lists the edits, .yaml or .json (see below)")
    .option("--mask <N=MASK>", "where edit N may change the picture (see below); repeatable", collect)
    .option(
      "--reference <N=FILE>",
      "a picture that edit N refers to, for models that accept reference pictures; repeatable, also for the same edit",
      collect,
    )
    .option(
      "--crop <N=BOX>",
      "first crop the picture of edit N to x,y,width,height (pixels); repeatable",
      collect,
    )
    .option(
      "--expand <N=ROOM>",
      "first add a border around the picture of edit N, as in left:25%,top:64 or 25%, which the edit then fills; repeatable",
      collect,
    )
    .option(
      "--model <model>",
      "a checkpoint that ships with emilie, a pulled OWNER/NAME, a folder in the diffusers layout, or a .safetensors file " +
        "(default: picturebook, or the session's)",
    )
    .addOption(loraOption())
    .addOption(variantOption())
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(fitOption())
    .addOption(vaeOption());
  for (const option of settingOptions()) command.addOption(option);
  command
    .option(
      "--weight <N=s>",
      "the text guidance of edit N only; a negative value pushes away from its instruction; repeatable",
      collect,
    )
    .option(
      "--avoid <N=text>",
      "a negative prompt for edit N, with the same guidance as its instruction; repeatable",
      collect,
    )
    .option("--from <node>", "with a saved session: the id or name of the node to edit (default: its head)")
    .option("--out <folder>", "the folder for the pictures", "out")
    .option(
      "--session <file>",
      "the session file to save every edit to (default: session.emilie in --out, or the session that is edited)",
    )
    .addOption(previewOption())
    .option(
      "--yes",
      "for a photograph without --model: use a model other than picturebook without asking, and pull one if there is none",
    )
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", EXAMPLES)
    .action((image: string, instructions: string[], flags: Flags) =>
      context.run(flags.json ?? false, (output) => edit(image, instructions, flags, output)),
    );
}

async function edit(image: string, instructions: string[], flags: Flags, output: Output): Promise<void> {
  if (flags.from !== undefined && !isSessionFile(image)) {
    throw new UsageError("--from selects a node of a saved session, as in emilie edit out/session.emilie.");
  }
  if (flags.workingSize !== undefined && isSessionFile(image)) {
    throw new UsageError("--working-size is for a picture: a saved session keeps the size it was opened at.");
  }
  const script = await readEdits(instructions, flags);
  const { session, start, file, firstNumber, ...planned } = isSessionFile(image)
    ? await planFromSession(image, script, flags, output)
    : await planFromPicture(image, script, flags, output);
  const { model, original } = session;
  try {
    const steps = withAvoided(planned.steps, script.avoided, model);
    for (const { references = [] } of steps) checkReferenceCount(model, references.length);
    const used = resolveOptions(model, (steps.find(({ canvas }) => !canvas) ?? steps[0]!).settings);
    output.say(
      `${basename(image)}, ${original.width}×${original.height}, edited by ${session.modelFacts.id}`,
    );
    if (steps.some(({ canvas }) => !canvas)) {
      output.say(`${describeSettings(used)}${flags.script ? " (the first step)" : ""}`);
    }
    output.say();
    await makeFolder(flags.out);
    const outcome = await stoppable(output, (signal) =>
      runSteps(session, steps, {
        out: flags.out,
        output,
        signal,
        preview: flags.preview,
        start,
        firstNumber,
        onPicture: (_id, _picture, node) => saveNode(session, node, file, output),
      }),
    );
    output.document({
      image: { path: image, width: original.width, height: original.height },
      model: modelFacts(model),
      steps: outcome.reports,
      strip: outcome.strip,
      session: file,
      stopped: outcome.stopped,
      warnings: output.warnings,
    });
    if (flags.device) output.say(`\nComputed on ${sayDevice(model.device)}`);
    output.say(`\nAll pictures on one sheet → ${outcome.strip}`);
    output.say(`To continue → emilie edit ${file} "…"`);
    if (outcome.stopped) {
      const done = `${outcome.reports.length} of ${steps.length} edits`;
      throw new Unsuccessful(`Stopped. ${done} were finished and written.`, EXIT.stopped);
    }
  } finally {
    await model.dispose();
  }
}

interface Plan {
  readonly session: StoredSession;
  readonly start: Node;
  readonly steps: readonly Step[];
  /** Where the session is saved. */
  readonly file: string;
  readonly firstNumber: number;
}

interface Edits {
  readonly script: EditScript;
  /** What messages call it, and what the names of masks are relative to. */
  readonly called: string;
  readonly folder: string;
  /** By the edit's number: what it is to be pushed away from. */
  readonly avoided?: ReadonlyMap<number, string>;
}

/** The seed of the edit after `offset` others. */
function seedAfter(first: number | string, offset: number): number | string {
  const seed = BigInt(first) + BigInt(offset);
  if (seed <= MAX_SEED) return inJson(seed);
  throw new UsageError(
    `--seed: the seeds of later edits count up from the first, to ${seed}; ${SEED_RANGE} is allowed.`,
  );
}

function weightOf(text: string): number {
  try {
    return readWeight(text);
  } catch (error) {
    throw new UsageError(`--weight ${text}: ${(error as Error).message}`);
  }
}

/**
 * Each edit's push away from something: a region at the edit's own place, with its text guidance negated, so that
 * ε(y,c) − ε(∅,c) becomes ε(y,c) − ε(avoided,c), as a negative prompt has it.
 */
function withAvoided(steps: readonly Step[], avoided: Edits["avoided"], model: EditModel): Step[] {
  return steps.map((step) => {
    const instruction = step.canvas ? undefined : avoided?.get(Number(step.id));
    if (instruction === undefined) return step;
    const { textGuidance } = resolveOptions(model, step.settings);
    const mask = step.mask === "auto" ? undefined : step.mask;
    return { ...step, regions: [...step.regions, { instruction, mask, weight: -textGuidance }] };
  });
}

/** The script of --script, or one made of the instructions and their masks. */
async function readEdits(instructions: readonly string[], flags: Flags): Promise<Edits> {
  const defaults = pickSettings({ ...flags });
  const { seed } = defaults;
  if (flags.script !== undefined) {
    if (
      instructions.length > 0 ||
      flags.mask ||
      flags.weight ||
      flags.avoid ||
      flags.crop ||
      flags.expand ||
      flags.reference
    )
      throw new UsageError(
        "With --script, instructions, masks and weights belong in the script, not on the command line: use textGuidance of a step, and regions " +
          "with a negative weight for what to avoid.",
      );
    const script = await readScript(flags.script);
    const merged = { ...script, defaults: { ...script.defaults, ...defaults } };
    return { script: merged, called: basename(flags.script), folder: dirname(flags.script) };
  }
  const alone = instructions.length === 0 && (flags.crop || flags.expand);
  if (instructions.length === 0 && !alone) {
    throw new UsageError("Give at least one instruction, --crop or --expand, or --script FILE.");
  }
  if (instructions.some((text) => text.trim() === "")) throw new UsageError("An instruction is empty.");
  // A crop or an expansion may stand alone.
  const edits = Math.max(1, instructions.length);
  const masks = numbered(
    flags.mask,
    "--mask",
    edits,
    "N=FILE, N=auto, N=at:x,y, N=around:x,y,width,height, N=box:x,y,width,height, N=ellipse:… or N=poly:…",
  );
  for (const value of masks.values()) checkMaskSpec(value);
  const crops = canvasOf(flags.crop, "--crop", edits, "N=x,y,width,height", parseCrop);
  const rooms = canvasOf(flags.expand, "--expand", edits, "N=left:25%,top:64, or N=25%", parseSides);
  const weights = numbered(flags.weight, "--weight", edits, "N=NUMBER");
  const avoided = numbered(flags.avoid, "--avoid", edits, "N=TEXT");
  for (const edit of avoided.keys()) {
    if (masks.get(edit) !== "auto") continue;
    throw new UsageError(
      `--avoid ${edit}=…: a negative prompt needs the mask of its edit, and --mask ${edit}=auto is not known in advance. Give a mask.`,
    );
  }
  const references = (flags.reference ?? []).map((text) =>
    parseNumbered(text, "--reference", edits, "N=FILE"),
  );
  const plan = Array.from({ length: edits }, (_, i) => ({
    crop: crops.get(i + 1),
    expand: rooms.get(i + 1),
    instruction: instructions[i],
    mask: masks.get(i + 1),
    ...(references.some(({ edit }) => edit === i + 1)
      ? { references: references.filter(({ edit }) => edit === i + 1).map(({ value }) => value) }
      : {}),
    ...(weights.has(i + 1) ? { textGuidance: weightOf(weights.get(i + 1)!) } : {}),
    // The same noise at every turn makes errors add up (docs/decisions/0041-seeds.md).
    ...(seed === undefined || alone ? {} : { seed: seedAfter(seed, i) }),
  }));
  return { script: { defaults, steps: plan }, called: "The command line", folder: ".", avoided };
}

/** The picture and the masks are read before the model: what is wrong with them is said at once. */
async function planFromPicture(image: string, edits: Edits, flags: Flags, output: Output): Promise<Plan> {
  const { picture, notes } = await readPictureFile(image);
  for (const note of notes) output.warn(note);
  const steps = await planSteps(edits, { original: picture }, output);
  // A crop or an expansion runs no model: any will do.
  const edited = edits.script.steps.some(({ instruction }) => instruction !== undefined);
  const model =
    flags.model ?? (edited ? await modelForPicture(image, picture, flags.yes ?? false, output) : undefined);
  const { session, file } = await beginSession(picture, { ...flags, model }, output);
  session.notes = notes;
  return { session, start: session.root, steps, file, firstNumber: 1 };
}

async function planFromSession(image: string, edits: Edits, flags: Flags, output: Output): Promise<Plan> {
  const session = await continueSession(image, flags, output);
  try {
    const start = flags.from === undefined ? session.head : findNode(session.nodes.values(), flags.from);
    const steps = await planSteps(edits, { original: session.original, start, session }, output);
    return { session, start, steps, file: flags.session ?? image, firstNumber: session.nodes.size };
  } catch (error) {
    await session.model.dispose();
    throw error;
  }
}

async function planSteps({ script, called, folder }: Edits, ground: Ground, output: Output): Promise<Step[]> {
  const sources = maskSources(folder, output, ground.session?.masks);
  return readySteps(planScript(script, called), ground, sources);
}

function canvasOf<T>(
  given: readonly string[] | undefined,
  flag: string,
  edits: number,
  expected: string,
  read: (text: string) => T,
): Map<number, T> {
  const words = numbered(given, flag, edits, expected);
  return new Map(
    [...words].map(([edit, text]) => {
      try {
        return [edit, read(text)] as const;
      } catch (error) {
        throw new UsageError(`${flag} ${text}: ${(error as Error).message}`);
      }
    }),
  );
}
