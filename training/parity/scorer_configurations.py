"""Configurations of the networks that score pictures: the committed ones, and random ones of the same space."""
import random

KINDS = ("clip", "blip", "vit", "dinov2")
OPENAI = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def tower(width, heads, layers, inner, **more):
    return {"hidden_size": width, "num_attention_heads": heads, "num_hidden_layers": layers, "intermediate_size": inner, **more}


def clip_pictures(side):
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}, **OPENAI}


# kind, and what it is made of. dtype is that of the file; style is whose files it looks like.
COMMITTED = {
    # openai/clip-vit-* in small.
    "clip": ("clip", {
        "seed": 31, "style": "2022", "dtype": "float32", "tokenizer": "vocab", "pad_token": "<|endoftext|>", "projection": 20,
        "text": tower(24, 3, 2, 40, hidden_act="quick_gelu"),
        "vision": tower(32, 4, 3, 56, hidden_act="quick_gelu", image_size=32, patch_size=8),
        "pictures": clip_pictures(32),
    }),
    # laion/CLIP-ViT-* in small: gelu, a side that the patch does not divide, half precision.
    "openclip": ("clip", {
        "seed": 32, "style": "now", "dtype": "float16", "tokenizer": "json", "pad_token": "!", "projection": 12,
        "text": tower(20, 2, 1, 64, hidden_act="gelu"),
        "vision": tower(16, 2, 2, 48, hidden_act="gelu", image_size=45, patch_size=14),
        "pictures": clip_pictures(45),
    }),
    # Salesforce/blip-itm-* in small.
    "blip": ("blip", {
        "seed": 33, "style": "now", "dtype": "float32", "tokenizer": "vocab", "projection": 10,
        "text": tower(24, 3, 2, 48, hidden_act="gelu"),
        "vision": tower(32, 4, 2, 64, hidden_act="gelu", image_size=48, patch_size=16),
        "pictures": {"size": {"height": 48, "width": 48}, **OPENAI},
    }),
    # facebook/dino-vit* in small.
    "dino": ("vit", {
        "seed": 34, "style": "2022", "dtype": "float32",
        "vision": tower(24, 3, 3, 48, hidden_act="gelu", image_size=40, patch_size=8),
        "pictures": {"size": {"height": 40, "width": 40}, "resample": 3, **IMAGENET},
    }),
    # facebook/dinov2-* in small: trained on larger pictures than it is shown, so positions are resized.
    "dinov2": ("dinov2", {
        "seed": 35, "style": "now", "dtype": "float32",
        "vision": {k: v for k, v in tower(24, 2, 2, 0, hidden_act="gelu", image_size=63, patch_size=9, mlp_ratio=2).items() if k != "intermediate_size"},
        "pictures": {"size": {"shortest_edge": 50}, "crop_size": {"height": 45, "width": 45}, **IMAGENET},
    }),
}


def draw(kind: str, seed: int) -> dict:
    """A random configuration. The same kind and seed give the same one."""
    r = random.Random(f"{kind}-{seed}")

    def some_tower(acts):
        heads = r.choice([1, 2, 3, 4])
        return tower(4 * heads * r.randint(1, 4), heads, r.randint(1, 3), 8 * r.randint(2, 9), hidden_act=r.choice(acts))

    acts = ["gelu"] if kind in ("vit", "dinov2") else ["gelu", "quick_gelu"]
    patch = r.randint(4, 16)
    side = r.randint(2 * patch, 6 * patch)
    spec = {
        "seed": 1000 + seed, "style": "now", "dtype": r.choice(["float32", "float16", "bfloat16"]), "projection": r.randint(4, 24),
        "tokenizer": r.choice(["vocab", "json"]), "text": some_tower(acts), "vision": {**some_tower(acts), "image_size": side, "patch_size": patch},
    }
    resample = r.choice([1, 2, 3])
    square = {"size": {"height": side, "width": side}, "resample": resample}
    if kind == "clip":
        return {**spec, "pad_token": r.choice(["!", "<|endoftext|>"]), "pictures": {**clip_pictures(side), "resample": resample}}
    if kind == "blip":
        return {**spec, "pictures": {**square, **OPENAI}}
    if kind == "vit":
        vision = {**spec["vision"], "qkv_bias": r.random() < 0.7}
        return {**spec, "vision": vision, "pictures": {**square, **r.choice([OPENAI, IMAGENET])}}
    vision = {k: v for k, v in spec["vision"].items() if k != "intermediate_size"} | {"mlp_ratio": r.randint(1, 4), "qkv_bias": r.random() < 0.7}
    crop = r.randint(2 * patch, 7 * patch)
    pictures = {"size": {"shortest_edge": crop + r.randint(0, 9)}, "crop_size": {"height": crop, "width": crop}, "resample": resample, **IMAGENET}
    return {**spec, "vision": vision, "pictures": pictures}
