"""Turns what today's libraries write into what repositories of 2022 and 2023 carry, so that both are covered.

transformers 5 dropped the prefix "text_model." (all SD repositories have it) and the buffer position_ids (many have it);
SD 1.x VAEs still name their attention query, key, value, proj_attn; configurations lack the keys that came later, among
them the VAE's scaling_factor, whose default is 0.18215; the text encoder's bos and eos ids are not the tokenizer's.
"""
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

UNET_KEYS = """_class_name _diffusers_version act_fn attention_head_dim block_out_channels center_input_sample cross_attention_dim
down_block_types downsample_padding dual_cross_attention flip_sin_to_cos freq_shift in_channels layers_per_block
mid_block_scale_factor norm_eps norm_num_groups num_class_embeds only_cross_attention out_channels sample_size up_block_types
upcast_attention use_linear_projection""".split()
VAE_KEYS = """_class_name _diffusers_version act_fn block_out_channels down_block_types in_channels latent_channels layers_per_block
norm_num_groups out_channels sample_size up_block_types""".split()
OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def rename(folder: pathlib.Path, new_name, extra: dict | None = None) -> None:
    """Renames the tensors of one network, in however many files it lies; extra goes into the first of them."""
    weight_map = {}
    for i, file in enumerate(sorted(folder.glob("*.safetensors"))):
        tensors = {new_name(k): v for k, v in load_file(file).items()} | ((extra or {}) if i == 0 else {})
        save_file(tensors, file, metadata={"format": "pt"})
        weight_map |= {key: file.name for key in tensors}
    for index in folder.glob("*.index.json"):
        edit_json(index, lambda c: c | {"weight_map": weight_map})


def edit_json(file: pathlib.Path, change) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text())), indent=2) + "\n")


def prefix_text(folder: pathlib.Path, position_ids: bool) -> None:
    ids = {"text_model.embeddings.position_ids": torch.arange(77)[None]} if position_ids else {}
    rename(folder / "text_encoder", lambda key: f"text_model.{key}", ids)


def age(folder: pathlib.Path) -> None:
    """Makes the checkpoint look like the original InstructPix2Pix's."""
    prefix_text(folder, position_ids=True)

    def old_attention(key: str) -> str:
        for new, old in OLD_ATTENTION.items():
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        return key

    rename(folder / "vae", old_attention)
    edit_json(folder / "unet" / "config.json", lambda c: {k: v for k, v in c.items() if k in UNET_KEYS})
    edit_json(folder / "vae" / "config.json", lambda c: {k: v for k, v in c.items() if k in VAE_KEYS})
    edit_json(
        folder / "text_encoder" / "config.json",
        lambda c: {k: v for k, v in c.items() if k != "dtype"}
        | {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "dropout": 0.0, "torch_dtype": c["dtype"],
           "transformers_version": "4.25.1"},
    )
