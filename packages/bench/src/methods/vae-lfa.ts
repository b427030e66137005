/**
 * VAE-LFA, low-frequency alignment in the VAE's latent space (Wang et al., "Why Do DiT Editors Drift?", arXiv 2605.08250; code:
 * ZephinueCode/VAE-LFA), as it is for editors whose latents are at hand: latents are passed from turn to turn without a round trip; after every turn
 * each channel's low frequencies are given the mean and the standard deviation that a moving average over the turns before has, and then the
 * average takes in what the turn had. It begins at the first picture. High frequencies are left alone, and masks are not known.
 *
 * The numbers are those of the reference's setting for FLUX.2. Its filter is a square of 9 latent pixels whatever the latent's size; picturebook's
 * latents are 16 wide, theirs 64 and more, so that what is low here is lower still.
 */
import { boxMean, type EditOptions, edit, type Tensor, toCondition, toScaled } from "../library.ts";
import type { BenchMethod, MethodSettings } from "../types.ts";
import { editSettings, GUIDED_THROUGHOUT } from "./emilie.ts";
import { metered } from "./metered.ts";
import { decodePicture, encodePicture } from "./round-trip.ts";
import { turnSeed } from "./turn-seed.ts";

const REFERENCE = { kernel: 9, meanDecay: 0.95, deviationDecay: 0.85 };

export const vaeLfa: BenchMethod = {
  name: "vae-lfa",
  title: "VAE-LFA: latent iteration, low frequencies aligned",
  reference: "Wang et al., VAE-LFA, arXiv 2605.08250",
  revision: 1,
  settings: (model, mode): MethodSettings => ({ ...editSettings(model, mode), ...REFERENCE }),
  async *run(model, start, turns, settings, { seed, signal }) {
    const { kernel, meanDecay, deviationDecay, ...options } = settings as unknown as EditOptions &
      typeof REFERENCE;
    const radius = (kernel - 1) / 2;
    let c: Tensor | undefined;
    let average: Moments | undefined;
    for (const [i, { instruction }] of turns.entries()) {
      yield await metered(model, async () => {
        c ??= await encodePicture(model, start, { signal });
        average ??= momentsOf(boxMean(toScaled(model, c), radius));
        const asked = {
          ...options,
          ...GUIDED_THROUGHOUT,
          gate: 0,
          seed: turnSeed(settings, seed, i),
          signal,
        };
        const next = toScaled(model, (await edit(model, c, [{ instruction }], asked)).c);
        const had = momentsOf(boxMean(next, radius));
        c = toCondition(model, aligned(next, average, radius));
        average = {
          mean: mixed(average.mean, had.mean, meanDecay),
          logDeviation: mixed(average.logDeviation, had.logDeviation, deviationDecay),
        };
        return decodePicture(model, c, start, { signal });
      });
    }
  },
};

/** A value for each channel. */
export interface Moments {
  readonly mean: readonly number[];
  readonly logDeviation: readonly number[];
}

/** Below it a channel counts as flat. */
const LEAST_DEVIATION = 1e-6;

/** Each channel's mean and the logarithm of its standard deviation; z is [channels, h, w]. */
export function momentsOf({ data, shape }: Tensor): Moments {
  const plane = data.length / shape[0]!;
  const channels = Array.from({ length: shape[0]! }, (_, k) => data.subarray(k * plane, (k + 1) * plane));
  const mean = channels.map((values) => values.reduce((sum, v) => sum + v, 0) / plane);
  const logDeviation = channels.map((values, k) => {
    const squares = values.reduce((sum, v) => sum + (v - mean[k]!) ** 2, 0);
    return Math.log(Math.max(LEAST_DEVIATION, Math.sqrt(squares / plane)));
  });
  return { mean, logDeviation };
}

/** z [channels, h, w] with these moments for those of its low frequencies, which are the mean over a square around each place. */
export function aligned(z: Tensor, { mean, logDeviation }: Moments, radius: number): Tensor {
  const low = boxMean(z, radius);
  const own = momentsOf(low);
  const plane = z.data.length / z.shape[0]!;
  const data = z.data.map((v, i) => {
    const k = Math.floor(i / plane);
    const l = low.data[i]!;
    const scale = Math.exp(logDeviation[k]! - own.logDeviation[k]!);
    return v - l + (l - own.mean[k]!) * scale + mean[k]!;
  });
  return { data, shape: z.shape };
}

const mixed = (before: readonly number[], now: readonly number[], decay: number): number[] =>
  before.map((value, k) => decay * value + (1 - decay) * now[k]!);
