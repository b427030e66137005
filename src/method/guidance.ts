/**
 * Classifier-free guidance with two conditions (InstructPix2Pix, arXiv 2211.09800, section 3.2.1), and its extension to
 * several regions in one pass:
 *
 *   ε̂ = ε(∅,0) + s_I·[ε(∅,c) − ε(∅,0)] + Σ_r s_r·m_r·[ε(y_r,c) − ε(∅,c)]
 *
 * The denoiser's raw output (ε or v) is linear in x̂₀ at a fixed level, so the sum is taken there. A term whose weight makes it
 * vanish is not computed.
 *
 * Guidance may act in a part of the steps alone (Kynkäänniemi et al., arXiv 2404.07724).
 *
 * A model that is guided by nothing has one term a region, ε̂ = Σ_r (m_r / Σ m)·ε(y_r,c): each region's own answer where its mask is.
 */

import { modelInput, toDenoised } from "../samplers/denoiser.ts";
import type { Denoise } from "../samplers/types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DenoiseInput, EditModel, TextEncoding } from "./edit-model.ts";
import { directionStrength, masksDirection } from "./gradient-control.ts";
import type { Region, ResolvedOptions } from "./options.ts";

/** One text direction: how strongly, towards what, and where. */
export interface Direction {
  readonly text: TextEncoding;
  /** s_r; negative pushes away from the text. */
  readonly weight: number;
  /** What the network is told of guidance, in the place of a weight above 1, where it embeds it. */
  readonly guidance?: number;
  /** In the place of a positive weight where a step is not guided. Default 1. */
  readonly unguided?: number;
  /** m_r [1, h, w]; absent: everywhere. */
  readonly mask?: Tensor;
}

export interface Guidance {
  readonly model: EditModel;
  /** c, the condition latent. */
  readonly c: Tensor;
  /** Reference pictures, in every term. */
  readonly references?: readonly Tensor[];
  /** The encoding of ""; absent where the model has no answer without a picture. */
  readonly nullText?: TextEncoding;
  /** What ε(∅, c) is told; the encoding of a no-op sentence may serve where the null text does not keep the picture. Absent where the model is guided by nothing. */
  readonly baseText?: TextEncoding;
  readonly directions: readonly Direction[];
  /** s_I */
  readonly imageGuidance: number;
  readonly signal?: AbortSignal;
  /** Whether a step is guided; others have s_I = 1 and the directions' weights at 1. Absent: every step is. */
  readonly guides?: (step: number) => boolean;
}

/** Whether a step is guided: its middle, as a share of the schedule (0 its noisy end, 1 its clean one), lies in the interval. */
export function guidesWithin(
  { guidanceInterval: [from, to] }: { readonly guidanceInterval: readonly [number, number] },
  steps: number,
): (step: number) => boolean {
  return (step) => from <= (step + 0.5) / steps && (step + 0.5) / steps <= to;
}

/** With one region the mask acts later, on x̂₀; with several each direction needs its own. */
export function directionsOf(
  { embedsGuidance }: Pick<EditModel, "embedsGuidance">,
  regions: readonly Region[],
  texts: readonly TextEncoding[],
  settings: ResolvedOptions,
): Direction[] {
  const local = masksDirection(settings.control) || regions.length > 1;
  const pull = directionStrength(settings);
  return regions.map((r, i) => {
    const weight = r.weight ?? settings.textGuidance;
    const told = embedsGuidance && weight > 1;
    return {
      text: texts[i]!,
      weight: pull * (told ? 1 : weight),
      guidance: told ? weight : undefined,
      unguided: pull,
      mask: local ? r.mask : undefined,
    };
  });
}

/**
 * Calls of the denoiser for a plain edit, one instruction and no mask: its terms in each of the sampler's calls, `calls` of them a step.
 * Fewer may be needed where a mask leaves nothing to change.
 */
export function plannedCalls(
  settings: {
    readonly textGuidance: number;
    readonly imageGuidance: number;
    readonly guidanceInterval: readonly [number, number];
    readonly embedsGuidance?: boolean;
  },
  calls: readonly number[],
): number {
  const { imageGuidance, embedsGuidance } = settings;
  const textGuidance = embedsGuidance ? Math.min(settings.textGuidance, 1) : settings.textGuidance;
  const guides = guidesWithin(settings, calls.length);
  const [guided, plain] = [
    [textGuidance, imageGuidance],
    [textGuidance > 0 ? 1 : 0, 1],
  ].map(([text, image]) => weightsOf([text!], text!, image!).filter((weight) => !vanishes(weight)).length);
  return calls.reduce((sum, count, i) => sum + count * (guides(i) ? guided! : plain!), 0);
}

/** The weights of the terms, in the order of inputsOf: each direction's, the base's, nothing's. */
function weightsOf(
  own: readonly (number | Float32Array)[],
  total: number | Float32Array,
  imageGuidance: number,
): (number | Float32Array)[] {
  const base = typeof total === "number" ? imageGuidance - total : total.map((w) => imageGuidance - w);
  return [...own, base, 1 - imageGuidance];
}

/** One term with its weight: a number, or a number for each latent pixel. */
interface Term {
  readonly input: Omit<DenoiseInput, "z">;
  readonly weight: number | Float32Array;
}

const vanishes = (weight: number | Float32Array): boolean =>
  typeof weight === "number" ? weight === 0 : weight.every((w) => w === 0);

/** Σ_r s_r·m_r: a number where no direction has a mask, else a map over the latent pixels. */
function totalWeight(directions: readonly Direction[], pixels: number): number | Float32Array {
  if (directions.every((d) => !d.mask)) return directions.reduce((sum, d) => sum + d.weight, 0);
  const map = new Float32Array(pixels);
  for (const { weight, mask } of directions) {
    for (let i = 0; i < pixels; i++) map[i]! += weight * (mask ? mask.data[i]! : 1);
  }
  return map;
}

/** What the denoiser is told in each term: every direction's text, the base, nothing at all. */
function inputsOf({ c, nullText, baseText, directions, references }: Guidance): Term["input"][] {
  const told = directions.map(({ text, guidance }) => ({ c, text, guidance, references }));
  return [
    ...told,
    ...(baseText ? [{ c, text: baseText, references }] : []),
    ...(nullText ? [{ c: null, text: nullText }] : []),
  ];
}

/** m_r / Σ m for each direction, all alike where no mask is open; a number where there is one direction. */
function shares(directions: readonly Direction[], pixels: number): (number | Float32Array)[] {
  if (directions.length === 1) return [1];
  const masks = directions.map(({ mask }) => mask?.data ?? new Float32Array(pixels).fill(1));
  const sums = Float32Array.from({ length: pixels }, (_, i) => masks.reduce((sum, m) => sum + m[i]!, 0));
  return masks.map((m) => m.map((value, i) => (sums[i]! > 0 ? value / sums[i]! : 1 / masks.length)));
}

/** The terms of ε̂ that have any weight. */
function termsOf(guidance: Guidance, inputs: readonly Term["input"][]): Term[] {
  const { c, directions, imageGuidance, model } = guidance;
  const pixels = c.shape[1]! * c.shape[2]!;
  if (model.guidedBy === "nothing") {
    return shares(directions, pixels).map((weight, k) => ({ input: inputs[k]!, weight }));
  }
  const own = directions.map(({ weight, mask }) => (mask ? mask.data.map((m) => weight * m) : weight));
  const weights = weightsOf(own, totalWeight(directions, pixels), imageGuidance);
  return inputs.map((input, k) => ({ input, weight: weights[k]! })).filter(({ weight }) => !vanishes(weight));
}

/** The same without guidance: s_I = 1, and s_r = 1 where it is positive; nothing is pushed away from. */
function withoutGuidance(guidance: Guidance): Guidance {
  const directions = guidance.directions.map((d) => ({ ...d, weight: d.weight > 0 ? (d.unguided ?? 1) : 0 }));
  return { ...guidance, directions, imageGuidance: 1 };
}

/** Σ weight·output over the terms, rounded to float32 once. */
function weightedSum(terms: readonly Term[], outputs: readonly Tensor[]): Tensor {
  const { shape, data } = outputs[0]!;
  const pixels = shape[1]! * shape[2]!;
  const sum = new Float64Array(data.length);
  terms.forEach(({ weight }, k) => {
    const output = outputs[k]!.data;
    for (let i = 0; i < sum.length; i++) {
      sum[i]! += (typeof weight === "number" ? weight : weight[i % pixels]!) * output[i]!;
    }
  });
  return { data: Float32Array.from(sum), shape };
}

/** The guided model as a denoiser: x at a level → x̂₀. One is made for each run of a sampler. */
export function withGuidance(guidance: Guidance): Denoise {
  const { model, guides, signal } = guidance;
  const inputs = inputsOf(guidance);
  const [inside, outside] = [guidance, withoutGuidance(guidance)].map((g) => termsOf(g, inputs));
  return async (x, level, step) => {
    const terms = !guides || guides(step) ? inside! : outside!;
    const z = modelInput(x, level);
    const outputs = await model.denoise(
      terms.map(({ input }) => ({ z, ...input })),
      level.t,
      { signal },
    );
    return toDenoised(weightedSum(terms, outputs), x, level, model.predictionType);
  };
}
