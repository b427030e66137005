"""Train picturebook's UNet together with its text encoder: `python train_unet.py --minutes 45` (resumes by itself).

v-prediction; the loss in x₀ is weighted by min(SNR, 5) + 1 (after arXiv 2303.09556; the one is there because at the first,
noisiest steps an editor knows all of the answer from its condition, and min-SNR alone would not ask for it); weighted up in
the change mask; conditioning dropout of InstructPix2Pix
(5 % text, 5 % image, 5 % both). Where only the text is dropped the target is the source itself: then ε(∅, c) means "keep
the picture", and masking the text direction alone preserves it.
"""

import argparse
import copy
import json
import random
import time

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, device, save_state
from edits import phrase, spoil
from muon import Optimizers

UNET = dict(sample_size=16, in_channels=8, out_channels=4, block_out_channels=[96, 160, 224], layers_per_block=1,
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            cross_attention_dim=192, attention_head_dim=4, norm_num_groups=32)
TEXT = dict(hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=32,
            hidden_act="quick_gelu", projection_dim=192)
SCHEDULER = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                 prediction_type="v_prediction", timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True, steps_offset=0)


class Pairs:
    def __init__(self, tokenizer, seed):
        data = np.load(RUNS / "latents.npz")
        self.latents, self.masks = data["latents"], data["masks"]
        self.pairs = json.loads((RUNS / "pairs.json").read_text())
        self.tokenizer, self.ids, self.r = tokenizer, {}, random.Random(seed)
        self.scale = 1.0

    def tokens(self, text):
        if text not in self.ids:
            if len(self.ids) > 200_000:
                self.ids.clear()
            self.ids[text] = self.tokenizer(text, padding="max_length", max_length=32, truncation=True).input_ids
        return self.ids[text]

    def batch(self, n):
        c, z, m, ids = [], [], [], []
        for _ in range(n):
            source, target, kind, fields, k = self.pairs[self.r.randrange(len(self.pairs))]
            mask = self.masks[k]
            if self.r.random() < 0.09:
                target, kind, fields, mask = source, "noop", {}, np.zeros_like(mask)
            text, cond, u = spoil(phrase(kind, fields, self.r), self.r), self.latents[source], self.r.random()
            if u < 0.05:
                text, target, mask = "", source, np.zeros_like(mask)
            elif u < 0.10:
                cond = np.zeros_like(cond)
            elif u < 0.15:
                text, cond = "", np.zeros_like(cond)
            c.append(cond), z.append(self.latents[target]), m.append(mask), ids.append(self.tokens(text))
        to = lambda a: torch.from_numpy(np.stack(a)).float().to(device())
        return to(c), to(z) * self.scale, to(m)[:, None], torch.tensor(ids, device=device())


def loss_of(both, batch, alphas):
    c, z0, m, ids = batch
    # Low-discrepancy timesteps: one in each of `batch` strata, so that batches agree better with each other.
    n = len(c)
    t = ((torch.arange(n, device=c.device) + torch.rand(n, device=c.device)) / n * 1000).long().clamp(0, 999)
    ab = alphas[t][:, None, None, None]
    noise = torch.randn_like(z0)
    x, v = ab.sqrt() * z0 + (1 - ab).sqrt() * noise, ab.sqrt() * noise - (1 - ab).sqrt() * z0
    with autocast():
        hidden = both["text"](ids).last_hidden_state
        out = both["unet"](torch.cat([x, c], 1), t, hidden).sample
    snr = ab / (1 - ab)
    weight = ((snr.clamp(max=5) + 1) / (snr + 1)) * (1 + 8 * m)
    return (weight * (out.float() - v).square()).mean()


def export(both, ema, scheduler):
    """The averaged weights as they ship; also along the way, so that they can be tried while training goes on."""
    copies = copy.deepcopy(both)
    copies.load_state_dict(ema.shadow)
    copies["unet"].half().save_pretrained(OUT / "unet")
    copies["text"].half().save_pretrained(OUT / "text_encoder")
    scheduler.save_pretrained(OUT / "scheduler")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--minutes", type=float, default=45)
    a.add_argument("--batch", type=int, default=64)
    a.add_argument("--lr", type=float, default=2.5e-3)
    a.add_argument("--bench", action="store_true")
    args = a.parse_args()
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(OUT / "tokenizer")
    text = CLIPTextModel(CLIPTextConfig(**TEXT, vocab_size=len(tokenizer), bos_token_id=len(tokenizer) - 2, eos_token_id=len(tokenizer) - 1,
                                        pad_token_id=len(tokenizer) - 1)).to(device())
    unet = UNet2DConditionModel(**UNET).to(device())
    torch.nn.init.zeros_(unet.conv_out.weight)
    both = torch.nn.ModuleDict({"unet": unet, "text": text})
    print({k: round(sum(p.numel() for p in v.parameters()) / 1e6, 2) for k, v in both.items()}, "M parameters")
    scheduler = DDIMScheduler(**SCHEDULER)
    alphas = scheduler.alphas_cumprod.to(device())
    opt, ema, budget, step = Optimizers(both.named_parameters(), args.lr, 1e-3), EMA(both, 0.998), Budget(args.minutes), 0
    samples = 0
    state = RUNS / "unet.pt"
    if state.exists() and not args.bench:
        s = torch.load(state, map_location=device(), weights_only=True)
        both.load_state_dict(s["model"])
        opt.load_state_dict(s["opt"])
        ema.shadow, ema.n, step, samples = s["ema"], s["n"], s["step"], s["samples"]
        budget = Budget(args.minutes, s["spent"])
    data = Pairs(tokenizer, step)
    data.scale = AutoencoderKL.load_config(OUT / "vae")["scaling_factor"]
    log = Log("unet", ["step", "samples", "seconds", "loss", "lr", "rate", "device"])
    saved, since, seen, losses = time.monotonic(), time.monotonic(), 0, []
    while budget.fraction < 1:
        budget.tick()
        schedule = cosine(budget.fraction, 1.0, warm=0.03, floor=0.01)
        batch = data.batch(args.batch)
        loss = loss_of(both, batch, alphas)
        both.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        opt.step(schedule)
        if step % 2 == 0:
            ema.update(both)
        step, seen, samples = step + 1, seen + args.batch, samples + args.batch
        losses.append(loss.item())
        if args.bench and step == 10:
            since, seen = time.monotonic(), 0
        if args.bench and step == 30:
            return print(f"{seen / (time.monotonic() - since):.1f} samples a second")
        if step % 50 == 0:
            log.write(step=step, samples=samples, seconds=round(budget.spent), loss=round(float(np.mean(losses[-50:])), 5),
                      lr=round(schedule * args.lr, 6), rate=round(seen / (time.monotonic() - since), 1), device=device())
            since, seen = time.monotonic(), 0
        if time.monotonic() - saved > 240 or budget.fraction >= 1:
            save_state(state, model=both.state_dict(), opt=opt.state_dict(), ema=ema.shadow, n=ema.n, step=step, samples=samples, spent=budget.spent)
            saved = time.monotonic()
            export(both, ema, scheduler)


if __name__ == "__main__":
    main()
