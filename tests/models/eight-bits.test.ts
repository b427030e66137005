/**
 * Files of weights in eight bits as they are in circulation: scales for a whole matrix or for each row, in the names that several programs give them, of either kind of
 * number, for the transformer, the text encoder and its embeddings. Each is held to the same numbers written out in fp32; kinds that are not read are refused by name.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  readSafetensorsHeader,
  type StoredType,
  safetensorsHeader,
} from "../../src/checkpoint/safetensors.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { fromFloat8 } from "../../src/tensor/float8.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import { FLUX2, scratchFolder } from "../support/flux2-fixture.ts";
import { same } from "../support/session-fixture.ts";

const scratch = scratchFolder();
const cache = join(scratch, "cache");
const open: EditModel[] = [];
const load = async (path: string) => {
  const model = await loadModel(path, { threads: 1, cache });
  open.push(model);
  return model;
};
afterAll(async () => {
  for (const model of open) await model.dispose();
});

interface Kind {
  readonly type: "F8_E4M3" | "F8_E5M2";
  /** Of the scale, after the module. */
  readonly scale?: "weight_scale" | "scale_weight";
  /** The shape of a scale of so many rows. */
  readonly shape?: (rows: number) => readonly number[];
  readonly stored?: "F32" | "BF16";
  /** Others that such a file has. */
  readonly beside?: readonly string[];
}
const KINDS: Readonly<Record<string, Kind>> = {
  "a scale for each row": { type: "F8_E4M3", scale: "weight_scale", shape: (rows) => [rows] },
  "a scale for each row, as a column in bf16": {
    ...{ type: "F8_E4M3", scale: "weight_scale", stored: "BF16" },
    shape: (rows) => [rows, 1],
  },
  "a scale for each row, as a row": { type: "F8_E4M3", scale: "weight_scale", shape: (rows) => [1, rows] },
  "a scale for all, with one of activations": {
    ...{ type: "F8_E4M3", scale: "weight_scale", shape: () => [], beside: ["input_scale"] },
  },
  "ComfyUI's older names": {
    ...{ type: "F8_E4M3", scale: "scale_weight", shape: () => [1], beside: ["scale_input"] },
  },
  "the wider kind with a scale": { type: "F8_E5M2", scale: "weight_scale", shape: (rows) => [rows] },
  "no scale": { type: "F8_E5M2" },
};

type Entry = { name: string; type: StoredType; shape: readonly number[]; bytes: Uint8Array };
const bytesOf = (values: Float32Array | Uint16Array) => new Uint8Array(values.buffer.slice(0));
function write(file: string, entries: readonly Entry[]): void {
  const header = safetensorsHeader(entries.map((entry) => [entry.name, entry]));
  writeFileSync(file, Buffer.concat([header, ...entries.map(({ bytes }) => bytes)]));
}

/** Writes two files with the shapes of `from`: random numbers of eight bits, and what they are worth in fp32. */
async function writeBoth(from: string, name: string, kind: Kind, [eight, full]: readonly [string, string]) {
  const source = folderSource(from);
  const { tensors } = await readSafetensorsHeader(source, name);
  const noise = createNoise(7);
  const small: Entry[] = kind.beside?.includes("scale_input")
    ? [{ name: "scaled_fp8", type: "F8_E4M3", shape: [2], bytes: new Uint8Array(2) }]
    : [];
  const wide: Entry[] = [];
  for (const [key, ref] of tensors) {
    const { shape, type } = ref;
    const bytes = await source.read(name, ref.offset, ref.length);
    const [rows = 0] = shape;
    if (shape.length < 2 || !key.endsWith(".weight")) {
      for (const entries of [small, wide]) entries.push({ name: key, type, shape, bytes });
      continue;
    }
    // From 1/16 to 1 (E4M3: steps of an eighth of a power of two; E5M2: of a quarter), either sign.
    const [low, high] = kind.type === "F8_E4M3" ? [0x18, 0x38] : [0x2c, 0x3c];
    const codes = Uint8Array.from(noise.randn([sizeOf(shape)]).data, (value, i) => {
      const code = low + (Math.floor(Math.abs(value) * 1000 + i) % (high - low));
      return value < 0 ? code | 0x80 : code;
    });
    const scaleShape = kind.shape?.(rows) ?? [];
    // Powers of two and a half: bf16 holds them.
    const scales = Float32Array.from(
      { length: sizeOf(scaleShape) },
      (_, i) => 0.25 * 2 ** -(i % 3) * (1 + (i % 2) / 2),
    );
    const values = fromFloat8(kind.type, codes).map((value, i) =>
      kind.scale ? value * scales[scales.length > 1 ? Math.floor(i / (sizeOf(shape) / rows)) : 0]! : value,
    );
    small.push({ name: key, type: kind.type, shape, bytes: codes });
    wide.push({ name: key, type: "F32", shape, bytes: bytesOf(values) });
    const module = key.slice(0, -".weight".length);
    if (kind.scale) {
      const upper = new Uint16Array(scales.buffer).filter((_, i) => i % 2 === 1);
      const stored = kind.stored ?? "F32";
      const scaleBytes = stored === "BF16" ? bytesOf(upper) : bytesOf(scales);
      small.push({ name: `${module}.${kind.scale}`, type: stored, shape: scaleShape, bytes: scaleBytes });
    }
    for (const other of kind.beside ?? []) {
      small.push({ name: `${module}.${other}`, type: "F32", shape: [], bytes: bytesOf(Float32Array.of(3)) });
    }
  }
  write(eight, small);
  write(full, wide);
}

const base = join(FLUX2, "klein-base");
const rest = join(base, "checkpoint");
/** Its networks are a file each. */
const klein = join(FLUX2, "klein/checkpoint");
let count = 0;
const folder = () => {
  const path = join(scratch, `case-${count++}`);
  mkdirSync(path);
  return path;
};

describe.each(Object.entries(KINDS))("%s", (_, kind) => {
  it("of the transformer, in the original names", async () => {
    const at = folder();
    const [eight, full] = [join(at, "eight-base.safetensors"), join(at, "full-base.safetensors")];
    await writeBoth(base, "flux-2-klein-base-tiny.safetensors", kind, [eight, full]);
    for (const name of ["text_encoder", "tokenizer", "vae"])
      cpSync(join(rest, name), join(at, name), { recursive: true });
    const models = [await load(eight), await load(full)];
    const noise = createNoise(1);
    const channels = models[0]!.latentChannels;
    const [z, c] = [noise.randn([channels, 2, 3]), noise.randn([channels, 2, 3])];
    const text = await models[0]!.encodeText("make it winter");
    const [mine, expected] = await Promise.all(
      models.map(async (model) => (await model.denoise([{ z, c, text }], 500))[0]!),
    );
    expect(expected!.data.some((value) => Math.abs(value) > 0.01)).toBe(true);
    expect(same(mine!, expected!)).toBe(true);
  });

  it("of the text encoder with its embeddings, in a folder and as a file", async () => {
    const at = folder();
    cpSync(klein, join(at, "eight"), { recursive: true });
    cpSync(klein, join(at, "full"), { recursive: true });
    const model = "text_encoder/model.safetensors";
    await writeBoth(join(klein, "text_encoder"), "model.safetensors", kind, [
      join(at, "eight", model),
      join(at, "full", model),
    ]);
    mkdirSync(join(at, "file"));
    const copy = (from: string, to: string) =>
      cpSync(join(at, "eight", from), join(at, "file", to), { recursive: true });
    copy("transformer/diffusion_pytorch_model.safetensors", "klein.safetensors");
    copy(model, "qwen_3_fp8.safetensors");
    for (const name of ["vae", "tokenizer"]) copy(name, name);
    const [expected, ...mine] = await Promise.all(
      ["full", "eight", "file/klein.safetensors"].map(async (name) =>
        (await load(join(at, name))).encodeText("make it winter"),
      ),
    );
    expect(expected!.hidden.data.some((value) => Math.abs(value) > 0.01)).toBe(true);
    for (const one of mine) expect(same(one.hidden, expected!.hidden)).toBe(true);
  });
});

describe("what is not read is refused by name", () => {
  const NAME = "single_transformer_blocks.0.attn.to_out";
  const zeros = (name: string, type: StoredType, shape: readonly number[], each: number): Entry => ({
    ...{ name, type, shape, bytes: new Uint8Array(each * sizeOf(shape)) },
  });
  it.each([
    ["finegrained fp8", zeros(`${NAME}.weight_scale_inv`, "F32", [1, 1], 4), null, /finegrained fp8.*bf16/],
    ["MXFP8", zeros(`${NAME}.weight_scale`, "F8_E8M0", [32, 3], 1), "F8_E4M3", /32,.*96 scales.*MXFP8/],
    ["integers", zeros(`${NAME}.weight_scale`, "F32", [1], 4), "I8", /integers of eight bits/],
    ["NVFP4", zeros(`${NAME}.weight_scale_2`, "F32", [], 4), "U8", /four bits packed/],
    ["a scale of nothing", zeros("nobody.weight_scale", "F32", [], 4), null, /scale of no weight/],
    [
      "a scale that is no number",
      zeros(`${NAME}.weight_scale`, "I32", [], 4),
      "F8_E4M3",
      /scale of no weight/,
    ],
  ] as const)("%s", async (_, extra, type, message) => {
    const at = folder();
    cpSync(klein, at, { recursive: true });
    const file = "diffusion_pytorch_model.safetensors";
    const source = folderSource(join(klein, "transformer"));
    const { tensors } = await readSafetensorsHeader(source, file);
    const entries: Entry[] = [extra];
    for (const [name, ref] of tensors) {
      const { shape } = ref;
      if (type && name === `${NAME}.weight`) entries.push(zeros(name, type, shape, 1));
      else
        entries.push({ name, type: ref.type, shape, bytes: await source.read(file, ref.offset, ref.length) });
    }
    write(join(at, "transformer", file), entries);
    await expect(load(at)).rejects.toThrow(message);
  });
});
