/** Folders that are no scorer, or a broken one, and what every scorer keeps to: hashes, abort signals, disposal. */
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { openScorer } from "../../packages/bench/src/scorers/index.node.ts";
import { preprocess } from "../../packages/bench/src/scorers/preprocess.ts";
import { blankPicture } from "../../src/images/picture.ts";

const scratch = mkdtempSync(join(tmpdir(), "emilie-scorers-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/scorers/${name}/checkpoint`, import.meta.url));

let copies = 0;
/** A copy of a fixture's checkpoint, in a folder of its own. */
function copyOf(name: string, change: (folder: string) => void = () => {}): string {
  const folder = join(scratch, `${name}-${copies++}`);
  cpSync(fixture(name), folder, { recursive: true });
  change(folder);
  return folder;
}

// biome-ignore lint/suspicious/noExplicitAny: files of many kinds
type Json = Record<string, any>;

/** Sets a value by its path, such as "text_config/hidden_act". */
const set = (path: string, value: unknown) => (json: Json) => {
  const keys = path.split("/");
  const last = keys.pop()!;
  keys.reduce((part, key) => part[key], json)[last] = value;
};

const edited = (file: string, change: (json: Json) => void) => (folder: string) => {
  const path = join(folder, file);
  const json: Json = JSON.parse(readFileSync(path, "utf8"));
  change(json);
  writeFileSync(path, JSON.stringify(json));
};

/** Renames a tensor in the header, or changes its shape, without moving a byte. */
const header = (change: (header: Json) => void) => (folder: string) => {
  const path = join(folder, "model.safetensors");
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const json: Json = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  change(json);
  const text = Buffer.from(JSON.stringify(json));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([size, text, bytes.subarray(8 + length)]));
};

const rename = (from: string, to: string) =>
  header((json) => {
    json[to] = json[from];
    delete json[from];
  });

const open = (folder: string) => openScorer(folder, { threads: 1, cache: scratch });
const refused = (folder: string, code: string, message: RegExp) =>
  expect(open(folder)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });

describe("a folder that cannot be used is refused", () => {
  const remove = (file: string) => (folder: string) => rmSync(join(folder, file));

  test("where there is none", () =>
    refused("nobody/nothing", "checkpoint.missing", /nobody\/nothing.*config\.json/));

  test.each([
    ["config.json", /no config\.json/],
    ["preprocessor_config.json", /no preprocessor_config\.json/],
    ["model.safetensors", /no weights.*model\.safetensors/],
    ["vocab.txt", /no tokenizer.*vocab\.txt/],
  ])("without %s", (file, message) => refused(copyOf("blip", remove(file)), "checkpoint.missing", message));

  test("of CLIP without a tokenizer", () =>
    refused(copyOf("clip", remove("vocab.json")), "checkpoint.missing", /no tokenizer.*tokenizer\.json/));

  test("with pickles only", () =>
    refused(
      copyOf("dino", (folder) =>
        renameSync(join(folder, "model.safetensors"), join(folder, "pytorch_model.bin")),
      ),
      "checkpoint.unsafe",
      /dino-\d+ has only pickled weights \(pytorch_model\.bin\).*save_pretrained/,
    ));

  test("of another kind of network", () =>
    refused(
      copyOf("clip", edited("config.json", set("model_type", "siglip"))),
      "checkpoint.unsupported",
      /"model_type" is "siglip".*clip, blip, vit, dinov2/,
    ));

  test("of BLIP without its matching head", () =>
    refused(
      copyOf("blip", edited("config.json", set("architectures", ["BlipForConditionalGeneration"]))),
      "checkpoint.unsupported",
      /BlipForConditionalGeneration.*BlipForImageTextRetrieval/,
    ));

  test.each<[string, string, (json: Json) => void, RegExp]>([
    ["openclip", "config.json", set("sparkle", 3), /config\.json: the key "sparkle" \(3\) is not known/],
    [
      "openclip",
      "config.json",
      set("vision_config/hidden_act", "relu"),
      /vision_config: "hidden_act" is "relu"/,
    ],
    ["openclip", "config.json", set("text_config/hidden_act", "silu"), /text_config: "hidden_act" is "silu"/],
    ["blip", "config.json", set("vision_config/num_channels", 1), /vision_config: "num_channels" is 1/],
    ["dinov2", "config.json", set("use_swiglu_ffn", true), /"use_swiglu_ffn" is true/],
    ["dino", "config.json", set("image_size", [40, 40]), /"image_size" is \[40,40\]/],
    ["dino", "preprocessor_config.json", set("resample", 0), /"resample" is 0/],
    ["dino", "preprocessor_config.json", set("do_flip", true), /"do_flip" \(true\) is not known/],
    ["dino", "preprocessor_config.json", set("size", { shortest_edge: 40 }), /proportions/],
    ["clip", "preprocessor_config.json", set("crop_size", 64), /64×64.*"image_size".*32/],
  ])("%s: %s with what is not implemented, naming it", (name, file, change, message) =>
    refused(copyOf(name, edited(file, change)), "checkpoint.unsupported", message),
  );

  test.each<[string, (folder: string) => void, string, RegExp]>([
    [
      "clip",
      rename("visual_projection.weight", "visual_projection.wait"),
      "checkpoint.missing",
      /"visual_projection\.weight" of shape \[20,32\] is missing; "visual_projection\.wait" is not known/,
    ],
    [
      "clip",
      rename("text_model.final_layer_norm.bias", "text_model.other.bias"),
      "checkpoint.missing",
      /final_layer_norm\.bias.*missing.*text_model\.other\.bias/,
    ],
    [
      "blip",
      rename("itm_head.bias", "ita_head.bias"),
      "checkpoint.missing",
      /itm_head\.bias.*missing.*ita_head\.bias/,
    ],
    [
      "dino",
      header(set("embeddings.cls_token/shape", [24])),
      "checkpoint.malformed",
      /of dino-\d+ .*"embeddings\.cls_token" should have shape \[1,1,24\], but has \[24\]/,
    ],
    ["dinov2", edited("config.json", set("num_attention_heads", 5)), "checkpoint.malformed", /24.*5 heads/],
    [
      "openclip",
      edited("config.json", set("text_config/eos_token_id", 7)),
      "checkpoint.malformed",
      /"eos_token_id" is 7/,
    ],
    [
      "blip",
      (folder) => writeFileSync(join(folder, "vocab.txt"), "a\nb\n"),
      "checkpoint.malformed",
      /"\[CLS\]"/,
    ],
  ])("%s with tensors or tokens that do not fit, naming them", (name, change, code, message) =>
    refused(copyOf(name, change), code, message),
  );
});

describe("a scorer", () => {
  const picture = blankPicture(20, 30, [200, 40, 90, 255]);
  const turn = { original: picture, before: picture, result: picture, instruction: "", caption: "winter" };

  test("has a hash of its weights, configuration, preprocessing and tokenizer, and not of where it lies", async () => {
    const hashes = await Promise.all(
      [
        fixture("clip"),
        copyOf("clip"),
        copyOf("clip", edited("preprocessor_config.json", set("resample", 2))),
        copyOf("clip", edited("tokenizer_config.json", set("model_max_length", 60))),
        copyOf("clip", edited("config.json", set("vision_config_dict/layer_norm_eps", 0.01))),
        copyOf("clip", header(set("__metadata__", { format: "np" }))),
      ].map(async (folder) => {
        const scorer = await open(folder);
        await scorer.dispose();
        return scorer.hash;
      }),
    );
    expect(hashes[1]).toBe(hashes[0]);
    expect(new Set(hashes).size).toBe(5);
  });

  test.each(["clip", "blip", "dino"])(
    "%s stops before it computes when it is told to, and goes on after",
    async (name) => {
      const scorer = await open(fixture(name));
      try {
        const stop = AbortSignal.abort();
        await expect(scorer.score(turn, stop)).rejects.toMatchObject({ code: "aborted" });
        expect(Object.keys(await scorer.score(turn)).length).toBeGreaterThan(0);
      } finally {
        await scorer.dispose();
      }
      await expect(scorer.score({ ...turn, result: { ...picture } })).rejects.toMatchObject({
        code: "disposed",
      });
    },
  );

  test("names the folder without where it lies", async () => {
    const scorer = await open(copyOf("dino"));
    expect(scorer.model).toMatch(/^dino-\d+$/);
    await scorer.dispose();
  });
});

describe("preprocessing", () => {
  const plain = { filter: "cubic", scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] } as const;

  test("puts what is transparent on white, and black around what is smaller than the crop", () => {
    const crop = { height: 3, width: 3 };
    const settings = { ...plain, resize: null, crop, size: crop };
    const { data } = preprocess(blankPicture(1, 1, [0, 0, 255, 0]), settings);
    expect([...data.slice(0, 9)]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0]);
    const half = preprocess(blankPicture(1, 1, [255, 0, 0, 51]), settings);
    expect([half.data[4], half.data[13]]).toEqual([1, expect.closeTo(204 / 255, 6)]);
  });

  test("keeps proportions where the shorter side is given, and the middle of the longer", () => {
    const size = { height: 2, width: 2 };
    const wide = blankPicture(12, 4);
    for (let y = 0; y < 4; y++)
      for (let x = 0; x < 12; x++)
        wide.data.set(x >= 4 && x < 8 ? [255, 0, 0, 255] : [0, 0, 0, 255], 4 * (12 * y + x));
    const settings = { ...plain, filter: "linear", resize: { shorter: 4 }, crop: size, size } as const;
    expect([...preprocess(wide, settings).data.slice(0, 4)]).toEqual([1, 1, 1, 1]);
  });
});
