/** DreamLite in a browser: whole edits of the mobile model's tiny configuration. The base model's: dreamlite-base.long.test.ts. */
import { expect, it } from "vitest";
import { loadModel, openSession } from "../../src/web.ts";
import { describeEditsOf, distance, latents, ofNode, pictureOf, rounded, server } from "./dreamlite-edits.ts";

describeEditsOf("mobile");

it("gives them from the browser's storage in fp32, and in buffers in int8", async () => {
  const kept = await latents("mobile", { precision: "fp32", keep: true });
  expect(distance(kept, await ofNode("mobile/fp32"))).toBeLessThan(1e-3);
  const fetched = await latents("mobile", { precision: "int8", keep: false });
  // Without "keep" it is kept.
  expect(fetched).toEqual(await rounded("mobile", "int8"));
});

it("merges a LoRA into weights that are kept", async () => {
  const lora = [{ file: `${server}mobile/lora-peft.safetensors`, weight: 0.5 }];
  const with_ = await latents("mobile", { precision: "fp32", keep: true, lora });
  expect(distance(with_, await ofNode("mobile/fp32/lora-peft.safetensors"))).toBeLessThan(1e-3);
  expect(distance(with_, await ofNode("mobile/fp32"))).toBeGreaterThan(1e-3);
});

it("edits in a session, with the memory of a single network", async () => {
  const model = await loadModel(`${server}mobile/checkpoint`, {
    precision: "int4",
    memory: "low",
    id: "DreamLite",
  });
  const session = await openSession(model, await pictureOf("mobile"));
  const winter = await session.edit("make it winter", { steps: 1 });
  const green = await session.edit("make it green", { steps: 1 });
  expect(model.calls.encodeImage).toBe(1);
  expect(green.parent).toBe(winter);
  expect(session.model.id).toBe("DreamLite in int4");
  expect((await session.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);
  await model.dispose();
});
