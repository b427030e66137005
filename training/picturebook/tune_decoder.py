"""More training for the decoder alone: `python tune_decoder.py --minutes 15`. The encoder stays as it is, so latents, and with
them the UNet, stay valid; only pictures become sharper.

Squared and absolute errors are least where an edge that may lie here or half a pixel further is drawn soft. Two more terms ask for the
edge: the error of the Laplacian, and its energy, which should be the picture's own (the `sharpness` that `npm run bench -- picturebook` prints).
"""

import argparse
import time

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, device, save_state
from muon import Optimizers
from train_vae import batch_of, edges, load_pictures, psnr


def laplacian(x):
    return 4 * x[..., 1:-1, 1:-1] - x[..., :-2, 1:-1] - x[..., 2:, 1:-1] - x[..., 1:-1, :-2] - x[..., 1:-1, 2:]


def loss_of(out, x):
    d = out - x
    sharp, true = (laplacian(p).square().mean((1, 2, 3)) for p in (out, x))
    return (d.abs().mean() + 0.5 * sum((p - q).abs().mean() for p, q in zip(edges(out), edges(x))) + 4 * d.square().mean()
            + 0.2 * laplacian(d).abs().mean() + 0.05 * (sharp.log() - true.log()).square().mean())


@torch.no_grad()
def sharpness(vae, pictures):
    x = torch.from_numpy(np.array(pictures).transpose(0, 3, 1, 2)).float().to(device()) / 127.5 - 1
    y = vae.decode(vae.encode(x).latent_dist.mode()).sample.float().clamp(-1, 1)
    return (laplacian(y).square().mean((1, 2, 3)) / laplacian(x).square().mean((1, 2, 3))).median().item()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--minutes", type=float, default=15)
    a.add_argument("--pictures", type=int, default=16000)
    a.add_argument("--batch", type=int, default=4)
    a.add_argument("--lr", type=float, default=1e-3)
    # What the UNet writes is not quite what the encoder writes: the decoder learns to read latents with this much noise.
    a.add_argument("--noise", type=float, default=0.05, help="in standard deviations of the latent")
    args = a.parse_args()
    torch.manual_seed(1)
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(OUT / "vae"))  # from_pretrained would note this machine's path
    vae.load_state_dict(load_file(OUT / "vae" / "diffusion_pytorch_model.safetensors"))
    vae = vae.float().to(device(), memory_format=torch.channels_last)
    spread = 1 / vae.config.scaling_factor
    trained = torch.nn.ModuleDict({"decoder": vae.decoder, "post": vae.post_quant_conv})
    opt, ema, budget, step = Optimizers(trained.named_parameters(), args.lr, args.lr / 3), EMA(trained, 0.99), Budget(args.minutes), 0
    state = RUNS / "decoder.pt"
    if state.exists():
        s = torch.load(state, map_location=device(), weights_only=True)
        trained.load_state_dict(s["model"])
        opt.load_state_dict(s["opt"])
        ema.shadow, ema.n, step = s["ema"], s["n"], s["step"]
        budget = Budget(args.minutes, s["spent"])
    train, test = load_pictures(args.pictures), load_pictures(64, 1_000_000)
    log = Log("decoder", ["step", "seconds", "loss", "psnr", "sharpness", "rate", "device"])
    rng = np.random.default_rng(step + 1)
    since, seen, saved = time.monotonic(), 0, time.monotonic()
    while budget.fraction < 1:
        budget.tick()
        x = batch_of(train, args.batch, 128, rng).to(device(), memory_format=torch.channels_last)
        with autocast():
            with torch.no_grad():
                z = vae.encode(x).latent_dist.mode()
            out = vae.decode(z + args.noise * spread * torch.randn_like(z)).sample.float()
        loss = loss_of(out, x)
        trained.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        opt.step(cosine(budget.fraction, 1.0, warm=0.03))
        if step % 4 == 0:
            ema.update(trained)
        step, seen = step + 1, seen + args.batch
        if step % 200 == 0:
            current = {k: v.clone() for k, v in trained.state_dict().items()}
            trained.load_state_dict(ema.shadow)
            with autocast():
                quality, sharp = psnr(vae, test), sharpness(vae, test[:24])
            trained.load_state_dict(current)
            log.write(step=step, seconds=round(budget.spent), loss=round(loss.item(), 4), psnr=round(quality, 2), sharpness=round(sharp, 3),
                      rate=round(seen / (time.monotonic() - since), 1), device=device())
            since, seen = time.monotonic(), 0
        if time.monotonic() - saved > 240 or budget.fraction >= 1:
            save_state(state, model=trained.state_dict(), opt=opt.state_dict(), ema=ema.shadow, n=ema.n, step=step, spent=budget.spent)
            saved = time.monotonic()
    trained.load_state_dict(ema.shadow)
    print("held-out PSNR", psnr(vae, test))
    vae.half().save_pretrained(OUT / "vae")


if __name__ == "__main__":
    main()
