"""Train picturebook's UNet together with its text encoder: `python train_unet.py --minutes 45` (resumes by itself;
`--shipped` starts from the weights in models/picturebook instead of from nothing, `--ship` puts the result there).

A part of each batch are the model's own rollouts (rollouts.py): edits of edits, at the states that its sampler goes through.

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
import re
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from common import EMA, OUT, RUNS, Budget, Log, autocast, cosine, device, save_state
from edits import PHRASES, spoil
from muon import Optimizers
from phrases_more import say
from rollouts import Slots
from small_conv import install

UNET = dict(sample_size=16, in_channels=8, out_channels=4, block_out_channels=[96, 160, 224], layers_per_block=1,
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            cross_attention_dim=192, attention_head_dim=4, norm_num_groups=32)
TEXT = dict(hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=32,
            hidden_act="quick_gelu", projection_dim=192)
SCHEDULER = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                 prediction_type="v_prediction", timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True, steps_offset=0)


# How often a kind is drawn, relative to the square root of the number of its pairs: what is rare or learnt late comes up more often.
BOOST = {"add_vehicle": 3.0, "balloon": 2.2, "swap_tree": 1.8, "vehicle": 1.8, "add_balloon": 1.3, "roof": 1.3, "wall": 1.2,
         "day": 1.2, "bw": 1.2, "sun": 1.5, "moon": 1.2}
NOOP = 0.1
# A kept prediction is one that came out right: the squared error in the change mask under a fifth of the source's, and small elsewhere
# (in scaled latents, whose variance is 1).
RIGHT_INSIDE, RIGHT_OUTSIDE = 0.2, 0.06


MIXTURE = re.compile(r"(\w+)\|(\w+):([\d.]+)")


class Pairs:
    def __init__(self, tokenizer, seed, scale, rolled, canonical=0.0):
        data = np.load(RUNS / "latents.npz")
        self.latents, self.masks = data["latents"], data["masks"]
        self.pairs = json.loads((RUNS / "pairs.json").read_text())
        self.tokenizer, self.ids, self.r = tokenizer, {}, random.Random(seed)
        self.scale, self.rolled, self.canonical = scale, rolled, canonical
        self.kept, self.depth = np.zeros_like(self.latents), np.zeros(len(self.latents), np.int32)
        self.by_kind = {}
        for pair in self.pairs:
            if pair[2] != "noop":
                self.by_kind.setdefault(pair[2], []).append(pair)
        self.kinds = sorted(self.by_kind)
        self.shares = [len(self.by_kind[k]) ** 0.5 * BOOST.get(k, 1.0) for k in self.kinds]

    def tokens(self, text):
        """[65] = the text's 32 tokens, those of what it is mixed with, and how much of that, in hundredths (world.py, `rgb_of`)."""
        if text not in self.ids:
            if len(self.ids) > 200_000:
                self.ids.clear()
            one, other, k = (text, text, 0) if "|" not in text else mixed_texts(text)
            ids = [self.tokenizer(t, padding="max_length", max_length=32, truncation=True).input_ids for t in (one, other)]
            self.ids[text] = [*ids[0], *ids[1], k]
        return self.ids[text]

    def batch(self, n):
        """Conditions, scaled targets, masks, tokens; and for each sample (source, target, depth), None where something was dropped."""
        c, z, m, ids, where = [], [], [], [], []
        for kind in self.r.choices(self.kinds, self.shares, k=n):
            source, target, kind, fields, k = self.r.choice(self.by_kind[kind])
            mask = self.masks[k]
            if self.r.random() < NOOP:
                source = self.r.choice((source, target))
                target, kind, fields, mask = source, "noop", {}, np.zeros_like(mask)
            again = self.depth[source] > 0 and self.r.random() < self.rolled
            cond, depth = (self.kept[source], self.depth[source]) if again else (self.latents[source], 0)
            text, u, at = self.words(kind, fields), self.r.random(), (source, target, depth)
            if u < 0.05:
                text, target, mask, at = "", source, np.zeros_like(mask), None
            elif u < 0.08:
                cond, at = np.zeros_like(cond), None
            elif u < 0.11:
                text, cond, at = "", np.zeros_like(cond), None
            c.append(cond), z.append(self.latents[target]), m.append(mask), ids.append(self.tokens(text)), where.append(at)
        to = lambda a: torch.from_numpy(np.stack(a)).float().to(device())
        return to(c), to(z) * self.scale, to(m)[:, None], torch.tensor(ids, device=device()), where

    def words(self, kind, fields):
        if self.r.random() < self.canonical or "|" in fields.get("c", ""):
            return PHRASES[kind][0].format(**fields)
        return spoil(say(kind, fields, self.r), self.r)

    def is_right(self, result, target, source, mask):
        """Whether a rollout's result [4, h, w], unscaled, is near enough to the rendered target to be edited further."""
        truth, m = self.latents[target].astype(np.float32), mask.astype(np.float32)
        error, before = (result - truth) ** 2, (self.latents[source] - truth) ** 2
        inside = (error * m).sum() <= RIGHT_INSIDE * (before * m).sum() if m.any() else True
        return inside and (error * (1 - m)).mean() * self.scale**2 <= RIGHT_OUTSIDE

    def keep(self, x0, z0, c, m, where):
        """Predictions (scaled) that are right become conditions."""
        error, before = (x0 - z0).square(), (c * self.scale - z0).square()
        inside = (error * m).sum((1, 2, 3)) <= RIGHT_INSIDE * (before * m).sum((1, 2, 3))
        outside = (error * (1 - m)).mean((1, 2, 3)) <= RIGHT_OUTSIDE
        right, value = (inside & outside).cpu().numpy(), (x0 / self.scale).half().cpu().numpy()
        for i, at in enumerate(where):
            if at and right[i]:
                self.kept[at[1]], self.depth[at[1]] = value[i], at[2] + 1


def mixed_texts(text):
    """ "paint the roof red|blue:0.40" → the text in either colour, and the second's hundredths. Each colour's name is one token."""
    a, b, k = MIXTURE.search(text).groups()
    return MIXTURE.sub(a, text), MIXTURE.sub(b, text), round(100 * float(k))


def predicted(both, x, c, t, ids):
    """v [n, 4, h, w] for states x, conditions c, steps t and tokens ids [n, 65]. A mixture's embedding lies between those of its colours."""
    (one, other), k = ids[:, :64].view(-1, 2, 32).unbind(1), ids[:, 64:, None] / 100
    # The token embedding's forward hook, since a CLIPTextModel takes no embeddings.
    between = lambda table, _, out: torch.lerp(out, torch.nn.functional.embedding(other, table.weight), k)
    hook = both["text"].get_input_embeddings().register_forward_hook(between)
    try:
        with autocast():
            return both["unet"](torch.cat([x, c], 1), t, both["text"](one).last_hidden_state).sample.float()
    finally:
        hook.remove()


def loss_of(both, data, rows, slots, alphas, teacher=None):
    """The loss over `rows` pairs noised anew and the slots' states; takes the slots one step on. With a teacher, the slots' target is its prediction."""
    c, z0, m, ids, where = data.batch(rows)
    # Low-discrepancy timesteps: one in each of `rows` strata, so that batches agree better with each other.
    t = ((torch.arange(rows, device=c.device) + torch.rand(rows, device=c.device)) / rows * 1000).long().clamp(0, 999)
    ab = alphas[t][:, None, None, None]
    x = ab.sqrt() * z0 + (1 - ab).sqrt() * torch.randn_like(z0)
    if slots:
        x_s, t_s, batch = slots.batch()
        x, t = torch.cat([x, x_s]), torch.cat([t, t_s])
        c, z0, m, ids = (torch.cat(two) for two in zip((c, z0, m, ids), batch))
        ab = alphas[t][:, None, None, None]
    # v where x is a z0 + s ε; for a slot's x, with the ε that is left between it and the target.
    v = (ab.sqrt() * x - z0) / (1 - ab).sqrt()
    if teacher is not None and slots:
        with torch.no_grad():
            v[rows:] = predicted(teacher, x[rows:], slots.clean(), t[rows:], ids[rows:])
    out = predicted(both, x, c, t, ids)
    x0 = (ab.sqrt() * x - (1 - ab).sqrt() * out).detach()
    if data.rolled:
        # Where little noise was added, the prediction is nearly the truth and teaches nothing about iteration.
        noisy = [at if step > 250 else None for at, step in zip(where, t.tolist())]
        data.keep(x0[:rows], z0[:rows], c[:rows], m[:rows], noisy)
    if slots:
        slots.advance(x0[rows:])
    snr = ab / (1 - ab)
    # A picture that shall stay as it is has no change mask, and would count little.
    inside = torch.where(m.amax((1, 2, 3), keepdim=True) > 0, 2 + 7 * m, torch.full_like(m, 4.0))
    weight = ((snr.clamp(max=5) + 1) / (snr + 1)) * inside
    return (weight * (out - v).square().clamp(max=25)).mean()


def export(both, ema, scheduler, folder):
    """The averaged weights as they ship; also along the way, so that they can be tried while training goes on."""
    copies = copy.deepcopy(both)
    copies.load_state_dict(ema.shadow)
    copies["unet"].half().save_pretrained(folder / "unet")
    copies["text"].half().save_pretrained(folder / "text_encoder")
    scheduler.save_pretrained(folder / "scheduler")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--minutes", type=float, default=45)
    a.add_argument("--batch", type=int, default=96)
    a.add_argument("--lr", type=float, default=2.5e-3)
    a.add_argument("--adam-lr", type=float, default=1e-3)
    a.add_argument("--samples", type=int, help="a budget in training samples instead of minutes: the same on every machine")
    a.add_argument("--slots", type=int, default=48, help="how many rows of a batch are the sampler's own states (rollouts.py)")
    a.add_argument("--depth", type=int, default=8, help="edits in a row that a rollout reaches at the end; grows from 1")
    a.add_argument("--own-identity", type=float, default=0.0, help="share of no-ops on a rollout's state whose target is that state")
    a.add_argument("--teacher", action="store_true", help="the slots' target is what the weights of the start predict there, given the rendered source")
    a.add_argument("--rolled", type=float, default=0.4, help="how often a kept prediction stands in for its picture as the condition")
    a.add_argument("--canonical", type=float, default=0.0, help="how often an edit is asked for by the phrase that the reader makes of people's words")
    a.add_argument("--shipped", action="store_true", help="start from the weights in models/picturebook")
    a.add_argument("--start", type=Path, help="start from the weights in this folder (unet/, text_encoder/)")
    a.add_argument("--depth-from", type=int, default=1)
    a.add_argument("--ship", action="store_true", help="write the weights to models/picturebook at the end")
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--name", default="unet", help="of the state and the log")
    a.add_argument("--bench", action="store_true")
    args = a.parse_args()
    torch.manual_seed(args.seed)
    tokenizer = CLIPTokenizer.from_pretrained(OUT / "tokenizer")
    text = CLIPTextModel(CLIPTextConfig(**TEXT, vocab_size=len(tokenizer), bos_token_id=len(tokenizer) - 2, eos_token_id=len(tokenizer) - 1,
                                        pad_token_id=len(tokenizer) - 1)).to(device())
    unet = UNet2DConditionModel(**UNET).to(device())
    install(unet)
    unet.set_attn_processor(AttnProcessor())  # plain products: on so few tokens faster than the fused attention's backward pass
    torch.nn.init.zeros_(unet.conv_out.weight)
    if args.shipped or args.start:
        start = args.start or OUT
        unet.load_state_dict(load_file(start / "unet" / "diffusion_pytorch_model.safetensors"))
        text.load_state_dict(load_file(start / "text_encoder" / "model.safetensors"))
    both = torch.nn.ModuleDict({"unet": unet, "text": text})
    teacher = copy.deepcopy(both).eval().requires_grad_(False) if args.teacher else None
    print({k: round(sum(p.numel() for p in v.parameters()) / 1e6, 2) for k, v in both.items()}, "M parameters")
    scheduler = DDIMScheduler(**SCHEDULER)
    alphas = scheduler.alphas_cumprod.to(device())
    opt, ema, budget, step = Optimizers(both.named_parameters(), args.lr, args.adam_lr), EMA(both, 0.996), Budget(args.minutes), 0
    samples = 0
    state = RUNS / f"{args.name}.pt"
    if state.exists() and not args.bench:
        s = torch.load(state, map_location=device(), weights_only=True)
        both.load_state_dict(s["model"])
        opt.load_state_dict(s["opt"])
        ema.shadow, ema.n, step, samples = s["ema"], s["n"], s["step"], s["samples"]
        budget = Budget(args.minutes, s["spent"])
    data = Pairs(tokenizer, step + 1000 * args.seed, AutoencoderKL.load_config(OUT / "vae")["scaling_factor"], args.rolled, args.canonical)
    slots = Slots(data, args.slots, alphas, step + 1000 * args.seed, args.own_identity) if args.slots else None
    log = Log(args.name, ["step", "samples", "seconds", "loss", "lr", "rate", "depth", "device"])
    fraction = lambda: samples / args.samples if args.samples else budget.fraction
    saved, since, seen, losses = time.monotonic(), time.monotonic(), 0, []
    while fraction() < 1:
        budget.tick()
        schedule = cosine(fraction(), 1.0, warm=0.03, floor=0.01)
        if slots:
            slots.depth_limit = args.depth_from + int(fraction() * 1.6 * args.depth)
        loss = loss_of(both, data, args.batch - args.slots, slots, alphas, teacher)
        both.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        opt.step(schedule)
        if step % 2 == 0:
            ema.update(both)
        step, seen, samples = step + 1, seen + args.batch, samples + args.batch
        losses.append(loss.item())
        if args.bench and step == 8:
            since, seen = time.monotonic(), 0
        if args.bench and step == 20:
            return print(f"{seen / (time.monotonic() - since):.1f} samples a second")
        if step % 50 == 0:
            log.write(step=step, samples=samples, seconds=round(budget.spent), loss=round(float(np.mean(losses[-50:])), 5),
                      lr=round(schedule * args.lr, 6), rate=round(seen / (time.monotonic() - since), 1), depth=round(slots.depths() if slots else 0.0, 2), device=device())
            if slots:
                print(f"  rollouts: {slots.finished} ended, {slots.right / max(1, slots.finished):.2f} right, depth up to {slots.depth_limit}", flush=True)
            since, seen = time.monotonic(), 0
        if time.monotonic() - saved > 240 or fraction() >= 1:
            save_state(state, model=both.state_dict(), opt=opt.state_dict(), ema=ema.shadow, n=ema.n, step=step, samples=samples, spent=budget.spent)
            saved = time.monotonic()
            export(both, ema, scheduler, OUT if fraction() >= 1 and args.ship else RUNS / args.name)


if __name__ == "__main__":
    main()
