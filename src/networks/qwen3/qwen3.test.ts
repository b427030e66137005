/** Text encoders that are read from what people have: other configurations, single files, templates and tokenizers of strangers. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSafetensorsHeader } from "../../checkpoint/safetensors.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { parseQwen3Config } from "./config.ts";
import { findQwen3, readQwen3, readQwen3File } from "./read.ts";

const FIXTURES = resolve(import.meta.dirname, "../../../tests/fixtures/klein");
const OPTIONS = { tokens: 40, layers: [0, 2, 3] };

const folder = mkdtempSync(join(tmpdir(), "emilie-qwen3-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = (name: string) => {
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(FIXTURES, name), folder, { recursive: true });
};
beforeEach(() => fresh("text-bias"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const json = (path: string) => JSON.parse(readFileSync(join(folder, path), "utf8"));
const change = (path: string, keys: Record<string, unknown>) =>
  writeFileSync(join(folder, path), JSON.stringify({ ...json(path), ...keys }));
const open = (options: Parameters<typeof readQwen3>[1] = OPTIONS) => readQwen3(folderSource(folder), options);

describe("a configuration", () => {
  const read = (keys: Record<string, unknown>) =>
    parseQwen3Config({ ...json("text_encoder/config.json"), ...keys }, "config.json", 512);

  it("may be one of any version", () => {
    expect(read({ rope_parameters: undefined, rope_theta: 5e5 }).rope_theta).toBe(5e5);
    expect(read({ rope_theta: 7 }).rope_theta).toBe(10_000); // rope_parameters says more
    expect(
      read({ rope_parameters: null, rope_scaling: { rope_type: "default", rope_theta: 3 } }).rope_theta,
    ).toBe(3);
    expect(read({ num_key_value_heads: null }).num_key_value_heads).toBe(3);
    expect(
      read({ use_sliding_window: true, layer_types: null, max_window_layers: 0 }).num_hidden_layers,
    ).toBe(3);
    expect(read({ quantization_config: null, torchscript: false }).hidden_size).toBe(40);
  });

  it.each([
    [{ model_type: "qwen2" }, /"model_type" is "qwen2"/],
    [{ hidden_act: "gelu" }, /"hidden_act" is "gelu"/],
    [{ rope_parameters: { rope_type: "yarn", rope_theta: 1e6, factor: 4 } }, /"rope_parameters".*yarn/],
    [{ quantization_config: { bits: 4 } }, /"quantization_config".*not known/],
    [{ num_key_value_heads: 2 }, /3 attention heads.*share 2/],
    [{ head_dim: 7 }, /"head_dim" is 7/],
    [{ layer_types: ["full_attention"] }, /1 entries for 3 layers/],
    [
      { use_sliding_window: true, layer_types: null, max_window_layers: 1, sliding_window: 256 },
      /256.*512 tokens/,
    ],
    [{ num_hidden_layers: 1e9 }, /"num_hidden_layers"/],
    [{ rope_theta: "1e6" }, /"rope_theta".*without quotes/],
  ])("that is not implemented is refused: %j", (keys, message) => {
    expect(() => read(keys)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^checkpoint\.(malformed|unsupported)$/),
        message: expect.stringMatching(message),
      }),
    );
  });
});

describe("a text encoder", () => {
  it("without the layers that are wanted is refused", async () => {
    await expect(open({ ...OPTIONS, layers: [9, 18, 27] })).rejects.toMatchObject({
      code: "checkpoint.unsupported",
      message: expect.stringMatching(/"num_hidden_layers" is 3.*layer 27/),
    });
  });

  it("whose words are other ones than the tokenizer's is refused", async () => {
    change("text_encoder/config.json", { vocab_size: 300 });
    await expect(open()).rejects.toMatchObject({
      code: "checkpoint.malformed",
      message: expect.stringMatching(/"embed_tokens.weight" of shape \[300,40\] has shape/),
    });
  });

  it("keeps only what runs", async () => {
    const { table, embeddings } = await open({ ...OPTIONS, layers: [1] });
    const names = [...table.tensors.keys()];
    expect(names.every((name) => name.startsWith("layers.0."))).toBe(true);
    expect(names.length).toBe(15);
    expect(embeddings.shape[1]).toBe(40);
  });

  it("is the same from a file without a configuration, of either class", async () => {
    const source = folderSource(folder);
    const path = "text_encoder/model.safetensors";
    const whole = await open();
    const { tensors, bytes } = await readSafetensorsHeader(source, path);
    const file = { path, size: await source.size(path), header: bytes };
    const settings = { rope_theta: 10_000, rms_norm_eps: 1e-5 };
    // As transformers and ComfyUI have them, and without the words' scores.
    for (const prefix of ["model.", "", "text_encoders.qwen3_4b.transformer.model."]) {
      const refs = new Map(
        [...tensors].map(([name, ref]) => [name.replace(/^model\./, prefix), { ...ref, file: path }]),
      );
      const other = { ...tensors.get("model.norm.weight")!, file: path };
      const found = findQwen3(
        new Map([...(prefix === "" ? [] : ([["vae.bn.running_mean", other]] as const)), ...refs]),
      );
      const single = await readQwen3File(source, file, found!, { ...OPTIONS, settings });
      expect(single.config).toEqual(whole.config);
      expect(new Map(single.table.tensors)).toEqual(new Map(whole.table.tensors));
    }
    const { embeddings } = whole;
    expect(
      findQwen3(new Map([["text_model.embeddings.token_embedding.weight", embeddings]])),
    ).toBeUndefined();
  });
});

describe("a chat template", () => {
  const template = (text: string) => {
    change("tokenizer/tokenizer_config.json", { chat_template: null });
    writeFileSync(join(folder, "tokenizer/chat_template.jinja"), text);
  };

  it("is the folder's own, and its file goes before what the configuration says", async () => {
    const before = (await open()).tokenizer;
    writeFileSync(join(folder, "tokenizer/chat_template.jinja"), "{{ messages[0].content }}");
    const { tokenizer } = await open();
    expect(tokenizer.overhead).toBe(0);
    expect(before.overhead).toBeGreaterThan(5);
    expect(tokenizer.count("make it winter")).toBe(before.count("make it winter"));
    expect(tokenizer.encode("make it winter").used).toBe(tokenizer.count("make it winter"));
  });

  it("is told what the pipeline tells it", async () => {
    template(
      "{% if tools is none and documents is none and add_generation_prompt and enable_thinking is false and " +
        "messages|length == 1 and messages[0].role == 'user' and pad_token == '<|endoftext|>' %}{{ messages[0]['content'] }}{% endif %}",
    );
    expect((await open()).tokenizer.encode("abc").used).toBeGreaterThan(0);
  });

  it.each([
    ["{% if x %}", /chat_template\.jinja.*cannot be applied/],
    ["{{ raise_exception('no ' + messages[0].role) }}", /no user/],
    ["{% for i in range(1000000000) %}{{ i }}{% endfor %}", /cannot be applied/],
    ["{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", /cannot be applied/],
    ["x".repeat((1 << 16) + 1), /65537 bytes/],
  ])("that cannot be used is refused (%#)", async (text, message) => {
    template(text);
    await expect(open()).rejects.toMatchObject({
      code: expect.stringMatching(/^checkpoint\.(malformed|unsupported)$/),
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [undefined, "checkpoint.missing", /chat_template\.jinja/],
    [5, "checkpoint.malformed", /"chat_template" is no text/],
    [[{ name: "other", template: "x" }], "checkpoint.malformed", /named "default"/],
  ])("has to be there: %j", async (chat_template, code, message) => {
    change("tokenizer/tokenizer_config.json", { chat_template });
    await expect(open()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe("a tokenizer", () => {
  it("cuts what is too long on the right, and fills up what is short", async () => {
    const { tokenizer } = await open();
    const long = tokenizer.encode("make the roof blue and the door red ".repeat(20));
    expect([long.used, long.ids.length]).toEqual([40, 40]);
    const short = tokenizer.encode("");
    expect(short.used).toBe(tokenizer.overhead);
    expect(new Set(short.ids.subarray(short.used))).toEqual(
      new Set([json("tokenizer/tokenizer.json").added_tokens[0].id]),
    );
  });

  it("that fills up on the left is refused", async () => {
    change("tokenizer/tokenizer_config.json", { padding_side: "left" });
    await expect(open()).rejects.toThrow(/"padding_side" is "left"/);
  });

  it("whose ids have no embeddings is refused", async () => {
    change("tokenizer/tokenizer_config.json", {
      extra_special_tokens: Array.from({ length: 9 }, (_, i) => `<new ${i}>`),
    });
    await expect(open()).rejects.toMatchObject({
      code: "checkpoint.malformed",
      message: expect.stringMatching(/"<new \d>" has the id \d+, but the text encoder has \d+ embeddings/),
    });
  });
});
