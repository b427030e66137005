/** Runs an edit script in a session. */
import { EmilieError } from "../../errors.ts";
import type { Mask } from "../../images/mask.ts";
import { type MaskSources, makeMask, parseMaskSpec } from "../../images/mask-spec.ts";
import type { Size } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import type { SessionSettings } from "../../method/settings.ts";
import type { StepEvent } from "../../samplers/types.ts";
import type { Session, SessionEditOptions } from "../session.ts";
import { changeOf } from "../tree/canvas-input.ts";
import { borderOf, noBorder } from "../tree/prepare-edit.ts";
import type { PlacedRegion } from "../tree/run.ts";
import { canvasRoot, type Node } from "../tree/tree.ts";
import type { EditScript } from "./edit-script.ts";
import { nodesCalled } from "./find-node.ts";
import { ORIGINAL, planScript, type ScriptStep } from "./script.ts";

/** A mask that follows the edges of a picture which an earlier step has yet to make. */
type LaterMask = (picture: Picture) => Promise<Mask>;

/** A step whose masks are masks, or can be made when its picture is there. */
export interface ReadyStep extends Pick<ScriptStep, "id" | "from" | "canvas" | "instruction"> {
  readonly mask?: Mask | "auto" | "border" | LaterMask;
  readonly references?: readonly Picture[];
  readonly regions: readonly (Omit<PlacedRegion, "mask"> & { readonly mask?: Mask | "border" | LaterMask })[];
  readonly settings: SessionSettings;
}

/** Where steps begin: a node of a session, or a picture that none is opened on yet. */
export interface Ground {
  readonly original: Picture;
  /** Absent: the original. */
  readonly start?: Node;
  /** In which `from` may name nodes. */
  readonly session?: Session;
}

/**
 * Makes the masks of steps, each at the size of the picture that its step edits, which crops and expansions before it change.
 * Throws what makeMask throws, and option.invalid for a crop or an expansion that cannot be.
 */
export async function readySteps(
  steps: readonly ScriptStep[],
  { original, start, session }: Ground,
  sources: MaskSources,
): Promise<ReadyStep[]> {
  // By step, the size of its result, which is not known yet; the original's picture is.
  const grounds = new Map<string, { picture: Size | Picture; expanded: boolean }>([
    [ORIGINAL, { picture: original, expanded: false }],
  ]);
  // What an edit has made is rendered where a mask asks for it.
  const pictureOf = async (node: Node): Promise<Size | Picture> => {
    const picture = session ? await session.canvasOf(node).picture() : original;
    return canvasRoot(node) === node ? picture : { width: picture.width, height: picture.height };
  };
  const ready: ReadyStep[] = [];
  for (const step of steps) {
    const { id, from } = step;
    const known = from === undefined ? undefined : grounds.get(from);
    const node = known || !session ? start : (nodeCalled(session, from) ?? start);
    const before = known ?? {
      picture: node ? await pictureOf(node) : original,
      expanded: node !== undefined && canvasRoot(node).canvas?.kind === "expand",
    };
    const { width, height } = before.picture;
    const { canvas } = step;
    const after = canvas && {
      picture: changeOf(canvas, { width, height }),
      expanded: canvas.kind === "expand",
    };
    grounds.set(id, after ?? { ...before, picture: { width, height } });
    const words = [step.mask, ...step.regions.map(({ mask }) => mask)];
    if (!before.expanded && words.includes("border")) throw noBorder(`step ${id}`);
    const references: Picture[] = [];
    for (const name of step.references) references.push(await referenceCalled(name, session, sources));
    ready.push({ ...(await readyStep(step, before.picture, sources)), references });
  }
  return ready;
}

async function referenceCalled(
  name: string,
  session: Session | undefined,
  sources: MaskSources,
): Promise<Picture> {
  const hash = /^sha256:([0-9a-f]{64})$/.exec(name)?.[1];
  if (hash === undefined) return sources.readFile(name);
  const held = session?.references.get(hash);
  if (held) return held;
  throw new EmilieError(
    "option.invalid",
    `No reference picture with the SHA-256 ${hash} is in this session. Name its file.`,
  );
}

function nodeCalled(session: Session, from: string | undefined): Node | undefined {
  const called = from === undefined ? [] : nodesCalled<Node>(session.nodes.values(), from);
  return called.length === 1 ? called[0] : undefined;
}

async function readyStep(step: ScriptStep, size: Size | Picture, sources: MaskSources): Promise<ReadyStep> {
  const make = async (text: string | undefined) => {
    if (text === undefined) return undefined;
    const spec = parseMaskSpec(text);
    const isLater = !("data" in size) && (spec.kind === "at" || spec.kind === "around");
    return isLater
      ? async (picture: Picture) => (await makeMask(spec, picture, sources)) as Mask
      : makeMask(spec, size, sources);
  };
  const regions = [];
  for (const region of step.regions) {
    const mask = await make(region.mask);
    if (mask === "auto") {
      throw new EmilieError(
        "option.invalid",
        `Step ${step.id}, region ${JSON.stringify(region.instruction)}: "auto" is only for the edit's own mask; a region needs its own mask.`,
      );
    }
    regions.push({ ...region, mask });
  }
  const { id, from, canvas, instruction, settings } = step;
  return { id, from, canvas, instruction, mask: await make(step.mask), regions, settings };
}

/** Does a step from a node of the session. */
export async function doStep<N extends Node>(
  session: Session<N>,
  { canvas, instruction, mask, references, regions, settings }: ReadyStep,
  from: Node,
  options: Pick<SessionEditOptions, "signal" | "onProgress" | "onWarning">,
): Promise<N> {
  if (canvas?.kind === "crop") return session.crop(canvas.crop, { from });
  if (canvas) return session.expand(canvas.expand, { from });
  const made = async <M>(one: M | LaterMask) =>
    typeof one === "function" ? (one as LaterMask)(await from.render()) : one;
  const placed = regions.map(async (region) => {
    const place = await made(region.mask);
    return { ...region, mask: place === "border" ? borderOf(from) : place };
  });
  return session.edit(instruction, {
    ...settings,
    ...options,
    from,
    references,
    mask: await made(mask),
    regions: await Promise.all(placed),
  });
}

/** How a script is run. */
export interface RunScriptOptions {
  /** Where steps without a `from` begin. Default: the head. */
  readonly from?: Node;
  /** Reads the picture file that a mask names. In Node, runScript reads files; in the browser none can be named. */
  readonly readFile?: (name: string) => Promise<Picture>;
  /** Masks for sha256:…, beside those that the session holds. */
  readonly masks?: ReadonlyMap<string, Mask>;
  /** Stops between denoising steps with code "aborted"; what is finished stays in the session. */
  readonly signal?: AbortSignal;
  /** Awaited after every denoising step, with the id of the script's step. */
  readonly onProgress?: (event: StepEvent & { readonly id: string }) => void | Promise<void>;
  /** Called with each node that a step has made, in order. */
  readonly onNode?: (node: Node, id: string) => void | Promise<void>;
  /** Told what is allowed and may surprise. */
  readonly onWarning?: (message: string) => void;
}

const RUN_OPTIONS: OptionNames<RunScriptOptions> = {
  ...{
    from: true,
    readFile: true,
    masks: true,
    signal: true,
    onProgress: true,
    onNode: true,
    onWarning: true,
  },
};

/**
 * Does a script's edits in order and returns their nodes by the steps' ids. All masks are made before the first edit, so
 * that what is wrong with them is said at once.
 *
 * @throws EmilieError option.invalid (naming key and place), mask.invalid, image.*, aborted
 */
export async function runScript(
  session: Session,
  script: EditScript,
  options: RunScriptOptions = {},
): Promise<Map<string, Node>> {
  checkOptions(options, RUN_OPTIONS, "runScript's options");
  const { readFile = noFiles, signal, onProgress, onNode, onWarning } = options;
  const held = new Map([...session.masks, ...(options.masks ?? [])]);
  const start = options.from ?? session.head;
  const ground = { original: session.original, start, session };
  const steps = await readySteps(planScript(script), ground, { readFile, held, onWarning });
  const made = new Map<string, Node>();
  checkStarts(steps, session);
  for (const step of steps) {
    const node = await doStep(session, step, startOf(step, session, made, start), {
      signal,
      onProgress: (event) => onProgress?.({ ...event, id: step.id }),
      onWarning,
    });
    made.set(step.id, node);
    await onNode?.(node, step.id);
  }
  return made;
}

/** Throws option.invalid where a step starts from something that is neither a step before it nor in the session. */
export function checkStarts(steps: readonly ReadyStep[], session: Session): void {
  const ids = steps.map(({ id }) => id);
  for (const step of steps) {
    if (step.from !== undefined && !ids.includes(step.from)) startOf(step, session, new Map(), session.root);
  }
}

/** The node that a step starts from: a step's before it, the original, or one of the session's by id or name. */
export function startOf(
  { id, from }: Pick<ReadyStep, "id" | "from">,
  session: Session,
  made: ReadonlyMap<string, Node>,
  start: Node,
): Node {
  if (from === undefined) return start;
  const called = nodesCalled<Node>(session.nodes.values(), from);
  const node = made.get(from) ?? (called.length === 1 ? called[0] : undefined);
  if (node) return node;
  throw new EmilieError(
    "option.invalid",
    `Step ${id} starts from "${from}", but no step before it has this id, and no node of the session this id or name.`,
  );
}

async function noFiles(name: string): Promise<Picture> {
  throw new EmilieError(
    "option.invalid",
    `The mask ${name} is a file, and this script runs without access to files. Give a shape.`,
  );
}
