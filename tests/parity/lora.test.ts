/** LoRA files of the common namings merged into tiny checkpoints, against the same merged in torch (training/parity/make_loras.py). */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { type LoadOptions, loadModel } from "../../src/models/load.node.ts";
import { zeros } from "../../src/tensor/tensor.ts";
import { checkpointOf } from "./models.ts";
import { expectClose, readTensors } from "./references.ts";

interface Case {
  readonly name: string;
  readonly base: string;
  readonly file: string;
  readonly weight: number;
  readonly prompt: string;
  readonly timestep: number;
}

const folder = fileURLToPath(new URL("../fixtures/lora", import.meta.url));
const cases: readonly Case[] = JSON.parse(readFileSync(join(folder, "references.json"), "utf8"));
const tensor = readTensors(join(folder, "references.safetensors"));
const baseOf = (name: string) =>
  checkpointOf(fileURLToPath(new URL(`../fixtures/parity/${name}`, import.meta.url)));

const scratch = mkdtempSync(join(tmpdir(), "emilie-lora-"));
const models: EditModel[] = [];
afterAll(async () => {
  for (const model of models) await model.dispose();
  rmSync(scratch, { recursive: true, force: true });
});
async function open(name: string, options: LoadOptions = {}): Promise<EditModel> {
  const model = await loadModel(name, { threads: 1, cache: scratch, ...options });
  models.push(model);
  return model;
}

async function unetOf(model: EditModel, { name, prompt, timestep }: Case) {
  const text = await model.encodeText(prompt);
  const [output] = await model.denoise([{ z: tensor(`${name}.z`), c: tensor(`${name}.c`), text }], timestep);
  return { hidden: text.hidden, output: output! };
}

describe.each(cases)("$file on $base", (one) => {
  const lora = join(folder, one.file);

  test("gives torch's numbers, by option and by name", async () => {
    const byOption = await open(baseOf(one.base), { lora: [{ file: lora, weight: one.weight }] });
    const { hidden, output } = await unetOf(byOption, one);
    expectClose(hidden, tensor(`${one.name}.hidden`), `${one.name}: text`);
    expectClose(output, tensor(`${one.name}.output`), `${one.name}: UNet`);
    expect(byOption.id).toBe(`${baseOf(one.base)} + ${lora}=${one.weight}`);
    const byName = await open(byOption.id);
    expect(byName.fingerprint).toBe(byOption.fingerprint);
    expect((await unetOf(byName, one)).output.data).toEqual(output.data);
  });

  test("halved and given twice is the same, and another model than without or with another weight", async () => {
    const half = { file: lora, weight: one.weight / 2 };
    const twice = await open(baseOf(one.base), { lora: [half, half], memory: "low" });
    expectClose((await unetOf(twice, one)).output, tensor(`${one.name}.output`), `${one.name}: twice`);
    const others = [await open(baseOf(one.base)), await open(baseOf(one.base), { lora: [half] })];
    expect(new Set([twice, ...others].map(({ fingerprint }) => fingerprint)).size).toBe(3);
  });
});

describe("a LoRA that does not fit", () => {
  const base = baseOf("sd1");
  const key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
  const pair = (name: string, down: number[], up: number[]) => ({
    [`${name}.lora_down.weight`]: zeros(down),
    [`${name}.lora_up.weight`]: zeros(up),
  });
  const write = (
    name: string,
    tensors: Parameters<typeof writeSafetensors>[0],
    notes?: Record<string, string>,
  ) => {
    const file = join(scratch, `${name}.safetensors`);
    writeFileSync(file, writeSafetensors(tensors, notes));
    return file;
  };
  const refused = (file: string, code: string, message: RegExp) =>
    expect(loadModel(base, { threads: 1, lora: [{ file }] })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });

  test("is refused with the module that the checkpoint lacks", async () => {
    const file = write("stranger", {
      ...pair(key, [2, 16], [16, 2]),
      ...pair("lora_unet_input_blocks_99_1_proj_in", [1, 4], [4, 1]),
    });
    await refused(
      file,
      "checkpoint.unsupported",
      /"input_blocks_99_1_proj_in" of the unet is not in the checkpoint/,
    );
    await refused(join(folder, "kohya-xl.safetensors"), "checkpoint.unsupported", /another architecture/);
  });

  test("is refused with the shapes that differ", async () => {
    await refused(
      write("wide", pair(key, [2, 24], [16, 2])),
      "checkpoint.unsupported",
      /attn1_to_q.*\[2,24\].*\[16,16\]/,
    );
    await refused(
      write("ranks", pair(key, [2, 16], [16, 3])),
      "checkpoint.malformed",
      /down \[2,16\], up \[16,3\], which do not fit together/,
    );
    await refused(
      write("half", { [`${key}.lora_down.weight`]: zeros([2, 16]) }),
      "checkpoint.malformed",
      /no matrix up/,
    );
    await refused(
      write("alpha", { ...pair(key, [2, 16], [16, 2]), [`${key}.alpha`]: zeros([2]) }),
      "checkpoint.malformed",
      /alpha.*one number/,
    );
  });

  test("is refused where it is of another kind, naming the keys", async () => {
    await refused(
      write("oft", { [`${key}.oft_blocks`]: zeros([2, 2]) }),
      "checkpoint.unsupported",
      /oft_blocks.*OFT/,
    );
    await refused(
      write("dora", { ...pair(key, [2, 16], [16, 2]), [`${key}.dora_scale`]: zeros([1]) }),
      "checkpoint.unsupported",
      /dora \[1\] for a weight of shape \[16,16\]/,
    );
    const notes = { lora_adapter_metadata: JSON.stringify({ "unet.use_rslora": true }) };
    await refused(
      write("rslora", pair(key, [2, 16], [16, 2]), notes),
      "checkpoint.unsupported",
      /use_rslora.*lora_alpha/,
    );
    await refused(write("empty", {}), "checkpoint.unsupported", /not a LoRA/);
  });

  test("with a weight that is no number, or no file, or a pickle", async () => {
    await expect(loadModel(`${base} + ${join(folder, "kohya.safetensors")}=much`)).rejects.toMatchObject({
      code: "option.invalid",
    });
    await refused(join(scratch, "nowhere.safetensors"), "checkpoint.missing", /nowhere/);
    const pickle = join(scratch, "lora.pt");
    copyFileSync(join(folder, "kohya.safetensors"), pickle);
    await refused(pickle, "checkpoint.unsafe", /pickle/);
  });

  test("whose values are not numbers is found when it is merged", async () => {
    const bad = pair(key, [2, 16], [16, 2]);
    bad[`${key}.lora_up.weight`]!.data[5] = Number.NaN;
    await refused(write("nan", bad), "checkpoint.malformed", /attn1_to_q.*finite/);
  });

  test("peft's own alpha, from the file's notes, is heeded", async () => {
    const path = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    const values = (shape: number[]) => ({
      data: Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => Math.sin(i)),
      shape,
    });
    const file = (name: string, notes?: Record<string, string>) =>
      write(
        name,
        { [`${path}.lora_A.weight`]: values([2, 16]), [`${path}.lora_B.weight`]: values([16, 2]) },
        notes,
      );
    const alpha = JSON.stringify({ "unet.lora_alpha": 1, "unet.r": 2 });
    const noted = await open(base, { lora: [{ file: file("noted", { lora_adapter_metadata: alpha }) }] });
    const halved = await open(base, { lora: [{ file: file("plain"), weight: 0.5 }] });
    const [a, b] = [await unetOf(noted, cases[0]!), await unetOf(halved, cases[0]!)];
    expect(a.output.data).toEqual(b.output.data);
  });
});
