"""Makes tiny InstructPix2Pix checkpoints with reference tensors. See README.md.

    python make_fixtures.py                         the committed ones, into tests/fixtures/parity
    python make_fixtures.py --only sd1              one of them
    python make_fixtures.py --random 7 --out DIR    a random configuration, into DIR/random-7
"""
import argparse
import json
import pathlib
import shutil

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL, StableDiffusionInstructPix2PixPipeline, StableDiffusionXLInstructPix2PixPipeline, UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from configurations import COMMITTED, draw
from ldm import single_file, with_training_leftovers
from references import References, XLReferences
from vocabulary import write_tokenizer
from wild import age, prefix_text
from weights import calibrate, randomise

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "parity"


def build(spec: dict, folder: pathlib.Path) -> None:
    """Writes the checkpoint as save_pretrained writes it, with the tokenizer's files as SD repositories carry them."""
    generator = torch.Generator("cpu").manual_seed(spec["seed"])
    size = write_tokenizer(folder / "tokenizer", spec["pad_token"])
    ids = {"bos_token_id": size - 2, "eos_token_id": size - 1, "pad_token_id": 0 if spec["pad_token"] == "!" else size - 1}
    text = CLIPTextModel(CLIPTextConfig(vocab_size=size, max_position_embeddings=77, **ids, **spec["text"]))
    unet = UNet2DConditionModel(in_channels=8, out_channels=4, sample_size=8, **spec["unet"])
    vae = AutoencoderKL(**spec["vae"])
    more = {}
    if "text_2" in spec:
        size = write_tokenizer(folder / "tokenizer_2", "!")
        ids = {"bos_token_id": size - 2, "eos_token_id": size - 1, "pad_token_id": 0}
        config = CLIPTextConfig(vocab_size=size, max_position_embeddings=77, **ids, **spec["text_2"])
        more["text_encoder_2"] = CLIPTextModelWithProjection(config)
        more["tokenizer_2"] = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
    for model in (text, unet, vae, *([more["text_encoder_2"]] if more else [])):
        randomise(model.eval(), generator)
    factor = 2 ** (len(spec["vae"]["block_out_channels"]) - 1)
    with torch.no_grad():
        calibrate(vae, torch.tanh(torch.randn(1, 3, 8 * factor, 8 * factor, generator=generator)))
    name, options = spec["scheduler"]
    scheduler = getattr(diffusers, name).from_config({"_class_name": name, **options})
    parts = {"vae": vae, "text_encoder": text, "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer"), "unet": unet,
             "scheduler": scheduler, **more}
    if more:
        pipe = StableDiffusionXLInstructPix2PixPipeline(**parts, add_watermarker=False)
    else:
        pipe = StableDiffusionInstructPix2PixPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipe.to(getattr(torch, spec["dtype"]))
    extra = {"max_shard_size": spec["max_shard_size"]} if "max_shard_size" in spec else {}
    pipe.save_pretrained(folder, **extra)
    for name_, pad in {"tokenizer": spec["pad_token"], **({"tokenizer_2": "!"} if more else {})}.items():
        shutil.rmtree(folder / name_)
        write_tokenizer(folder / name_, pad)
    if spec["style"] == "2022":
        age(folder)
    elif spec["style"] == "2023":
        prefix_text(folder, position_ids=False)
    if spec.get("scheduler_as_written"):  # with lambda_min_clipped: -Infinity, which is not JSON
        return
    # Scheduler files in the wild hold what their author set, and keys of other classes: keep ours so too.
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps({"_class_name": name, "_diffusers_version": diffusers.__version__, **options}, indent=2) + "\n"
    )


def load(folder: pathlib.Path, spec: dict):
    """The pipeline as diffusers reads it from the folder, or from the single file."""
    options = {"dtype": torch.float32} if "single" not in spec else {"torch_dtype": torch.float32}
    if "text_2" in spec:
        cls, options = StableDiffusionXLInstructPix2PixPipeline, {**options, "add_watermarker": False}
    else:
        cls, options = StableDiffusionInstructPix2PixPipeline, {**options, "safety_checker": None, "requires_safety_checker": False}
    if "single" not in spec:
        return cls.from_pretrained(folder / "checkpoint", **options)
    edm = {"is_cosxl_edit": True} if "marks" in spec else {}
    name, scheduler = spec["scheduler"]
    return cls.from_single_file(
        str(folder / "checkpoint.safetensors"), config=str(folder / "checkpoint"), local_files_only=True,
        scheduler=getattr(diffusers, name).from_config({"_class_name": name, **scheduler}), extract_ema=spec.get("ema", False), **edm, **options,
    )


@torch.no_grad()
def write_single(folder: pathlib.Path, spec: dict) -> None:
    """The same weights as one file; the UNet's own are averaged ones where there are such, and something else stands in their place."""
    cls = StableDiffusionXLInstructPix2PixPipeline if "text_2" in spec else StableDiffusionInstructPix2PixPipeline
    pipe = cls.from_pretrained(folder / "checkpoint", dtype=getattr(torch, spec["dtype"]))
    tensors = single_file(pipe)
    unet = {k: v for k, v in tensors.items() if k.startswith("model.")} if spec.get("ema") else None
    generator = torch.Generator("cpu").manual_seed(spec["seed"] + 5)
    if unet:
        tensors |= {k: v + 0.02 * torch.randn(v.shape, generator=generator) for k, v in unet.items()}
    tensors = with_training_leftovers(tensors, unet) | {k: torch.tensor(v) for k, v in spec.get("marks", {}).items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "checkpoint.safetensors", metadata={"format": "pt"})
    (folder / "checkpoint.emilie.json").write_text(json.dumps(spec["single"], indent=2) + "\n")
    shutil.copytree(folder / "checkpoint" / "tokenizer", folder / "tokenizer")


def compare(folder: pathlib.Path, spec: dict, pipe) -> None:
    """diffusers' reading of the single file holds the weights that went into it."""
    cls = type(pipe)
    before = cls.from_pretrained(folder / "checkpoint", dtype=torch.float32)
    for part in ("unet", "vae", "text_encoder", *(["text_encoder_2"] if "text_2" in spec else [])):
        ours, theirs = getattr(before, part).state_dict(), getattr(pipe, part).state_dict()
        if ours.keys() != theirs.keys() or any(not torch.equal(ours[k], theirs[k]) for k in ours):
            raise RuntimeError(f"{folder.name}: {part} is not the same in the single file")
    shutil.rmtree(folder / "checkpoint")


@torch.no_grad()
def make(name: str, spec: dict, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    build(spec, folder / "checkpoint")
    if "single" in spec:
        write_single(folder, spec)
    pipe = load(folder, spec)
    if "single" in spec:
        compare(folder, spec, pipe)
    pipe.set_progress_bar_config(disable=True)
    references = (XLReferences if "text_2" in spec else References)(pipe, spec, folder)
    described = references.all()
    if references.tensors["tokens.ids"].max() >= pipe.text_encoder.config.vocab_size:
        raise RuntimeError(f"{name}: the tokenizer gives ids that the text encoder does not have")
    bad = [key for key, value in references.tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise RuntimeError(f"{name}: not finite: {bad}")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    save_file(references.tensors, folder / "references.safetensors")
    made_with = {m.__name__: m.__version__.split("+")[0] for m in (torch, diffusers, transformers)}
    (folder / "references.json").write_text(
        json.dumps({"name": name, "madeWith": made_with, "scalingFactor": pipe.vae.config.scaling_factor, **described},
                   indent=1, ensure_ascii=False) + "\n"
    )
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{name}: {size / 1e6:.2f} MB, unet {sum(p.numel() for p in pipe.unet.parameters()):,} parameters")
    for key in ("text.hidden", "vae.0.mode", "vae.0.decoded", "unet.0.0.output", "pipeline.0.latents", "pipeline.0.decoded"):
        value = references.tensors[key]
        print(f"  {key}: std {value.std():.3f}, largest {value.abs().max():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=COMMITTED, action="append")
    parser.add_argument("--random", type=int, metavar="SEED", action="append")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    if options.random:
        if options.out == FIXTURES:
            parser.error("--random needs --out: random configurations are not committed")
        for seed in options.random:
            make(f"random-{seed}", draw(seed), options.out)
    else:
        for name in options.only or COMMITTED:
            make(name, COMMITTED[name], options.out)


if __name__ == "__main__":
    main()
