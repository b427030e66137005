import { describe, expect, it } from "vitest";
import { looksLikeScorer, selectFiles, selectScorer } from "./select.ts";

/** The file names of timbrooks/instruct-pix2pix, as the hub lists them. */
const pix2pix = [
  ".gitattributes",
  "README.md",
  "feature_extractor/preprocessor_config.json",
  "instruct-pix2pix-00-22000.ckpt",
  "instruct-pix2pix-00-22000.safetensors",
  "model_index.json",
  "safety_checker/config.json",
  "safety_checker/model.fp16.safetensors",
  "safety_checker/model.safetensors",
  "safety_checker/pytorch_model.bin",
  "scheduler/scheduler_config.json",
  "text_encoder/config.json",
  "text_encoder/model.fp16.safetensors",
  "text_encoder/model.safetensors",
  "text_encoder/pytorch_model.bin",
  "tokenizer/merges.txt",
  "tokenizer/special_tokens_map.json",
  "tokenizer/tokenizer_config.json",
  "tokenizer/vocab.json",
  "unet/config.json",
  "unet/diffusion_pytorch_model.bin",
  "unet/diffusion_pytorch_model.fp16.bin",
  "unet/diffusion_pytorch_model.fp16.safetensors",
  "unet/diffusion_pytorch_model.safetensors",
  "vae/config.json",
  "vae/diffusion_pytorch_model.bin",
  "vae/diffusion_pytorch_model.fp16.safetensors",
  "vae/diffusion_pytorch_model.safetensors",
];
const id = "timbrooks/instruct-pix2pix";
const without = (...patterns: RegExp[]) => pix2pix.filter((path) => !patterns.some((one) => one.test(path)));

describe("the files that an editor needs", () => {
  it("are its configurations, tokenizer and one precision of each network", () => {
    const { small, weights, variants } = selectFiles(id, pix2pix);
    expect(weights).toEqual([
      "unet/diffusion_pytorch_model.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
      "text_encoder/model.safetensors",
    ]);
    expect(small).toHaveLength(9);
    expect([...small, ...weights].filter((path) => /bin|ckpt|safety|feature|README/.test(path))).toEqual([]);
    expect(variants).toEqual({ unet: "full", vae: "full", text_encoder: "full" });
    expect(selectFiles(id, pix2pix, "fp16").weights).toEqual([
      "unet/diffusion_pytorch_model.fp16.safetensors",
      "vae/diffusion_pytorch_model.fp16.safetensors",
      "text_encoder/model.fp16.safetensors",
    ]);
    expect(() => selectFiles(id, pix2pix, "bf16")).toThrow(/has fp16, full/);
    const half = without(/model\.safetensors$/);
    expect(selectFiles(id, half).variants).toEqual({ unet: "fp16", vae: "fp16", text_encoder: "fp16" });
  });

  it("of a checkpoint that says what it understands are its head and its reader too", () => {
    const reader = ["reader/config.json", "reader/model.safetensors", "reader/vocab.txt"];
    const { small, weights } = selectFiles(id, [
      ...pix2pix,
      ...["emilie.json", "understanding.safetensors"],
      ...reader,
    ]);
    expect(weights).toEqual(
      expect.arrayContaining(["understanding.safetensors", "reader/model.safetensors"]),
    );
    expect(small).toEqual(expect.arrayContaining(["emilie.json", "reader/config.json", "reader/vocab.txt"]));
  });

  it("of FLUX.2 klein are its folders', with all parts, and not the single file beside them", () => {
    const klein = [
      ...[".gitattributes", "LICENSE.md", "README.md", "flux-2-klein-4b.safetensors", "model_index.json"],
      ...[
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/generation_config.json",
      ],
      ...["text_encoder/model-00001-of-00002.safetensors", "text_encoder/model-00002-of-00002.safetensors"],
      ...["text_encoder/model.safetensors.index.json", "tokenizer/added_tokens.json", "tokenizer/merges.txt"],
      ...["tokenizer/chat_template.jinja", "tokenizer/special_tokens_map.json", "tokenizer/tokenizer.json"],
      ...["tokenizer/tokenizer_config.json", "tokenizer/vocab.json", "transformer/config.json"],
      ...["transformer/diffusion_pytorch_model.safetensors", "vae/config.json"],
      "vae/diffusion_pytorch_model.safetensors",
    ];
    const { small, weights } = selectFiles("black-forest-labs/FLUX.2-klein-4B", klein);
    expect(weights).toEqual([
      "transformer/diffusion_pytorch_model.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
      "text_encoder/model-00001-of-00002.safetensors",
      "text_encoder/model-00002-of-00002.safetensors",
    ]);
    expect(small).toEqual(
      expect.arrayContaining(["tokenizer/chat_template.jinja", "text_encoder/model.safetensors.index.json"]),
    );
    expect(small).not.toContain("README.md");
  });

  it("include all parts of weights in parts, under both libraries' names, or none", () => {
    const base = without(/^(unet|text_encoder)\/.*safetensors$/);
    const unet = [
      "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
      "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
      "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
    ];
    const text = [
      "text_encoder/model.safetensors.index.json",
      "text_encoder/model-00001-of-00002.safetensors",
      "text_encoder/model-00002-of-00002.safetensors",
    ];
    const { small, weights } = selectFiles(id, [...base, ...unet, ...text]);
    expect(weights).toEqual([...unet.slice(1), "vae/diffusion_pytorch_model.safetensors", ...text.slice(1)]);
    expect(small).toEqual(expect.arrayContaining([unet[0], text[0]]));
    const clean = [...base, ...unet.slice(0, 2), ...text].filter((path) => !/\.bin$/.test(path));
    expect(() => selectFiles(id, clean)).toThrow(
      /unet of \S+ lacks 1 of the parts that diffusion_pytorch_model\.safetensors\.index\.fp16\.json names/,
    );
  });

  it.each([
    [
      "only pickles",
      without(/^unet\/.*safetensors$/),
      "checkpoint.unsafe",
      /unet\/diffusion_pytorch_model\.bin/,
    ],
    ["one pickle and nothing else", ["model.ckpt", "README.md"], "checkpoint.unsafe", /model\.ckpt/],
    [
      "no weights",
      without(/^vae\/.*(safetensors|bin)$/),
      "checkpoint.missing",
      /vae\/diffusion_pytorch_model/,
    ],
    ["no configuration", without(/^vae\/config/), "checkpoint.missing", /vae\/config\.json/],
    ["no tokenizer", without(/^tokenizer\/vocab/), "checkpoint.missing", /tokenizer\/vocab\.json/],
    ["no pipeline", without(/model_index/), "checkpoint.missing", /no model_index\.json/],
    ["nothing", [], "checkpoint.missing", /no model_index\.json/],
  ])("are named where a repository has %s", (_, paths, code, message) => {
    expect(() => selectFiles(id, paths)).toThrow(expect.objectContaining({ code }));
    expect(() => selectFiles(id, paths)).toThrow(message);
  });
});

describe("the files that a scorer needs", () => {
  /** The file names of openai/clip-vit-large-patch14, as the hub lists them. */
  const clip = [
    ...[
      ".gitattributes",
      "README.md",
      "config.json",
      "flax_model.msgpack",
      "merges.txt",
      "model.safetensors",
    ],
    ...["preprocessor_config.json", "pytorch_model.bin", "special_tokens_map.json", "tf_model.h5"],
    ...["tokenizer.json", "tokenizer_config.json", "vocab.json"],
  ];
  const name = "openai/clip-vit-large-patch14";

  it("are its configurations, its tokenizer and one file of weights", () => {
    expect(looksLikeScorer(clip)).toBe(true);
    const { small, weights, variants } = selectScorer(name, clip);
    expect(weights).toEqual(["model.safetensors"]);
    expect(small).toHaveLength(7);
    expect(small.filter((path) => /README|bin|h5|msgpack/.test(path))).toEqual([]);
    expect(variants).toEqual({ model: "full" });
  });

  it("are not looked for in an editor's repository, or in one that sees no pictures", () => {
    expect(looksLikeScorer(pix2pix)).toBe(false);
    expect(looksLikeScorer(clip.filter((path) => path !== "preprocessor_config.json"))).toBe(false);
  });

  it("may be lacking, or pickled", () => {
    const codeOf = (paths: readonly string[], variant?: string) => {
      try {
        selectScorer(name, paths, variant);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const pickled = clip.filter((path) => path !== "model.safetensors");
    expect(codeOf(pickled)).toBe("checkpoint.unsafe");
    expect(codeOf(pickled.filter((path) => path !== "pytorch_model.bin"))).toBe("checkpoint.missing");
    expect(codeOf(clip, "fp16")).toBe("checkpoint.missing");
  });
});
