/** Values on the command line, checked before anything is loaded; a wrong one names what is allowed. */
import { InvalidArgumentError } from "commander";
import { readSetting } from "./settings.ts";

function wholeNumber(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= lowest && value <= highest)) {
      throw new InvalidArgumentError(`Expected a whole number from ${lowest} to ${highest}.`);
    }
    return value;
  };
}

/** What draws by chance here and is no noise of a picture. */
export const shuffleSeed = wholeNumber(0, Number.MAX_SAFE_INTEGER);
export const steps = (text: string): number => readSetting("steps", text) as number;
export const positive = wholeNumber(1, 1_000_000);
export const quality = wholeNumber(1, 100);
/** "768" or "1024x683", in pixels. */
export function pictureSize(text: string): readonly [width: number, height: number] {
  const [, width, height = width] = /^(\d{1,4})(?:[x×](\d{1,4}))?$/.exec(text.trim()) ?? [];
  const sides = [Number(width), Number(height)] as const;
  if (width === undefined || sides.some((side) => side < 1 || side > MAX_SIDE)) {
    throw new InvalidArgumentError(
      `Expected a size from 1 to ${MAX_SIDE} pixels, as 768, or width x height, as 1024x683.`,
    );
  }
  return sides;
}

const MAX_SIDE = 4096;

/** A port to listen on. */
export function portNumber(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 65535)) throw new InvalidArgumentError("Expected a port from 0 to 65535.");
  return value;
}

/** What may be said several times; its help says that it is repeatable. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
