/**
 * Whole runs against diffusers: every sampler over 20 steps with the checkpoint's own UNet, and edits of pictures that
 * are not square as StableDiffusionInstructPix2PixPipeline makes them, step by step, to z₀ and D(z₀/s).
 */
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { toModelImage } from "../../src/images/model-image.ts";
import { edit } from "../../src/method/edit.ts";
import { firstCondition, toDecoderInput, toScaled } from "../../src/method/latent-iteration.ts";
import {
  createSchedule,
  defaultSampler,
  modelInput,
  samplers,
  toDenoised,
} from "../../src/samplers/index.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { scale } from "../../src/tensor/ops.ts";
import { modelOf } from "./models.ts";
import { at, expectClose, fixtures, readReferences } from "./references.ts";

describe.each(fixtures())("runs of %s", (folder) => {
  const name = basename(folder);
  const { references, tensor } = readReferences(folder);
  const model = modelOf(folder);

  test.each(references.samplers)("$sampler, $steps steps", async (run) => {
    const { schedulerConfig, predictionType } = model();
    const schedule = createSchedule(schedulerConfig, { sampler: run.sampler, steps: run.steps });
    const noise = createNoise(run.seed);
    const start = scale(noise.randn(tensor(run.start).shape), schedule.initSigma);
    const text = await model().encodeText(run.prompt);
    const c = tensor(run.c);
    const expected = tensor(run.x);
    await samplers[run.sampler](
      async (x, level) => {
        const [answer] = await model().denoise([{ z: modelInput(x, level), c, text }], level.t);
        return toDenoised(answer!, x, level, predictionType);
      },
      start,
      schedule,
      noise,
      ({ x, step }) => expectClose(x, at(expected, step), `${name}: ${run.sampler}, step ${step}`),
    );
  });

  test.each(references.pipeline)("edit of $picture: $prompt", async (run) => {
    expect(defaultSampler(model().schedulerConfig)).toBe(run.sampler);
    const picture = await readPicture(join(folder, run.picture));
    const image = toModelImage(picture, picture.width, picture.height);
    expectClose(image, tensor(run.image), `${name}: image`, 1e-6);
    const c = firstCondition(model(), await model().encodeImage(image));
    expectClose(c, tensor(run.condition), `${name}: condition`);
    const { seed, steps, textGuidance, imageGuidance } = run;
    const expected = tensor(run.x);
    const result = await edit(model(), c, [{ instruction: run.prompt }], {
      preset: "best", // what diffusers does, but for what is said here
      seed,
      steps,
      textGuidance,
      imageGuidance,
      onStep: ({ x, step }) => expectClose(x, at(expected, step), `${name}: edit, step ${step}`),
    });
    expectClose(toScaled(model(), result.c), tensor(run.latents), `${name}: latents`);
    expectClose(
      await model().decodeLatent(toDecoderInput(model(), result.c)),
      tensor(run.decoded),
      `${name}: picture`,
    );
  });
});
