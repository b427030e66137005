"""Training on one's own rollouts: `Slots` are edits half done. Each holds a pair, a state x of the sampler and where it is in
its steps; every training step trains on all of them (the loss is to the rendered target, whatever the model made of it so far)
and takes them one DDIM step on with what was predicted. An edit that ends right becomes the condition of the next edit in the
same slot, deeper and deeper up to the curriculum's depth. So the model sees the x and the c that it will see when it is used,
and no forward pass is spent on making them.

Two branches for "leave it as it is" on a rollout's own state: the target is the rendered picture (what was lost comes back),
or with probability `own_identity` the state itself (what is there stays).

With a teacher (train_unet.py, `--teacher`) the target is neither: it is what frozen weights predict at the same state where they are shown the rendered
source in place of the rollout that stands for it. This is on-policy velocity matching as the idea of MT-OPSD was read here; its code was not.
"""

import random

import numpy as np
import torch

# Steps of a walk: the shipped default most often, others so that no other number of steps is forgotten.
STEPS = [8, 8, 8, 4, 5, 6, 10, 12, 16, 20]
NOOP = 0.35


class Slots:
    def __init__(self, data, n, alphas, seed, own_identity=0.0):
        self.data, self.n, self.alphas, self.own_identity = data, n, alphas, own_identity
        self.r, self.depth_limit, self.finished, self.right = random.Random(seed + 77), 1, 0, 0
        self.by_source = {}
        for pair in data.pairs:
            self.by_source.setdefault(pair[0], []).append(pair)
        self.rows = [self.fresh() for _ in range(n)]
        # Walks begin together; let them be anywhere in their steps.
        self.lag = [self.r.randrange(8) for _ in range(n)]

    def fresh(self):
        kind = self.r.choices(self.data.kinds, self.data.shares)[0]
        return self.start(self.r.choice(self.data.by_kind[kind]), None, 0)

    def start(self, pair, own, depth):
        """A walk from `own` [4, h, w], a rollout's result that stands for pair's source picture; or from the picture itself."""
        d, (source, target, kind, fields, k) = self.data, pair
        cond, mask = d.latents[source] if own is None else own, d.masks[k]
        goal = d.latents[target]
        if kind == "noop" or self.r.random() < NOOP:
            target, kind, fields, mask = source, "noop", {}, np.zeros_like(mask)
            goal = own if own is not None and self.r.random() < self.own_identity else d.latents[source]
        steps = self.r.choice(STEPS)
        t = [round(1000 - i * 1000 / steps) - 1 for i in range(steps)] + [None]
        x = torch.randn(4, *cond.shape[1:], generator=torch.Generator().manual_seed(self.r.getrandbits(40)))
        return dict(source=source, target=target, kind=kind, cond=cond, goal=goal, mask=mask, text=d.words(kind, fields), t=t, i=0, x=x, depth=depth,
                    clean=d.latents[source])

    def batch(self):
        """(x, t) and conditions, scaled targets, masks, tokens, as `Pairs.batch` gives them."""
        d, to = self.data, lambda key: torch.from_numpy(np.stack([r[key] for r in self.rows])).float().to(self.alphas.device)
        x = torch.stack([r["x"] for r in self.rows]).to(self.alphas.device)
        t = torch.tensor([r["t"][r["i"]] for r in self.rows], device=self.alphas.device)
        ids = torch.tensor([d.tokens(r["text"]) for r in self.rows], device=self.alphas.device)
        return x, t, (to("cond"), to("goal") * d.scale, to("mask")[:, None], ids)

    def clean(self):
        """The rendered sources [n, 4, h, w] of the states in `batch`, whose conditions may be rollouts that stand for them."""
        return torch.from_numpy(np.stack([r["clean"] for r in self.rows])).float().to(self.alphas.device)

    def advance(self, x0):
        """x0 [n, 4, h, w]: what was predicted for the batch; a DDIM step for each, and what has ended goes on to its next edit."""
        for n, (row, x0) in enumerate(zip(self.rows, x0.cpu())):
            if self.lag[n] > 0:
                self.lag[n] -= 1
                continue
            ab, next_t = self.alphas[row["t"][row["i"]]].item(), row["t"][row["i"] + 1]
            if next_t is not None:
                to = self.alphas[next_t].item()
                noise = (row["x"] - ab**0.5 * x0) / (1 - ab) ** 0.5
                row["x"], row["i"] = to**0.5 * x0 + (1 - to) ** 0.5 * noise, row["i"] + 1
            else:
                self.rows[n] = self.ended(row, x0.numpy() / self.data.scale)

    def ended(self, row, result):
        self.finished += 1
        right = self.data.is_right(result, row["target"], row["source"], row["mask"])
        if not right:
            return self.fresh()
        self.right += 1
        result = result.astype(np.float16)
        self.data.kept[row["target"]], self.data.depth[row["target"]] = result, row["depth"] + 1
        # "Leave it as it is" may be asked again and again, an edit asks for another one.
        onward = self.by_source.get(row["target"], [])
        if row["depth"] + 1 >= self.depth_limit or (not onward and row["kind"] == "noop" and self.r.random() < 0.3):
            return self.fresh()
        pair = self.r.choice(onward) if onward else (row["target"], row["target"], "noop", {}, 0)
        return self.start(pair, result, row["depth"] + 1)

    def depths(self):
        return float(np.mean([r["depth"] for r in self.rows]))
