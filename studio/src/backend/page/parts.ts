/** Small parts of the page's backend that need no state. */
import { type Mask, type Session, type SessionEditOptions, toModelImage } from "../../../../src/web.ts";
import type { EditSettings } from "../backend.ts";

/** How well the autoencoder redraws the original: about 31 dB in picturebook's own world. */
export async function redrawn({ model, original, size, root }: Session): Promise<number> {
  const image = toModelImage(original, size.width, size.height);
  const again = await model.decodeLatent(root.latent);
  let squared = 0;
  // Both run from -1 to 1, so the peak is 2.
  image.data.forEach((value, i) => {
    squared += (value - Math.min(1, Math.max(-1, again.data[i]!))) ** 2;
  });
  return 10 * Math.log10((4 * image.data.length) / Math.max(squared, 1e-9));
}

export function settings(request: Partial<EditSettings>): SessionEditOptions {
  const { seed, preset, steps, sampler, textGuidance, imageGuidance, control, strength, gate } = request;
  const options = { seed, preset, steps, sampler, textGuidance, imageGuidance, control, strength, gate };
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
