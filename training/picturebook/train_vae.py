"""Train the AutoencoderKL of picturebook: `python train_vae.py --minutes 35` (resumes by itself).

L1 + gradient + squared error, a tiny KL; random crops first (many cheap steps), whole pictures for the last part.
"""

import argparse
import multiprocessing as mp
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, device, save_state
from muon import Optimizers
from world import render, sample_scene

CONFIG = dict(in_channels=3, out_channels=3, latent_channels=4, layers_per_block=1, norm_num_groups=8, sample_size=128,
              down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, scaling_factor=1.0,
              force_upcast=False)


def picture(seed):
    scene = sample_scene(seed)
    if seed % 12 == 0:
        scene["bw"] = True
    return render(scene)


def load_pictures(n, first=0, workers=2):
    path = RUNS / f"pictures-{first}-{n}.npy"
    if not path.exists():
        RUNS.mkdir(parents=True, exist_ok=True)
        with mp.Pool(workers) as pool:
            np.save(path, np.stack(pool.map(picture, range(first, first + n), chunksize=64)))
    return np.load(path, mmap_mode="r")


def batch_of(pictures, n, crop, rng):
    out = np.empty((n, crop, crop, 3), np.float32)
    for i in range(n):
        img = pictures[rng.integers(len(pictures))]
        if crop < img.shape[0]:
            # Crops start on a multiple of 8: the latent grid is the one whole pictures have.
            y, x = 8 * rng.integers(0, (img.shape[0] - crop) // 8 + 1, 2)
            img = img[y : y + crop, x : x + crop]
        out[i] = img
    if rng.random() < 0.5:
        out = out[:, :, ::-1]
    return torch.from_numpy(np.ascontiguousarray(out.transpose(0, 3, 1, 2))) / 127.5 - 1


def edges(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def loss_of(out, x, posterior):
    d = out - x
    grad = sum((a - b).abs().mean() for a, b in zip(edges(out), edges(x)))
    kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
    return d.abs().mean() + 0.5 * grad + 4 * d.square().mean() + 5e-4 * kl


@torch.no_grad()
def psnr(vae, pictures):
    total = []
    for i in range(0, len(pictures), 16):
        x = torch.from_numpy(np.array(pictures[i : i + 16]).transpose(0, 3, 1, 2)).float().to(device()) / 127.5 - 1
        y = vae.decode(vae.encode(x).latent_dist.mode()).sample.float().clamp(-1, 1)
        y = ((y + 1) * 127.5).round() / 127.5 - 1
        total += (10 * torch.log10(4 / (x - y).square().mean((1, 2, 3)))).tolist()
    return float(np.mean(total))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--minutes", type=float, default=35)
    a.add_argument("--channels", default="24,48,96,128")
    a.add_argument("--pictures", type=int, default=16000)
    a.add_argument("--batch", type=int, default=8)
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--whole-from", type=float, default=0.8, help="fraction of the time after which whole pictures are used")
    a.add_argument("--bench", action="store_true")
    args = a.parse_args()
    torch.manual_seed(0)
    vae = AutoencoderKL(**CONFIG, block_out_channels=[int(c) for c in args.channels.split(",")]).to(device(), memory_format=torch.channels_last)
    print(sum(p.numel() for p in vae.parameters()) / 1e6, "M parameters")
    train, test = load_pictures(args.pictures), load_pictures(64, 1_000_000)
    opt = Optimizers(vae.named_parameters(), args.lr, 1e-3)
    ema, budget, step = EMA(vae, 0.99), Budget(args.minutes), 0
    state = RUNS / "vae.pt"
    if state.exists() and not args.bench:
        s = torch.load(state, map_location=device(), weights_only=True)
        vae.load_state_dict(s["model"])
        opt.load_state_dict(s["opt"])
        ema.shadow, ema.n, step = s["ema"], s["n"], s["step"]
        budget = Budget(args.minutes, s["spent"])
    log = Log("vae", ["step", "seconds", "loss", "psnr", "lr", "rate", "device"])
    rng = np.random.default_rng(step)
    saved, seen, since = time.monotonic(), 0, time.monotonic()
    while budget.fraction < 1:
        budget.tick()
        whole = budget.fraction > args.whole_from
        n, crop = (max(2, args.batch // 2), 128) if whole else (args.batch, 64)
        schedule = cosine(budget.fraction, 1.0)
        x = batch_of(train, n, crop, rng).to(device(), memory_format=torch.channels_last)
        with autocast():
            posterior = vae.encode(x).latent_dist
            out = vae.decode(posterior.sample()).sample
        loss = loss_of(out.float(), x, posterior)
        vae.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        opt.step(schedule)
        if step % 4 == 0:
            ema.update(vae)
        step, seen = step + 1, seen + n * crop * crop / 128 / 128
        if args.bench and step == 30:
            since, seen = time.monotonic(), 0
        if args.bench and step == 80:
            return print(f"{seen / (time.monotonic() - since):.1f} pictures of 128 px a second")
        if step % 250 == 0:
            current = {k: v.clone() for k, v in vae.state_dict().items()}
            vae.load_state_dict(ema.shadow)
            with autocast():
                quality = psnr(vae, test)
            vae.load_state_dict(current)
            log.write(step=step, seconds=round(budget.spent), loss=round(loss.item(), 4), psnr=round(quality, 2), lr=round(schedule * args.lr, 6),
                      rate=round(seen / (time.monotonic() - since), 1), device=device())
            since, seen = time.monotonic(), 0
        if time.monotonic() - saved > 300:
            save_state(state, model=vae.state_dict(), opt=opt.state_dict(), ema=ema.shadow, n=ema.n, step=step, spent=budget.spent)
            saved = time.monotonic()
    save_state(state, model=vae.state_dict(), opt=opt.state_dict(), ema=ema.shadow, n=ema.n, step=step, spent=budget.spent)
    vae.load_state_dict(ema.shadow)
    # scaling_factor = 1 / standard deviation of the posterior's mode over training pictures, as for Stable Diffusion.
    with torch.no_grad():
        z = torch.cat([vae.encode(batch_of(train, 16, 128, rng).to(device())).latent_dist.mode() for _ in range(16)])
    vae.register_to_config(scaling_factor=round(1 / z.std().item(), 5))
    print("held-out PSNR", psnr(vae, test), "scaling_factor", vae.config.scaling_factor, "channel means", z.mean((0, 2, 3)).tolist())
    vae.half().save_pretrained(OUT / "vae")


if __name__ == "__main__":
    main()
