/** Runs a list of edits in a session, reports each one, and writes its picture: the common part of `edit` and `demo`. */
import { join } from "node:path";
import { isEmilieError } from "../errors.ts";
import { encodePng, writePicture } from "../images/codec.node.ts";
import { compareInsideOutside, type Difference } from "../images/difference.ts";
import type { Mask } from "../images/mask.ts";
import type { Picture } from "../images/picture.ts";
import { type Frame, strip, thumbnail } from "../images/strip.ts";
import type { EditOptions } from "../method/edit.ts";
import { describePath } from "../session/picture-path.node.ts";
import type { Node, Session } from "../session/session.ts";
import { formatCount, formatSeconds, type Output } from "./output.ts";
import { encodePreview, type Preview, previewProtocol } from "./preview.ts";

/** What the picture that a session starts from is called. */
export const ORIGINAL = "original";

export interface Step {
  /** Unique; ORIGINAL is taken. */
  readonly id: string;
  /** The id of the step to start from. */
  readonly from: string;
  readonly instruction: string;
  readonly mask?: Mask | "auto";
  readonly options: Pick<
    EditOptions,
    "seed" | "steps" | "sampler" | "textGuidance" | "imageGuidance" | "control"
  >;
}

export interface StepReport {
  readonly id: string;
  readonly from: string;
  readonly instruction: string;
  /** The picture's file. */
  readonly file: string;
  readonly mask: "auto" | "given" | null;
  readonly seconds: number;
  readonly unetCalls: number;
  /** Against the picture it was made from; without a mask everything is inside. */
  readonly change: { readonly inside: Difference; readonly outside: Difference };
  readonly recipe: unknown;
}

export interface Outcome {
  readonly reports: readonly StepReport[];
  readonly strip: string;
  /** True when the signal ended the run; what was finished is written all the same. */
  readonly stopped: boolean;
}

export interface RunOptions {
  readonly out: string;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** Whether finished pictures are shown in the terminal. Default "off". */
  readonly preview?: Preview;
  /** Called with each finished picture, before it is written. */
  readonly onPicture?: (id: string, picture: Picture, node: Node) => Promise<void>;
  /** Where a session goes on from: steps name it by its id. Default: the original. */
  readonly start?: Node;
  /** The number of the first picture's file. Default 1. */
  readonly firstNumber?: number;
}

/** Runs the steps in order. Writes 00-original.png, one picture a step, and strip.png into `out`, which exists. */
export async function runSteps(
  session: Session,
  steps: readonly Step[],
  options: RunOptions,
): Promise<Outcome> {
  const { out, output, signal, onPicture, start = session.root, firstNumber = 1 } = options;
  const nodes = new Map<string, Node>([[ORIGINAL, session.root]]);
  const pictures = new Map<string, Picture>([[ORIGINAL, await session.root.render()]]);
  const frames: Frame[] = [{ picture: thumbnail(pictures.get(ORIGINAL)!), caption: ORIGINAL }];
  const order = [ORIGINAL];
  const first = start === session.root ? ORIGINAL : start.id;
  if (first !== ORIGINAL) {
    nodes.set(start.id, start);
    pictures.set(start.id, await start.render());
    order.push(start.id);
    const caption = start.name ?? start.instruction;
    frames.push({ picture: thumbnail(pictures.get(start.id)!), caption, parent: 0 });
  }
  order.push(...steps.map((step) => step.id));
  const reports: StepReport[] = [];
  let stopped = false;
  await writePicture(pictures.get(ORIGINAL)!, join(out, "00-original.png"));

  for (const [index, step] of steps.entries()) {
    let node: Node;
    try {
      node = await runStep(session, nodes.get(step.from)!, step, `${index + 1}/${steps.length}`, options);
    } catch (error) {
      if (!(isEmilieError(error) && error.code === "aborted" && signal.aborted)) throw error;
      stopped = true;
      break;
    }
    const picture = await node.render();
    await onPicture?.(step.id, picture, node);
    const file = join(out, `${String(index + firstNumber).padStart(2, "0")}-${slug(step.instruction)}.png`);
    await writePicture(picture, file, { metadata: await describePath(session, node) });
    const change = compareInsideOutside(pictures.get(step.from)!, picture, node.mask);
    const { seconds, unetCalls } = node.cost;
    const mask = step.mask === "auto" ? "auto" : step.mask ? "given" : null;
    const { id, from, instruction } = step;
    reports.push({ id, from, instruction, file, mask, seconds, unetCalls, change, recipe: node.recipe });
    sayStep(output, index, reports.at(-1)!, steps[index - 1]?.id ?? first);
    await showPicture(picture, options);
    nodes.set(id, node);
    pictures.set(id, picture);
    frames.push({
      picture: thumbnail(picture),
      caption: instruction,
      parent: order.indexOf(from),
      mask: node.mask,
    });
    // Large photos are let go as soon as no later step starts from them.
    for (const done of pictures.keys()) {
      if (!steps.slice(index + 1).some((later) => later.from === done)) pictures.delete(done);
    }
  }

  const stripFile = join(out, "strip.png");
  await writePicture(strip(frames), stripFile);
  return { reports, strip: stripFile, stopped };
}

function runStep(
  session: Session,
  from: Node,
  step: Step,
  count: string,
  { output, signal }: RunOptions,
): Promise<Node> {
  const start = performance.now();
  return session.edit(step.instruction, {
    ...step.options,
    from,
    mask: step.mask,
    signal,
    onProgress: ({ step: done, steps: total }) => {
      output.progress(`${count} ${step.instruction}`, done + 1, total, (performance.now() - start) / 1000);
    },
  });
}

async function showPicture(picture: Picture, { output, preview = "off" }: RunOptions): Promise<void> {
  const protocol = output.json ? null : previewProtocol(preview, output.isTerminal);
  if (protocol) output.raw(encodePreview(protocol, await encodePng(thumbnail(picture))));
}

function sayStep(output: Output, index: number, report: StepReport, before: string): void {
  const { inside, outside } = report.change;
  const branch = report.from === before ? "" : `  (from ${report.from})`;
  output.say(`${String(index + 1).padStart(2)}  ${report.instruction}${branch}`);
  if (report.mask) {
    const where = report.mask === "auto" ? "inside the model's own mask" : "inside the mask";
    output.say(`      ${where.padEnd(16)} ${sayDifference(inside)}`);
    output.say(`      outside of it    ${sayDifference(outside)}`);
  } else {
    output.say(`      changed          ${sayDifference(inside)}`);
  }
  output.say(`      ${formatSeconds(report.seconds)}, ${report.unetCalls} UNet calls → ${report.file}`);
}

/** "4,301 of 5,120 pixels (84 %), by 31 levels on average, PSNR 17.2 dB". */
function sayDifference({ changedPixels, pixels, mae, psnr }: Difference): string {
  if (pixels === 0) return "no pixels";
  if (changedPixels === 0) return `nothing: all ${formatCount(pixels)} pixels are the same bytes`;
  const share = ((100 * changedPixels) / pixels).toFixed(0);
  const amount = `by ${mae.toFixed(1)} of 255 levels on average, PSNR ${psnr.toFixed(1)} dB`;
  return `${formatCount(changedPixels)} of ${formatCount(pixels)} pixels (${share} %), ${amount}`;
}

/** An instruction as part of a file name: "Paint the roof blue!" → "paint-the-roof-blue". */
export function slug(instruction: string): string {
  const plain = instruction.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = plain.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
  return words.slice(0, 40).replace(/-+$/, "") || "edit";
}
