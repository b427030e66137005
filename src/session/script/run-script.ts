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
import type { Node } from "../tree/tree.ts";
import type { EditScript } from "./edit-script.ts";
import { nodesCalled } from "./find-node.ts";
import { planScript, type ScriptStep } from "./script.ts";

/** A step whose masks are masks. */
export interface ReadyStep extends Pick<ScriptStep, "id" | "from" | "instruction"> {
  readonly mask?: Mask | "auto";
  readonly options: SessionSettings & Pick<SessionEditOptions, "regions">;
}

/** Makes a step's masks, at the size of the picture that is edited. Throws what makeMask throws. */
export async function readyStep(
  step: ScriptStep,
  size: Size | Picture,
  sources: MaskSources,
): Promise<ReadyStep> {
  const make = (text: string | undefined) =>
    text === undefined ? undefined : makeMask(parseMaskSpec(text), size, sources);
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
  const { id, from, instruction, settings } = step;
  return { id, from, instruction, mask: await make(step.mask), options: { ...settings, regions } };
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
  const steps: ReadyStep[] = [];
  for (const step of planScript(script)) {
    steps.push(await readyStep(step, session.original, { readFile, held, onWarning }));
  }
  const start = options.from ?? session.head;
  const made = new Map<string, Node>();
  checkStarts(steps, session);
  for (const step of steps) {
    const node = await session.edit(step.instruction, {
      ...step.options,
      mask: step.mask,
      from: startOf(step, session, made, start),
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
