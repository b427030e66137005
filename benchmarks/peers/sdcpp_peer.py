"""stable-diffusion.cpp as a peer of `npm run bench -- peers`, through stable-diffusion-cpp-python.

    python benchmarks/peers/sdcpp_peer.py --model FOLDER --threads N [--type f32|f16|q8_0] [--flash]
    python benchmarks/peers/sdcpp_peer.py --diffusion-model FILE --llm FILE --vae FILE --factor 16 --threads N [--type …]

The library has no call for the UNet alone, so a UNet call is one sampling step without guidance, timed by the library's own callback;
z, c and text of the request are its own.
"""

import argparse
import time

from protocol import serve

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="")
parser.add_argument("--diffusion-model", default="")
parser.add_argument("--llm", default="")
parser.add_argument("--vae", default="")
parser.add_argument("--factor", type=int, default=8, help="pixels a side of what one number of a latent stands for")
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--type", default="f16")
parser.add_argument("--flash", action="store_true")
args = parser.parse_args()


def start():
    from importlib.metadata import version

    from PIL import Image
    from stable_diffusion_cpp import StableDiffusion

    model = StableDiffusion(model_path=args.model, diffusion_model_path=args.diffusion_model, llm_path=args.llm, vae_path=args.vae,
                            n_threads=args.threads, wtype=args.type, vae_decode_only=False, diffusion_flash_attn=args.flash, verbose=False)
    # Rectified flows, which are files of their own, have no ancestral sampler.
    sampler = "euler" if args.diffusion_model else "euler_a"

    def generate(instruction, image, seed, steps, text_guidance, image_guidance, on_step=None):
        return model.generate_image(
            prompt=instruction, ref_images=[image], auto_resize_ref_image=False, width=image.width, height=image.height, seed=seed,
            sample_steps=steps, sample_method=sampler, cfg_scale=text_guidance, image_cfg_scale=image_guidance, progress_callback=on_step)[0]

    def unet(request):
        side = args.factor * request["shapes"]["z"][-1]
        image = Image.new("RGB", (side, side), (120, 140, 160))
        times = []
        generate("make it winter", image, 1, 2, 1.0, 1.0, lambda step, steps, seconds: times.append((step, seconds)))
        # The last step: the first one also allocates.
        return {"seconds": [seconds for step, seconds in times if step == 2][-1], "calls": 1}

    def edit(request):
        settings = request["settings"]
        if settings == "defaults":
            settings = {"steps": 20, "textGuidance": 7.0, "imageGuidance": 7.0}
        image = Image.open(request["image"]).convert("RGB")
        begin = time.perf_counter()
        picture = generate(request["instruction"], image, request["seed"], settings["steps"], settings["textGuidance"],
                           settings["imageGuidance"])
        seconds = time.perf_counter() - begin
        picture.save(request["out"])
        return {"seconds": seconds}

    return {"stable-diffusion-cpp-python": version("stable-diffusion-cpp-python")}, {"unet": unet, "edit": edit}


serve(start)
