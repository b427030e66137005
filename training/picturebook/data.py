"""Training pairs as latents: `python data.py --scenes 8000`. Each scene has three edits; an edit that can be undone also
gives the inverse pair, and every picture is its own pair for "leave it as it is". Edits that few scenes allow (there is mostly
a car already) are made from scenes that allow them: `--rare N` of the scenes."""

import argparse
import json
import multiprocessing as mp
import random

import numpy as np
import torch
from diffusers import AutoencoderKL

from common import OUT, RUNS, autocast, device
from edits import change_mask, draw_edit, inverse_of
from world import mixture, render, sample_scene

EDITS = 3


# What RARE scenes are asked for first: half of them have their car or boat taken away before they are painted.
RARE = {"add_vehicle", "balloon", "swap_tree", "vehicle", "add_clouds", "remove_vehicle", "sun", "day", "bw"}
RARE_FROM = 500_000


# Where the colour of each kind of edit stands in a scene: (what, key).
PAINTED = {"roof": ("house", "roof"), "wall": ("house", "wall"), "vehicle": ("vehicle", "colour"), "balloon": ("balloon", "colour"),
           "add_balloon": ("balloon", "colour"), "add_vehicle": ("vehicle", "colour")}
THINGS = ("roof", "wall", "vehicle", "balloon")


def with_mixtures(scene, r, share):
    """Colours between the names, so that what a colour's word does to a thing is learnt as one function of colour, and not by heart."""
    for kind in THINGS:
        what, key = PAINTED[kind]
        if scene[what] and r.random() < share:
            scene[what][key] = mixture(kind, r)


def make(job):
    """seed → pictures [1 + EDITS, 128, 128, 3], latent masks [EDITS, 16, 16], pairs (from, to, kind, fields, mask index)."""
    seed, mixed = job
    r = random.Random(seed * 7 + 1)
    scene = sample_scene(seed)
    with_mixtures(scene, r, mixed)
    if seed % 40 == 0:
        scene["bw"] = True
    rare = seed >= RARE_FROM
    if rare and seed % 2:
        scene["vehicle"] = None
    pictures, masks, pairs, seen = [render(scene)], [], [], []
    for i in range(EDITS):
        only = {"add_vehicle"} if i == 0 and seed % 2 else RARE
        e = (rare and draw_edit(scene, r, exclude=("noop", *seen), only=only)) or draw_edit(scene, r, exclude=("noop", *seen))
        if e is None:
            e = ("noop", {}, scene)
        kind, fields, target = e
        if kind in PAINTED and r.random() < mixed:
            what, key = PAINTED[kind]
            target[what][key] = mixture(kind.removeprefix("add_"), r)
            fields = {**fields, "c": target[what][key]}
        if kind not in ("roof", "wall", "vehicle", "balloon", "add_balloon"):
            seen.append(kind)
        pictures.append(render(target))
        m = change_mask(pictures[0], pictures[-1])
        masks.append(m.reshape(16, 8, 16, 8).any((1, 3)))
        pairs.append((0, i + 1, kind, fields, i))
        what, key = PAINTED.get(kind, (None, None))
        back = (kind, {**fields, "c": scene[what][key]}) if kind in THINGS else inverse_of(scene, target)
        if back and kind != "noop":
            pairs.append((i + 1, 0, back[0], back[1], i))
    return np.stack(pictures), np.stack(masks), pairs


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--scenes", type=int, default=8000)
    a.add_argument("--rare", type=int, default=2000)
    a.add_argument("--first", type=int, default=100_000)
    a.add_argument("--mixed", type=float, default=0.0, help="how often a thing has a colour between two names, in scenes and in edits")
    args = a.parse_args()
    vae = AutoencoderKL.from_pretrained(OUT / "vae", torch_dtype=torch.float32).to(device(), memory_format=torch.channels_last).eval()
    seeds = [*range(args.first, args.first + args.scenes), *range(RARE_FROM, RARE_FROM + args.rare)]
    latents = np.empty((len(seeds) * (EDITS + 1), 4, 16, 16), np.float16)
    masks = np.empty((len(seeds) * EDITS, 16, 16), bool)
    pairs, at, pending = [], 0, []

    def flush():
        nonlocal at
        x = torch.from_numpy(np.concatenate(pending).transpose(0, 3, 1, 2)).to(device(), memory_format=torch.channels_last)
        with torch.no_grad(), autocast():
            c = vae.encode(x.float() / 127.5 - 1).latent_dist.mode()
        latents[at : at + len(x)] = c.float().cpu().numpy()
        at += len(x)
        pending.clear()

    with mp.Pool(1) as pool:
        for i, (pictures, m, ps) in enumerate(pool.imap(make, [(seed, args.mixed) for seed in seeds], chunksize=16)):
            pending.append(pictures)
            masks[i * EDITS : (i + 1) * EDITS] = m
            pairs += [[i * (EDITS + 1) + p, i * (EDITS + 1) + q, kind, fields, i * EDITS + k] for p, q, kind, fields, k in ps]
            if len(pending) == 8:
                flush()
            if i % 500 == 499:
                print(i + 1, "scenes", flush=True)
        if pending:
            flush()
    RUNS.mkdir(parents=True, exist_ok=True)
    np.savez(RUNS / "latents.npz", latents=latents, masks=masks)
    (RUNS / "pairs.json").write_text(json.dumps(pairs))
    print(len(latents), "pictures", len(pairs), "pairs")


if __name__ == "__main__":
    main()
