"""Train the text encoder alone, for people's own words: `python train_words.py WORDNET --teacher FOLDER --steps 3000`.

The UNet stays as it is, bit for bit. What a text does to a UNet is what its cross-attention layers give; so the new encoder is trained until every such
layer gives for a paraphrase what it gives for one of the phrases that the UNet was trained with (the teacher), at features recorded on the teacher's own
edits. Early positions of a causal encoder cannot know the end of a sentence, which is why outputs are compared and not hidden states.
A head on the last token says what was asked: the kind of edit with its fields, or `unsupported`, or `compound`.
"""

import argparse
import copy
import itertools
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from common import OUT, RUNS, Log, autocast, cosine
from edits import PHRASES
from tokenizer import LENGTH
from words_corpus import COL, FIELDS, KINDS, OPTIONS, SIDES, TREES, VEHICLES, Corpus
from words_corpus import label as label_of

TEXT = dict(hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=LENGTH, hidden_act="quick_gelu", projection_dim=192)
SPLIT = [len(KINDS), 1 + len(COL), 1 + len(SIDES), 1 + len(TREES), 1 + len(VEHICLES)]
STATES = 16


def name_of(label):
    """A label as the key of the bank; what must not move the picture is a no-op."""
    return tuple(label) if label[0] < len(PHRASES) else tuple(label_of("noop"))


class Teacher:
    """The shipped text encoder and UNet: features of every cross-attention layer, and what the layer makes of a text there."""

    def __init__(self, folder):
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text = CLIPTextModel.from_pretrained(folder / "text_encoder", torch_dtype=torch.float32).eval().requires_grad_(False)
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32).eval().requires_grad_(False)
        self.scale = AutoencoderKL.load_config(folder / "vae")["scaling_factor"]
        self.scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        self.layers = [m for n, m in self.unet.named_modules() if n.endswith("attn2")]
        self.length = self.text.config.max_position_embeddings

    @torch.no_grad()
    def encode(self, texts):
        ids = self.tokenizer(texts, padding="max_length", max_length=self.length, truncation=True, return_tensors="pt").input_ids
        return self.text(ids).last_hidden_state

    def features(self, c, z, texts, t, generator):
        """The inputs of all layers [(n, tokens, channels)] where scaled latents z are noised to timesteps t, under conditions c and texts."""
        seen = [None] * len(self.layers)

        def keep(i):
            def hook(module, args, kwargs):
                seen[i] = (args[0] if args else kwargs["hidden_states"]).half()

            return hook

        hooks = [m.register_forward_pre_hook(keep(i), with_kwargs=True) for i, m in enumerate(self.layers)]
        x = self.scheduler.add_noise(z, torch.randn(z.shape, generator=generator), t)
        with torch.no_grad(), autocast():
            self.unet(torch.cat([x, c], 1), t, self.encode(texts))
        for h in hooks:
            h.remove()
        return seen


def attend(m, x, hidden):
    """Cross-attention layer m at features x [b, states, tokens, channels] for texts [b, length, width] → as x."""
    b, s, t, c = x.shape
    heads = m.heads
    split = lambda v: v.reshape(b, -1, heads, c // heads).transpose(1, 2)
    q, k, v = split(m.to_q(x.reshape(b, s * t, c))), split(m.to_k(hidden)), split(m.to_v(hidden))
    out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, s, t, c)
    return m.to_out[0](out)


def bank_of(teacher, seed):
    """{label: per layer [states, tokens, channels]}: what the layers see while the teacher makes edits of that label."""
    path = RUNS / "bank.pt"
    if path.exists():
        return torch.load(path, weights_only=False)
    r, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    latents, pairs = np.load(RUNS / "latents.npz")["latents"], json.loads((RUNS / "pairs.json").read_text())
    by_label, bank = {}, {}
    for source, target, kind, f, _ in pairs:
        if "|" in f.get("c", ""):
            continue  # a colour between two names (data.py --mixed)
        by_label.setdefault(tuple(label_of(kind, f)), []).append((source, target, kind, f))
    by_label[tuple(label_of("noop"))] = [(s, s, "noop", {}) for s, *_ in r.choices(pairs, k=64)]
    wanted = {}
    for kind in PHRASES:
        for values in itertools.product(*(OPTIONS[x] for x in FIELDS[kind])):
            f = dict(zip(FIELDS[kind], values))
            key = tuple(label_of(kind, f))
            # A pair that was held out has no scenes of its own; those of its kind stand in.
            wanted[key] = by_label.get(key) or [(s, t, kind, f) for k, rows in by_label.items() if k[0] == key[0] for s, t, _, _ in rows]
    for n, (key, rows) in enumerate(wanted.items()):
        drawn = [r.choice(rows) for _ in range(STATES)]
        latent = lambda at: torch.from_numpy(latents[[row[at] for row in drawn]]).float()
        texts = [r.choice(PHRASES[kind][:-2]).format(**f) for _, _, kind, f in drawn]
        t = torch.tensor([r.randrange(60, 1000) for _ in drawn])
        bank[key] = teacher.features(latent(0), latent(1) * teacher.scale, texts, t, generator)
        if n % 10 == 0:
            print("bank", n, "of", len(wanted), flush=True)
    RUNS.mkdir(parents=True, exist_ok=True)
    torch.save(bank, path)
    return bank


def phrases_of(key):
    kind = KINDS[key[0]]
    f = {x: options[i - 1] for x, options, i in zip("cskv", (COL, SIDES, TREES, VEHICLES), key[1:]) if i > 0}
    return [p.format(**f) for p in PHRASES[kind][:-2]]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("wordnet")
    a.add_argument("--teacher", type=Path, default=OUT)
    a.add_argument("--out", type=Path, default=OUT)
    a.add_argument("--steps", type=int, default=3000)
    a.add_argument("--minutes", type=float, help="end after this long, even before the steps are done; the learning rate follows whichever is nearer its end")
    a.add_argument("--batch", type=int, default=96)
    a.add_argument("--states", type=int, default=2, help="recorded features an instruction is compared at")
    a.add_argument("--lr", type=float, default=1.2e-3)
    a.add_argument("--aims", type=int, default=6, help="how many phrases of a kind are the aim, in the mean")
    a.add_argument("--start", type=Path, help="go on from the text encoder and head in this folder")
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--name", default="words")
    a.add_argument("--threads", type=int, default=2)
    args = a.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    r = random.Random(args.seed)
    teacher = Teacher(args.teacher)
    bank = bank_of(teacher, 1)
    # What the teacher's phrases give at the recorded features: their mean, and how much it varies.
    aims, spread = {}, [0.0] * len(teacher.layers)
    with torch.no_grad():
        for key, features in bank.items():
            hidden = [teacher.encode([p]) for p in phrases_of(key)[: args.aims]]
            outs = [torch.stack([attend(m, x.float()[None], h)[0] for h in hidden]).mean(0) for m, x in zip(teacher.layers, features)]
            aims[key] = outs
            for i, o in enumerate(outs):
                spread[i] += o.square().mean().item() / len(bank)
    tokenizer = CLIPTokenizer.from_pretrained(args.out / "tokenizer")
    text = CLIPTextModel(CLIPTextConfig(**TEXT, vocab_size=len(tokenizer), bos_token_id=len(tokenizer) - 2, eos_token_id=len(tokenizer) - 1, pad_token_id=len(tokenizer) - 1))
    head = torch.nn.Linear(TEXT["hidden_size"], sum(SPLIT))
    if args.start:
        text.load_state_dict({k: v.float() for k, v in load_file(args.start / "text_encoder/model.safetensors").items()})
        known = load_file(args.start / "understanding.safetensors")
        head.load_state_dict({"weight": known["head.weight"].float(), "bias": known["head.bias"].float()})
    both = torch.nn.ModuleDict({"text": text, "head": head})
    opt = torch.optim.AdamW(both.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.02)
    corpus, null = Corpus(args.wordnet, 1000 + args.seed), teacher.encode([""])
    log = Log(args.name, ["step", "seconds", "likeness", "head", "lr"])
    since, sums, n = time.monotonic(), [0.0, 0.0], 0
    for step in range(args.steps):
        done = max(step / args.steps, (time.monotonic() - since) / 60 / args.minutes if args.minutes else 0.0)
        lr = cosine(min(done, 1.0), args.lr, warm=0.02, floor=0.01)
        for g in opt.param_groups:
            g["lr"] = lr
        drawn = [corpus.draw() for _ in range(args.batch)]
        keys = [name_of(y) for _, y in drawn]
        texts = [t for t, _ in drawn]
        ids = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids
        picks = [[r.randrange(STATES) for _ in range(args.states)] for _ in keys]
        with autocast():
            hidden = text(ids).last_hidden_state
            apart = 0.0
            for i, m in enumerate(teacher.layers):
                x = torch.stack([bank[k][i][p].float() for k, p in zip(keys, picks)])
                aim = torch.stack([aims[k][i][p] for k, p in zip(keys, picks)])
                apart = apart + (attend(m, x, hidden).float() - aim).square().mean() / spread[i]
        last = (ids == tokenizer.eos_token_id).int().argmax(1)
        logits = head(hidden.float()[torch.arange(len(ids)), last]).split(SPLIT, 1)
        y = torch.tensor([y for _, y in drawn])
        told = sum(F.cross_entropy(o, y[:, i], ignore_index=-1, label_smoothing=0.02 if i == 0 else 0.0) for i, o in enumerate(logits))
        apart = apart / len(teacher.layers)
        loss = apart + 0.3 * told
        if step % 20 == 0:  # "" stays what it was, for guidance
            with autocast():
                empty = text(tokenizer([""], padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids).last_hidden_state
                for i, m in enumerate(teacher.layers):
                    x = bank[r.choice(list(bank))][i][:8].float()[None]
                    loss = loss + 2 * (attend(m, x, empty).float() - attend(m, x, null)).square().mean() / spread[i] / len(teacher.layers)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        opt.step()
        sums, n = [sums[0] + apart.item(), sums[1] + told.item()], n + 1
        ends = step + 1 == args.steps or done >= 1
        if step % 50 == 49 or ends:
            log.write(step=step + 1, seconds=round(time.monotonic() - since), likeness=round(sums[0] / n, 5), head=round(sums[1] / n, 4), lr=round(lr, 6))
            sums, n = [0.0, 0.0], 0
        if step % 50 == 49 or ends:
            folder = args.out if ends else RUNS / args.name
            folder.mkdir(parents=True, exist_ok=True)
            copy.deepcopy(text).half().save_pretrained(folder / "text_encoder")
            path = folder / "understanding.safetensors"
            others = {k: v for k, v in load_file(path).items() if not k.startswith("head.")} if path.exists() else {}
            save_file({**others, "head.weight": head.weight.detach().half(), "head.bias": head.bias.detach().half()}, path)
        if ends:
            break


if __name__ == "__main__":
    main()
