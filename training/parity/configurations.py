"""The committed configurations, and random ones of the same space. Every value is one that SD 1.x / 2.x kind checkpoints use."""
import random

SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
CROSS_DOWN, DOWN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, UP = "CrossAttnUpBlock2D", "UpBlock2D"


def vae(channels, layers=1, groups=4, **more):
    return {
        "block_out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * len(channels),
        "up_block_types": ["UpDecoderBlock2D"] * len(channels),
        "layers_per_block": layers,
        "norm_num_groups": groups,
        "latent_channels": 4,
        "sample_size": 64,
        "scaling_factor": 0.18215,
        **more,
    }


def text(width, heads, layers, inner, act):
    return {
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "intermediate_size": inner,
        "hidden_act": act,
        "projection_dim": width,
    }


# style: whose files it looks like, see wild.py.
# sizes: latent (height, width) of the UNet references; pictures: (height, width) of the two whole edits, in latent pixels.
COMMITTED = {
    # The original InstructPix2Pix in small: 1x1-convolution projections, one head count for all levels, quick_gelu.
    "sd1": {
        "seed": 1,
        "style": "2022",
        "dtype": "float32",
        "unet": {
            "block_out_channels": [16, 32],
            "down_block_types": [CROSS_DOWN, DOWN],
            "up_block_types": [UP, CROSS_UP],
            "layers_per_block": 2,
            "attention_head_dim": 8,
            "cross_attention_dim": 24,
            "norm_num_groups": 8,
        },
        "vae": vae([8, 16], layers=2),
        "text": text(24, 4, 2, 48, "quick_gelu"),
        "pad_token": "<|endoftext|>",
        "scheduler": (
            "EulerAncestralDiscreteScheduler",
            {**SD_BETAS, "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
             "interpolation_type": "linear", "prediction_type": "epsilon", "trained_betas": None, "use_karras_sigmas": False},
        ),
        "sizes": [(6, 8), (7, 5)],
        "pictures": [(8, 12), (11, 6)],
    },
    # Stable Diffusion 2.x: head counts as a list, linear projections, gelu, padding with "!", v prediction, zero terminal SNR.
    "sd2": {
        "seed": 2,
        "style": "2023",
        "dtype": "float32",
        "unet": {
            "block_out_channels": [16, 24, 32],
            "down_block_types": [CROSS_DOWN, CROSS_DOWN, DOWN],
            "up_block_types": [UP, CROSS_UP, CROSS_UP],
            "layers_per_block": 1,
            "attention_head_dim": [2, 3, 4],
            "cross_attention_dim": 32,
            "norm_num_groups": 4,
            "use_linear_projection": True,
            "upcast_attention": True,
        },
        "vae": vae([8, 16, 16]),
        "text": text(32, 2, 3, 80, "gelu"),
        "pad_token": "!",
        "scheduler": (
            "DDIMScheduler",
            {**SD_BETAS, "clip_sample": False, "set_alpha_to_one": True, "steps_offset": 1, "prediction_type": "v_prediction",
             "timestep_spacing": "trailing", "rescale_betas_zero_snr": True},
        ),
        "sizes": [(8, 12), (5, 7)],
        "pictures": [(8, 12), (10, 9)],
    },
    # Nothing regular: attention only below the first level, a list of layers, widths that go up and down, fp16 files.
    "odd": {
        "seed": 3,
        "style": "now",
        "dtype": "float16",
        "unet": {
            "block_out_channels": [8, 24, 16],
            "down_block_types": [DOWN, CROSS_DOWN, CROSS_DOWN],
            "up_block_types": [CROSS_UP, CROSS_UP, UP],
            "layers_per_block": [2, 1, 3],
            "attention_head_dim": [4, 3, 2],
            "cross_attention_dim": 40,
            "norm_num_groups": 4,
        },
        "vae": vae([8, 12], scaling_factor=0.3),
        "text": text(40, 5, 1, 56, "quick_gelu"),
        "pad_token": "<|endoftext|>",
        "scheduler": (
            "EulerDiscreteScheduler",
            {**SD_BETAS, "prediction_type": "epsilon", "timestep_spacing": "leading", "steps_offset": 1},
        ),
        "sizes": [(8, 4), (6, 9)],
        "pictures": [(8, 12), (13, 7)],
    },
    # Four levels and the factor 8 of the real ones, bf16, the UNet in several files, the scheduler's file with -Infinity.
    "deep": {
        "seed": 4,
        "style": "2023",
        "dtype": "bfloat16",
        "max_shard_size": "100KB",
        "unet": {
            "block_out_channels": [8, 16, 16, 24],
            "down_block_types": [CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN],
            "up_block_types": [UP, CROSS_UP, CROSS_UP, CROSS_UP],
            "layers_per_block": 1,
            "attention_head_dim": 4,
            "cross_attention_dim": 16,
            "norm_num_groups": 4,
        },
        "vae": vae([8, 8, 12, 8]),
        "text": text(16, 2, 4, 64, "quick_gelu"),
        "pad_token": "<|endoftext|>",
        "scheduler": (
            "DPMSolverMultistepScheduler",
            {**SD_BETAS, "prediction_type": "epsilon", "algorithm_type": "dpmsolver++", "solver_order": 2, "use_karras_sigmas": True,
             "steps_offset": 1},
        ),
        "scheduler_as_written": True,
        "sizes": [(8, 16), (6, 11)],
        "pictures": [(8, 6), (7, 9)],
    },
}


XL_UNET = {
    "block_out_channels": [8, 16],
    "down_block_types": [DOWN, CROSS_DOWN],
    "up_block_types": [CROSS_UP, UP],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2],
    "attention_head_dim": [2, 4],
    "cross_attention_dim": 16 + 24,
    "norm_num_groups": 4,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 6,
    "projection_class_embeddings_input_dim": 20 + 6 * 6,
}
XL_TEXTS = {
    "text": text(16, 2, 3, 40, "quick_gelu"),
    "text_2": {**text(24, 3, 3, 56, "gelu"), "projection_dim": 20},
    "pad_token": "<|endoftext|>",
}

# single: written as one file under the original programs' names, with what its shapes cannot tell in a JSON beside it.
COMMITTED |= {
    # instruct-pix2pix-00-22000.safetensors in small: averaged weights and training leftovers in the same file.
    "ldm1": {
        "seed": 11,
        "single": {
            "unet": {"norm_num_groups": 4},
            "vae": {"norm_num_groups": 4},
            "text_encoder": {"num_attention_heads": 2},
        },
        "ema": True,
        "style": "now",
        "dtype": "float32",
        "unet": {
            "block_out_channels": [8, 16],
            "down_block_types": [CROSS_DOWN, DOWN],
            "up_block_types": [UP, CROSS_UP],
            "layers_per_block": 2,
            "attention_head_dim": 8,
            "cross_attention_dim": 16,
            "norm_num_groups": 4,
        },
        "vae": vae([8, 16]),
        "text": text(16, 2, 2, 40, "quick_gelu"),
        "pad_token": "<|endoftext|>",
        "scheduler": (
            "EulerAncestralDiscreteScheduler",
            {**SD_BETAS, "prediction_type": "epsilon", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1},
        ),
        "sizes": [(6, 8), (7, 5)],
        "pictures": [(8, 12), (11, 6)],
    },
    # Stable Diffusion 2.x as one half-precision file: OpenCLIP's text tower with fused projections, v prediction.
    "ldm2": {
        "seed": 12,
        "single": {
            "unet": {"norm_num_groups": 4, "attention_head_dim": [2, 4, 2]},
            "vae": {"norm_num_groups": 4},
            "text_encoder": {"num_attention_heads": 3},
            "scheduler": {"prediction_type": "v_prediction"},
        },
        "style": "now",
        "dtype": "float16",
        "unet": {
            "block_out_channels": [8, 16, 16],
            "down_block_types": [CROSS_DOWN, CROSS_DOWN, DOWN],
            "up_block_types": [UP, CROSS_UP, CROSS_UP],
            "layers_per_block": 1,
            "attention_head_dim": [2, 4, 2],
            "cross_attention_dim": 24,
            "norm_num_groups": 4,
            "use_linear_projection": True,
        },
        "vae": vae([8, 12]),
        "text": text(24, 3, 2, 56, "gelu"),
        "pad_token": "!",
        "scheduler": (
            "EulerAncestralDiscreteScheduler",
            {**SD_BETAS, "prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1},
        ),
        "sizes": [(8, 4), (6, 9)],
        "pictures": [(8, 12), (13, 7)],
    },
    # SDXL InstructPix2Pix in the layout of diffusers.
    "sdxl": {
        "seed": 13,
        "style": "now",
        "dtype": "float32",
        "unet": XL_UNET,
        "vae": vae([8, 12], scaling_factor=0.13025),
        **XL_TEXTS,
        "scheduler": (
            "EulerDiscreteScheduler",
            {**SD_BETAS, "prediction_type": "epsilon", "timestep_spacing": "leading", "steps_offset": 1,
             "interpolation_type": "linear", "use_karras_sigmas": False, "sample_max_value": 1.0, "set_alpha_to_one": False,
             "skip_prk_steps": True, "clip_sample": False},
        ),
        "sizes": [(6, 8), (7, 5)],
        "pictures": [(8, 12), (10, 6)],
    },
    # CosXL-Edit as it is published: one file, marked as EDM.
    "cosxl": {
        "seed": 14,
        "single": {
            "unet": {"norm_num_groups": 4, "attention_head_dim": [2, 4]},
            "vae": {"norm_num_groups": 4},
            "text_encoder": {"num_attention_heads": 2},
            "text_encoder_2": {"num_attention_heads": 3},
        },
        "marks": {"edm_vpred.sigma_max": 120.0, "edm_vpred.sigma_min": 0.002},
        "style": "now",
        "dtype": "float32",
        "unet": {**XL_UNET, "layers_per_block": 1},
        "vae": vae([8, 12], scaling_factor=0.13025),
        **XL_TEXTS,
        "scheduler": (
            "EDMEulerScheduler",
            {"sigma_min": 0.002, "sigma_max": 120.0, "sigma_data": 1.0, "prediction_type": "v_prediction",
             "sigma_schedule": "exponential"},
        ),
        "sizes": [(6, 8), (7, 5)],
        "pictures": [(8, 12), (10, 6)],
    },
}


def draw(seed: int) -> dict:
    """A random configuration. The same seed gives the same one."""
    r = random.Random(seed)
    levels = r.randint(2, 4)
    groups = r.choice([2, 4, 8])
    channels = [r.choice([8, 16, 24, 32]) for _ in range(levels)]
    heads = [r.choice([h for h in (1, 2, 4, 8) if c % h == 0]) for c in channels]
    same = r.random() < 0.4
    cross = [r.random() < 0.7 for _ in range(levels)]
    cross_up = [r.random() < 0.7 for _ in range(levels)]
    head_count = r.choice([2, 4])
    text_heads = r.choice([1, 2, 4])
    width = 8 * text_heads * r.randint(1, 3)
    layers = r.randint(1, 2) if r.random() < 0.5 else [r.randint(1, 3) for _ in range(levels)]
    prediction = r.choice(["epsilon", "v_prediction"])
    zero_snr = prediction == "v_prediction" and r.random() < 0.5
    spacing = "trailing" if zero_snr else r.choice(["leading", "linspace", "trailing"])
    scheduler = r.choice(
        ["DDIMScheduler", "DDPMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler",
         "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"]
    )
    options = {**SD_BETAS, "beta_schedule": r.choice(["scaled_linear", "linear"]), "prediction_type": prediction,
               "timestep_spacing": spacing, "steps_offset": r.choice([0, 1]), "rescale_betas_zero_snr": zero_snr}
    if scheduler in ("DDIMScheduler", "DDPMScheduler"):
        options["clip_sample"] = False
    if scheduler == "DDIMScheduler":
        options["set_alpha_to_one"] = r.random() < 0.5
    if scheduler == "DPMSolverMultistepScheduler":
        options["use_karras_sigmas"] = r.random() < 0.5 and not zero_snr
    vae_channels = [r.choice([8, 12, 16]) for _ in range(r.randint(2, 4))]
    side = lambda: r.randint(4, 12)
    sizes = [(side(), side()) for _ in range(2)]
    scale = r.choice([0.18215, 0.13025, 0.5])
    style = r.choice(["2022", "2023", "now"])
    shards = r.choice([None, "60KB", "200KB"])  # never in the style of 2022: diffusers renames old attention in single files only
    if style == "2022":
        scale = 0.18215  # its configuration does not say
    return {
        "seed": seed + 1000,
        "style": style,
        "dtype": r.choice(["float32", "float16", "bfloat16"]),
        **({"max_shard_size": shards} if shards and style != "2022" else {}),
        "unet": {
            "block_out_channels": channels,
            "down_block_types": [CROSS_DOWN if c else DOWN for c in cross],
            "up_block_types": [CROSS_UP if c else UP for c in cross_up],
            "layers_per_block": layers,
            "attention_head_dim": head_count if same else heads,
            "cross_attention_dim": width,
            "norm_num_groups": groups,
            "use_linear_projection": r.random() < 0.5,
        },
        "vae": vae(vae_channels, layers=r.randint(1, 2), groups=r.choice([2, 4]), scaling_factor=scale),
        "text": text(width, text_heads, r.randint(1, 3), 8 * r.randint(2, 10), r.choice(["quick_gelu", "gelu"])),
        "pad_token": r.choice(["!", "<|endoftext|>"]),
        "scheduler": (scheduler, options),
        "sizes": sizes,
        "pictures": [(side(), side() + 13), (side() + 13, side())],
    }
