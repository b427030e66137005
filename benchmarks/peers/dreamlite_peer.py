"""diffusers on PyTorch as a peer of `npm run bench -- dreamlite`: one call of DreamLite's UNet, or with --whole an edit from picture to picture.

    python benchmarks/peers/dreamlite_peer.py --model FOLDER --threads N [--dtype float32|bfloat16] [--whole]

Without --whole the UNet alone is loaded. The picture that is made and its source lie side by side, and the left half of the answer is the velocity.
"""

import argparse
import json
import time
from pathlib import Path

from protocol import serve

FACTOR = 8

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
parser.add_argument("--whole", action="store_true")
args = parser.parse_args()


def start_whole():
    import diffusers
    import torch
    from PIL import Image
    from transformers import AutoTokenizer, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    class StillsProcessor(Qwen3VLProcessor):
        """Without moving pictures, whose processor needs torchvision."""

        def check_argument_for_proper_class(self, name, argument):
            return None if name == "video_processor" else super().check_argument_for_proper_class(name, argument)

    torch.set_num_threads(args.threads)
    folder = Path(args.model) / "processor"
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    own = {key: value for key, value in settings.items() if key not in ("processor_class", "image_processor_type")}
    template = "{%- for message in messages %}{{- message.content }}{%- endfor %}"
    processor = StillsProcessor(Qwen2VLImageProcessorPil(**own), AutoTokenizer.from_pretrained(folder), chat_template=template)
    dtype = getattr(torch, args.dtype)
    pipe = diffusers.DreamLiteMobilePipeline.from_pretrained(args.model, torch_dtype=dtype, processor=processor)
    pipe.set_progress_bar_config(disable=True)

    def edit(request):
        image = Image.open(request["image"]).convert("RGB")
        generator = torch.Generator().manual_seed(request["seed"])
        size = {"height": image.height, "width": image.width}
        begin = time.perf_counter()
        result = pipe(prompt=request["instruction"], image=image, generator=generator, **size).images[0]
        seconds = time.perf_counter() - begin
        result.save(request["out"])
        return {"seconds": seconds}

    return {"diffusers": diffusers.__version__, "torch": torch.__version__}, {"edit": edit}


def start():
    import diffusers
    import numpy as np
    import torch

    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    model = diffusers.DreamLiteUNetModel.from_pretrained(args.model, subfolder="unet", torch_dtype=dtype)

    def values(request, name):
        data = np.fromfile(Path(request["folder"]) / f"{name}.f32", dtype=np.float32)
        return torch.from_numpy(data).to(dtype).reshape(1, *request["shapes"][name])

    @torch.inference_mode()
    def unet(request):
        z, c, text = (values(request, name) for name in ("z", "c", "text"))
        _, _, height, width = z.shape
        both = torch.cat([z, c], dim=3)
        size = {"time_ids": torch.tensor([[float(FACTOR * width), float(FACTOR * height)]], dtype=dtype)}
        t = torch.tensor([request["timestep"]], dtype=dtype)
        begin = time.perf_counter()
        y = model(both, t, text, added_cond_kwargs=size, return_dict=False)[0]
        seconds = time.perf_counter() - begin
        if request.get("out"):
            y[..., :width].float().contiguous().numpy().tofile(request["out"])
        return {"seconds": seconds, "calls": 1}

    return {"diffusers": diffusers.__version__, "torch": torch.__version__}, {"unet": unet}


serve(start_whole if args.whole else start)
