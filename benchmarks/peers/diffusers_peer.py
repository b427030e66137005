"""diffusers on PyTorch as a peer of `npm run bench -- peers`.

    python benchmarks/peers/diffusers_peer.py --model FOLDER --threads N [--dtype float32|bfloat16] [--channels-last] [--compile]

StableDiffusionInstructPix2PixPipeline as diffusers makes it (its attention is scaled_dot_product_attention), in inference mode.
"""

import argparse
import time
from pathlib import Path

from protocol import serve

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--compile", action="store_true")
args = parser.parse_args()


def start():
    import diffusers
    import numpy as np
    import torch
    import transformers
    from PIL import Image

    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    pipe = diffusers.StableDiffusionInstructPix2PixPipeline.from_pretrained(
        args.model, torch_dtype=dtype, safety_checker=None, requires_safety_checker=False)
    # What diffusers means by this pipeline's defaults: the checkpoint of its paper has this scheduler. Betas and prediction type are
    # those of the checkpoint.
    own_scheduler = pipe.scheduler
    default_scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    if args.channels_last:
        pipe.unet.to(memory_format=torch.channels_last)
        pipe.vae.to(memory_format=torch.channels_last)
    calls = 0

    def count(module, inputs, kwargs):
        nonlocal calls
        calls += (inputs[0] if inputs else kwargs["sample"]).shape[0]

    pipe.unet.register_forward_pre_hook(count, with_kwargs=True)
    if args.compile:
        # In place, so that the hook above is called as well.
        pipe.unet.compile()

    def values(request, name):
        data = np.fromfile(Path(request["folder"]) / f"{name}.f32", dtype=np.float32)
        return torch.from_numpy(data).to(dtype).reshape(1, *request["shapes"][name])

    @torch.inference_mode()
    def unet(request):
        x = torch.cat([values(request, "z"), values(request, "c")], dim=1)
        text = values(request, "text")
        if args.channels_last:
            x = x.to(memory_format=torch.channels_last)
        t = torch.tensor(request["timestep"])
        begin = time.perf_counter()
        noise = pipe.unet(x, t, encoder_hidden_states=text).sample
        seconds = time.perf_counter() - begin
        if request.get("out"):
            noise.float().contiguous().numpy().tofile(request["out"])
        return {"seconds": seconds, "calls": 1}

    @torch.inference_mode()
    def edit(request):
        nonlocal calls
        settings = request["settings"]
        if settings == "defaults":
            how = {}
            pipe.scheduler = default_scheduler
        else:
            how = {"num_inference_steps": settings["steps"], "guidance_scale": settings["textGuidance"],
                   "image_guidance_scale": settings["imageGuidance"]}
            pipe.scheduler = own_scheduler
        image = Image.open(request["image"]).convert("RGB")
        generator = torch.Generator("cpu").manual_seed(request["seed"])
        calls = 0
        begin = time.perf_counter()
        picture = pipe(request["instruction"], image=image, generator=generator, **how).images[0]
        seconds = time.perf_counter() - begin
        picture.save(request["out"])
        return {"seconds": seconds, "calls": calls}

    versions = {"diffusers": diffusers.__version__, "torch": torch.__version__, "transformers": transformers.__version__}
    return versions, {"unet": unet, "edit": edit}


serve(start)
