"""What a checkpoint's networks, samplers and pipeline answer, as named tensors plus a description of each.

Everything is computed in float32 on one CPU thread from the saved files (so from the rounded weights of an fp16 or
bf16 checkpoint), with diffusers' and transformers' own classes.
"""
import pathlib

import diffusers
import numpy as np
import torch
from PIL import Image

TEXTS = [
    "",
    "make it winter",
    "Paint the ROOF blue!",
    "  turn   the day\tinto\n night  ",
    "it's what they'd like, we've said; I'll see 'em",
    "naïve café, straße, Ünïcödé",
    "cafe\u0301 (decomposed) vs café (composed)",
    "把天空变成红色",
    "добавь радугу",
    "add a 🐈 and 👩‍🚀 in the 🌌",
    "1234567890 + 42 = 3.14159",
    "snake_case, kebab-case & C++ <b>bold</b> #1 100%",
    "İstanbul ÅNGSTRÖM ΣΊΣΥΦΟΣ ﬁne",
    "a\u00a0non-breaking\u200bzero-width\u3000ideographic space",
    "<|endoftext|> in the middle <|startoftext|>",
    "... --- !!! ??? ''' \"\"\"",
    "\u0000\u0007control\u007f",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "swap the sunflowers with roses " * 20,
    "z" * 300,
    "the " * 75,
    "the " * 76,
]
PROMPTS = ["", "make it winter", "swap the sunflowers with roses " * 20, "Paint the ROOF blue!"]

# Our name → diffusers' class and what it is told beyond the checkpoint's own configuration.
SAMPLERS = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "dpm++2m": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": False}),
    "dpm++2m-karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
# More of them, for make_samplers.py alone.
MORE_SAMPLERS = {
    "heun": ("HeunDiscreteScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
    "flow-euler": ("FlowMatchEulerDiscreteScheduler", {}),
}
# A model trained in the EDM formulation has its own two.
EDM_SAMPLERS = {"euler": ("EDMEulerScheduler", {}), "dpm++2m": ("EDMDPMSolverMultistepScheduler", {})}
# Latents are not pictures: clipping them to [-1, 1], the default of these two classes, is switched off where the file
# is of another class and does not ask for it.
CLIPPING = ("DDIMScheduler", "DDPMScheduler")


def samplers_of(config) -> dict:
    return EDM_SAMPLERS if "sigma_data" in config else SAMPLERS  # a key of the EDM classes alone


def scheduler_of(config, sampler: str):
    name, options = (samplers_of(config) | MORE_SAMPLERS)[sampler]
    foreign = config.get("_class_name", name) != name
    clip = {"clip_sample": False} if name in CLIPPING and foreign and "clip_sample" not in config else {}
    return getattr(diffusers, name).from_config(config, **clip, **options)


def sampler_of(scheduler) -> str:
    names = [name for name, (cls, _) in samplers_of(scheduler.config).items() if cls == type(scheduler).__name__]
    return names[-1] if getattr(scheduler.config, "use_karras_sigmas", False) and len(names) > 1 else names[0]


def picture(height: int, width: int, rng: np.random.Generator) -> Image.Image:
    """Soft colours with a few hard rectangles."""
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    pixels = np.array(small.resize((width, height), Image.Resampling.BICUBIC))
    for _ in range(3):
        y, x = rng.integers(0, height), rng.integers(0, width)
        pixels[y : y + height // 3, x : x + width // 3] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


class References:
    def __init__(self, pipe, spec: dict, folder: pathlib.Path):
        self.pipe, self.spec, self.folder = pipe, spec, folder
        self.tensors: dict[str, torch.Tensor] = {}
        self.generator = torch.Generator("cpu").manual_seed(spec["seed"] + 77)
        self.rng = np.random.default_rng(spec["seed"])

    def keep(self, name: str, value: torch.Tensor) -> str:
        self.tensors[name] = value.detach().clone().contiguous()
        return name

    def randn(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def tokens(self):
        ids = self.pipe.tokenizer(TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        return {"texts": TEXTS, "ids": self.keep("tokens.ids", ids.to(torch.int32))}

    def hidden(self, prompt: str) -> torch.Tensor:
        ids = self.pipe.tokenizer([prompt], padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        return self.pipe.text_encoder(ids)[0]  # [1, 77, width]

    def predict(self, z, c, timestep, prompt: str) -> torch.Tensor:
        return self.pipe.unet(torch.cat([z, c], 1), timestep, self.hidden(prompt)).sample

    def text(self):
        return {"prompts": PROMPTS, "hidden": self.keep("text.hidden", torch.cat([self.hidden(p) for p in PROMPTS]))}

    def vae(self):
        vae, factor, cases = self.pipe.vae, self.pipe.vae_scale_factor, []
        for i, (h, w) in enumerate(self.spec["sizes"]):
            image = torch.tanh(self.randn(1, 3, h * factor, w * factor))
            latent = self.randn(1, 4, h, w) / vae.config.scaling_factor
            cases.append({
                "image": self.keep(f"vae.{i}.image", image[0]),
                "mode": self.keep(f"vae.{i}.mode", vae.encode(image).latent_dist.mode()[0]),
                "latent": self.keep(f"vae.{i}.latent", latent[0]),
                "decoded": self.keep(f"vae.{i}.decoded", vae.decode(latent).sample[0]),
            })
        return cases

    def unet(self):
        cases = []
        for i, (h, w) in enumerate(self.spec["sizes"]):
            z, c = self.randn(1, 4, h, w), self.randn(1, 4, h, w) / self.pipe.vae.config.scaling_factor
            for j, timestep in enumerate([999, 500, 437.25, 1, 0]):
                prompt = PROMPTS[j % len(PROMPTS)]
                out = self.predict(z, c, timestep, prompt)
                cases.append({
                    "z": self.keep(f"unet.{i}.z", z[0]), "c": self.keep(f"unet.{i}.c", c[0]),
                    "prompt": prompt, "timestep": timestep, "output": self.keep(f"unet.{i}.{j}.output", out[0]),
                })
        return cases

    def samplers(self, steps: int = 20):
        """Each sampler with the UNet alone (no guidance): noise from one generator, x and the UNet's answer at every step."""
        h, w = self.spec["sizes"][1]
        prompt, seed = PROMPTS[1], self.spec["seed"] + 5
        c = self.randn(1, 4, h, w) / self.pipe.vae.config.scaling_factor
        condition, cases = self.keep("samplers.c", c[0]), []
        for name in samplers_of(self.pipe.scheduler.config):
            scheduler = scheduler_of(self.pipe.scheduler.config, name)
            scheduler.set_timesteps(steps)
            generator = torch.Generator("cpu").manual_seed(seed)
            x = torch.randn(1, 4, h, w, generator=generator) * scheduler.init_noise_sigma
            extra = {} if name in ("ddim", "dpm++2m", "dpm++2m-karras", "unipc") else {"generator": generator}
            start, xs, outputs = x, [], []
            for t in scheduler.timesteps:
                out = self.predict(scheduler.scale_model_input(x, t), c, t, prompt)
                x = scheduler.step(out, t, x, **extra, return_dict=False)[0]
                xs.append(x)
                outputs.append(out)
            cases.append({
                "sampler": name, "class": type(scheduler).__name__,
                "steps": steps, "seed": seed, "prompt": prompt, "c": condition, "timesteps": scheduler.timesteps.tolist(),
                "start": self.keep(f"samplers.{name}.start", start[0]),
                "outputs": self.keep(f"samplers.{name}.outputs", torch.cat(outputs)),
                "x": self.keep(f"samplers.{name}.x", torch.cat(xs)),
            })
        return cases

    def pipeline_options(self, _source, xs: list) -> dict:
        return {"callback_on_step_end": lambda _p, _i, _t, kwargs: xs.append(kwargs["latents"].clone()) or {}}

    def condition(self, image) -> torch.Tensor:
        return self.pipe.vae.encode(image).latent_dist.mode()

    def pipeline(self, steps: int = 6):
        """Whole edits: the committed PNG goes in as a PIL picture; out come z₀ and D(z₀/s), not clamped and not rounded."""
        cases = []
        for i, (h, w) in enumerate(self.spec["pictures"]):
            factor, prompt, seed = self.pipe.vae_scale_factor, PROMPTS[1 + 2 * i], 1234 + i
            source = picture(h * factor, w * factor, self.rng)
            source.save(self.folder / f"picture-{i}.png")
            xs, text_guidance, image_guidance = [], 7.5, 1.5
            latents = self.pipe(
                prompt, image=source, num_inference_steps=steps, guidance_scale=text_guidance, image_guidance_scale=image_guidance,
                generator=torch.Generator("cpu").manual_seed(seed), output_type="latent", **self.pipeline_options(source, xs),
            ).images
            decoded = self.pipe.vae.decode(latents / self.pipe.vae.config.scaling_factor).sample
            image = self.pipe.image_processor.preprocess(source)
            cases.append({
                "picture": f"picture-{i}.png", "image": self.keep(f"pipeline.{i}.image", image[0]), "prompt": prompt, "seed": seed,
                "sampler": sampler_of(self.pipe.scheduler), "steps": steps, "textGuidance": text_guidance, "imageGuidance": image_guidance,
                "condition": self.keep(f"pipeline.{i}.condition", self.condition(image)[0]),
                "x": self.keep(f"pipeline.{i}.x", torch.cat(xs)),
                "latents": self.keep(f"pipeline.{i}.latents", latents[0]),
                "decoded": self.keep(f"pipeline.{i}.decoded", decoded[0]),
            })
        return cases

    def all(self) -> dict:
        return {
            "tokens": self.tokens(), "text": self.text(), "vae": self.vae(), "unet": self.unet(),
            "samplers": self.samplers(), "pipeline": self.pipeline(),
        }


class XLReferences(References):
    """StableDiffusionXLInstructPix2PixPipeline: two text encoders, the empty text is zeros, the UNet is told pooled text and sizes."""

    def encoded(self, prompt: str):
        zeros = {} if prompt else {"prompt": "x"}  # the pipeline makes zeros of the negative prompt that it is not given
        texts = self.pipe.encode_prompt(zeros.get("prompt", prompt), device="cpu")
        return (texts[0], texts[2]) if prompt else (texts[1], texts[3])

    def hidden(self, prompt: str) -> torch.Tensor:
        return self.encoded(prompt)[0]

    def text(self):
        pooled = torch.cat([self.encoded(p)[1] for p in PROMPTS])
        return super().text() | {"pooled": self.keep("text.pooled", pooled)}

    def tokens(self):
        ids = self.pipe.tokenizer_2(TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        return super().tokens() | {"ids2": self.keep("tokens.ids2", ids.to(torch.int32))}

    def predict(self, z, c, timestep, prompt: str) -> torch.Tensor:
        hidden, pooled = self.encoded(prompt)
        size = [side * self.pipe.vae_scale_factor for side in z.shape[-2:]]
        added = {"text_embeds": pooled, "time_ids": torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32)}
        return self.pipe.unet(torch.cat([z, c], 1), timestep, hidden, added_cond_kwargs=added).sample

    def pipeline_options(self, source, xs: list) -> dict:
        return {"height": source.height, "width": source.width, "callback": lambda _i, _t, latents: xs.append(latents.clone())}

    def condition(self, image) -> torch.Tensor:
        mode = super().condition(image)
        return mode * self.pipe.vae.config.scaling_factor if self.pipe.is_cosxl_edit else mode
