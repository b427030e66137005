"""What makes the folder a diffusers pipeline: model_index.json, and emilie.json with the defaults that belong to this
checkpoint; and the training logs beside it."""

import json
import shutil

from common import OUT, RUNS

PIPELINE = {
    "_class_name": "StableDiffusionInstructPix2PixPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
DEFAULTS = {"defaults": {"steps": 8, "sampler": "ddim", "textGuidance": 1, "imageGuidance": 1}, "nativeSize": 128}

if __name__ == "__main__":
    (OUT / "model_index.json").write_text(json.dumps(PIPELINE, indent=2) + "\n")
    if not (OUT / "emilie.json").exists():
        (OUT / "emilie.json").write_text(json.dumps(DEFAULTS, indent=2) + "\n")
    (OUT / "training").mkdir(exist_ok=True)
    for log in [*RUNS.glob("vae*.csv"), *RUNS.glob("unet*.csv"), *RUNS.glob("decoder*.csv")]:
        shutil.copy(log, OUT / "training" / log.name)
    total = sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file())
    print(f"{total / 1e6:.1f} MB")
