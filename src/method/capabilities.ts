/** What a model does not define is refused with a sentence: no setting is ignored. */
import { EmilieError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EditModel } from "./edit-model.ts";
import { type Control, masksDirection } from "./gradient-control.ts";
import { type Rephrase, SETTINGS } from "./settings.ts";

interface Asked {
  readonly textGuidance: number;
  readonly imageGuidance: number;
  readonly guidanceInterval: readonly [number, number];
  readonly control: Control;
  readonly base: string;
  readonly rephrase: Rephrase;
  readonly references?: readonly Tensor[];
}

const refuse = (message: string) => new EmilieError("option.invalid", message);

/** Throws option.invalid for settings that have no meaning for the model. */
export function checkCapabilities(model: EditModel, asked: Asked): void {
  checkGuidance(model, asked);
  const { rephrase } = asked;
  if (rephrase !== "off" && !model.understand) {
    throw refuse(
      `${model.id} does not declare what it understands, so it has no phrases of its own; rephrase must be off, got ${rephrase}`,
    );
  }
  if (rephrase === "reader" && !model.hasReader) {
    throw refuse(`${model.id} has no reader; rephrase must be on or off, got reader`);
  }
  checkReferences(model, asked.references ?? []);
}

function checkGuidance({ id, guidedBy = "text and picture", embedsGuidance }: EditModel, asked: Asked): void {
  if (guidedBy === "text and picture") return;
  const { textGuidance, imageGuidance, guidanceInterval, control, base } = asked;
  if (imageGuidance !== 1) {
    throw refuse(
      `${id} has no answer without a picture that image guidance could be measured from; imageGuidance must be 1, got ${imageGuidance}`,
    );
  }
  if (guidedBy === "text") return;
  const distilled = `${id} was distilled to need no guidance, so it has no answer without an instruction`;
  if (!embedsGuidance && textGuidance !== 1) {
    throw refuse(`${distilled}; textGuidance must be 1, got ${textGuidance}`);
  }
  if (embedsGuidance && textGuidance < 1) {
    throw refuse(`${distilled}; textGuidance, which is told to it, must be at least 1, got ${textGuidance}`);
  }
  const [from, to] = guidanceInterval;
  if (from !== 0 || to !== 1) {
    throw refuse(`${distilled}; guidanceInterval must be 0 to 1, got ${from} to ${to}`);
  }
  if (masksDirection(control)) {
    throw refuse(
      `${distilled}, and the control ${control} masks the difference to that; use anchored or threshold`,
    );
  }
  if (base !== "") throw refuse(`${distilled}; a base text would have no effect`);
}

/** Throws option.invalid for a region's weight that the model cannot give. */
export function checkWeight({ id, guidedBy, embedsGuidance }: EditModel, weight: number | undefined): void {
  if (guidedBy !== "nothing" || weight === undefined || weight === 1) return;
  if (embedsGuidance && weight > 1) return;
  throw refuse(
    `${id} was distilled to need no guidance, so a region has no weight: its instruction acts where its mask is; got ${weight}`,
  );
}

/** Throws option.invalid for more reference pictures than the model takes. */
export function checkReferenceCount(
  { id, maxReferences = 0 }: Pick<EditModel, "id" | "maxReferences">,
  count: number,
): void {
  if (count <= maxReferences) return;
  const most = maxReferences === 0 ? "no reference pictures" : `at most ${maxReferences} reference pictures`;
  throw refuse(`${id} takes ${most}, got ${count}`);
}

function checkReferences(model: EditModel, references: readonly Tensor[]): void {
  const { latentChannels } = model;
  checkReferenceCount(model, references.length);
  for (const { shape } of references) {
    const [channels, h = 0, w = 0] = shape;
    if (shape.length === 3 && channels === latentChannels && h > 0 && w > 0) continue;
    throw refuse(`a reference must be a latent of shape [${latentChannels}, h, w], got [${shape}]`);
  }
}

/** The least guidance that may be set for a model, by what guides it; null where it is 1 in every edit. */
export function leastGuidance({
  guidedBy = "text and picture",
  embedsGuidance,
}: Pick<EditModel, "guidedBy" | "embedsGuidance">): { text: number | null; picture: number | null } {
  const { textGuidance, imageGuidance } = SETTINGS;
  // Without an unguided answer there is nothing to be guided away from; a network that is told the scale was told 1 or more.
  const distilled = embedsGuidance ? 1 : null;
  return {
    text: guidedBy === "nothing" ? distilled : textGuidance.range![0],
    picture: guidedBy === "text and picture" ? imageGuidance.range![0] : null,
  };
}
