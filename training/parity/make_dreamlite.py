"""Tiny checkpoints of DreamLite (DreamLitePipeline, DreamLiteMobilePipeline) with what diffusers answers. See README.md.

    python make_dreamlite.py                                into tests/fixtures/dreamlite
    python make_dreamlite.py --random 7 [--random 8 …] --out DIR

The text encoder is shown D(E(picture)), resized in floats: emilie has the picture of a session as a latent, and rounds it nowhere. All else is the pipelines' own.
"""
import argparse
import json
import math
import pathlib
import random
import shutil

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderTiny, DreamLiteMobilePipeline, DreamLitePipeline, DreamLiteUNetModel, FlowMatchEulerDiscreteScheduler
from PIL import Image
from safetensors.torch import save_file
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from make_klein import write_tokenizer
from make_qwen3_vl import PUBLISHED, TEMPLATE, VISUAL, StillsProcessor, make_model, templates, write_processor
from references import picture
from weights import randomise

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "dreamlite"
PROMPTS = ["make it winter", "Paint the ROOF blue, and it's late"]
SCHEDULER = {"base_image_seq_len": 256, "base_shift": 0.5, "max_image_seq_len": 4096, "max_shift": 1.16, "num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": True}
TEXT = {"hidden_size": 20, "intermediate_size": 28, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 12, "theta": 5_000_000.0,
        "mrope_section": [2, 2, 2]}
VISION = {"depth": 2, "hidden_size": 16, "intermediate_size": 20, "num_heads": 2, "patch_size": 16, "num_position_embeddings": 36, "deepstack_visual_indexes": [0]}
UNET = {
    "sample_size": 8, "block_out_channels": [8, 16, 24], "attention_head_dim": [1, 2, 3], "layers_per_block": [1, 2, 1], "transformer_layers_per_block": [1, 1, 2],
    "norm_num_groups": 4, "cross_attention_dim": 12, "encoder_hid_dim": 20, "encoder_hid_dim_type": "text_proj_rms", "addition_embed_type": "time",
    "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 16, "use_linear_projection": True, "ff_mult": 3,
}
OLDER = {
    "down_block_types": ["CrossAttnDownRemoveSelfAttnBlock2D", "CrossAttnDownRemoveSelfAttnBlock2D", "CrossAttnDownBlock2D"],
    "mid_block_type": "UNetMidBlock2DCrossAttn", "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpRemoveSelfAttnBlock2DV1", "UpBlock2D"],
}
# name: pictures are heights and widths in latent pixels.
COMMITTED = {
    "mobile": {"seed": 1, "unet": {**UNET, **OLDER}, "mobile": True, "dtype": torch.bfloat16, "steps": 4, "pictures": [(6, 8), (10, 6)], "loras": True},
    "base": {
        "seed": 2, "mobile": False, "dtype": torch.float16, "steps": 3, "pictures": [(8, 6), (6, 10)], "guidance": [3.5, 1.5],
        "unet": {**UNET, "attention_head_dim": [2, 4, 4], "num_kv_heads": 2, "use_linear_projection": False, "ff_mult": 6, "num_mid_layers": 2, "cross_attention_dim": 16},
    },
    "shapes": {
        "seed": 3, "dtype": torch.bfloat16,
        "unet": {
            "in_channels": 3, "out_channels": 3, "block_out_channels": [10, 15], "attention_head_dim": [2, 3], "layers_per_block": 2, "norm_num_groups": 5,
            "cross_attention_dim": [7, 9], "down_block_types": ["DreamLiteDownBlock2D", "DreamLiteCrossAttnNoSelfAttnDownBlock2D"], "use_sep_conv": False, "qk_norm": None,
            "up_block_types": ["DreamLiteCrossAttnNoSelfAttnUpBlock2D", "CrossAttnUpBlock2D"], "num_kv_heads": None, "downsample_padding": 0, "flip_sin_to_cos": False,
            "freq_shift": 1, "time_embedding_dim": 22, "center_input_sample": True, "conv_in_kernel": 5, "conv_out_kernel": 1, "norm_eps": 1e-6,
            "cross_attention_dim": 9,
        },
    },
}


def draw(seed: int) -> dict:
    r = random.Random(seed)
    n, kv, groups = r.randint(2, 4), r.choice([1, 1, 2, None]), r.choice([1, 2, 4])
    heads = [(kv or 1) * r.randint(1, 3) for _ in range(n)]
    channels = [groups * h * 2 * r.randint(1, 3) for h in heads]
    layers = [r.randint(1, 2) for _ in range(n)]
    down = ["DreamLiteCrossAttnNoSelfAttnDownBlock2D", "CrossAttnDownRemoveSelfAttnBlock2D", "DreamLiteCrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]
    up = ["DreamLiteCrossAttnUpBlock2D", "CrossAttnUpRemoveSelfAttnBlock2D", "CrossAttnUpRemoveSelfAttnBlock2DV1", "CrossAttnUpBlock2D", "UpBlock2D"]
    waves, kind, latent = 2 * r.randint(2, 8), r.choice(["text_proj_rms", "text_proj", None]), r.choice([4, 4, 5])
    unet = {
        "in_channels": latent, "out_channels": latent, "block_out_channels": channels, "attention_head_dim": heads, "layers_per_block": layers, "norm_num_groups": groups,
        "transformer_layers_per_block": [r.randint(1, 2) for _ in range(n)], "down_block_types": r.choices(down, k=n), "up_block_types": r.choices(up, k=n),
        "cross_attention_dim": 20 if kind is None else r.choice([6, 11, 24]), "encoder_hid_dim": kind and 20, "encoder_hid_dim_type": kind, "num_kv_heads": kv,
        "qk_norm": r.choice(["rms_norm", "rms_norm", None]), "use_sep_conv": r.random() < 0.8, "ff_mult": r.randint(1, 6), "num_mid_layers": r.randint(1, 2),
        "use_linear_projection": r.random() < 0.5, "downsample_padding": 1 if n > 3 else r.choice([0, 1]), "norm_eps": r.choice([1e-5, 1e-6]), "conv_in_kernel": r.choice([1, 3]),
        **({"addition_embed_type": "time", "addition_time_embed_dim": waves, "projection_class_embeddings_input_dim": 2 * waves} if r.random() < 0.7 else {}),
    }
    if r.random() < 0.3:
        unet["transformer_layers_per_block"] = [[r.randint(1, 2) for _ in range(max(layer, 2))] for layer in layers]
        unet["reverse_transformer_layers_per_block"] = [[r.randint(1, 2) for _ in range(layer + 1)] for layer in reversed(layers)]
    mobile = r.random() < 0.5
    return {
        "seed": seed, "unet": unet, "mobile": mobile, "dtype": r.choice([torch.float32, torch.bfloat16, torch.float16]), "steps": r.randint(2, 5),
        "guidance": [r.uniform(1.5, 5), r.uniform(1.1, 2)], "pictures": [(2 * r.randint(3, 5), 2 * r.randint(3, 5))],
        "scheduler": r.choice([{}, {"use_dynamic_shifting": True, "base_shift": 0.4, "max_shift": 2.0}]),
    }


def floats(pipeline_class: type) -> type:
    """The pipeline, shown a picture [1, 3, height, width] in [-1, 1] without 8 bits on the way."""

    class Floats(pipeline_class):
        @property
        def own(self):
            return pipeline_class

        def encode_prompt(self, mode, prompts, device, dtype, image=None, **_):
            seen = self.vae.decode(self.vae.encode(self.image_processor.preprocess(image, height=self.sides[0], width=self.sides[1])).latents).sample[0]
            planes = (seen.clamp(-1, 1).numpy() + 1) * 127.5
            planes = np.stack([np.clip(np.array(Image.fromarray(plane).resize((512, 512), Image.Resampling.LANCZOS)), 0, 255) for plane in planes])
            p = self.processor.image_processor
            planes = p.normalize(p.rescale(planes, p.rescale_factor), p.image_mean, p.image_std)
            patches, *grid = p.patchify(planes, p.patch_size, p.merge_size, p.temporal_patch_size)
            texts = [self.prompt_template_encode_edit.format(prompt) for prompt in prompts]
            inputs = self.processor(text=texts, images=[Image.new("RGB", (512, 512))] * len(texts), padding=True, return_tensors="pt")
            inputs["pixel_values"] = torch.tensor(np.concatenate([patches] * len(texts)))
            assert inputs["image_grid_thw"].tolist() == [[1, *grid]] * len(texts)
            hidden = self.text_encoder(**inputs, output_hidden_states=True).hidden_states[-1]
            kept = [one[self.prompt_template_encode_edit_start_idx :] for one in self._extract_masked_hidden(hidden, inputs["attention_mask"])]
            padded = torch.nn.utils.rnn.pad_sequence(kept, batch_first=True)
            mask = torch.tensor([[1] * len(one) + [0] * (padded.shape[1] - len(one)) for one in kept])
            self.encoded = kept
            return padded, mask

    return Floats


class References:
    def __init__(self, spec: dict, folder: pathlib.Path):
        self.spec, self.folder = spec, folder
        self.tensors: dict[str, torch.Tensor] = {}
        self.generator = torch.Generator("cpu").manual_seed(spec["seed"] + 77)
        self.rng = np.random.default_rng(spec["seed"])

    def keep(self, name: str, value: torch.Tensor) -> str:
        self.tensors[name] = value.detach().clone().float().contiguous()
        return name

    def randn(self, *shape) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def answer(self, unet: DreamLiteUNetModel, i: int) -> torch.Tensor:
        z, c, text, timestep = self.inputs[i]
        sides = [[8.0 * z.shape[3], 8.0 * z.shape[2]]]
        out = unet(torch.cat([z, c], 3), torch.tensor([timestep]), text, added_cond_kwargs={"time_ids": torch.tensor(sides)}, return_dict=False)[0]
        return out[0, ..., : z.shape[3]]

    def unet(self, unet: DreamLiteUNetModel) -> list:
        config, cases, self.inputs = unet.config, [], []
        width = config.encoder_hid_dim or config.cross_attention_dim
        for i, (tokens, h, w) in enumerate([(7, 8, 8), (5, 9, 5), (12, 6, 11)]):
            shape = (1, config.in_channels, h, w)
            self.inputs.append((self.randn(*shape), self.randn(*shape), self.randn(1, tokens, width), [1000.0, 713.25, 31.5][i]))
            z, c, text, timestep = self.inputs[i]
            cases.append({
                "z": self.keep(f"unet.{i}.z", z[0]), "c": self.keep(f"unet.{i}.c", c[0]), "text": self.keep(f"unet.{i}.text", text[0]), "timestep": timestep,
                "output": self.keep(f"unet.{i}.output", self.answer(unet, i)),
            })
        return cases

    def pipeline(self, pipe) -> list:
        """Whole edits: the committed PNGs go in as PIL pictures; out come every step, z₀ and D(z₀), not clamped and not rounded."""
        cases, steps = [], self.spec["steps"]
        inner = FlowMatchEulerDiscreteScheduler.step.__get__(pipe.scheduler)
        for i, (h, w) in enumerate(self.spec["pictures"]):
            image = picture(8 * h, 8 * w, self.rng)
            image.save(self.folder / f"picture-{i}.png")
            xs, seed = [], 1234 + i

            def step(*args, **given):
                made = inner(*args, **given)
                xs.append(made[0][0].clone())
                return made

            pipe.scheduler.step, pipe.sides = step, (8 * h, 8 * w)
            text, picture_weight = self.spec.get("guidance", [1.0, 1.0])
            guided = {} if self.spec["mobile"] else {"guidance_scale": text, "image_guidance_scale": picture_weight}
            z = pipe(prompt=PROMPTS[i], image=image, height=8 * h, width=8 * w, num_inference_steps=steps, output_type="latent",
                     generator=torch.Generator("cpu").manual_seed(seed), **guided).images
            given = pipe.image_processor.preprocess(image, height=8 * h, width=8 * w)
            c = pipe.vae.encode(given).latents
            rows = pipe.encoded[-1]
            cases.append({
                "picture": f"picture-{i}.png", "prompt": PROMPTS[i], "seed": seed, "steps": steps, "guidance": text, "imageGuidance": picture_weight,
                "timesteps": pipe.scheduler.timesteps.tolist(), "image": self.keep(f"pipeline.{i}.image", given[0]), "condition": self.keep(f"pipeline.{i}.condition", c[0]),
                "tokens": len(rows), "text": self.keep(f"pipeline.{i}.text", rows[-9:]), "x": self.keep(f"pipeline.{i}.x", torch.stack(xs)),
                "decoded": self.keep(f"pipeline.{i}.decoded", pipe.vae.decode(z).sample[0]),
            })
        return cases


def lora_files(unet: DreamLiteUNetModel, folder: pathlib.Path, references: References) -> dict:
    """A change of attention's products, as the training scripts have it: peft's adapter, diffusers', and kohya's; with the answer of what is merged."""
    generator = torch.Generator("cpu").manual_seed(references.spec["seed"] + 9)
    state = unet.state_dict()
    files, merged = {"peft": {}, "diffusers": {}, "kohya": {}}, dict(state)
    for key in sorted(state):
        module = key.removesuffix(".weight")
        if not key.endswith(".weight") or not any(module.endswith(end) for end in ("to_q", "to_k", "to_v", "to_out.0")):
            continue
        weight, rank = state[key], 2
        a = torch.randn(rank, weight.shape[1], generator=generator) / math.sqrt(weight.shape[1])
        b = 0.5 * torch.randn(weight.shape[0], rank, generator=generator) / math.sqrt(rank)
        merged[key] = weight + b @ a
        files["peft"] |= {f"base_model.model.{module}.lora_A.weight": a, f"base_model.model.{module}.lora_B.weight": b}
        files["diffusers"] |= {f"unet.{module}.lora_A.weight": a, f"unet.{module}.lora_B.weight": b}
        flat = "lora_unet_" + module.replace(".", "_")
        files["kohya"] |= {f"{flat}.lora_down.weight": a, f"{flat}.lora_up.weight": b, f"{flat}.alpha": torch.tensor(2.0)}
    for naming, tensors in files.items():
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"lora-{naming}.safetensors")
    unet.load_state_dict(merged)
    return {"case": 1, "count": len(files["peft"]) // 2, "output": references.keep("lora", references.answer(unet, 1))}


@torch.no_grad()
def make(name: str, spec: dict, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint = folder / "checkpoint"
    generator = torch.Generator("cpu").manual_seed(spec["seed"])
    unet = DreamLiteUNetModel(**spec["unet"]).eval()
    randomise(unet, generator)
    unet.to(spec["dtype"]).save_pretrained(checkpoint / "unet")
    unet = DreamLiteUNetModel.from_pretrained(checkpoint / "unet", torch_dtype=torch.float32).eval()
    references = References(spec, folder)
    described = {"unet": references.unet(unet)}
    if "pictures" in spec:
        how = {"form": "saved", "merges": 700, "template": TEMPLATE, "special": VISUAL, "more": " ".join(templates()), "dtype": "bfloat16"}
        tokenizer = write_tokenizer(checkpoint / "tokenizer", how)
        write_tokenizer(checkpoint / "processor", how)
        write_processor(checkpoint / "processor", PUBLISHED, how)
        text = make_model(checkpoint / "text_encoder", tokenizer, TEXT, VISION, how, generator)
        own = {key: value for key, value in PUBLISHED.items() if key not in ("processor_class", "image_processor_type")}
        processor = StillsProcessor(Qwen2VLImageProcessorPil(**own), tokenizer.__class__.from_pretrained(checkpoint / "processor"))
        latent = spec["unet"].get("in_channels", 4)
        vae = AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
                              latent_channels=latent).eval()
        randomise(vae, generator)
        vae.to(spec["dtype"]).save_pretrained(checkpoint / "vae")
        vae = AutoencoderTiny.from_pretrained(checkpoint / "vae", torch_dtype=torch.float32).eval()
        scheduler = FlowMatchEulerDiscreteScheduler(**{**SCHEDULER, **spec.get("scheduler", {})})
        scheduler.save_pretrained(checkpoint / "scheduler")
        kind = DreamLiteMobilePipeline if spec["mobile"] else DreamLitePipeline
        index = {
            "_class_name": kind.__name__, "_diffusers_version": diffusers.__version__, "processor": ["transformers", "Qwen3VLProcessor"],
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"], "text_encoder": ["transformers", "Qwen3VLForConditionalGeneration"],
            "tokenizer": ["transformers", "Qwen2TokenizerFast"], "unet": ["diffusers", "DreamLiteUNetModel"], "vae": ["diffusers", "AutoencoderTiny"],
        }
        (checkpoint / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
        pipe = floats(kind)(text, tokenizer, processor, vae, unet, scheduler)
        pipe.set_progress_bar_config(disable=True)
        described |= {"mobile": spec["mobile"], "pipeline": references.pipeline(pipe)}
    if spec.get("loras"):
        described["lora"] = lora_files(unet, folder, references)
    bad = [key for key, value in references.tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise RuntimeError(f"{name}: not finite: {bad}")
    save_file(references.tensors, folder / "references.safetensors")
    versions = f"diffusers {diffusers.__version__}, transformers {transformers.__version__}"
    (folder / "references.json").write_text(json.dumps({"madeWith": versions, **described}, indent=1) + "\n")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{name}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file()) / 1e3:.0f} kB")
    for key, value in references.tensors.items():
        print(f"  {key} {list(value.shape)}: std {value.std():.3f}, largest {value.abs().max():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, metavar="SEED", action="append")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    if options.random and options.out == FIXTURES:
        parser.error("--random needs --out: random configurations are not committed")
    drawn = {f"random-{seed}": draw(seed) for seed in options.random or []}
    for name, spec in (drawn or COMMITTED).items():
        make(name, spec, options.out)


if __name__ == "__main__":
    main()
