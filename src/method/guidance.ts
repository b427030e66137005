/**
 * Classifier-free guidance with two conditions (InstructPix2Pix, arXiv 2211.09800, section 3.2.1), and its extension to
 * several regions in one pass:
 *
 *   ε̂ = ε(∅,0) + s_I·[ε(∅,c) − ε(∅,0)] + Σ_r s_r·m_r·[ε(y_r,c) − ε(∅,c)]
 *
 * The UNet's raw output (ε or v) is linear in x̂₀ at a fixed level, so the sum is taken there. A term whose weight makes it
 * vanish is not computed.
 */
import type { EditModel, TextEncoding, UNetInput } from "../models/model.ts";
import { modelInput, toDenoised } from "../samplers/denoiser.ts";
import type { Denoise } from "../samplers/types.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

/** One text direction: how strongly, towards what, and where. */
export interface Direction {
  readonly text: TextEncoding;
  /** s_r; negative pushes away from the text. */
  readonly weight: number;
  /** m_r [1, h, w]; absent: everywhere. */
  readonly mask?: Tensor;
}

export interface Guidance {
  readonly model: EditModel;
  /** c, the condition latent. */
  readonly c: Tensor;
  /** The encoding of "". */
  readonly nullText: TextEncoding;
  /** What ε(∅, c) is told; the encoding of a no-op sentence may serve where the null text does not keep the picture. */
  readonly baseText: TextEncoding;
  readonly directions: readonly Direction[];
  /** s_I */
  readonly imageGuidance: number;
  readonly signal?: AbortSignal;
}

/** One UNet term with its weight: a number, or a number for each latent pixel. */
interface Term {
  readonly input: Omit<UNetInput, "z">;
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

/** The terms of ε̂ that have any weight. */
function termsOf({ c, nullText, baseText, directions, imageGuidance }: Guidance): Term[] {
  const pixels = c.shape[1]! * c.shape[2]!;
  const text = totalWeight(directions, pixels);
  const base = typeof text === "number" ? imageGuidance - text : text.map((w) => imageGuidance - w);
  const terms: Term[] = directions.map(({ text, weight, mask }) => ({
    input: { c, text },
    weight: mask ? mask.data.map((m) => weight * m) : weight,
  }));
  terms.push({ input: { c, text: baseText }, weight: base });
  terms.push({ input: { c: zeros(c.shape), text: nullText }, weight: 1 - imageGuidance });
  return terms.filter((term) => !vanishes(term.weight));
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

/** The guided model as a denoiser: x at a level → x̂₀. */
export function guided(guidance: Guidance): Denoise {
  const { model, signal } = guidance;
  const terms = termsOf(guidance);
  return async (x, level) => {
    const z = modelInput(x, level);
    const inputs = terms.map(({ input }) => ({ z, ...input }));
    const outputs = await model.unet(inputs, level.t, { signal });
    return toDenoised(weightedSum(terms, outputs), x, level, model.predictionType);
  };
}
