/** Runs a list of edits in a session, reports each one, and writes its picture: the common part of `edit` and `demo`. */
import { join } from "node:path";
import { isEmilieError } from "../errors.ts";
import { encodePng } from "../images/codec.node.ts";
import type { Difference } from "../images/difference.ts";
import type { Picture } from "../images/picture.ts";
import { readPngText } from "../images/png-text.ts";
import { type Frame, strip, thumbnail } from "../images/strip.ts";
import { pngMetadata } from "../session/picture/picture-path.node.ts";
import { onOneLine } from "../session/script/printable.ts";
import { checkStarts, doStep, type ReadyStep, startOf } from "../session/script/run-script.ts";
import { ORIGINAL } from "../session/script/script.ts";
import type { Node, Session } from "../session/session.ts";
import { pictureFile, writeOwn } from "./files.ts";
import { formatCount, formatSeconds, type Output } from "./output.ts";
import { encodePreview, type Preview, previewProtocol } from "./preview.ts";

/** In a strip's file: the id of the picture whose edits it shows. A later strip of them takes its place. */
const STRIP_KEYWORD = "emilie-strip";

/** A step as the command line runs it; without `from` it starts where the run starts. */
export type Step = ReadyStep;

export interface StepReport {
  readonly id: string;
  readonly from: string;
  readonly instruction: string;
  /** The picture's file. */
  readonly file: string;
  readonly mask: "auto" | "given" | null;
  /** False where the model understood nothing of it: the picture is the one before. */
  readonly understood: boolean;
  /** What was not carried out, and the nearest instructions that the model knows. */
  readonly refused: Node["refused"];
  /** What the denoiser was given in place of the instruction; empty if that is its own words. */
  readonly phrases: readonly string[];
  readonly seconds: number;
  readonly unetCalls: number;
  /** Against the picture it was made from; without a mask everything is inside. */
  readonly change: { readonly inside: Difference; readonly outside: Difference };
  /** The same in words. */
  readonly changes: Node["changes"];
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

/** Runs the steps in order. Writes 00-original.png, one picture a step, and strip.png into `out`, which exists;
 * where another file has such a name, it gets a free one. */
export async function runSteps(
  session: Session,
  steps: readonly Step[],
  options: RunOptions,
): Promise<Outcome> {
  const { out, output, signal, onPicture, start = session.root, firstNumber = 1 } = options;
  const ids = new Map<Node, string>([[session.root, ORIGINAL]]);
  const made = new Map<string, Node>();
  const frames: Frame[] = [{ picture: thumbnail(session.original), caption: ORIGINAL }];
  const framed = new Map([[session.root, 0]]);
  /** Where a step begins stands on the strip too, even where it was made long ago. */
  const frameOf = async (node: Node): Promise<number> => {
    const known = framed.get(node);
    if (known !== undefined) return known;
    const caption = node.name ?? node.instruction;
    frames.push({ picture: thumbnail(await node.render()), caption, parent: 0 });
    framed.set(node, frames.length - 1);
    return frames.length - 1;
  };
  const reports: StepReport[] = [];
  let stopped = false;
  let before = start;
  checkStarts(steps, session);
  await writeOwn(session.original, join(out, "00-original.png"), {}, output);

  for (const [index, step] of steps.entries()) {
    const from = startOf(step, session, made, start);
    let node: Node;
    try {
      node = await runStep(session, from, step, `${index + 1}/${steps.length}`, options);
    } catch (error) {
      if (!(isEmilieError(error) && error.code === "aborted" && signal.aborted)) throw error;
      stopped = true;
      break;
    }
    const picture = await node.render();
    await onPicture?.(step.id, picture, node);
    const { instruction } = node.canvas ? node : step;
    const named = join(out, pictureFile(index + firstNumber, instruction));
    const file = await writeOwn(picture, named, await pngMetadata(session, node), output);
    const { parent: change } = await session.drift(node);
    const { seconds, unetCalls } = node.cost;
    const mask: StepReport["mask"] = step.mask === "auto" ? "auto" : step.mask ? "given" : null;
    const { id } = step;
    const called = ids.get(from) ?? from.id;
    const { recipe, understood, refused, phrases, changes } = node;
    const facts = { mask, understood, refused, phrases, seconds, unetCalls, change, changes, recipe };
    reports.push({ id, from: called, instruction, file, ...facts });
    sayStep(output, index, reports.at(-1)!, from === before);
    await showPicture(picture, options);
    const parent = await frameOf(from);
    frames.push({
      picture: thumbnail(picture),
      caption: instruction,
      parent,
      mask: node.canvas ? undefined : node.mask,
    });
    framed.set(node, frames.length - 1);
    made.set(id, node);
    ids.set(node, id);
    before = node;
  }

  const mark = { [STRIP_KEYWORD]: session.root.id };
  const stripFile = await writeOwn(
    strip(frames),
    join(out, "strip.png"),
    { metadata: mark },
    output,
    (there) => isStripOf(there, session),
  );
  return { reports, strip: stripFile, stopped };
}

function isStripOf(file: Uint8Array, { root }: Session): boolean {
  try {
    return readPngText(file)[STRIP_KEYWORD] === root.id;
  } catch (error) {
    if (isEmilieError(error)) return false;
    throw error;
  }
}

function runStep(
  session: Session,
  from: Node,
  step: Step,
  count: string,
  { output, signal }: RunOptions,
): Promise<Node> {
  const start = performance.now();
  return doStep(session, step, from, {
    signal,
    onWarning: (message) => output.warn(message),
    onProgress: ({ step: done, steps: total }) => {
      output.progress(`${count} ${step.instruction}`, done + 1, total, (performance.now() - start) / 1000);
    },
  });
}

async function showPicture(picture: Picture, { output, preview = "off" }: RunOptions): Promise<void> {
  const protocol = output.json ? null : previewProtocol(preview, output.isTerminal);
  if (protocol) output.raw(encodePreview(protocol, await encodePng(thumbnail(picture))));
}

function sayStep(output: Output, index: number, report: StepReport, goesOn: boolean): void {
  const { inside, outside } = report.change;
  const branch = goesOn ? "" : `  (from ${report.from})`;
  output.say(`${String(index + 1).padStart(2)}  ${onOneLine(report.instruction + branch)}`);
  if (report.phrases.length > 0) output.say(`      taken as         ${onOneLine(report.phrases.join("; "))}`);
  if (report.changes) output.say(`      ${report.changes.text}`);
  if (isCanvas(report)) {
    output.say(`      → ${report.file}`);
    return;
  }
  if (report.mask) {
    const where = report.mask === "auto" ? "inside the model's own mask" : "inside the mask";
    output.say(`      ${where.padEnd(16)} ${sayDifference(inside)}`);
    output.say(`      outside of it    ${sayDifference(outside)}`);
  } else {
    output.say(`      changed          ${sayDifference(inside)}`);
  }
  output.say(`      ${formatSeconds(report.seconds)}, ${report.unetCalls} UNet calls → ${report.file}`);
}

const isCanvas = ({ changes }: StepReport) => changes?.kind === "cropped" || changes?.kind === "expanded";

/** "4,301 of 5,120 pixels (84 %), by 31 levels on average, PSNR 17.2 dB". */
function sayDifference({ changedPixels, pixels, mae, psnr }: Difference): string {
  if (pixels === 0) return "no pixels";
  if (changedPixels === 0) return `nothing: all ${formatCount(pixels)} pixels are the same bytes`;
  const share = ((100 * changedPixels) / pixels).toFixed(0);
  const amount = `by ${mae.toFixed(1)} of 255 levels on average, PSNR ${psnr.toFixed(1)} dB`;
  return `${formatCount(changedPixels)} of ${formatCount(pixels)} pixels (${share} %), ${amount}`;
}
