/**
 * An edit of what the checkpoint understands (EditModel.understand): what it cannot do is refused before anything is computed and leaves the picture as it is,
 * bit for bit; an instruction for several things is done one after the other; with `rephrase`, the denoiser is given the checkpoint's phrase for what was
 * understood. Where a checkpoint states nothing, this is edit().
 */

import type { StepEvent } from "../samplers/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type EditResult, edit } from "./edit.ts";
import type { EditModel, Understanding } from "./edit-model.ts";
import { type EditOptions, type Region, resolveOptions } from "./options.ts";

/** An instruction that was not carried out, and why. */
export interface Refusal extends Pick<Understanding, "nearest"> {
  /** What was asked. */
  readonly instruction: string;
  /** See {@link Understanding.reason}. */
  readonly reason: NonNullable<Understanding["reason"]>;
  /** The reason as a sentence. */
  readonly message: string;
}

/** What {@link editUnderstood} gives. */
export interface UnderstoodResult extends EditResult {
  /** How many steps there would have been without an early end: more than `options.steps` where several edits were asked for at once. */
  readonly plannedSteps: number;
  /** What was not done; its places stay as they are. */
  readonly refused: readonly Refusal[];
  /** What the denoiser was given, one text for each edit of each region; empty if that is the instructions themselves. */
  readonly phrases: readonly string[];
}

/** As edit() (method/edit.ts), for instructions that the model understands. */
export async function editUnderstood(
  model: EditModel,
  c: Tensor,
  regions: readonly Region[],
  options: EditOptions = {},
): Promise<UnderstoodResult> {
  const { steps, rephrase } = resolveOptions(model, { ...options, stopAfter: undefined });
  const { signal, stopAfter = Number.POSITIVE_INFINITY, onStep } = options;
  const refused: Refusal[] = [];
  const taken: (readonly Region[])[] = [];
  for (const region of regions) {
    // A region that pushes away from its words does not ask for them, and where a mask is black nothing happens anyway.
    const asks = (region.weight ?? 1) > 0 && (region.mask?.data.some((m) => m > 0) ?? true);
    const how = { signal, rephrase };
    const heard = asks ? await model.understand?.(region.instruction, c, how) : undefined;
    const { instruction } = region;
    if (heard && !heard.understood) {
      refused.push({ instruction, reason: heard.reason!, message: heard.message!, nearest: heard.nearest });
    } else taken.push((heard?.parts ?? [instruction]).map((part) => ({ ...region, instruction: part })));
  }
  if (taken.length === 0 && refused.length > 0) {
    return { c, changed: false, steps, plannedSteps: steps, refused, phrases: [] };
  }
  const given = taken.flat().map(({ instruction }) => instruction);
  const asked = new Set(regions.map(({ instruction }) => instruction));
  const phrases = rephrase !== "off" && given.some((text) => !asked.has(text)) ? given : [];

  // One instruction for several edits is a chain of them; several regions are composed in one pass.
  const passes = taken.length === 1 ? taken[0]!.map((region) => [region]) : [taken.flat()];
  const plannedSteps = passes.length * steps;
  let at: EditResult = { c, changed: false, steps: 0 };
  for (const [i, pass] of passes.entries()) {
    const before = i * steps;
    if (stopAfter <= before) break;
    const shown = (event: StepEvent) =>
      onStep?.({ ...event, step: event.step + before, steps: plannedSteps });
    const result = await edit(model, at.c, pass, {
      ...options,
      stopAfter: stopAfter < before + steps ? stopAfter - before : undefined,
      onStep: onStep && (shown as EditOptions["onStep"]),
    });
    at = { c: result.c, changed: at.changed || result.changed, steps: before + result.steps };
    if (result.steps < steps) break;
  }
  return { ...at, plannedSteps, refused, phrases };
}

/** A refusal as a line for people. */
export function describeRefusal({ instruction, message, nearest }: Refusal): string {
  const known = nearest.map((phrase) => JSON.stringify(phrase)).join(", ");
  const short = instruction.length > 80 ? `${instruction.slice(0, 79)}…` : instruction;
  return `${JSON.stringify(short)} was not done: ${message}${known ? ` It knows: ${known}.` : ""}`;
}
