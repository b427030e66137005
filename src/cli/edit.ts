/** `emilie edit`: a picture, instructions one after the other, masks where wanted. */
import { basename } from "node:path";
import type { Command } from "commander";
import { readPicture } from "../images/codec.node.ts";
import type { Picture } from "../images/picture.ts";
import { type EditOptions, resolveOptions } from "../method/edit.ts";
import { CONTROLS } from "../method/gradient-control.ts";
import type { LoraOption } from "../models/load.node.ts";
import { samplerNames } from "../samplers/index.ts";
import type { Node } from "../session/session.ts";
import type { StoredSession } from "../session/store.node.ts";
import { type Context, makeFolder, modelFacts, stoppable } from "./context.ts";
import { EXIT, Unsuccessful, UsageError } from "./errors.ts";
import { parseMaskOption, readMask } from "./masks.ts";
import { loraOption, tokenizerOption } from "./model-options.ts";
import * as values from "./options.ts";
import type { Output } from "./output.ts";
import { beginSession, continueSession, findNode, isSessionFile, saveNode } from "./session-file.ts";
import { ORIGINAL, runSteps, type Step } from "./steps.ts";

const EXAMPLES = `
Examples:
  $ emilie edit photo.jpg "make it winter"
  $ emilie edit photo.jpg "make it winter" "paint the roof blue" --mask 2=roof.png
  $ emilie edit photo.jpg "add a balloon" --mask box:40,20,200,160 --seed 7 --out balloon
  $ emilie edit photo.jpg "make the car red" --mask auto --json
  $ emilie edit photo.jpg "make it winter" --model instruct-pix2pix.safetensors --lora style.safetensors=0.8
  $ emilie edit out/session.emilie "now make it night"
  $ emilie edit out/session.emilie "make it a boat" --from 3fd1

Each instruction starts from the result of the one before. The results have the size of your picture; where a mask is
black, they are your own pixels. A mask is a picture (white = edit), "auto" (the model judges where the instruction
belongs), or a box in pixels. With one instruction, N= may be left out.

Every edit is saved in a session beside the pictures, from which you can go on, branch and replay (emilie show, emilie
replay), and every picture carries its recipes in its PNG text. In the JSON document, a psnr of null means that nothing differs.
Exit codes: 0 done, 1 it did not work, 2 wrong usage, 130 stopped by Ctrl-C (what was finished is kept).`;

const OWN = "(default: the checkpoint's own)";

interface Flags
  extends Pick<EditOptions, "steps" | "sampler" | "textGuidance" | "imageGuidance" | "control"> {
  readonly mask?: readonly string[];
  readonly model?: string;
  readonly lora?: readonly LoraOption[];
  readonly tokenizer?: string;
  readonly seed: number;
  readonly out: string;
  readonly session?: string;
  readonly from?: string;
  readonly json?: boolean;
}

export function addEdit(program: Command, context: Context): void {
  program
    .command("edit")
    .description("edit a picture by instructions, one after the other")
    .argument("<image>", "PNG, JPEG, WebP, AVIF or TIFF, any size and aspect; or a saved session (.emilie)")
    .argument("<instruction...>", 'what should change, as in "make it winter"')
    .option("--mask <N=MASK>", "where edit N may change the picture (see below); repeatable", collect)
    .option(
      "--model <model>",
      "a checkpoint that ships with emilie, a pulled OWNER/NAME, a folder in the diffusers layout, or a .safetensors file " +
        "(default: picturebook, or the session's)",
    )
    .addOption(loraOption())
    .addOption(tokenizerOption())
    .option("--seed <seed>", "chooses the noise; the same seed gives the same picture", values.seed, 0)
    .option("--steps <steps>", `how many steps an edit takes; more is finer and slower ${OWN}`, values.steps)
    .option("--sampler <name>", `how they are taken: ${samplerNames.join(", ")} ${OWN}`, values.sampler)
    .option("--text-guidance <s>", `how strongly the instruction pulls ${OWN}`, values.guidance)
    .option("--image-guidance <s>", `how strongly the picture holds ${OWN}`, values.guidance)
    .option("--control <name>", `how a mask acts: ${CONTROLS.join(", ")} (default: anchored)`, values.control)
    .option("--from <node>", "with a saved session: the id or name of the node to edit (default: its head)")
    .option("--out <folder>", "where the pictures go", "out")
    .option(
      "--session <file>",
      "where every edit is saved (default: session.emilie in --out, or the one named)",
    )
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
  if (flags.from !== undefined && !isSessionFile(image)) {
    throw new UsageError("--from names a node of a saved session, as in emilie edit out/session.emilie.");
  }
  const { session, start, steps, file, firstNumber } = isSessionFile(image)
    ? await planFromSession(image, instructions, masks, flags, output)
    : await planFromPicture(image, instructions, masks, flags, output);
  const { model, original } = session;
  try {
    const used = resolveOptions(model, steps[0]!.options);
    output.say(
      `${basename(image)}, ${original.width}×${original.height}, edited by ${session.modelFacts.id}`,
    );
    output.say(
      `${used.steps} steps of ${used.sampler}, text guidance ${used.textGuidance}, image guidance ${used.imageGuidance}, seed ${used.seed}`,
    );
    output.say();
    await makeFolder(flags.out);
    const outcome = await stoppable(output, (signal) =>
      runSteps(session, steps, {
        out: flags.out,
        output,
        signal,
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
    output.say(`\nAll of it on one sheet → ${outcome.strip}`);
    output.say(`To go on → emilie edit ${file} "…"`);
    if (outcome.stopped) {
      const done = `${outcome.reports.length} of ${steps.length} edits`;
      throw new Unsuccessful(`Stopped. ${done} were finished and are written.`, EXIT.stopped);
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

/** The picture and the masks are read before the model: what is wrong with them is said at once. */
async function planFromPicture(
  image: string,
  instructions: readonly string[],
  masks: ReadonlyMap<number, string>,
  flags: Flags,
  output: Output,
): Promise<Plan> {
  const picture = await readPicture(image);
  const steps = await planSteps(instructions, masks, picture, ORIGINAL, flags, output);
  const { session, file } = await beginSession(picture, flags, output);
  return { session, start: session.root, steps, file, firstNumber: 1 };
}

async function planFromSession(
  image: string,
  instructions: readonly string[],
  masks: ReadonlyMap<number, string>,
  flags: Flags,
  output: Output,
): Promise<Plan> {
  const session = await continueSession(image, flags, output);
  try {
    const start = flags.from === undefined ? session.head : findNode(session.nodes.values(), flags.from);
    const from = start === session.root ? ORIGINAL : start.id;
    const steps = await planSteps(instructions, masks, session.original, from, flags, output);
    return { session, start, steps, file: flags.session ?? image, firstNumber: session.nodes.size };
  } catch (error) {
    await session.model.dispose();
    throw error;
  }
}

async function planSteps(
  instructions: readonly string[],
  masks: ReadonlyMap<number, string>,
  picture: Picture,
  from: string,
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
      from: plan.at(-1)?.id ?? from,
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
