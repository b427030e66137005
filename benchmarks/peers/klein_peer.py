"""diffusers on PyTorch as a peer of `npm run bench -- klein`: one call of FLUX.2 klein's transformer.

    python benchmarks/peers/klein_peer.py --model FOLDER --threads N [--dtype float32|bfloat16]

The transformer alone is loaded: text encoder and transformer in bfloat16 take 16 GB together.
"""

import argparse
import time
from pathlib import Path

from protocol import serve

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
    model = diffusers.Flux2Transformer2DModel.from_pretrained(args.model, subfolder="transformer", torch_dtype=dtype)

    def values(request, name):
        data = np.fromfile(Path(request["folder"]) / f"{name}.f32", dtype=np.float32)
        return torch.from_numpy(data).to(dtype).reshape(1, *request["shapes"][name])

    def tokens(latent):
        return latent.flatten(2).transpose(1, 2)

    def places(latent, moment):
        _, _, height, width = latent.shape
        axes = [torch.tensor([moment]), torch.arange(height), torch.arange(width), torch.arange(1)]
        return torch.cartesian_prod(*axes).unsqueeze(0)

    @torch.inference_mode()
    def unet(request):
        z, c, text = (values(request, name) for name in ("z", "c", "text"))
        x = torch.cat([tokens(z), tokens(c)], dim=1)
        # A token's place is (time, row, column, place in the text); the reference's time is 10.
        image_places = torch.cat([places(z, 0), places(c, 10)], dim=1)
        nothing = torch.arange(1)
        text_places = torch.cartesian_prod(nothing, nothing, nothing, torch.arange(text.shape[1])).unsqueeze(0)
        t = torch.tensor([request["timestep"] / 1000], dtype=dtype)
        begin = time.perf_counter()
        y = model(hidden_states=x, encoder_hidden_states=text, timestep=t, guidance=None, img_ids=image_places, txt_ids=text_places).sample
        seconds = time.perf_counter() - begin
        if request.get("out"):
            velocity = y[:, : z.shape[2] * z.shape[3]].transpose(1, 2).reshape(z.shape)
            velocity.float().contiguous().numpy().tofile(request["out"])
        return {"seconds": seconds, "calls": 1}

    return {"diffusers": diffusers.__version__, "torch": torch.__version__}, {"unet": unet}


serve(start)
