/**
 * Samplers against diffusers' schedulers: x after every step of some 300 runs over configurations, spacings, predictions
 * and numbers of steps, with the network's answers replayed (training/parity/make_samplers.py). Start noise and step
 * noise come from our own generator by seed.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PredictionType, TimeShift } from "../../src/method/edit-model.ts";
import { createSchedule, isFlow, samplers, toDenoised } from "../../src/samplers/index.ts";
import type { SamplerName } from "../../src/samplers/types.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { scale } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { at, expectClose, parityFolder, readTensors } from "./references.ts";

interface Case {
  readonly name: string;
  readonly sampler: SamplerName;
  readonly steps: number;
  readonly seed: number;
  readonly config: Readonly<Record<string, unknown>>;
  /** Of every call of the network. */
  readonly timesteps: readonly number[];
  /** Picture tokens, for a dynamic shift. */
  readonly tokens?: number;
  readonly time_shift?: TimeShift;
}

/** Tighter than the 1e-4 of the method: nothing but float32 rounding may differ. */
const SAMPLER_BAR = 2e-5;
/** float32 rounding of the largest x so far, which diffusers carries on (with zero terminal SNR, Euler starts at 4096). */
const ROUNDING = 5e-7;
const largest = ({ data }: Tensor): number =>
  data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const file = join(parityFolder, "samplers.json");

describe.skipIf(!existsSync(file))("samplers agree with diffusers at every step", () => {
  const cases: readonly Case[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
  if (cases.length === 0) return; // a folder of checkpoints only
  const tensor = readTensors(join(parityFolder, "samplers.safetensors"));

  test.each(cases)("$name", async ({ name, sampler, steps, seed, config, timesteps, ...shift }) => {
    const { tokens, time_shift: timeShift } = shift;
    const schedule = createSchedule(config, { sampler, steps, tokens, timeShift });

    const noise = createNoise(seed);
    const start = scale(noise.randn(tensor(`${name}.start`).shape), schedule.initSigma);
    expectClose(start, tensor(`${name}.start`), `${name}: start`, SAMPLER_BAR);
    let most = largest(start);
    const outputs = tensor(`${name}.outputs`);
    const expected = tensor(`${name}.x`);
    const type = (
      isFlow(config) ? "flow_prediction" : (config.prediction_type ?? "epsilon")
    ) as PredictionType;
    const told: number[] = [];
    await samplers[sampler](
      async (x, level) => {
        told.push(level.t);
        return toDenoised(at(outputs, told.length - 1), x, level, type);
      },
      start,
      schedule,
      noise,
      ({ x, step }) => {
        most = Math.max(most, largest(x));
        const bar = Math.max(SAMPLER_BAR, (ROUNDING * most) / largest(x));
        // diffusers counts every call of the network as a step.
        expectClose(x, at(expected, told.length - 1), `${name}: step ${step}`, bar);
      },
    );
    expect(told).toHaveLength(timesteps.length);
    for (const [i, t] of told.entries()) expect(t).toBeCloseTo(timesteps[i]!, 2);
  });
});
