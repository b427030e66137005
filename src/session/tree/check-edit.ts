/** What an edit is asked to do, looked at before anything is computed: what is refused, and what is only remarked on. */
import { EmilieError } from "../../errors.ts";
import { isEmptyMask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import { MAX_TEXT } from "../../limits.ts";
import type { EditModel } from "../../method/edit-model.ts";
import type { Recorded } from "../../method/options.ts";
import { shown } from "../../method/setting.ts";
import { SETTINGS } from "../../method/settings.ts";
import { WEIGHT } from "../../method/settings-derived.ts";
import type { PlacedRegion } from "./run.ts";

/** Every mask is kept at the size of the picture, so this many regions in one pass are more than memory bears. */
export const MAX_REGIONS = 256;

/** Throws option.invalid for what a recipe could not record or no model could follow; weights that one has recorded are taken. */
export function checkEdit(regions: readonly PlacedRegion[], recorded?: Recorded): void {
  const refuse = (message: string) => {
    throw new EmilieError("option.invalid", message);
  };
  if (regions.length > MAX_REGIONS) {
    refuse(`an edit has at most ${MAX_REGIONS} regions, got ${regions.length}`);
  }
  for (const { instruction, weight } of regions) {
    if (instruction.trim() === "") {
      refuse('an instruction says what should change, as in "make it winter"; got an empty one');
    }
    if (instruction.length > MAX_TEXT) {
      refuse(`an instruction has at most ${MAX_TEXT} characters, got ${instruction.length}`);
    }
    if (weight === undefined || recorded?.regions.includes(weight) || WEIGHT.safeParse(weight).success)
      continue;
    const { title, expected } = SETTINGS.textGuidance;
    refuse(`the weight of ${short(instruction)} must be ${expected}, as the ${title}, got ${shown(weight)}`);
  }
}

/** What is allowed and may surprise: an instruction that is not read to its end, or not as other programs read it, a mask of another size, one that is black. */
export function remarksOn(
  model: Pick<EditModel, "countTokens">,
  regions: readonly PlacedRegion[],
  { width, height }: Size,
): string[] {
  const remarks = regions.flatMap(({ instruction }) =>
    [tooLong(model, instruction), weighted(instruction)].filter((remark) => remark !== undefined),
  );
  for (const { instruction, mask } of regions) {
    if (!mask || (mask.width === width && mask.height === height)) continue;
    const sizes = `${mask.width}×${mask.height}, the picture ${width}×${height}`;
    remarks.push(
      `The mask of ${short(instruction)} has a different size than the picture (${sizes}); it is scaled to fit.`,
    );
  }
  const closed = regions.filter(({ mask }) => mask && isEmptyMask(mask));
  for (const { instruction } of closed) {
    const rest =
      closed.length < regions.length
        ? "this instruction does nothing"
        : "nothing may change, and the result is the picture it starts from";
    remarks.push(`The mask of ${short(instruction)} is all black: ${rest}. White means edit.`);
  }
  return remarks;
}

/** What other programs read as weights, schedules and LoRAs within a prompt. */
const SYNTAX = [
  /\([^()]*:\s*[-+]?\d*\.?\d+\s*\)/, // (word:1.2)
  /\({2,}[^()]+\){2,}/, // ((word))
  /\[[^[\]]+\]/, // [word], [from:to:when], [a|b]
  /\{{2,}[^{}]+\}{2,}/, // {{word}}
  /<(?:lora|lyco|hypernet|embedding):[^<>]*>/i,
  /(?:^|\s)embedding:\S/i,
  /[\p{L}\p{N})](?:\+{2,}|-{2,})(?=\s|$|[,.])/u, // word++
  /(?:^|\s)BREAK(?=\s|$)/,
];

function weighted(instruction: string): string | undefined {
  const found = SYNTAX.map((pattern) => pattern.exec(instruction)?.[0]?.trim()).find(Boolean);
  if (found === undefined) return undefined;
  const instead = /^<?(?:lora|lyco|embedding)/i.test(found)
    ? "A LoRA is given when the model is loaded (--lora)."
    : "How strongly an instruction pulls is its text guidance; several with weights of their own are regions.";
  return (
    `The instruction ${short(instruction)} holds ${short(found)}, which some programs read as a weight or a command; here it is read as these ` +
    `very letters. ${instead}`
  );
}

function tooLong(model: Pick<EditModel, "countTokens">, instruction: string): string | undefined {
  const { tokens, limit } = model.countTokens(instruction);
  if (tokens <= limit) return undefined;
  const words = instruction.split(/(?<=\S)(?=\s)/);
  // The most words from the start that are read whole, by halving.
  let [fits, fails] = [0, words.length];
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    if (model.countTokens(words.slice(0, middle).join("")).tokens <= limit) fits = middle;
    else fails = middle;
  }
  const last = words
    .slice(Math.max(0, fits - 4), fits)
    .join("")
    .trim();
  const until = last === "" ? "" : `, to “${last}”`;
  return (
    `The instruction ${short(instruction)} has ${tokens} tokens (word pieces). The model reads the first ${limit}${until}; ` +
    "the rest has no effect. Say it shorter, or in several edits."
  );
}

/** The instruction in quotes, cut where it is long. */
function short(instruction: string): string {
  const letters = [...instruction.trim()];
  return `“${letters.length > 60 ? `${letters.slice(0, 57).join("")}…` : letters.join("")}”`;
}
