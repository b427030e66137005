/** The names and types that trainers give to the same tensors, and what is refused by name: on the headers and weights of tiny checkpoints. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { merged } from "../../src/checkpoint/lora/merge.ts";
import { type StoredType, safetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { openCheckpoint, openLora } from "../../src/models/open.node.ts";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import { matchLoras } from "../../src/networks/stable-diffusion/loras.ts";

const folder = fileURLToPath(new URL("../fixtures/lora/writers", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "emilie-lora-names-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The weights that a LoRA changes, as they are with it merged. */
async function weights(base: string, file: string, weight = 1) {
  const source = openCheckpoint(
    fileURLToPath(new URL(`../fixtures/parity/${base}/checkpoint`, import.meta.url)),
  );
  const checkpoint = await readCheckpoint(source);
  const { additions, notes } = await matchLoras([openLora({ file, weight })], checkpoint);
  const values: Record<string, Float32Array> = {};
  for (const [table, all] of additions) {
    for (const [name, changes] of all) {
      values[`${table.folder}/${name}`] = await merged(source, name, table.tensors.get(name)!, changes);
    }
  }
  return { values, notes };
}

interface Stored {
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}
type Stores = ReadonlyMap<string, Stored>;

function read(path: string): Stores {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { dtype: StoredType; shape: number[]; data_offsets: [number, number] }> =
    JSON.parse(bytes.toString("utf8", 8, 8 + size));
  return new Map(
    Object.entries(header).flatMap(([name, { dtype, shape, data_offsets: at }]) =>
      name === "__metadata__"
        ? []
        : [
            [
              name,
              { type: dtype, shape, bytes: bytes.subarray(8 + size + at[0], 8 + size + at[1]) },
            ] as const,
          ],
    ),
  );
}

function write(name: string, tensors: Stores, metadata?: Record<string, string>): string {
  const file = join(scratch, `${name.replaceAll(/[^\w]+/g, "-")}.safetensors`);
  const header = safetensorsHeader([...tensors], metadata);
  writeFileSync(file, Buffer.concat([header, ...[...tensors.values()].map(({ bytes }) => bytes)]));
  return file;
}

const float = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
/** The kohya export's tensors: alpha is the rank. */
const kohya = read(join(folder, "diffusers-kohya.safetensors"));
const peft = read(join(folder, "diffusers.safetensors"));
const renamed = (tensors: Stores, rename: (key: string) => string): Stores =>
  new Map([...tensors].map(([key, stored]) => [rename(key), stored]));

describe("the same tensors under other names are the same LoRA", () => {
  const old = (key: string) =>
    key
      .replace(/\.to_out\.0\.lora_([AB])/, ".to_out.lora_$1")
      .replace(/\.attn(\d)\.(to_\w+)\.lora_A/, ".attn$1.processor.$2_lora.down")
      .replace(/\.attn(\d)\.(to_\w+)\.lora_B/, ".attn$1.processor.$2_lora.up")
      .replace(/\.self_attn\.(\w+)_proj\.lora_A/, ".self_attn.to_$1_lora.down")
      .replace(/\.self_attn\.(\w+)_proj\.lora_B/, ".self_attn.to_$1_lora.up");
  const lines = (key: string) => key.replace(".lora_A.", ".lora.down.").replace(".lora_B.", ".lora.up.");
  const te = (key: string, to: string) => key.replace(/^text_encoder\.(text_model\.)?/, to);
  const names: Record<string, (key: string) => string> = {
    "diffusers' attention processors": old,
    "diffusers before peft": lines,
    "diffusers' linear layers": (key) =>
      /text_encoder/.test(key)
        ? key.replace(".lora_A.", ".lora_linear_layer.down.").replace(".lora_B.", ".lora_linear_layer.up.")
        : lines(key),
    "an adapter's name within": (key) => key.replace(/\.lora_([AB])\./, ".lora_$1.default."),
    "without text_model": (key) => te(key, "text_encoder."),
    "peft around torch.compile": (key) =>
      `base_model.model.${key.replace(/^(unet|text_encoder)\./, "_orig_mod.")}`,
    "no prefix at all": (key) => key.replace(/^(unet|text_encoder)\./, ""),
    "OneTrainer, with dots": (key) =>
      te(key, "lora_te.text_model.")
        .replace(/^unet\./, "lora_unet.")
        .replace("lora_A", "lora_down")
        .replace("lora_B", "lora_up"),
    "OneTrainer's other networks": (key) => te(key, "clip_l.text_model."),
    "ComfyUI's text encoders": (key) => te(key, "text_encoders.clip_l.transformer.text_model."),
    "lora_te1_ for lora_te_": (key) =>
      /text_encoder/.test(key) ? te(key, "lora_te1_text_model_").replace(/\.(?=.*\.lora_)/g, "_") : key,
  };
  // Without the settings of peft alpha is the rank, as in the export.
  test.each(Object.entries(names))("%s", async (name, rename) => {
    const { values } = await weights("sd1", join(folder, "diffusers-kohya.safetensors"));
    expect((await weights("sd1", write(name, renamed(peft, rename)))).values).toEqual(values);
    expect(Object.keys(values).length).toBeGreaterThan(10);
  });

  test("the original's block names, with upsamplers behind an attention and behind none", async () => {
    const pair = (module: string, width: number): [string, Stored][] => [
      [
        `${module}.lora_down.weight`,
        { type: "F32", shape: [1, width, 3, 3], bytes: float(...Array(width * 9).keys()) },
      ],
      [
        `${module}.lora_up.weight`,
        { type: "F32", shape: [width, 1, 1, 1], bytes: float(...Array(width).keys()) },
      ],
    ];
    const both = async (base: string, block: string, original: string, width: number) => {
      const [ours, theirs] = [block, original].map((name) => write(name, new Map(pair(name, width))));
      const { values } = await weights(base, ours!);
      expect((await weights(base, theirs!)).values).toEqual(values);
    };
    await both("sd1", "lora_unet_up_blocks_0_upsamplers_0_conv", "lora_unet_output_blocks_2_1_conv", 32);
    await both("sdxl", "unet.up_blocks.0.upsamplers.0.conv", "diffusion_model.output_blocks.2.2.conv", 16);
  });
});

describe("alpha", () => {
  const bits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const types: Partial<Record<StoredType, (value: number) => Uint8Array>> = {
    F64: (value) => new Uint8Array(Float64Array.of(value).buffer),
    F32: (value) => float(value),
    BF16: (value) => new Uint8Array(Uint16Array.of(bits(value) >>> 16).buffer),
    F16: (value) => new Uint8Array(Uint16Array.of(value === 2 ? 0x4000 : 0x4200).buffer),
    I64: (value) => new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
    I32: (value) => new Uint8Array(Int32Array.of(value).buffer),
    I16: (value) => new Uint8Array(Int16Array.of(value).buffer),
    U8: (value) => Uint8Array.of(value),
  };
  test.each(Object.entries(types))("stored as %s, as a number or a list of one", async (type, encode) => {
    const { values } = await weights("sd1", join(folder, "diffusers-kohya.safetensors"));
    for (const shape of [[], [1]]) {
      const tensors = [...kohya].map(([key, stored]) => {
        if (!key.endsWith(".alpha")) return [key, stored] as const;
        const value = Number(new DataView(Uint8Array.from(stored.bytes).buffer).getBigInt64(0, true));
        return [key, { type: type as StoredType, shape, bytes: encode(value) }] as const;
      });
      expect((await weights("sd1", write(`alpha-${type}`, new Map(tensors)))).values).toEqual(values);
    }
  });

  test("that is no number is refused", async () => {
    const key = [...kohya.keys()].find((name) => name.endsWith(".alpha"))!;
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = new Map(kohya).set(key, { type: "F64", shape: [], bytes: types.F64!(value) });
      await expect(weights("sd1", write("no-number", broken))).rejects.toMatchObject({
        code: "checkpoint.malformed",
        message: expect.stringMatching(/alpha/),
      });
    }
  });
});

describe("a layer of another width", () => {
  const conv = (name: string, width: number) =>
    write(
      name,
      new Map<string, Stored>([
        [
          "unet.conv_in.lora_A.weight",
          { type: "F32", shape: [1, width, 3, 3], bytes: float(...Array(width * 9).fill(0.2)) },
        ],
        [
          "unet.conv_in.lora_B.weight",
          { type: "F32", shape: [16, 1, 1, 1], bytes: float(...Array(16).keys()) },
        ],
      ]),
    );
  test("conv_in made for 4 channels acts on the first 4 of 8", async () => {
    const whole = Float32Array.from({ length: 72 }, (_, i) => (i < 36 ? 0.2 : 0));
    const padded = new Map(read(conv("padded", 8))).set("unet.conv_in.lora_A.weight", {
      type: "F32",
      shape: [1, 8, 3, 3],
      bytes: new Uint8Array(whole.buffer),
    });
    const { values } = await weights("sd1", conv("narrow", 4));
    expect(values).toEqual((await weights("sd1", write("padded", padded))).values);
    expect(values).not.toEqual((await weights("sd1", conv("none", 4), 0)).values);
  });
  test("any other is refused with its shapes", async () => {
    await expect(weights("sd1", conv("three", 3))).rejects.toMatchObject({
      code: "checkpoint.unsupported",
      message: expect.stringMatching(/"conv_in".*\[1,3,3,3\].*\[16,8,3,3\]/),
    });
  });
});

describe("refused by name", () => {
  const module = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
  const value: Stored = { type: "F32", shape: [2, 2], bytes: float(1, 2, 3, 4) };
  const refused = (tensors: Stores, message: RegExp, metadata?: Record<string, string>) =>
    expect(weights("sd1", write("refused", tensors, metadata))).rejects.toMatchObject({
      code: expect.stringMatching(/^checkpoint\./),
      message: expect.stringMatching(message),
    });
  const keys: [string, RegExp][] = [
    [`${module}.oft_blocks`, /oft_blocks.*OFT/],
    [`${module}.a1.weight`, /GLoRA/],
    [`${module}.on_input`, /\(IA\)³/],
    ["bundle_emb.style.clip_l", /bundle_emb.*textual inversion/],
    ["unet.down_blocks.0.attn1.to_q.lora_E", /AdaLoRA/],
    ["unet.conv_in.weight", /conv_in\.weight.*no form that is known/],
    [`${module}.lora_down.bias`, /lora_down\.bias/],
    [`${module}.scalar`, /scalar/],
    ["transformer.blocks.0.lora_A.weight", /no matrix up \(B\)/],
    [`${module}.${"lora".repeat(200)}.alpha`, /is not a LoRA/],
  ];
  test.each(keys)("%s", (key, message) => refused(new Map([...kohya, [key, value]]), message));

  test("tensors that belong to two forms, or to none", async () => {
    const [first] = [...kohya.keys()];
    const own = first!.slice(0, first!.indexOf("."));
    await refused(new Map([...kohya, [`${own}.diff`, value]]), /do not go together: .*diff \[2,2\]/);
    await refused(new Map([...kohya, [`${own}.hada_w1_a`, value]]), /do not go together/);
    await refused(new Map([[`${own}.alpha`, value]]), /do not go together/);
    const half = new Map(["hada_w1_a", "hada_w1_b"].map((part) => [`${own}.${part}`, value] as const));
    await refused(half, /no matrix hada_w2_a, hada_w2_b/);
  });

  test("two adapters in one file", async () => {
    const key = "unet.conv_in.lora_A.weight";
    const two = new Map([
      [key, value],
      ["unet.conv_in.lora_A.other.weight", value],
    ]);
    await refused(two, /second tensor of its kind/);
  });

  test("a text encoder's module that two encoders have, and no word which", async () => {
    const shape = (sizes: number[]): Stored => ({
      type: "F32",
      shape: sizes,
      bytes: float(...Array(sizes[0]! * sizes[1]!).fill(0.1)),
    });
    const layer = "text_model.encoder.layers.0.mlp.fc1";
    const pair = (width: number, out: number) =>
      new Map([
        [`${layer}.lora_A.weight`, shape([1, width])],
        [`${layer}.lora_B.weight`, shape([out, 1])],
      ]);
    // Here the widths tell.
    const { values } = await weights("sdxl", write("which", pair(24, 56)));
    expect(Object.keys(values)).toEqual([expect.stringMatching(/^text_encoder_2\/.*fc1\.weight$/)]);
    await expect(weights("sdxl", write("neither", pair(20, 56)))).rejects.toMatchObject({
      code: "checkpoint.unsupported",
    });
    const norm = { type: "F32", shape: [16], bytes: float(...Array(16).fill(0.1)) } as const;
    const [one, other] = ["encoder.layers.0.layer_norm1", "layers.0.layer_norm1"];
    expect(
      Object.keys((await weights("sdxl", write("one", new Map([[`${one}.w_norm`, norm]])))).values),
    ).toHaveLength(1);
    await expect(weights("sdxl", write("other", new Map([[`${other}.w_norm`, norm]])))).rejects.toMatchObject(
      {
        message: expect.stringMatching(/"layers\.0\.layer_norm1" is not in the checkpoint/),
      },
    );
  });

  test("peft's settings that are not implemented, or are of no use without the base they were made for", async () => {
    const note = (settings: object) => ({ lora_adapter_metadata: JSON.stringify(settings) });
    await refused(peft, /"unet\.peft_type" is "OFT"/, note({ "unet.peft_type": "OFT" }));
    await refused(
      peft,
      /"init_lora_weights" is "pissa_niter_4"/,
      note({ init_lora_weights: "pissa_niter_4" }),
    );
    await refused(peft, /alpha_pattern.*modules' names/, note({ alpha_pattern: { "(a+)+$": 3 } }));
    await refused(peft, /"fan_in_fan_out" is true/, note({ fan_in_fan_out: true }));
    await refused(peft, /"lora_alpha" is "much"/, note({ lora_alpha: "much" }));
    await refused(peft, /is not JSON/, { lora_adapter_metadata: "{" });
    await refused(peft, /not a JSON object/, { lora_adapter_metadata: "[1]" });
  });
});

test("peft's alpha is taken from the file beside it; without it, that it is assumed is said", async () => {
  const alone = join(scratch, "alone");
  mkdirSync(alone);
  const file = join(alone, "adapter_model.safetensors");
  writeFileSync(file, readFileSync(join(folder, "peft/adapter_model.safetensors")));
  const beside = await weights("sd1", join(folder, "peft/adapter_model.safetensors"));
  const without = await weights("sd1", file);
  expect(beside.values).not.toEqual(without.values);
  expect([beside.notes, without.notes]).toEqual([
    [],
    [expect.stringMatching(/adapter_config\.json is not beside/)],
  ]);
});

test("an alpha of 0 changes nothing, which is said", async () => {
  const kohya = read(join(folder, "../kohya.safetensors"));
  const [silent] = [...kohya.keys()].filter((name) => name.endsWith(".alpha"));
  const zero = { type: "F32" as const, shape: [], bytes: new Uint8Array(4) };
  const file = write("alpha 0", new Map([...kohya, [silent!, zero]]));
  const { notes } = await weights("sd1", file);
  expect(notes).toEqual([
    expect.stringMatching(/its alpha is 0 in 1 of \d+ places, which it does not change/),
  ]);
  expect((await weights("sd1", join(folder, "../kohya.safetensors"))).notes).toEqual([]);
});
