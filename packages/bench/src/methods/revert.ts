/**
 * Emu Edit's thresholding of sequential edits (Sheynin et al., arXiv 2311.10089, section 4.4), in pixels: image iteration, and where
 * the edit changed the picture by less than α after a low-pass filter, the picture before is kept. What gate.ts does in the latent, published for pixels.
 *
 * d is the mean over RGB of the absolute difference on the scale of 0 to 1, and α is 0.03, as published. The paper does not name its filter:
 * here it is the mean over a square of a twentieth of the shorter side.
 */
import { boxMean, type EditOptions, openSession, type Picture } from "../library.ts";
import type { MethodSettings } from "../types.ts";
import { editSettings, GUIDED_THROUGHOUT } from "./emilie.ts";
import { iterated } from "./iterated.ts";

type RevertSettings = MethodSettings & {
  /** α: below it the pixel of the picture before is kept. */
  readonly threshold: number;
  /** The square's side, as a share of the shorter side. */
  readonly filter: number;
};

export const revert = iterated<RevertSettings>({
  name: "image-iteration-revert",
  title: "Image iteration, small changes of pixels reverted",
  reference: "Sheynin et al., Emu Edit, arXiv 2311.10089, section 4.4",
  revision: 1,
  settings: (model, mode) => ({ ...editSettings(model, mode), threshold: 0.03, filter: 0.05 }),
  async edit({ model, picture, instruction, seed, signal }, settings) {
    const { threshold, filter, ...options } = settings as RevertSettings & Omit<EditOptions, "references">;
    const session = await openSession(model, picture, { signal });
    const node = await session.edit(instruction, { ...options, ...GUIDED_THROUGHOUT, gate: 0, seed, signal });
    return reverted(picture, await node.render({ signal }), threshold, filter);
  },
});

/** The edit with the pixels of `before` wherever the two differ by less than the threshold on the mean around. */
export function reverted(before: Picture, edited: Picture, threshold: number, filter: number): Picture {
  const { width, height } = before;
  const distance = Float32Array.from({ length: width * height }, (_, i) => {
    let sum = 0;
    for (let k = 4 * i; k < 4 * i + 3; k++) sum += Math.abs(before.data[k]! - edited.data[k]!);
    return sum / (3 * 255);
  });
  const radius = Math.round((filter * Math.min(width, height) - 1) / 2);
  const around = boxMean({ data: distance, shape: [1, height, width] }, Math.max(0, radius));
  const data = edited.data.slice();
  around.data.forEach((d, i) => {
    if (d < threshold) data.set(before.data.subarray(4 * i, 4 * i + 4), 4 * i);
  });
  return { ...edited, data };
}
