/** `emilie edit`: a picture, instructions one after the other, masks where wanted. */
import { basename } from "node:path";
import type { Command } from "commander";
import { readPicture } from "../images/codec.node.ts";
import type { Picture } from "../images/picture.ts";
import { type EditOptions, resolveOptions } from "../method/edit.ts";
import { CONTROLS } from "../method/gradient-control.ts";
import { loadModel } from "../models/load.node.ts";
import { samplerNames } from "../samplers/index.ts";
import { openSession } from "../session/session.ts";
import { type Context, makeFolder, modelFacts, stoppable } from "./context.ts";
import { EXIT, Unsuccessful, UsageError } from "./errors.ts";
import { parseMaskOption, readMask } from "./masks.ts";
import * as values from "./options.ts";
import type { Output } from "./output.ts";
import { ORIGINAL, runSteps, type Step } from "./steps.ts";

const EXAMPLES = `
Examples:
  $ emilie edit photo.jpg "make it winter"
  $ emilie edit photo.jpg "make it winter" "paint the roof blue" --mask 2=roof.png
  $ emilie edit photo.jpg "add a balloon" --mask box:40,20,200,160 --seed 7 --out balloon
  $ emilie edit photo.jpg "make the car red" --mask auto --json

Each instruction starts from the result of the one before. The results have the size of your picture; where a mask is
black, they are your own pixels. A mask is a picture (white = edit), "auto" (the model judges where the instruction
belongs), or a box in pixels. With one instruction, N= may be left out.

Every picture carries its recipe in its PNG text. In the JSON document, a psnr of null means that nothing differs.
Exit codes: 0 done, 1 it did not work, 2 wrong usage, 130 stopped by Ctrl-C (what was finished is kept).`;

const OWN = "(default: the checkpoint's own)";

interface Flags
  extends Pick<EditOptions, "steps" | "sampler" | "textGuidance" | "imageGuidance" | "control"> {
  readonly mask?: readonly string[];
  readonly model: string;
  readonly seed: number;
  readonly out: string;
  readonly json?: boolean;
}

export function addEdit(program: Command, context: Context): void {
  program
    .command("edit")
    .description("edit a picture by instructions, one after the other")
    .argument("<image>", "PNG, JPEG, WebP, AVIF or TIFF, any size and aspect")
    .argument("<instruction...>", 'what should change, as in "make it winter"')
    .option("--mask <N=MASK>", "where edit N may change the picture (see below); repeatable", collect)
    .option(
      "--model <model>",
      "a checkpoint that ships with emilie, or a folder in the diffusers layout",
      "picturebook",
    )
    .option("--seed <seed>", "chooses the noise; the same seed gives the same picture", values.seed, 0)
    .option("--steps <steps>", `how many steps an edit takes; more is finer and slower ${OWN}`, values.steps)
    .option("--sampler <name>", `how they are taken: ${samplerNames.join(", ")} ${OWN}`, values.sampler)
    .option("--text-guidance <s>", `how strongly the instruction pulls ${OWN}`, values.guidance)
    .option("--image-guidance <s>", `how strongly the picture holds ${OWN}`, values.guidance)
    .option("--control <name>", `how a mask acts: ${CONTROLS.join(", ")} (default: anchored)`, values.control)
    .option("--out <folder>", "where the pictures go", "out")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", EXAMPLES)
    .action((image: string, instructions: string[], flags: Flags) =>
      context.run(flags.json ?? false, (output) => edit(image, instructions, flags, output)),
    );
}

async function edit(image: string, instructions: string[], flags: Flags, output: Output): Promise<void> {
  if (instructions.some((text) => text.trim() === "")) throw new UsageError("An instruction is empty.");
  const masks = new Map<number, string>();
  for (const option of flags.mask ?? []) {
    const { edit, value } = parseMaskOption(option, instructions.length);
    if (masks.has(edit)) throw new UsageError(`Edit ${edit} has two masks: ${masks.get(edit)} and ${value}.`);
    masks.set(edit, value);
  }
  const picture = await readPicture(image);
  const steps = await planSteps(instructions, masks, picture, flags, output);
  const model = await loadModel(flags.model);
  try {
    const session = await openSession(model, picture);
    const used = resolveOptions(model, steps[0]!.options);
    output.say(`${basename(image)}, ${picture.width}×${picture.height}, edited by ${model.id}`);
    output.say(
      `${used.steps} steps of ${used.sampler}, text guidance ${used.textGuidance}, image guidance ${used.imageGuidance}, seed ${used.seed}`,
    );
    output.say();
    await makeFolder(flags.out);
    const outcome = await stoppable(output, (signal) =>
      runSteps(session, steps, { out: flags.out, output, signal }),
    );
    output.document({
      image: { path: image, width: picture.width, height: picture.height },
      model: modelFacts(model),
      steps: outcome.reports,
      strip: outcome.strip,
      stopped: outcome.stopped,
      warnings: output.warnings,
    });
    output.say(`\nAll of it on one sheet → ${outcome.strip}`);
    if (outcome.stopped) {
      const done = `${outcome.reports.length} of ${steps.length} edits`;
      throw new Unsuccessful(`Stopped. ${done} were finished and are written.`, EXIT.stopped);
    }
  } finally {
    await model.dispose();
  }
}

async function planSteps(
  instructions: readonly string[],
  masks: ReadonlyMap<number, string>,
  picture: Picture,
  flags: Flags,
  output: Output,
): Promise<Step[]> {
  const { seed, steps, sampler, textGuidance, imageGuidance, control } = flags;
  const options = { seed, steps, sampler, textGuidance, imageGuidance, control };
  const plan: Step[] = [];
  for (const [index, instruction] of instructions.entries()) {
    const value = masks.get(index + 1);
    const mask = value === undefined ? undefined : await readMask(value, picture, output);
    plan.push({
      id: String(index + 1),
      from: plan.at(-1)?.id ?? ORIGINAL,
      instruction,
      mask,
      options,
    });
  }
  return plan;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
