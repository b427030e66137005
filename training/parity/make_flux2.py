"""Tiny checkpoints of FLUX.2 klein (Flux2KleinPipeline) with what diffusers answers. See README.md.

    python make_flux2.py                                into tests/fixtures/flux2
    python make_flux2.py --random 7 [--random 8 …] --out DIR
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
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel
from diffusers.loaders.single_file_utils import convert_flux2_transformer_checkpoint_to_diffusers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2TokenizerFast, Qwen3Config, Qwen3ForCausalLM

from references import picture
from weights import randomise

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "flux2"
PROMPTS = ["make it winter", "Paint the ROOF blue, and it's late"]
SCHEDULER = {
    "base_image_seq_len": 256, "base_shift": 0.5, "invert_sigmas": False, "max_image_seq_len": 4096, "max_shift": 1.15, "num_train_timesteps": 1000,
    "shift": 3.0, "shift_terminal": None, "stochastic_sampling": False, "time_shift_type": "exponential", "use_beta_sigmas": False,
    "use_dynamic_shifting": True, "use_exponential_sigmas": False, "use_karras_sigmas": False,
}
# As Qwen's template has it for one message of a user, without thinking.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

TRANSFORMER = {
    "in_channels": 16, "num_layers": 2, "num_single_layers": 3, "attention_head_dim": 16, "num_attention_heads": 2, "joint_attention_dim": 48,
    "timestep_guidance_channels": 32, "mlp_ratio": 3.0, "axes_dims_rope": [4, 4, 4, 4], "rope_theta": 2000, "eps": 1e-6, "guidance_embeds": False,
}
VAE = {
    "block_out_channels": [8, 8, 8, 8], "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4, "layers_per_block": 1,
    "latent_channels": 4, "norm_num_groups": 4, "sample_size": 64,
}
TEXT = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 28, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 1024,
    "rope_theta": 1000000.0, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
}
# name: pictures are heights and widths in tokens; guidance is the pipeline's, for those that are not distilled.
COMMITTED = {
    "klein": {"seed": 1, "transformer": TRANSFORMER, "distilled": True, "dtype": torch.float32, "steps": 4, "pictures": [(4, 6), (7, 5)]},
    "klein-base": {
        "seed": 2, "distilled": False, "dtype": torch.bfloat16, "steps": 6, "guidance": 4.0, "pictures": [(5, 4)], "shards": "60KB", "files": True,
        "transformer": {**TRANSFORMER, "num_attention_heads": 2, "attention_head_dim": 24, "axes_dims_rope": [6, 6, 6, 6], "num_layers": 1, "mlp_ratio": 2.5},
    },
    "embedded": {
        "seed": 3, "distilled": False, "dtype": torch.float32, "steps": 3, "told": 2.5, "pictures": [(4, 5)],
        "transformer": {**TRANSFORMER, "num_layers": 3, "num_single_layers": 1, "guidance_embeds": True, "timestep_guidance_channels": 33, "eps": 1e-5},
    },
}


def draw(seed: int) -> dict:
    r = random.Random(seed)
    axes = [2 * r.randint(1, 5) for _ in range(4)]
    # ONNX Runtime's kernels and torch's take heads of any even size.
    transformer = {
        **TRANSFORMER, "axes_dims_rope": axes, "attention_head_dim": sum(axes), "num_attention_heads": r.randint(1, 4), "num_layers": r.randint(1, 3),
        "num_single_layers": r.randint(1, 4), "mlp_ratio": r.choice([1.5, 2.0, 3.0, 4.0]), "rope_theta": r.choice([100, 2000, 10000]),
        "timestep_guidance_channels": r.choice([16, 32, 47]), "eps": r.choice([1e-6, 1e-5]),
    }
    distilled = r.random() < 0.5
    return {
        "seed": seed, "transformer": transformer, "distilled": distilled, "dtype": r.choice([torch.float32, torch.bfloat16, torch.float16]),
        "steps": r.randint(2, 5), "guidance": 1.0 if distilled else r.uniform(1.5, 5), "pictures": [(r.randint(4, 9), r.randint(4, 9)) for _ in range(2)],
        "shards": r.choice([None, "60KB"]),
    }


def tokenizer(folder: pathlib.Path) -> Qwen2TokenizerFast:
    inner = Tokenizer(models.BPE())
    inner.normalizer = normalizers.NFC()
    inner.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(__import__("tokenizers").Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    inner.decoder = decoders.ByteLevel()
    texts = [*PROMPTS, "user assistant think", "the roof the river winter blue green"] * 3
    inner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    folder.mkdir(parents=True, exist_ok=True)
    inner.save(str(folder / "tokenizer.json"))
    made = Qwen2TokenizerFast(tokenizer_object=inner, pad_token="<|endoftext|>", eos_token="<|im_end|>", unk_token=None, model_max_length=1024)
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.add_tokens(["<think>", "</think>"])
    made.chat_template = TEMPLATE
    return made


@torch.no_grad()
def pipeline_of(spec: dict) -> Flux2KleinPipeline:
    generator = torch.Generator("cpu").manual_seed(spec["seed"])
    words = tokenizer(spec["folder"] / "tokenizer")
    transformer = Flux2Transformer2DModel(**spec["transformer"]).eval()
    vae = AutoencoderKLFlux2(**VAE).eval()
    text = Qwen3ForCausalLM(Qwen3Config(**TEXT, vocab_size=len(words) + 3)).eval()
    for model in (transformer, vae, text):
        randomise(model, generator)
    vae.bn.running_mean.copy_(0.3 * torch.randn(vae.bn.running_mean.shape, generator=generator))
    vae.bn.running_var.copy_(0.5 + torch.rand(vae.bn.running_var.shape, generator=generator))
    scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULER, **spec.get("scheduler", {}))
    return Flux2KleinPipeline(scheduler, vae, text, words, transformer, is_distilled=spec["distilled"])


class References:
    def __init__(self, pipe: Flux2KleinPipeline, spec: dict):
        self.pipe, self.spec, self.folder = pipe, spec, spec["folder"].parent
        self.tensors: dict[str, torch.Tensor] = {}
        self.generator = torch.Generator("cpu").manual_seed(spec["seed"] + 77)
        self.rng = np.random.default_rng(spec["seed"])

    def keep(self, name: str, value: torch.Tensor) -> str:
        self.tensors[name] = value.detach().clone().contiguous()
        return name

    def randn(self, *shape) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def answer(self, inputs: dict) -> torch.Tensor:
        h, w = inputs["grid"]
        out = self.pipe.transformer(**inputs["given"], return_dict=False)[0]
        return out[0, : h * w].T.reshape(-1, h, w)

    def transformer(self) -> list:
        config, cases = self.spec["transformer"], []
        self.transformer_cases = []
        channels = config["in_channels"]
        for i, (tokens, grids) in enumerate([(7, [(4, 6)]), (5, [(3, 5), (3, 5)]), (12, [(4, 3), (4, 3), (2, 5), (6, 2)])]):
            pictures = [self.randn(1, channels, h, w) for h, w in grids]
            text = self.randn(1, tokens, config["joint_attention_dim"])
            timestep, guidance = [1000.0, 713.25, 31.5][i], [4.0, 1.0, 2.5][i]
            packed = torch.cat([self.pipe._pack_latents(p) for p in pictures], 1)
            ids = torch.cat([self.pipe._prepare_latent_ids(pictures[0]), *([self.pipe._prepare_image_ids(pictures[1:])] if pictures[1:] else [])], 1)
            given = {
                "hidden_states": packed, "encoder_hidden_states": text, "timestep": torch.tensor([timestep / 1000]), "img_ids": ids,
                "txt_ids": self.pipe._prepare_text_ids(text), "guidance": torch.tensor([guidance]) if config["guidance_embeds"] else None,
            }
            self.transformer_cases.append({"given": given, "grid": grids[0]})
            made = self.answer(self.transformer_cases[-1])
            cases.append({
                "pictures": [self.keep(f"transformer.{i}.{j}", p[0]) for j, p in enumerate(pictures)], "text": self.keep(f"transformer.{i}.text", text[0]),
                "timestep": timestep, "guidance": guidance, "output": self.keep(f"transformer.{i}.output", made),
            })
        return cases

    def text(self) -> list:
        hidden = [self.pipe.encode_prompt(p, device="cpu")[0][0] for p in PROMPTS[:1]]
        return [{"prompt": p, "hidden": self.keep(f"text.{i}", h)} for i, (p, h) in enumerate(zip(PROMPTS, hidden))]

    def pipeline(self) -> list:
        """Whole edits, with up to two references: the committed PNGs go in as PIL pictures; out come z₀ and D(z₀), not clamped and not rounded."""
        cases, guidance, steps = [], self.spec.get("guidance", 1.0), self.spec["steps"]
        for i, (h, w) in enumerate(self.spec["pictures"]):
            pictures = [picture(16 * a, 16 * b, self.rng) for a, b in [(h, w), (4, 5), (5, 4)][: i + 2]]
            for j, one in enumerate(pictures):
                one.save(self.folder / f"picture-{i}-{j}.png")
            xs, seed = [], 1234 + i

            def keep_step(_pipe, _step, _time, kwargs):
                xs.append(kwargs["latents"][0].T.reshape(-1, h, w).clone())
                return {}

            if "told" in self.spec:
                # What Flux2Pipeline tells a transformer that embeds its guidance; Flux2KleinPipeline tells it nothing.
                told = {"guidance": torch.tensor([self.spec["told"]])}
                inner = Flux2Transformer2DModel.forward.__get__(self.pipe.transformer)
                self.pipe.transformer.forward = lambda **given: inner(**{**given, **told})
            latents = self.pipe(
                image=pictures, prompt=PROMPTS[i], num_inference_steps=steps, guidance_scale=guidance, height=16 * h, width=16 * w,
                generator=torch.Generator("cpu").manual_seed(seed), output_type="latent", callback_on_step_end=keep_step,
            ).images
            images = [self.pipe.image_processor.preprocess(one, height=one.height, width=one.width) for one in pictures]
            encoded = [self.pipe._encode_vae_image(image, None)[0] for image in images]
            cases.append({
                "pictures": [f"picture-{i}-{j}.png" for j in range(len(pictures))], "prompt": PROMPTS[i], "seed": seed, "steps": steps, "guidance": self.spec.get("told", guidance),
                "timesteps": self.pipe.scheduler.timesteps.tolist(), "conditions": [self.keep(f"pipeline.{i}.condition.{j}", c) for j, c in enumerate(encoded)],
                "image": self.keep(f"pipeline.{i}.image", images[0][0]), "x": self.keep(f"pipeline.{i}.x", torch.stack(xs)),
                "decoded": self.keep(f"pipeline.{i}.decoded", self.pipe.vae.decode(latents).sample[0]),
            })
        return cases


def original(state: dict) -> dict:
    """The transformer's tensors as the original program names them; diffusers' own conversion must lead back."""
    made = {}
    double = {
        "attn.norm_q": "img_attn.norm.query_norm", "attn.norm_k": "img_attn.norm.key_norm", "attn.to_out.0": "img_attn.proj", "ff.linear_in": "img_mlp.0",
        "ff.linear_out": "img_mlp.2", "attn.norm_added_q": "txt_attn.norm.query_norm", "attn.norm_added_k": "txt_attn.norm.key_norm",
        "attn.to_add_out": "txt_attn.proj", "ff_context.linear_in": "txt_mlp.0", "ff_context.linear_out": "txt_mlp.2",
    }
    single = {"attn.to_qkv_mlp_proj": "linear1", "attn.to_out": "linear2", "attn.norm_q": "norm.query_norm", "attn.norm_k": "norm.key_norm"}
    other = {
        "x_embedder": "img_in", "context_embedder": "txt_in", "proj_out": "final_layer.linear", "norm_out.linear": "final_layer.adaLN_modulation.1",
        "double_stream_modulation_img.linear": "double_stream_modulation_img.lin", "double_stream_modulation_txt.linear": "double_stream_modulation_txt.lin",
        "single_stream_modulation.linear": "single_stream_modulation.lin",
    }
    for kind in ("timestep", "guidance"):
        for layer, name in (("linear_1", "in_layer"), ("linear_2", "out_layer")):
            other[f"time_guidance_embed.{kind}_embedder.{layer}"] = f"{'time' if kind == 'timestep' else 'guidance'}_in.{name}"
    for key, value in state.items():
        module, leaf = key.rsplit(".", 1)
        kind, *rest = module.split(".")
        if kind == "transformer_blocks":
            block, inner = rest[0], ".".join(rest[1:])
            if inner in ("attn.to_q", "attn.add_q_proj"):
                names = ["to_q", "to_k", "to_v"] if inner == "attn.to_q" else ["add_q_proj", "add_k_proj", "add_v_proj"]
                stream = "img" if inner == "attn.to_q" else "txt"
                made[f"double_blocks.{block}.{stream}_attn.qkv.{leaf}"] = torch.cat([state[f"{kind}.{block}.attn.{name}.{leaf}"] for name in names])
            elif inner in double:
                made[f"double_blocks.{block}.{double[inner]}.{'scale' if 'norm_' in inner else leaf}"] = value
        elif kind == "single_transformer_blocks":
            block, inner = rest[0], ".".join(rest[1:])
            made[f"single_blocks.{block}.{single[inner]}.{'scale' if 'norm_' in inner else leaf}"] = value
        else:
            if module == "norm_out.linear":
                value = torch.cat(value.chunk(2)[::-1])
            made[f"{other[module]}.{leaf}"] = value
    back = convert_flux2_transformer_checkpoint_to_diffusers(dict(made))
    assert back.keys() == state.keys() and all(torch.equal(back[key], state[key]) for key in state)
    return {key: value.clone().contiguous() for key, value in made.items()}


# As trainers name them: original module, outputs in shares of what it has, whether its halves lie the other way round in diffusers.
CHANGED = ["img_in", "double_blocks.0.img_attn.qkv", "double_blocks.0.txt_attn.qkv", "double_blocks.0.txt_mlp.2", "single_blocks.1.linear1", "final_layer.adaLN_modulation.1"]


def loras(state: dict, generator: torch.Generator) -> tuple[dict, dict]:
    """One change of weights in three namings, and the original tensors that it changes, merged."""
    files, merged = {"diffusers": {}, "original": {}, "kohya": {}}, dict(state)
    for module in CHANGED:
        weight, rank = state[f"{module}.weight"], 3
        a = torch.randn(rank, weight.shape[1], generator=generator) / math.sqrt(weight.shape[1])
        b = 0.5 * torch.randn(weight.shape[0], rank, generator=generator) / math.sqrt(rank)
        merged[f"{module}.weight"] = weight + b @ a
        files["original"] |= {f"diffusion_model.{module}.lora_A.weight": a, f"diffusion_model.{module}.lora_B.weight": b}
        key = f"lora_unet_{module.replace('.', '_')}"
        # alpha / rank is 2 / 3 here.
        files["kohya"] |= {f"{key}.lora_down.weight": a, f"{key}.lora_up.weight": 1.5 * b, f"{key}.alpha": torch.tensor(2.0)}
        # Every diffusers module that it is, by putting B in the place of the weight.
        for name, rows in convert_flux2_transformer_checkpoint_to_diffusers({f"{module}.weight": b}).items():
            inner = name.removesuffix(".weight")
            files["diffusers"] |= {f"transformer.{inner}.lora_A.weight": a, f"transformer.{inner}.lora_B.weight": rows}
    return files, merged


def make_files(folder: pathlib.Path, pipe: Flux2KleinPipeline, spec: dict, references: References) -> dict:
    """The transformer as one file in the original names, as it is and in eight bits with scales, and LoRA files for it, with answers."""
    state = original(pipe.transformer.state_dict())
    save_file({key: value.to(spec["dtype"]) for key, value in state.items()}, folder / "flux-2-klein-base-tiny.safetensors")
    first = references.transformer_cases[1]

    def answer(changed: dict) -> torch.Tensor:
        pipe.transformer.load_state_dict(convert_flux2_transformer_checkpoint_to_diffusers(dict(changed)))
        return references.answer(first)

    eight, rounded = {}, dict(state)
    for key, value in state.items():
        if value.ndim < 2 or "modulation" in key:
            eight[key] = value.to(torch.bfloat16)
            rounded[key] = eight[key].float()
            continue
        scale = value.abs().max() / 448
        eight[key] = (value / scale).to(torch.float8_e4m3fn)
        rounded[key] = eight[key].float() * scale
        module = key.removesuffix(".weight")
        eight |= {f"{module}.weight_scale": scale, f"{module}.input_scale": torch.tensor(0.5)}
    save_file({f"model.diffusion_model.{key}": value.contiguous() for key, value in eight.items()}, folder / "flux-2-klein-base-tiny-fp8.safetensors")
    generator = torch.Generator("cpu").manual_seed(spec["seed"] + 9)
    files, merged = loras(state, generator)
    for naming, tensors in files.items():
        save_file({key: value.clone().contiguous() for key, value in tensors.items()}, folder / f"lora-{naming}.safetensors")
    kept = {"case": 1, "fp8": references.keep("files.fp8", answer(rounded)), "lora": references.keep("files.lora", answer(merged))}
    answer(state)
    return kept


@torch.no_grad()
def make(name: str, spec: dict, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    spec = {**spec, "folder": folder / "checkpoint"}
    pipe = pipeline_of(spec)
    for key in ("transformer", "text_encoder", "vae"):
        getattr(pipe, key).to(spec["dtype"])
    pipe.save_pretrained(folder / "checkpoint", **({"max_shard_size": spec["shards"]} if spec.get("shards") else {}))
    # From what was saved, so from rounded weights; buffers that are not saved are as they were.
    pipe = Flux2KleinPipeline.from_pretrained(folder / "checkpoint", torch_dtype=torch.float32)
    assert pipe.config.is_distilled == spec["distilled"]
    references = References(pipe, spec)
    described = {"transformer": references.transformer(), "text": references.text(), "pipeline": references.pipeline()}
    if spec.get("files"):
        described["files"] = make_files(folder, pipe, spec, references)
    bad = [key for key, value in references.tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise RuntimeError(f"{name}: not finite: {bad}")
    save_file(references.tensors, folder / "references.safetensors")
    versions = f"diffusers {diffusers.__version__}, transformers {transformers.__version__}"
    (folder / "references.json").write_text(json.dumps({"madeWith": versions, "distilled": spec["distilled"], **described}, indent=1) + "\n")
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
    if options.random and options.out == FIXTURES:
        parser.error("--random needs --out: random configurations are not committed")
    drawn = {f"random-{seed}": draw(seed) for seed in options.random or []}
    for name, spec in (drawn or COMMITTED).items():
        make(name, spec, options.out)


if __name__ == "__main__":
    main()
