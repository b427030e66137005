"""Does diffusers' own pipeline load the shipped checkpoint, and give the picture that emilie gives?

    python training/parity/check_picturebook.py

Runs StableDiffusionInstructPix2PixPipeline (fp32, CPU) and `emilie edit` with the same picture, instruction, seed and settings, without gate and rephrasing,
and prints how far apart the two 8-bit pictures are. Exits with 1 beyond one level on average.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "picturebook"
CASES = [("cottage.png", "make it winter", 7), ("road.png", "paint the roof blue", 3), ("lake.png", "make it night", 5)]
# What this checkpoint's defaults do beyond diffusers: the gate, and phrases of its own for people's words.
NOT_DIFFUSERS = ["--gate", 0, "--rephrase", "off"]


def main():
    defaults = json.loads((MODEL / "emilie.json").read_text())["defaults"]
    steps, s_t, s_i = defaults["steps"], 2.0, 1.5  # diffusers guides only above 1, so both weights are
    pipe = StableDiffusionInstructPix2PixPipeline.from_pretrained(MODEL, torch_dtype=torch.float32, safety_checker=None)
    worst = 0.0
    for name, instruction, seed in CASES:
        image = Image.open(ROOT / "examples" / name).convert("RGB")
        theirs = pipe(instruction, image=image, num_inference_steps=steps, guidance_scale=s_t, image_guidance_scale=s_i,
                      generator=torch.Generator("cpu").manual_seed(seed), output_type="pil").images[0]
        with tempfile.TemporaryDirectory() as out:
            command = ["npx", "tsx", "src/cli/main.ts", "edit", f"examples/{name}", instruction, "--seed", seed, "--steps", steps, "--sampler",
                       "ddim", "--text-guidance", s_t, "--image-guidance", s_i, "--out", out, *NOT_DIFFUSERS]
            subprocess.run([str(c) for c in command], cwd=ROOT, check=True, capture_output=True)
            ours = Image.open(next(Path(out).glob("01-*.png"))).convert("RGB")
        d = np.abs(np.asarray(theirs, np.int16) - np.asarray(ours, np.int16))
        worst = max(worst, float(d.mean()))
        print(f"{name}, {instruction!r}, seed {seed}: mean difference {d.mean():.4f} of 255 levels, largest {d.max()}")
    sys.exit(worst > 1)


if __name__ == "__main__":
    main()
