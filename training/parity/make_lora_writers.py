"""LoRA files as the programs themselves write them, and what the networks answer with them merged by the same programs.

    python make_lora_writers.py        into tests/fixtures/lora/writers (after make_fixtures.py; needs peft and lycoris-lora)

Every case is saved by its writer, read back by it (so rounded as the file is) and merged by it; references are computed from that.
"""
import json
import pathlib
import shutil
import sys

import diffusers
import peft
import torch
from diffusers.utils import convert_state_dict_to_kohya
from safetensors.torch import load_file, save_file

from configurations import COMMITTED
from make_fixtures import FIXTURES, load
from references import PROMPTS, References, XLReferences

OUT = FIXTURES.parent / "lora" / "writers"
UNET = ["attn1.to_q", "attn2.to_v", "attn1.to_out.0", "down_blocks.0.resnets.0.conv1", "down_blocks.0.downsamplers.0.conv"]
TEXT = ["q_proj", "fc1"]
CONVS = ["down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.0.conv2", "attn1.to_q", "ff.net.2"]
KEPT: dict[str, torch.Tensor] = {}
CASES: list[dict] = []


def fill(model, generator, size: float = 0.3) -> None:
    """What training would have done: no factor stays at zero, and DoRA's magnitudes move."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "magnitude" in name or "dora_scale" in name:
                value *= 1 + 0.3 * torch.rand(value.shape, generator=generator)
            elif any(part in name for part in ("lora_", "hada_", "lokr_", "diff", "norm")):
                value.copy_(torch.randn(value.shape, generator=generator) * size)


def references(name: str, base: str, pipe, file: str) -> None:
    spec = COMMITTED[base]
    made = (XLReferences if "text_2" in spec else References)(pipe, spec, OUT)
    h, w = spec["sizes"][1]
    with torch.no_grad():
        z, c = made.randn(1, 4, h, w), made.randn(1, 4, h, w) * 5
        kept = {"z": z[0], "c": c[0], "hidden": made.hidden(PROMPTS[1])[0], "output": made.predict(z, c, 321.0, PROMPTS[1])[0]}
    KEPT.update({f"{name}.{key}": value.clone().contiguous() for key, value in kept.items()})
    CASES.append({"name": name, "base": base, "file": file, "weight": 1, "prompt": PROMPTS[1], "timestep": 321.0})
    print(name, file)


def of_peft(name: str, part: str, config, generator, dtype=None) -> None:
    """peft.get_peft_model(network).save_pretrained(folder), of the UNet or a text encoder."""
    pipe = load(FIXTURES / "sd1", COMMITTED["sd1"])
    made = peft.get_peft_model(getattr(pipe, part), config)
    fill(made, generator)
    if dtype:
        made.to(dtype)
    folder = OUT / name
    made.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    pipe = load(FIXTURES / "sd1", COMMITTED["sd1"])
    network = peft.PeftModel.from_pretrained(getattr(pipe, part), folder)
    setattr(pipe, part, network.merge_and_unload())
    references(name, "sd1", pipe, f"{name}/adapter_model.safetensors")


def of_diffusers(name: str, base: str, generator) -> None:
    """save_lora_weights of the pipeline with peft's settings, its export to kohya's naming, and save_lora_adapter of the UNet."""
    pipe = load(FIXTURES / base, COMMITTED[base])
    networks = {"unet": pipe.unet, "text_encoder": pipe.text_encoder}
    if "text_2" in COMMITTED[base]:
        networks["text_encoder_2"] = pipe.text_encoder_2
    for i, (part, network) in enumerate(networks.items()):
        settings = {"r": 2 + i, "lora_alpha": 5 - i, "target_modules": UNET if part == "unet" else TEXT}
        pattern = {"alpha_pattern": {"down_blocks.0.resnets.0.conv1": 7}} if part == "unet" else {}
        network.add_adapter(peft.LoraConfig(**settings, **pattern))
        fill(network, generator)
    layers = {f"{part}_lora_layers": peft.get_peft_model_state_dict(network) for part, network in networks.items()}
    for network in networks.values():
        network.peft_config["default"].base_model_name_or_path = None
    notes = {f"{part}_lora_adapter_metadata": network.peft_config["default"].to_dict() for part, network in networks.items()}
    type(pipe).save_lora_weights(OUT, weight_name=f"{name}.safetensors", **layers, **notes)
    kohya = convert_state_dict_to_kohya(load_file(OUT / f"{name}.safetensors"))
    save_file({key: value.contiguous() for key, value in kohya.items()}, OUT / f"{name}-kohya.safetensors")
    pipe.unet.save_lora_adapter(OUT, weight_name=f"{name}-unet.safetensors")

    for case, merged, scaled in ((name, networks, True), (f"{name}-kohya", networks, False), (f"{name}-unet", ["unet"], True)):
        other = load(FIXTURES / base, COMMITTED[base])
        with torch.no_grad():
            for part in merged:
                network = getattr(other, part)
                modules = dict(getattr(pipe, part).named_modules())
                for path, module in network.named_modules():
                    layer = modules.get(path)
                    if not isinstance(layer, peft.tuners.lora.LoraLayer):
                        continue
                    delta = layer.get_delta_weight("default")
                    # The export says that alpha is the rank.
                    module.weight += delta if scaled else delta / layer.scaling["default"]
        references(case, base, other, f"{case}.safetensors")


def of_lycoris(name: str, generator, dtype=torch.float32, size=0.3, **options) -> None:
    from lycoris import LycorisNetwork, create_lycoris, create_lycoris_from_weights

    targets = {"target_module": [], "target_name": options.pop("targets")}
    LycorisNetwork.apply_preset({"enable_conv": True, **targets})
    pipe = load(FIXTURES / "sd1", COMMITTED["sd1"])
    made = create_lycoris(pipe.unet, 1.0, **options)
    made.apply_to()
    fill(made, generator, size)
    made.save_weights(str(OUT / f"{name}.safetensors"), dtype, {})
    # As it runs in training: LyCORIS 4.1 merges LoHa and LoKr with alpha / rank squared, and does not read DoRA of the inputs back.
    if not options.get("dora_wd"):
        pipe = load(FIXTURES / "sd1", COMMITTED["sd1"])
        network, _ = create_lycoris_from_weights(1.0, str(OUT / f"{name}.safetensors"), pipe.unet)
        network.to(torch.float32)
        network.apply_to()
    references(name, "sd1", pipe, f"{name}.safetensors")


def main() -> None:
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    g = torch.Generator("cpu").manual_seed(31)
    lora = {"r": 2, "lora_alpha": 3, "target_modules": UNET}
    of_peft("peft", "unet", peft.LoraConfig(**lora, rank_pattern={"to_q": 3}, alpha_pattern={"attn2.to_v": 5}), g)
    of_peft("peft-rslora", "unet", peft.LoraConfig(**lora, use_rslora=True), g)
    of_peft("peft-dora", "unet", peft.LoraConfig(**lora, use_dora=True), g)
    of_peft("peft-bias", "unet", peft.LoraConfig(**{**lora, "target_modules": ["to_out.0"]}, lora_bias=True), g)
    text = {"r": 2, "lora_alpha": 1, "target_modules": [*TEXT, "token_embedding"]}
    of_peft("peft-text", "text_encoder", peft.LoraConfig(**text), g)
    of_peft("peft-loha", "unet", peft.LoHaConfig(r=2, alpha=3, target_modules=CONVS, use_effective_conv2d=True), g)
    of_peft("peft-lokr", "unet", peft.LoKrConfig(r=2, alpha=3, target_modules=CONVS, use_effective_conv2d=True), g)
    of_diffusers("diffusers", "sd1", g)
    of_diffusers("diffusers-xl", "sdxl", g)
    tucker = {"linear_dim": 2, "linear_alpha": 3, "conv_dim": 2, "conv_alpha": 1, "use_tucker": True}
    wanted = {"targets": [f".*{one}" for one in CONVS]}
    of_lycoris("locon", g, torch.float16, algo="locon", **tucker, **wanted)
    of_lycoris("loha", g, torch.bfloat16, algo="loha", **tucker, **wanted)
    of_lycoris("loha-flat", g, algo="loha", **{**tucker, "use_tucker": False}, **wanted)
    of_lycoris("lokr", g, algo="lokr", factor=4, **tucker, **wanted)
    of_lycoris("lokr-both", g, algo="lokr", factor=4, decompose_both=True, **{**tucker, "linear_dim": 1, "conv_dim": 1}, **wanted)
    of_lycoris("lokr-whole", g, algo="lokr", factor=4, full_matrix=True, **tucker, **wanted)
    of_lycoris("full", g, algo="full", size=0.1, **tucker, targets=[".*attn1.to_q", ".*downsamplers.0.conv"])
    of_lycoris("dora-in", g, algo="locon", dora_wd=True, wd_on_output=False, **tucker, **wanted)
    of_lycoris("dora-out", g, algo="locon", dora_wd=True, wd_on_output=True, **tucker, **wanted)
    of_lycoris("norms", g, algo="locon", train_norm=True, **tucker, targets=[*wanted["targets"], ".*norm1"])
    save_file(KEPT, OUT / "references.safetensors")
    for path in OUT.rglob("adapter_config.json"):  # without the folder that this ran in
        path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": None}, indent=1) + "\n")
    for path in OUT.rglob("*.safetensors"):
        path.chmod(0o644)
    (OUT / "references.json").write_text(json.dumps(CASES, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
