"""diffusers on PyTorch as a peer of `npm run bench -- dreamlite`: one call of DreamLite's UNet.

    python benchmarks/peers/dreamlite_peer.py --model FOLDER --threads N [--dtype float32|bfloat16]

The UNet alone is loaded. The picture that is made and its source lie side by side, and the left half of the answer is the velocity.
"""

import argparse
import time
from pathlib import Path

from protocol import serve

FACTOR = 8

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
args = parser.parse_args()


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


serve(start)
