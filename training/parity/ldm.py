"""The inverse of what diffusers does when it loads a single file: a pipeline's weights under the names of the original programs.

Written from those programs' module trees (CompVis/latent-diffusion, Stability-AI/generative-models, OpenCLIP); that it is right is
shown by diffusers' own from_single_file reading the result (make_fixtures.py compares the two pipelines' weights).
"""
import re

import torch

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
FIXED = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
         "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2", "mid_block.resnets.0": "middle_block.0",
         "mid_block.attentions.0": "middle_block.1", "mid_block.resnets.1": "middle_block.2", "conv_norm_out": "out.0", "conv_out": "out.2"}


def unet_modules(config) -> dict[str, str]:
    modules, i = dict(FIXED), 1
    layers, last = config.layers_per_block, len(config.block_out_channels) - 1
    for level in range(last + 1):
        for j in range(layers):
            modules[f"down_blocks.{level}.resnets.{j}"] = f"input_blocks.{i}.0"
            modules[f"down_blocks.{level}.attentions.{j}"] = f"input_blocks.{i}.1"
            i += 1
        if level < last:
            modules[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{i}.0.op"
            i += 1
    i = 0
    for level, kind in enumerate(config.up_block_types):
        for j in range(layers + 1):
            modules[f"up_blocks.{level}.resnets.{j}"] = f"output_blocks.{i}.0"
            modules[f"up_blocks.{level}.attentions.{j}"] = f"output_blocks.{i}.1"
            if level < last and j == layers:
                modules[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{i}.{2 if 'Attn' in kind else 1}.conv"
            i += 1
    return modules


def unet_name(name: str, modules: dict[str, str]) -> str:
    module = max((m for m in modules if name.startswith(m + ".")), key=len)
    rest = name[len(module) + 1 :]
    if ".resnets." in module:
        part, kind = rest.rsplit(".", 1)
        rest = f"{RESNET[part]}.{kind}"
    return f"{modules[module]}.{rest}"


def vae_entry(name: str, value: torch.Tensor, levels: int):
    name = re.sub(r"^encoder\.down_blocks\.(\d+)\.resnets\.", r"encoder.down.\1.block.", name)
    name = re.sub(r"^encoder\.down_blocks\.(\d+)\.downsamplers\.0\.", r"encoder.down.\1.downsample.", name)
    name = re.sub(r"^decoder\.up_blocks\.(\d+)\.", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.", name)
    name = re.sub(r"^(decoder\.up\.\d+)\.resnets\.", r"\1.block.", name)
    name = re.sub(r"^(decoder\.up\.\d+)\.upsamplers\.0\.", r"\1.upsample.", name)
    name = re.sub(r"\.mid_block\.resnets\.(\d)\.", lambda m: f".mid.block_{int(m[1]) + 1}.", name)
    name = name.replace(".conv_shortcut.", ".nin_shortcut.").replace(".conv_norm_out.", ".norm_out.")
    found = re.match(r"(.*)\.mid_block\.attentions\.0\.(.*)\.(weight|bias)$", name)
    if found:
        part = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}[found[2]]
        name = f"{found[1]}.mid.attn_1.{part}.{found[3]}"
        if part != "norm" and found[3] == "weight":
            value = value[:, :, None, None]
    return name, value


def open_clip(state: dict, layers: int, extra_layer: bool) -> dict:
    """extra_layer: SD 2.x files hold OpenCLIP's last layer too, which is never run."""
    state = {k.removeprefix("text_model."): v for k, v in state.items()}
    out = {"positional_embedding": state["embeddings.position_embedding.weight"],
           "token_embedding.weight": state["embeddings.token_embedding.weight"],
           "ln_final.weight": state["final_layer_norm.weight"], "ln_final.bias": state["final_layer_norm.bias"],
           "logit_scale": torch.tensor(4.6)}
    if "text_projection.weight" in state:
        out["text_projection"] = state["text_projection.weight"].T.contiguous()
    for i in range(layers):
        source, block = f"encoder.layers.{i}", f"transformer.resblocks.{i}"
        for kind in ("weight", "bias"):
            out[f"{block}.attn.in_proj_{kind}"] = torch.cat([state[f"{source}.self_attn.{p}_proj.{kind}"] for p in "qkv"])
            for a, b in {"self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
                         "mlp.fc2": "mlp.c_proj"}.items():
                out[f"{block}.{b}.{kind}"] = state[f"{source}.{a}.{kind}"]
    if extra_layer:
        last = f"transformer.resblocks.{layers - 1}."
        out |= {k.replace(last, f"transformer.resblocks.{layers}."): torch.full_like(v, 9.0) for k, v in list(out.items()) if k.startswith(last)}
        out["text_projection"] = torch.full((state["final_layer_norm.weight"].shape[0],) * 2, 9.0)
    return out


def clip(state: dict) -> dict:
    return {f"text_model.{k.removeprefix('text_model.')}": v for k, v in state.items()}


def single_file(pipe) -> dict[str, torch.Tensor]:
    modules = unet_modules(pipe.unet.config)
    out = {f"model.diffusion_model.{unet_name(k, modules)}": v for k, v in pipe.unet.state_dict().items()}
    levels = len(pipe.vae.config.block_out_channels)
    for key, value in pipe.vae.state_dict().items():
        name, value = vae_entry(key, value, levels)
        out[f"first_stage_model.{name}"] = value
    text, config = pipe.text_encoder.state_dict(), pipe.text_encoder.config
    if hasattr(pipe, "text_encoder_2"):
        out |= {f"conditioner.embedders.0.transformer.{k}": v for k, v in clip(text).items()}
        second = open_clip(pipe.text_encoder_2.state_dict(), pipe.text_encoder_2.config.num_hidden_layers, False)
        out |= {f"conditioner.embedders.1.model.{k}": v for k, v in second.items()}
    elif config.hidden_act == "quick_gelu":
        out |= {f"cond_stage_model.transformer.{k}": v for k, v in clip(text).items()}
        out["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    else:
        out |= {f"cond_stage_model.model.{k}": v for k, v in open_clip(text, config.num_hidden_layers, True).items()}
    return out


def with_training_leftovers(tensors: dict[str, torch.Tensor], ema: dict[str, torch.Tensor] | None) -> dict[str, torch.Tensor]:
    """What such files carry besides: the schedule's buffers, the VAE's loss, and with `ema` the averaged weights of the UNet."""
    extra = {"betas": torch.linspace(0.03, 0.1, 8) ** 2, "alphas_cumprod": torch.linspace(1, 0, 8), "logvar": torch.zeros(8),
             "first_stage_model.loss.logvar": torch.zeros(()), "model_ema.num_updates": torch.tensor(22000, dtype=torch.int32)}
    for name, value in (ema or {}).items():
        extra["model_ema." + name.removeprefix("model.").replace(".", "")] = value
    if ema:
        extra["model_ema.decay"] = torch.tensor(0.9999)
    return tensors | extra
