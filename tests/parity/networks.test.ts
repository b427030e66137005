/** Text encoder, VAE and UNet against transformers and diffusers: every committed configuration, several sizes. */
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { modelOf } from "./models.ts";
import { at, expectClose, fixtures, readReferences } from "./references.ts";

describe.each(fixtures())("networks of %s", (folder) => {
  const name = basename(folder);
  const { references, tensor } = readReferences(folder);
  const model = modelOf(folder);

  test("the scaling factor is the VAE's", () => {
    expect(model().scalingFactor).toBe(references.scalingFactor);
  });

  test.each(references.text.prompts.map((prompt, i) => [prompt.slice(0, 40), prompt, i] as const))(
    "text encoding of %j",
    async (_shown, prompt, i) => {
      const { hidden, pooled } = await model().encodeText(prompt);
      expectClose(hidden, at(tensor(references.text.hidden), i), `${name}: text`);
      if (references.text.pooled === undefined) return expect(pooled).toBeUndefined();
      const [{ data }, expected] = [pooled!, at(tensor(references.text.pooled), i)];
      expectClose({ data, shape: expected.shape }, expected, `${name}: pooled text`);
    },
  );

  test.each(references.vae)("VAE: $image and $latent", async ({ image, mode, latent, decoded }) => {
    expectClose(await model().encodeImage(tensor(image)), tensor(mode), `${name}: encoder`);
    expectClose(await model().decodeLatent(tensor(latent)), tensor(decoded), `${name}: decoder`);
  });

  test.each(references.unet)("UNet: $output at t = $timestep", async ({ z, c, prompt, timestep, output }) => {
    const text = await model().encodeText(prompt);
    const [answer] = await model().denoise([{ z: tensor(z), c: tensor(c), text }], timestep);
    expectClose(answer!, tensor(output), `${name}: UNet at ${timestep}`);
  });
});
