/** Qwen3-VL as people have it: configurations of several versions, what is refused, and where tokens and patches are. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderSource } from "../../checkpoint/source.node.ts";
import { tensor, zeros } from "../../tensor/tensor.ts";
import { parseQwen3VlConfig } from "./config.ts";
import { checkPrompt, countPromptTokens, promptTokens } from "./encoder.ts";
import { patchPlaces, positionCorners, textPlaces, textRotations } from "./positions.ts";
import { type PictureProcessor, patchesOf, seenSize } from "./processor.ts";
import { editSentence } from "./prompts.ts";
import { readQwen3Vl, readQwen3VlFiles } from "./read.ts";

const FIXTURES = resolve(import.meta.dirname, "../../../tests/fixtures/qwen3-vl");

const folder = mkdtempSync(join(tmpdir(), "emilie-qwen3-vl-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(FIXTURES, "bf16"), folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Json = Record<string, unknown>;
const json = (path: string): Json => JSON.parse(readFileSync(join(folder, path), "utf8"));
const change = (path: string, keys: Json) =>
  writeFileSync(join(folder, path), JSON.stringify({ ...json(path), ...keys }));
const open = () => readQwen3Vl(folderSource(folder));
const refused = (message: RegExp) =>
  expect.objectContaining({
    code: expect.stringMatching(/^checkpoint\.(malformed|unsupported|missing)$/),
    message: expect.stringMatching(message),
  });

describe("a configuration", () => {
  const read = (text: Json = {}, vision: Json = {}, all: Json = {}) => {
    const { text_config, vision_config, ...rest } = json("text_encoder/config.json");
    return parseQwen3VlConfig(
      {
        ...rest,
        text_config: { ...(text_config as Json), ...text },
        vision_config: { ...(vision_config as Json), ...vision },
        ...all,
      },
      "config.json",
    );
  };

  it("may be one of any version", () => {
    const old = { mrope_interleaved: true, mrope_section: [1, 2, 1], rope_type: "default" };
    const { text } = read({ rope_parameters: null, rope_scaling: old, rope_theta: 5e6 });
    expect([text.rope_theta, text.mrope_section]).toEqual([5e6, [1, 2, 1]]);
    expect(read({ rope_parameters: undefined }).text.mrope_section).toEqual([24, 20, 20]);
    expect(read({ rope_parameters: undefined }).text.rope_theta).toBe(500_000);
    expect(read({ num_key_value_heads: null }).text.num_key_value_heads).toBe(2);
    expect(read({}, { model_type: "qwen3_vl", rope_parameters: null }).vision.rope_theta).toBe(10_000);
    expect(read({}, {}, { torchscript: false, quantization_config: null }).vision.depth).toBe(2);
  });

  it.each<[Json, Json, Json, RegExp]>([
    [{}, {}, { model_type: "qwen2_5_vl" }, /config\.json: "model_type" is "qwen2_5_vl"/],
    [{ model_type: "qwen3" }, {}, {}, /text_config: "model_type" is "qwen3"/],
    [{ hidden_act: "gelu" }, {}, {}, /"hidden_act" is "gelu"/],
    [{ rope_parameters: { rope_type: "yarn", factor: 4 } }, {}, {}, /"rope_parameters".*yarn/],
    [{ rope_parameters: { mrope_interleaved: false } }, {}, {}, /"rope_parameters".*false/],
    [{ num_attention_heads: 3 }, {}, {}, /3 attention heads.*share 2/],
    [{ head_dim: 7 }, {}, {}, /"head_dim" is 7/],
    [{ num_experts: 8 }, {}, {}, /"num_experts" \(8\) is not known/],
    [{}, { hidden_act: "silu" }, {}, /vision_config: "hidden_act" is "silu"/],
    [{}, { patch_size: [16, 16] }, {}, /"patch_size" is \[16,16\]/],
    [{}, { in_channels: 4 }, {}, /"in_channels" is 4/],
    [{}, { hidden_size: 18 }, {}, /width of 18.*1 heads/],
    [{}, { deepstack_visual_indexes: [2] }, {}, /"deepstack_visual_indexes" is \[2\].*0 to 1/],
    [{}, { deepstack_visual_indexes: [1, 1] }, {}, /different numbers of blocks/],
    [{ num_hidden_layers: 1 }, { deepstack_visual_indexes: [0, 1] }, {}, /features of 2 blocks.*1 layers/],
    [{}, { out_hidden_size: 21 }, {}, /features have 21 values.*tokens 20/],
    [{}, {}, { quantization_config: { bits: 4 } }, /"quantization_config".*not known/],
  ])("that is not implemented is refused: %j %j %j", (text, vision, all, message) => {
    expect(() => read(text, vision, all)).toThrow(refused(message));
  });
});

describe("a checkpoint", () => {
  it("has the tensors of two networks, and the embeddings apart from them", async () => {
    const { vision, text, embeddings } = await open();
    expect(
      [...vision.tensors.keys()].every((name) => /^(patch_embed|pos_embed|blocks|merger)\./.test(name)),
    ).toBe(true);
    expect([...text.tensors.keys()].every((name) => /^(layers|norm)\./.test(name))).toBe(true);
    expect(embeddings.shape[1]).toBe(20);
  });

  it.each<[string, Json, RegExp]>([
    [
      "text_encoder/config.json",
      { image_token_id: 5 },
      /"image_token_id" is 5.*"<\|image_pad\|>" has the id \d+/,
    ],
    ["processor/preprocessor_config.json", { patch_size: 16 }, /"patch_size" is 16.*"patch_size" is 2/],
    ["processor/preprocessor_config.json", { merge_size: 2 }, /"merge_size" is 2.*"spatial_merge_size" is 3/],
    ["processor/preprocessor_config.json", { resample: 0 }, /"resample" is 0/],
    ["processor/preprocessor_config.json", { size: { height: 4, width: 4 } }, /"size" is/],
    ["processor/preprocessor_config.json", { do_center_crop: true }, /"do_center_crop" is true/],
    ["processor/tokenizer_config.json", { truncation_side: "left" }, /"truncation_side" is "left"/],
  ])("%s with %j is refused", async (path, keys, message) => {
    change(path, keys);
    await expect(open()).rejects.toEqual(refused(message));
  });

  it("without a part is refused, naming it", async () => {
    rmSync(join(folder, "processor/preprocessor_config.json"));
    await expect(open()).rejects.toEqual(refused(/no processor\/preprocessor_config\.json/));
  });

  it("whose words are other ones than the tokenizer's is refused", async () => {
    const config = json("text_encoder/config.json");
    change("text_encoder/config.json", { text_config: { ...(config.text_config as Json), vocab_size: 500 } });
    await expect(open()).rejects.toEqual(
      refused(/"language_model.embed_tokens.weight" of shape \[500,20\] has shape/),
    );
  });

  it("with fewer or more blocks than its configuration has is refused", async () => {
    const config = json("text_encoder/config.json");
    const vision = (depth: number) => ({ vision_config: { ...(config.vision_config as Json), depth } });
    change("text_encoder/config.json", vision(3));
    await expect(open()).rejects.toEqual(refused(/its vision tower.*"blocks\.2\..*is missing/));
    change("text_encoder/config.json", vision(1));
    await expect(open()).rejects.toEqual(refused(/"blocks\.1\..*is not known/));
  });
});

describe("a prompt", () => {
  it("may not have a picture of its own", async () => {
    const files = await readQwen3VlFiles(folderSource(folder));
    for (const token of ["<|image_pad|>", "<|video_pad|>"]) {
      expect(() => promptTokens(files, `a ${token}`, [1, 1])).toThrow(
        expect.objectContaining({ code: "option.invalid", message: expect.stringContaining(token) }),
      );
    }
    // Where there is none, it is a word like others.
    expect(promptTokens(files, "a <|image_pad|>", null).picture).toBeNull();
  });

  it("may not be longer than memory allows", async () => {
    const files = await readQwen3VlFiles(folderSource(folder));
    expect(() => checkPrompt(files, "1".repeat(2048))).not.toThrow();
    expect(() => checkPrompt(files, "1".repeat(2049))).toThrow(
      expect.objectContaining({
        code: "option.invalid",
        message: expect.stringMatching(/2049 tokens; at most 2048/),
      }),
    );
  });

  it("has the picture's placeholder as often as it has features, and one place for each", async () => {
    const files = await readQwen3VlFiles(folderSource(folder));
    const { ids, picture } = promptTokens(files, editSentence("make it winter"), [2, 3]);
    const at = [...ids].flatMap((id, i) => (id === files.config.image_token_id ? [i] : []));
    expect(at).toEqual(Array.from({ length: 6 }, (_, i) => picture!.first + i));
    expect(countPromptTokens(files, "")).toBe(0);
    expect(countPromptTokens(files, "make it winter")).toBeGreaterThan(2);
  });
});

describe("places", () => {
  it("of a text hold still while a picture goes by, and move on by its longer side", () => {
    const places = textPlaces(10, { first: 2, grid: [2, 3] });
    expect(places).toEqual([
      [0, 0, 0],
      [1, 1, 1],
      ...[0, 1].flatMap((row) => [0, 1, 2].map((column) => [2, 2 + row, 2 + column])),
      [5, 5, 5],
      [6, 6, 6],
    ]);
    expect(textPlaces(2, null)).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
  });

  it("of patches that become one feature follow each other", () => {
    expect(patchPlaces([2, 4], 2).map(String)).toEqual([
      "0,0",
      "0,1",
      "1,0",
      "1,1",
      "0,2",
      "0,3",
      "1,2",
      "1,3",
    ]);
  });

  it("take turns among pairs of a head as far as their sections reach", () => {
    const { text } = parseQwen3VlConfig({ ...json("text_encoder/config.json") }, "config.json");
    const config = { ...text, head_dim: 16, rope_theta: 1, mrope_section: [3, 2, 1] as const };
    // With theta 1 every pair is turned by the place itself; the third of three features is at 2 on one axis and at 0 on the others.
    const turned = (grid: readonly [number, number]) => {
      const { sin } = textRotations(config, 3, { first: 0, grid });
      return [...sin.data.subarray(16, 24)].flatMap((value, i) => (value === 0 ? [] : [i]));
    };
    expect([turned([3, 1]), turned([1, 3])]).toEqual([[1, 4], [2]]);
  });

  it("of learned positions meet the grid's corners with the picture's", () => {
    const { vision } = parseQwen3VlConfig(json("text_encoder/config.json"), "config.json");
    const { indices, shares } = positionCorners({ ...vision, spatial_merge_size: 1 }, [3, 1]);
    const at = [0, 1, 2].map((i) => indices.reduce((sum, rows, k) => sum + rows[i]! * shares[k]![i]!, 0));
    // Of 4 × 4 places: rows 0, 1.5 and 3 of the first column.
    expect(at).toEqual([0, 6, 12]);
  });
});

describe("what a picture is seen at", () => {
  const processor = (patch: number, pixels: PictureProcessor["pixels"]): PictureProcessor => ({
    ...{ pixels, patch, merge: 2, frames: 2, filter: "cubic", scale: 1 / 255 },
    ...{ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  });

  // smart_resize of transformers.
  it.each([
    [512, 512, 16, 65536, 16777216, [512, 512]],
    [200, 300, 16, 65536, 16777216, [224, 320]],
    [48, 1000, 16, 65536, 16777216, [64, 1184]],
    [8000, 6000, 16, 65536, 16777216, [4704, 3520]],
    [16, 48, 16, 64, 4096, [32, 32]],
    [80, 112, 16, 65536, 16777216, [224, 320]],
    [9000, 50, 16, 65536, 262144, [6848, 32]],
    [1000, 1000, 14, 3136, 1003520, [980, 980]],
    [272, 240, 16, 65536, 16777216, [256, 256]],
  ] as const)("of %i × %i, patches of %i, %i to %i pixels", (height, width, patch, fewest, most, seen) => {
    expect(seenSize([height, width], processor(patch, [fewest, most]))).toEqual(seen);
  });

  it("is its own size where it is not resized, or it is refused", () => {
    const own = processor(2, null);
    expect(patchesOf(zeros([3, 8, 4]), own).grid).toEqual([4, 2]);
    expect(() => patchesOf(zeros([3, 8, 6]), own)).toThrow(
      expect.objectContaining({ code: "option.invalid", message: expect.stringMatching(/6 × 8.*4 × 4/) }),
    );
  });

  it("keeps what lies between two bytes, and cuts off what no picture has", () => {
    const own = processor(1, null);
    const picture = tensor([0.1234567, -0.5, 1.5, -3, ...Array<number>(8).fill(0.25)], [3, 2, 2]);
    const { values } = patchesOf(picture, own);
    expect(values.shape).toEqual([4, 6]);
    const firsts = [0, 1, 2, 3].map((i) => values.data[6 * i]);
    expect(firsts).toEqual([0.1234567, -0.5, 1, -1].map((value) => expect.closeTo(value, 6)));
  });
});
