import { describe, expect, test } from "vitest";
import { createNoise } from "../tensor/noise.ts";
import { combine, relativeError } from "../tensor/ops.ts";
import { modelInput, toDenoised } from "./denoiser.ts";
import type { NoiseLevel } from "./types.ts";

const noise = createNoise(1);
const [x0, epsilon] = [noise.randn([4, 3, 3]), noise.randn([4, 3, 3])];

/** Levels of both kinds, from almost clean to almost noise. */
const LEVELS: readonly NoiseLevel[] = [
  { t: 10, alpha: Math.sqrt(0.99), sigma: Math.sqrt(0.01) },
  { t: 800, alpha: Math.sqrt(0.02), sigma: Math.sqrt(0.98) },
  { t: 10, alpha: 1, sigma: 0.03 },
  { t: 999, alpha: 1, sigma: 14.6 },
];

describe.each(LEVELS)("at alpha = $alpha, sigma = $sigma", (level) => {
  const norm = Math.hypot(level.alpha, level.sigma);
  const [a, s] = [level.alpha / norm, level.sigma / norm];
  const x = combine([level.alpha, x0], [level.sigma, epsilon]);

  test("the model sees x in variance-preserving units", () => {
    expect(relativeError(modelInput(x, level), combine([a, x0], [s, epsilon]))).toBeLessThan(1e-6);
    if (level.alpha !== 1) expect(modelInput(x, level)).toBe(x);
  });

  test.each([
    ["epsilon", epsilon],
    ["v_prediction", combine([a, epsilon], [-s, x0])],
    ["sample", x0],
  ] as const)("the true %s gives x₀", (type, prediction) => {
    expect(relativeError(toDenoised(prediction, x, level, type), x0)).toBeLessThan(1e-5);
  });
});

describe("without any signal (alpha = 0)", () => {
  const level = { t: 999, alpha: 0, sigma: 1 };

  test("v gives x₀ = −v, and the model sees the noise itself", () => {
    const v = combine([-1, x0]);
    expect(toDenoised(v, epsilon, level, "v_prediction").data).toEqual(x0.data);
    expect(modelInput(epsilon, level)).toBe(epsilon);
  });

  test("a noise prediction is refused instead of dividing by 0", () => {
    expect(() => toDenoised(epsilon, epsilon, level, "epsilon")).toThrow(/alpha = 0/);
  });
});
