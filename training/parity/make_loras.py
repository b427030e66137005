"""LoRA files in the common namings for the tiny checkpoints, and what the networks answer with them merged.

    python make_loras.py        into tests/fixtures/lora (after make_fixtures.py)

References are computed with W + w·(alpha/r)·B·A in torch. Where diffusers' own load_lora_weights and fuse_lora read the file (needs
peft), their weights are compared with these.
"""
import json
import pathlib
import tempfile

import diffusers
import torch
from safetensors.torch import load_file, save_file

from configurations import COMMITTED
from ldm import unet_modules, unet_name
from make_fixtures import FIXTURES, build, load, write_single
from references import PROMPTS, References, XLReferences

OUT = FIXTURES.parent / "lora"
WEIGHT = 0.8


def base_pipeline(base: str, spec: dict):
    """The checkpoint of the fixtures; one that is a single file is built again, for the configurations beside it."""
    if "single" not in spec:
        return load(FIXTURES / base, spec)
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        build(spec, folder / "checkpoint")
        write_single(folder, spec)
        return load(folder, spec)


def modules_of(model, wanted):
    return {name: m for name, m in model.named_modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d)) and any(w in name for w in wanted)}


def draw(module, rank: int, generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A and B in the shapes that trainers save: a convolution's kernel is in A."""
    w = module.weight
    a = torch.randn(rank, *w.shape[1:], generator=generator) / w[0].numel() ** 0.5
    b = torch.randn(w.shape[0], rank, *([1, 1] if w.dim() == 4 else []), generator=generator) * 0.4
    return a, b


@torch.no_grad()
def merge(module, a, b, scale: float) -> None:
    module.weight += scale * (b.flatten(1) @ a.flatten(1)).view_as(module.weight)


def bare(name: str) -> str:
    return name.removeprefix("text_model.")


@torch.no_grad()
def make(name: str, base: str, style: str, unet_wanted, text_wanted, seed: int) -> dict:
    spec = COMMITTED[base]
    pipe = base_pipeline(base, spec)
    generator = torch.Generator("cpu").manual_seed(seed)
    networks = {"unet": pipe.unet, "text_encoder": pipe.text_encoder}
    if "text_2" in spec:
        networks["text_encoder_2"] = pipe.text_encoder_2
    xl_original = unet_modules(pipe.unet.config) if style == "kohya-xl" else None
    tensors, merges, count = {}, [], 0
    for network, model in networks.items():
        for path, module in modules_of(model, unet_wanted if network == "unet" else text_wanted).items():
            rank, alpha = 1 + count % 4, [None, 2.0, 0.5][count % 3]
            count += 1
            a, b = draw(module, rank, generator)
            path_ = path if network == "unet" else f"text_model.{bare(path)}"
            if style == "peft":
                tensors |= {f"{network}.{path_}.lora_A.weight": a, f"{network}.{path_}.lora_B.weight": b}
                alpha = None
            else:
                if xl_original and network == "unet":
                    path_ = unet_name(f"{path}.weight", xl_original).removesuffix(".weight")
                single = "text_encoder_2" not in networks
                prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_" if single else "lora_te1_", "text_encoder_2": "lora_te2_"}[network]
                key = prefix + path_.replace(".", "_")
                tensors |= {f"{key}.lora_down.weight": a, f"{key}.lora_up.weight": b}
                if alpha is not None:
                    tensors[f"{key}.alpha"] = torch.tensor(alpha)
            merges.append((module, a, b, WEIGHT * (rank if alpha is None else alpha) / rank))
    tensors = {k: v.contiguous() for k, v in tensors.items()}
    save_file(tensors, OUT / f"{name}.safetensors", metadata={"format": "pt"})
    (OUT / f"{name}.safetensors").chmod(0o644)
    for module, a, b, scale in merges:
        merge(module, a, b, scale)
    print(f"{name}: {count} modules on {base}; diffusers: {compare(base, spec, OUT / f'{name}.safetensors', networks)}")
    references = (XLReferences if "text_2" in spec else References)(pipe, spec, OUT)
    h, w = spec["sizes"][1]
    z, c = references.randn(1, 4, h, w), references.randn(1, 4, h, w) * 5
    hidden = references.hidden(PROMPTS[1])
    out = references.predict(z, c, 321.0, PROMPTS[1])
    kept = {"z": z[0], "c": c[0], "hidden": hidden[0], "output": out[0]}
    for key, value in kept.items():
        references.keep(f"{name}.{key}", value)
    KEPT.update(references.tensors)
    return {"name": name, "base": base, "file": f"{name}.safetensors", "weight": WEIGHT, "prompt": PROMPTS[1], "timestep": 321.0,
            "touched": count}


KEPT: dict[str, torch.Tensor] = {}


def compare(base: str, spec: dict, file: pathlib.Path, networks: dict) -> str:
    """
    The largest difference of any weight to what diffusers makes of the same file, or why it does not read it. diffusers 0.42 reads
    peft's files to the same bits. Of kohya's it applies one alpha to all attention projections, where the file has several, and with
    transformers 5 nothing to the text encoders; hence the formula above as the reference.
    """
    theirs = base_pipeline(base, spec)
    try:
        theirs.load_lora_weights(load_file(file))
        theirs.fuse_lora(lora_scale=WEIGHT)
        theirs.unload_lora_weights()
    except Exception as error:  # whatever it is, it is only reported
        return f"not read ({type(error).__name__}: {str(error)[:100]})"
    worst = {}
    for network, ours in networks.items():
        other = getattr(theirs, network).state_dict()
        worst[network] = max((v - other[k]).abs().max().item() for k, v in ours.state_dict().items())
    return ", ".join(f"{network} {value:.1e}" for network, value in worst.items())


def main() -> None:
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    OUT.mkdir(parents=True, exist_ok=True)
    attention = ("attn1.to_q", "attn2.to_v", "to_out.0", "proj_in", "ff.net")
    cases = [
        make("kohya", "sd1", "kohya", (*attention, "resnets.0.conv1", "conv_shortcut", "downsamplers.0.conv"), ("q_proj", "fc1"), 21),
        make("peft", "sdxl", "peft", attention, ("k_proj", "out_proj"), 22),
        make("kohya-xl", "cosxl", "kohya-xl", (*attention, "resnets.1.conv2", "time_emb_proj", "upsamplers"), ("v_proj", "fc2"), 23),
    ]
    save_file(KEPT, OUT / "references.safetensors")
    (OUT / "references.safetensors").chmod(0o644)
    (OUT / "references.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
