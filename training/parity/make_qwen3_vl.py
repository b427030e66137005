"""Qwen3-VL text encoders with their processors in small, as DreamLite has them, with references.

    python make_qwen3_vl.py [--random SEED --out DIR]     into tests/fixtures/qwen3-vl

Texts and pictures of 512 pixels are encoded by DreamLitePipeline's own function; pictures of other shapes by what it calls, without its resizing. Where pictures are resized,
pipeline and processor round to 8 bits, which emilie does not: there, Pillow resizes floats, and the processor gets the result. One case is the pipeline's own, "rounded".
"""
import argparse
import json
import pathlib
import random
import shutil

import diffusers
import numpy as np
import torch
import transformers
from diffusers import DreamLiteMobilePipeline, DreamLitePipeline, FlowMatchEulerDiscreteScheduler
from PIL import Image
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from make_few import finish
from make_klein import PROMPTS, write_tokenizer
from references import picture
from weights import randomise

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"
VISUAL = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
TEMPLATE = "{%- for message in messages %}{{- message.content }}{%- endfor %}"
HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
PUBLISHED = {"size": {"shortest_edge": 65536, "longest_edge": 16777216}, "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2, **HALVES,
             "processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessorFast"}
EDIT = "[Edit]: A diptych with two side-by-side images of the same scene. Compared to the right side, the left one has "

# name: text, vision, processor, sizes (height, width) of pictures, how it is saved
MODELS = {
    "pipeline": (
        {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12,
         "theta": 5_000_000.0, "mrope_section": [2, 2, 2]},
        {"depth": 4, "hidden_size": 16, "intermediate_size": 28, "num_heads": 2, "patch_size": 16, "num_position_embeddings": 100,
         "deepstack_visual_indexes": [0, 2]},
        PUBLISHED, [], {"form": "pieces", "shard": "90KB", "old": True, "merges": 700}),
    "shapes": (
        {"hidden_size": 28, "intermediate_size": 33, "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 20,
         "rms_norm_eps": 1e-5, "attention_bias": True, "theta": 10_000.0, "mrope_section": [1, 3, 2]},
        {"depth": 3, "hidden_size": 8, "intermediate_size": 20, "num_heads": 2, "patch_size": 4, "num_position_embeddings": 30, "hidden_act": "gelu",
         "deepstack_visual_indexes": [2, 0, 1], "rope_theta": 100.0},
        {"patch_size": 4, "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 128, "max_pixels": 1024}, [(16, 40), (24, 8), (8, 16), (50, 30), (9, 5)],
        {"form": "whole", "together": True}),
    "bf16": (
        {"hidden_size": 20, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8,
         "theta": 500_000.0, "mrope_section": [2, 1, 1], "tied": False},
        {"depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 1, "patch_size": 2, "temporal_patch_size": 1, "spatial_merge_size": 3,
         "num_position_embeddings": 16, "deepstack_visual_indexes": []},
        {"patch_size": 2, "merge_size": 3, "temporal_patch_size": 1, "do_resize": False, "do_normalize": False}, [(18, 12), (6, 30)],
        {"form": "saved", "dtype": "bfloat16", "left": True}),
}


def templates() -> tuple:
    pipe = DreamLitePipeline(None, None, None, None, None, None)
    return pipe.prompt_template_encode_edit.split("<|im_end|>")[0], EDIT


class StillsProcessor(Qwen3VLProcessor):
    """Without moving pictures, whose processor needs torchvision."""

    def check_argument_for_proper_class(self, name, argument):
        return None if name == "video_processor" else super().check_argument_for_proper_class(name, argument)


def write_processor(folder: pathlib.Path, settings: dict, how: dict) -> None:
    if how.get("together"):
        (folder / "processor_config.json").write_text(json.dumps({"processor_class": "Qwen3VLProcessor", "image_processor": settings}, indent=2) + "\n")
    else:
        (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    if how.get("left"):
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"padding_side": "left"}, indent=1) + "\n")


def make_model(folder: pathlib.Path, tokenizer, text: dict, vision: dict, how: dict, generator: torch.Generator):
    text, vision = dict(text), dict(vision)
    rope = {"rope_type": "default", "rope_theta": text.pop("theta"), "mrope_section": text.pop("mrope_section"), "mrope_interleaved": True}
    tied = text.pop("tied", True)
    axial = {"rope_type": "axial", "rope_theta": vision.pop("rope_theta", 10_000.0)}
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in zip(
        ["vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"], VISUAL)}
    config = Qwen3VLConfig(text_config={**text, "vocab_size": len(tokenizer) + 5, "rope_parameters": rope},
                           vision_config={**vision, "out_hidden_size": text["hidden_size"], "rope_parameters": axial}, tie_word_embeddings=tied, **ids)
    model = Qwen3VLForConditionalGeneration(config).eval()
    randomise(model, generator, alone=0.4)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith("norm.weight"):
                parameter.copy_(0.6 + 0.8 * torch.rand(parameter.shape, generator=generator))
            if key.endswith("patch_embed.proj.weight"):
                parameter.copy_(1.5 * torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5)
    if how.get("dtype") == "bfloat16":
        model = model.bfloat16()
    model.save_pretrained(folder, max_shard_size=how.get("shard", "5GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if how.get("old"):
        # As transformers 4 wrote it.
        path = folder / "config.json"
        written = json.loads(path.read_text())
        rope = written["text_config"].pop("rope_parameters")
        written["text_config"] |= {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope, "dtype": written.pop("dtype"), "bos_token_id": 1, "eos_token_id": 2,
                                   "tie_word_embeddings": True}
        written["vision_config"].pop("rope_parameters")
        written["vision_config"]["model_type"] = "qwen3_vl"
        path.write_text(json.dumps(written, indent=2) + "\n")
    return Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)


def some_rows(rows: int) -> list:
    """The first, the last, and some between."""
    return sorted({*range(min(rows, 3)), *range(5, rows, 41), *range(max(0, rows - 5), rows)})


def unrounded(image: Image.Image, height: int, width: int, resample: int) -> np.ndarray:
    """A picture of another size, [3, height, width] from 0 to 255, in floats."""
    planes = np.array(image).transpose(2, 0, 1).astype(np.float32)
    return np.stack([np.clip(np.array(Image.fromarray(plane).resize((width, height), resample)), 0, 255) for plane in planes])


def tiled(pixels: np.ndarray, side: int) -> Image.Image:
    """A picture of side × side pixels from one that is repeated from its corner."""
    y, x = np.arange(side) % pixels.shape[0], np.arange(side) % pixels.shape[1]
    return Image.fromarray(pixels[y][:, x])


@torch.no_grad()
def make(name: str, text: dict, vision: dict, settings: dict, sizes: list, how: dict, seed: int, out: pathlib.Path, prompts=None) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    generator, rng = torch.Generator("cpu").manual_seed(seed), np.random.default_rng(seed)
    # With merges enough, the templates have about as many tokens as with the published vocabulary.
    how = {"template": TEMPLATE, **how, "special": VISUAL, "more": " ".join(templates())}
    tokenizer = write_tokenizer(folder / "tokenizer", how)
    write_tokenizer(folder / "processor", how)
    write_processor(folder / "processor", settings, how)
    model = make_model(folder / "text_encoder", tokenizer, text, vision, how, generator)
    own = {key: value for key, value in settings.items() if key not in ("processor_class", "image_processor_type")}
    processor = StillsProcessor(Qwen2VLImageProcessorPil(**own), tokenizer.__class__.from_pretrained(folder / "processor"))
    pipe = DreamLitePipeline(model, tokenizer, processor, None, None, FlowMatchEulerDiscreteScheduler())
    mobile = DreamLiteMobilePipeline(model, tokenizer, processor, None, None, FlowMatchEulerDiscreteScheduler())
    device, dtype = torch.device("cpu"), torch.float32
    texts = prompts or [EDIT + "make it winter", "", *PROMPTS[2:4]]
    tensors, cases = {}, []

    def keep(key: str, value: torch.Tensor) -> str:
        tensors[key] = value.to(torch.float32)
        return key

    def encoded(i: str, embeds: torch.Tensor, ids: torch.Tensor) -> dict:
        rows = some_rows(len(embeds))
        return {"tokens": len(embeds), "ids": keep(f"{i}.ids", ids), "rows": rows, "hidden": keep(f"{i}.hidden", embeds[rows])}

    def seen_as(planes: np.ndarray) -> dict:
        """What the processor makes of [3, height, width] from 0 to 255 after it resized."""
        p = processor.image_processor
        planes = p.rescale(planes, p.rescale_factor) if p.do_rescale else planes
        planes = p.normalize(planes, p.image_mean, p.image_std) if p.do_normalize else planes
        patches, *grid = p.patchify(planes, p.patch_size, p.merge_size, p.temporal_patch_size)
        return {"pixel_values": torch.tensor(patches), "image_grid_thw": torch.tensor([[1, *grid]])}

    def hidden_of(prompt: str, seen: dict, image: Image.Image):
        """Through the model, as the pipeline does with a text of its own."""
        inputs = processor(text=[pipe.prompt_template_encode_edit.format(prompt)], images=[image], padding=True, return_tensors="pt")
        assert inputs.image_grid_thw.tolist() == seen["image_grid_thw"].tolist()
        hidden = model(**{**inputs, **seen}, output_hidden_states=True).hidden_states[-1][0]
        return hidden[pipe.prompt_template_encode_edit_start_idx :], inputs.input_ids[0]

    def prompt_ids(prompt: str, image: Image.Image) -> torch.Tensor:
        return processor(text=[pipe.prompt_template_encode_edit.format(prompt)], images=[image], return_tensors="pt").input_ids[0]

    # Pictures of 512 pixels, as the pipelines have it; the base pipeline's texts are filled up together.
    for i in range(0 if sizes else 1):
        small = np.array(picture(37, 23, rng))
        image = tiled(small, 512)
        pair = [texts[1], texts[0]]
        embeds, mask = pipe.encode_prompt("edit", pair, device, dtype, image=image)
        alone, _ = mobile.encode_prompt("edit", [texts[0]], device, dtype, image=image)
        assert torch.allclose(alone[0], embeds[1][mask[1].bool()], atol=1e-5)
        whole = Image.fromarray(small)
        rounded, _ = mobile.encode_prompt("edit", [texts[0]], device, dtype, image=whole)
        picture_of = keep(f"{i}.tile", torch.tensor(small).permute(2, 0, 1) / 127.5 - 1)
        cases.append({"tile": picture_of, "texts": [
            {"prompt": prompt, **encoded(f"{i}.{j}", embeds[j][mask[j].bool()], prompt_ids(prompt, image))} for j, prompt in enumerate(pair)]})
        exact, ids = hidden_of(texts[0], seen_as(unrounded(whole, 512, 512, Image.Resampling.LANCZOS)), image)
        for rounds, embeds in ((True, rounded[0]), (False, exact)):
            text_of = {"prompt": texts[0], **encoded(f"{i}.{'rounded' if rounds else 'exact'}", embeds, ids)}
            cases.append({"picture": picture_of, "resized": True, "rounded": rounds, "texts": [text_of]})

    for i, (height, width) in enumerate(sizes):
        image = picture(height, width, rng)
        seen = processor.image_processor(images=[image], return_tensors="pt")
        grid = seen.image_grid_thw[0].tolist()[1:]
        sides = [side * settings["patch_size"] for side in grid]
        if sides != [height, width]:
            seen = seen_as(unrounded(image, *sides, settings.get("resample", 3)))
        features = model.model.get_image_features(seen["pixel_values"], seen["image_grid_thw"])
        case = {"picture": keep(f"{i}.picture", torch.tensor(np.array(image)).permute(2, 0, 1) / 127.5 - 1), "grid": grid, "texts": [],
                "features": [keep(f"{i}.features.{k}", value[0]) for k, value in enumerate([features.pooler_output, *features.deepstack_features])]}
        if i == 0:
            case["patches"] = keep(f"{i}.patches", seen["pixel_values"])
        for j, prompt in enumerate(texts if i == 0 else texts[i % 2 : i % 2 + 1]):
            hidden, ids = hidden_of(prompt, {key: seen[key] for key in ("pixel_values", "image_grid_thw")}, image)
            case["texts"].append({"prompt": prompt, **encoded(f"{i}.{j}", hidden, ids)})
        cases.append(case)

    alone = []
    for j, prompt in enumerate(["[Generate]: a boat", *([] if prompts else [PROMPTS[5] * 2]), "<|image_pad|> as a word"]):
        embeds, _ = pipe.encode_prompt("generate", [prompt], device, dtype, max_sequence_length=200)
        drop = pipe.prompt_template_encode_generate_start_idx
        ids = tokenizer(text=[pipe.prompt_template_encode_generate.format(prompt)], max_length=200 + drop, truncation=True).input_ids[0]
        alone.append({"prompt": prompt, **encoded(f"alone.{j}", embeds[0], torch.tensor(ids))})
    finish(folder, tensors, {"transformers": transformers.__version__, "cases": cases, "alone": alone})


def drawn(seed: int):
    r = random.Random(seed)
    key_heads, layers, depth = r.choice([1, 2, 3]), r.randint(1, 5), r.randint(1, 5)
    heads, merge, patch = r.randint(1, 4), r.choice([1, 2, 3]), r.choice([2, 3, 4, 6])
    half = r.randint(2, 14)
    text = {"hidden_size": r.choice([8, 20, 32, 64]), "intermediate_size": r.randint(10, 90), "num_hidden_layers": layers,
            "num_attention_heads": key_heads * r.choice([1, 2, 4]), "num_key_value_heads": key_heads, "head_dim": 2 * half, "rms_norm_eps": r.choice([1e-6, 1e-5]),
            "tied": r.random() < 0.5, "attention_bias": r.random() < 0.3, "theta": r.choice([1e4, 1e6, 5e6]),
            "mrope_section": [r.randint(0, half), r.randint(0, half), r.randint(0, half)]}
    vision = {"depth": depth, "hidden_size": 4 * heads * r.randint(1, 6), "num_heads": heads, "intermediate_size": r.randint(8, 70), "patch_size": patch,
              "spatial_merge_size": merge, "temporal_patch_size": r.choice([1, 2, 3]), "num_position_embeddings": r.randint(4, 90),
              "hidden_act": r.choice(["gelu_pytorch_tanh", "gelu"]), "deepstack_visual_indexes": r.sample(range(depth), r.randint(0, min(depth, layers))),
              "rope_theta": r.choice([10_000.0, 50.0])}
    step = merge * patch
    few = step * step * r.randint(1, 6)
    settings = {"patch_size": patch, "merge_size": merge, "temporal_patch_size": vision["temporal_patch_size"], **r.choice([HALVES, {}, {"do_normalize": False}]),
                **r.choice([{"do_resize": False}, {"size": {"shortest_edge": few, "longest_edge": few * r.randint(8, 60)}}]), "resample": r.choice([2, 3])}
    sizes = [(step * r.randint(1, 6), step * r.randint(1, 6)) for _ in range(2)]
    if settings.get("do_resize") is not False:
        sizes.append((step + r.randint(1, 60), step + r.randint(1, 60)))
    how = {"form": r.choice(["pieces", "whole", "saved"]), "merges": r.randint(0, 300), "dtype": r.choice(["float32", "bfloat16"]), "shard": r.choice(["30KB", "5GB"]),
           "old": r.random() < 0.3 and vision["rope_theta"] == 10_000.0, "together": r.random() < 0.5, "left": r.random() < 0.3}
    signs = ["a", "B", "1", " ", "\n", "\t", "'s", "'LL", "é", "e\u0301", "天", "🦄", "\u00a0", "<think>", "<|im_end|>", "<|im", "|>", "make", " it", " winter", "{}", "<|vision_end|>",
             ".", "!!"]
    prompts = ["".join(r.choices(signs, k=r.randint(1, 60))) for _ in range(4)]
    return text, vision, settings, sizes, how, prompts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, metavar="SEED", action="append")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES / "qwen3-vl")
    options = parser.parse_args()
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    if options.random and options.out == FIXTURES / "qwen3-vl":
        parser.error("--random needs --out: random configurations are not committed")
    for seed in options.random or []:
        *model, prompts = drawn(seed)
        make(f"model-{seed}", *model, seed, options.out, prompts)
    for seed, (name, model) in enumerate([] if options.random else MODELS.items(), 71):
        make(name, *model, seed, options.out)


if __name__ == "__main__":
    main()
