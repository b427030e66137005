/** LoRA files as each program writes them, against the same merged by that program (training/parity/make_lora_writers.py). */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { loadModel } from "../../src/models/load.node.ts";
import { checkpointOf } from "../parity/models.ts";
import { expectClose, readTensors } from "../parity/references.ts";

interface Case {
  readonly name: string;
  readonly base: string;
  readonly file: string;
  readonly prompt: string;
  readonly timestep: number;
}

const folder = fileURLToPath(new URL("../fixtures/lora/writers", import.meta.url));
const cases: readonly Case[] = JSON.parse(readFileSync(join(folder, "references.json"), "utf8"));
const tensor = readTensors(join(folder, "references.safetensors"));
const cache = mkdtempSync(join(tmpdir(), "emilie-lora-writers-"));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

test.each(cases)("$file on $base is merged as its writer merges it", async ({ name, base, file, ...one }) => {
  const checkpoint = checkpointOf(fileURLToPath(new URL(`../fixtures/parity/${base}`, import.meta.url)));
  const model = await loadModel(checkpoint, { threads: 1, cache, lora: [{ file: join(folder, file) }] });
  try {
    const text = await model.encodeText(one.prompt);
    const input = { z: tensor(`${name}.z`), c: tensor(`${name}.c`), text };
    const [output] = await model.denoise([input], one.timestep);
    expectClose(text.hidden, tensor(`${name}.hidden`), `${name}: text`);
    expectClose(output!, tensor(`${name}.output`), `${name}: UNet`);
  } finally {
    await model.dispose();
  }
});

test("none of the files is without effect", () => {
  for (const { base } of cases) {
    const outputs = cases.filter((one) => one.base === base).map(({ name }) => tensor(`${name}.output`).data);
    expect(new Set(outputs.map((data) => data.join())).size).toBe(outputs.length);
  }
});
