/** Values on the command line, checked before anything is loaded; a wrong one names what is allowed. */
import { InvalidArgumentError } from "commander";
import { CONTROLS, type Control } from "../method/gradient-control.ts";
import { PRESETS, type PresetName } from "../method/presets.ts";
import type { WindowOption } from "../method/window.ts";
import { samplerNames } from "../samplers/index.ts";
import type { SamplerName } from "../samplers/types.ts";
import { DETAIL, type Detail } from "../session/tree/check-edit.ts";
import { MAX_SEED, SEED_RANGE } from "../tensor/noise.ts";

function wholeNumber(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= lowest && value <= highest)) {
      throw new InvalidArgumentError(`Expected a whole number from ${lowest} to ${highest}.`);
    }
    return value;
  };
}

function decimal(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= lowest && value <= highest)) {
      throw new InvalidArgumentError(`Expected a number from ${lowest} to ${highest}.`);
    }
    return value;
  };
}

function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new InvalidArgumentError(`Expected one of: ${names.join(", ")}.`);
    return found;
  };
}

/** A seed of 64 bits: a bigint where a number would not hold it exactly. */
export function seed(text: string): number | bigint {
  const value = /^\d{1,20}$/.test(text.trim()) ? BigInt(text.trim()) : -1n;
  if (value < 0n || value > MAX_SEED) throw new InvalidArgumentError(`Expected ${SEED_RANGE}.`);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** What draws by chance here and is no noise of a picture. */
export const shuffleSeed = wholeNumber(0, Number.MAX_SAFE_INTEGER);
export const steps = wholeNumber(1, 1000);
export const positive = wholeNumber(1, 1_000_000);
export const quality = wholeNumber(1, 100);
export const guidance = decimal(0, 100);
/** Of one edit; a negative one pushes away from its instruction. */
export const weight = decimal(-100, 100);
export const strength = decimal(0, 1);
export const gate = decimal(0, 100);
export const sampler: (text: string) => SamplerName = oneOf(samplerNames);
export const preset: (text: string) => PresetName = oneOf(PRESETS);
export const detail: (text: string) => Detail = oneOf(DETAIL);

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

/** "0.2,0.7" */
export function interval(text: string): [number, number] {
  const [from = Number.NaN, to = Number.NaN, ...rest] = text.split(",").map((part) => decimal(0, 1)(part));
  if (!(from <= to) || rest.length > 0) {
    throw new InvalidArgumentError("Expected two numbers from 0 to 1, the smaller first, as in 0,0.7.");
  }
  return [from, to];
}
export const control: (text: string) => Control = oneOf(CONTROLS);

/** "auto", "off", or MARGIN[:LEAST] in latent pixels. */
export function window(text: string): WindowOption {
  if (text === "auto" || text === "off") return text;
  const [, margin, least] = /^(\d{1,6})(?::([1-9]\d{0,5}))?$/.exec(text.trim()) ?? [];
  if (margin === undefined) {
    throw new InvalidArgumentError(
      "Expected auto, off, a margin in latent pixels, or MARGIN:LEAST with the minimum side, as in 8:32.",
    );
  }
  return {
    margin: Number(margin),
    ...(least === undefined ? {} : { least: Number(least) }),
  };
}

/** "own", or the longer side in pixels. */
export function workingSize(text: string): number | "own" {
  return text === "own" ? text : wholeNumber(8, 100_000)(text);
}

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
