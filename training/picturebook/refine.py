"""A second, short cycle for a trained UNet: `python refine.py --minutes 5`. Kinds that the evaluation finds weak are drawn more
often; the learning rate starts low and falls to nothing. It starts from what train_unet.py left under training/runs."""

import argparse
import time

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, device
from muon import Optimizers
from train_unet import SCHEDULER, TEXT, UNET, Pairs, export, loss_of

WEAK = {"add_vehicle": 4, "balloon": 3, "swap_tree": 3, "vehicle": 2, "sun": 3, "day": 2, "fog": 2, "bw": 2}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--minutes", type=float, default=5)
    a.add_argument("--batch", type=int, default=64)
    a.add_argument("--lr", type=float, default=7e-4)
    args = a.parse_args()
    torch.manual_seed(2)
    tokenizer = CLIPTokenizer.from_pretrained(OUT / "tokenizer")
    text = CLIPTextModel(CLIPTextConfig(**TEXT, vocab_size=len(tokenizer), bos_token_id=len(tokenizer) - 2, eos_token_id=len(tokenizer) - 1,
                                        pad_token_id=len(tokenizer) - 1)).to(device())
    both = torch.nn.ModuleDict({"unet": UNet2DConditionModel(**UNET).to(device()), "text": text})
    s = torch.load(RUNS / "unet.pt", map_location=device(), weights_only=True)
    both.load_state_dict(s["ema"])
    opt, ema, budget = Optimizers(both.named_parameters(), args.lr, args.lr / 2), EMA(both, 0.98), Budget(args.minutes)
    opt.load_state_dict(s["opt"])
    scheduler = DDIMScheduler(**SCHEDULER)
    data = Pairs(tokenizer, 10_000)
    data.scale = AutoencoderKL.load_config(OUT / "vae")["scaling_factor"]
    data.pairs = [p for p in data.pairs for _ in range(WEAK.get(p[2], 1))]
    log = Log("refine", ["step", "samples", "seconds", "loss", "rate", "device"])
    step, since, total = 0, time.monotonic(), 0.0
    while budget.fraction < 1:
        budget.tick()
        loss = loss_of(both, data.batch(args.batch), scheduler.alphas_cumprod.to(device()))
        both.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        opt.step(cosine(budget.fraction, 1.0, warm=0.05, floor=0.01))
        ema.update(both)
        step, total = step + 1, total + loss.item()
        if step % 25 == 0:
            log.write(step=step, samples=step * args.batch, seconds=round(budget.spent), loss=round(total / 25, 5),
                      rate=round(25 * args.batch / (time.monotonic() - since), 1), device=device())
            since, total = time.monotonic(), 0.0
    export(both, ema, scheduler)


if __name__ == "__main__":
    main()
