/**
 * Masks without a painter: where does the instruction change what the model predicts? The relevance map of Watch Your
 * Steps (arXiv 2308.08947, section 4.1): |ε(y,c) − ε(∅,c)| summed over channels at a high noise level, clipped at
 * Q3 + 1.5·IQR, scaled to [0, 1], smoothed, thresholded; averaged over noise draws as in DiffEdit (arXiv 2210.11427).
 */
import { checkOptions, type OptionNames } from "../input/options.ts";
import { modelInput } from "../samplers/denoiser.ts";
import { timeOf } from "../samplers/edm.ts";
import type { NoiseLevel, NoiseSource, Schedule } from "../samplers/types.ts";
import { combine } from "../tensor/ops.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { EditModel } from "./edit-model.ts";
import { toScaled } from "./latent-iteration.ts";

/** How an automatic mask is made. */
export interface RelevanceOptions {
  /** The noise level as a fraction of the training steps, in (0, 1). Default 0.7. */
  readonly level?: number;
  /** Noise draws that are averaged; two calls of the denoiser each. Default 4. */
  readonly draws?: number;
  /** Relevance from which a latent pixel may change, in (0, 1). Default 0.25. */
  readonly threshold?: number;
  /** What the instruction is compared with: "" or a no-op sentence. Default: the model's own (EditModel.noOp), "" for most. */
  readonly base?: string;
  /** Stops between draws with code "aborted". */
  readonly signal?: AbortSignal;
}

export const RELEVANCE_OPTIONS: OptionNames<RelevanceOptions> = {
  ...{ level: true, draws: true, threshold: true, base: true, signal: true },
};

/** What an instruction concerns. */
export interface Relevance {
  /** [1, h, w] in [0, 1]: how much the instruction concerns each latent pixel. */
  readonly map: Tensor;
  /** [1, h, w], 0 or 1: the map above the threshold. */
  readonly mask: Tensor;
}

/** The value below which a fraction q of the sorted values lies, between neighbours linearly. */
function quantile(sorted: Float32Array, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (sorted[Math.min(low + 1, sorted.length - 1)]! - sorted[low]!) * (at - low);
}

/** Clip at Q3 + 1.5·IQR, then scale to [0, 1]. A constant map carries no information and becomes 0. */
export function normalise(map: Float32Array): Float32Array {
  const sorted = map.slice().sort();
  const [q1, q3] = [quantile(sorted, 0.25), quantile(sorted, 0.75)];
  const low = sorted[0]!;
  const high = Math.min(sorted.at(-1)!, q3 + 1.5 * (q3 - q1));
  return map.map((v) => (high > low ? (Math.min(v, high) - low) / (high - low) : 0));
}

/** A 3×3 binomial filter with replicated borders. */
export function smooth(map: Float32Array, h: number, w: number): Float32Array {
  const clamp = (i: number, n: number) => Math.min(Math.max(i, 0), n - 1);
  return map.map((_, i) => {
    const [y, x] = [Math.floor(i / w), i % w];
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        sum += (2 - Math.abs(dy)) * (2 - Math.abs(dx)) * map[clamp(y + dy, h) * w + clamp(x + dx, w)]!;
      }
    }
    return sum / 16;
  });
}

/** Where `instruction` would change the picture with condition c [channels, h, w], by the model's own account. */
export async function relevance(
  model: EditModel,
  c: Tensor,
  instruction: string,
  schedule: Schedule,
  noise: NoiseSource,
  options: RelevanceOptions = {},
): Promise<Relevance> {
  checkOptions(options, RELEVANCE_OPTIONS, "the relevance's options");
  const { level = 0.7, draws = 4, threshold, base = model.noOp ?? "", signal } = options;
  const [, h, w] = c.shape as [number, number, number];
  const [text, baseText] = await Promise.all([
    model.encodeText(instruction, { signal, c }),
    model.encodeText(base, { signal, c }),
  ]);
  // The schedule's own level nearest to the one asked for.
  const { trainSteps } = schedule;
  const distance = (l: NoiseLevel) => Math.abs(timeOf(l, trainSteps) - level * trainSteps);
  const at = schedule.levels.reduce((best, l) => (distance(l) < distance(best) ? l : best));
  const source = toScaled(model, c);
  const sum = zeros([1, h, w]);
  for (let draw = 0; draw < draws; draw++) {
    const x = combine([at.alpha, source], [at.sigma, noise.randn(c.shape)]);
    const z = modelInput(x, at);
    const [towards, stay] = await model.denoise(
      [
        { z, c, text },
        { z, c, text: baseText },
      ],
      at.t,
      { signal },
    );
    for (let i = 0; i < c.data.length; i++)
      sum.data[i % (h * w)]! += Math.abs(towards!.data[i]! - stay!.data[i]!);
  }
  const map = { data: smooth(normalise(sum.data), h, w), shape: [1, h, w] };
  return { map, mask: above(map, threshold) };
}

/** 1 where the map reaches the threshold (default 0.25), 0 elsewhere. */
export function above({ data, shape }: Tensor, threshold = 0.25): Tensor {
  return { data: data.map((v) => (v >= threshold ? 1 : 0)), shape };
}
