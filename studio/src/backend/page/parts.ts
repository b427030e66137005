/** Small parts of the page's backend that need no state. */
import type { Mask, SessionEditOptions } from "../../../../src/web.ts";
import type { EditSettings } from "../backend.ts";

export function settings(request: Partial<EditSettings>): SessionEditOptions {
  const { seed, preset, steps, sampler, textGuidance, imageGuidance, control, strength, gate, detail } =
    request;
  const options = {
    seed,
    preset,
    steps,
    sampler,
    textGuidance,
    imageGuidance,
    control,
    strength,
    gate,
    detail,
  };
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as SessionEditOptions;
}

/** The largest value of any mask at each pixel. */
export function largest(masks: readonly Mask[]): Mask | undefined {
  const [first, ...rest] = masks;
  if (!first || rest.length === 0) return first;
  const data = first.data.map((m, i) => rest.reduce((max, { data }) => Math.max(max, data[i]!), m));
  return { ...first, data };
}
