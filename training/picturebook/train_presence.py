"""Train the part of picturebook that sees whether what an edit needs is in the picture: `python train_presence.py --pictures 16000`.

Two layers on the condition latent tell what a scene has (balloon, vehicle, trees, time, season, …), a softmax each. Its latents are renderings through the autoencoder, with
noise as edits leave it. Written into understanding.safetensors, and its description into emilie.json.
"""

import argparse
import copy
import json
import multiprocessing as mp
import random

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from common import OUT, RUNS, autocast
from edits import TREE_NAMES, draw_edit
from world import render, sample_scene

ATTRIBUTES = {
    "colours": ["colour", "black and white"],
    "time": ["day", "sunset", "night"],
    "season": ["summer", "autumn", "winter"],
    "fog": ["none", "fog"],
    "clouds": ["none", "clouds"],
    "body": ["sun", "moon"],
    "balloon": ["none", "balloon"],
    "vehicle": ["none", "car", "boat"],
    "way": ["meadow", "place for a car", "place for a boat"],
    "left tree": ["none", *TREE_NAMES.values()],
    "right tree": ["none", *TREE_NAMES.values()],
}
COLOURED = {"attribute": "colours", "is": ["colour"], "otherwise": "The picture is black and white"}


def need(attribute, values, otherwise):
    return {"attribute": attribute, "is": values, "otherwise": otherwise}


def already(attribute, value, otherwise):
    return need(attribute, [v for v in ATTRIBUTES[attribute] if v != value], otherwise)


NEEDS = {
    "night": [already("time", "night", "It is night already")],
    "sunset": [already("time", "sunset", "It is sunset already")],
    "day": [already("time", "day", "It is day already")],
    "winter": [already("season", "winter", "It is winter already")],
    "autumn": [already("season", "autumn", "It is autumn already")],
    "summer": [already("season", "summer", "It is summer already")],
    "fog": [need("fog", ["none"], "There is fog already")],
    "clear": [need("fog", ["fog"], "There is no fog")],
    "bw": [],
    "roof": [], "wall": [],
    "balloon": [need("balloon", ["balloon"], "There is no balloon")],
    "add_balloon": [need("balloon", ["none"], "There is a balloon already, and there is only ever one")],
    "remove_balloon": [need("balloon", ["balloon"], "There is no balloon")],
    "vehicle": [need("vehicle", ["{vehicle}"], "There is no {vehicle}")],
    "remove_vehicle": [need("vehicle", ["{vehicle}"], "There is no {vehicle}")],
    "add_vehicle": [need("vehicle", ["none"], "There is one already, and there is only ever one"), need("way", ["place for a {vehicle}"], "There is no place for a {vehicle}")],
    "add_tree": [need("{side} tree", ["none"], "There is a tree on the {side} already")],
    "remove_tree": [need("{side} tree", list(TREE_NAMES.values()), "There is no tree on the {side}")],
    "swap_tree": [need("{side} tree", list(TREE_NAMES.values()), "There is no tree on the {side}")],
    "moon": [need("body", ["sun"], "There is no sun")],
    "sun": [need("body", ["moon"], "There is no moon")],
    "add_clouds": [need("clouds", ["none"], "There are clouds already")],
    "remove_clouds": [need("clouds", ["clouds"], "There are no clouds")],
}


def attributes_of(scene):
    tree = lambda side: TREE_NAMES[scene["trees"][side]["kind"]] if scene["trees"][side] else "none"
    vehicle = {"road": "car", "river": "boat"}[scene["strip"]] if scene["vehicle"] else "none"
    values = {
        "colours": "black and white" if scene["bw"] else "colour", "time": scene["time"], "season": scene["season"], "fog": "fog" if scene["fog"] else "none",
        "clouds": "clouds" if scene["clouds"] else "none", "body": scene["body"]["kind"], "balloon": "balloon" if scene["balloon"] else "none", "vehicle": vehicle,
        "way": {"road": "place for a car", "river": "place for a boat"}.get(scene["strip"], "meadow"), "left tree": tree("left"), "right tree": tree("right"),
    }
    return [ATTRIBUTES[k].index(v) for k, v in values.items()]


def make(seed):
    r, scene = random.Random(seed * 11 + 3), sample_scene(seed)
    for _ in range(r.choice([0, 0, 1, 2, 3])):
        edit = draw_edit(scene, r, held_out_pairs=True, exclude=("bw",) if r.random() < 0.85 else ())
        if edit:
            scene = edit[2]
    return render(scene), attributes_of(scene)


def pictures(n, first):
    path = RUNS / f"presence-{first}-{n}.npz"
    if path.exists():
        data = np.load(path)
        return data["latents"], data["labels"]
    vae = AutoencoderKL.from_pretrained(OUT / "vae", torch_dtype=torch.float32).eval()
    latents, labels, pending = [], [], []
    with mp.Pool(1) as pool:
        for i, (picture, label) in enumerate(pool.imap(make, range(first, first + n), chunksize=32)):
            pending.append(picture)
            labels.append(label)
            if len(pending) == 32 or i + 1 == n:
                x = torch.from_numpy(np.stack(pending).transpose(0, 3, 1, 2)).float() / 127.5 - 1
                with torch.no_grad(), autocast():
                    latents.append(vae.encode(x).latent_dist.mode().float().numpy().astype(np.float16))
                pending = []
            if i % 2000 == 1999:
                print(i + 1, "pictures", flush=True)
    RUNS.mkdir(parents=True, exist_ok=True)
    np.savez(path, latents=np.concatenate(latents), labels=np.array(labels))
    return np.concatenate(latents), np.array(labels)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--pictures", type=int, default=9000)
    a.add_argument("--hidden", type=int, default=128)
    a.add_argument("--epochs", type=int, default=30)
    a.add_argument("--noise", type=float, default=0.25, help="of the latents' own standard deviation")
    a.add_argument("--threshold", type=float, default=0.1)
    a.add_argument("--familiar", type=float, default=0.19)
    args = a.parse_args()
    torch.manual_seed(0)
    latents, labels = pictures(args.pictures, 3_000_000)
    held, truth = pictures(1000, 3_900_000)
    x, y = torch.from_numpy(latents).float().flatten(1), torch.from_numpy(labels)
    sizes = [len(v) for v in ATTRIBUTES.values()]
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], args.hidden), torch.nn.ReLU(), torch.nn.Linear(args.hidden, sum(sizes)))
    opt = torch.optim.AdamW(net.parameters(), lr=1.5e-3, weight_decay=0.05)
    steps = args.epochs * len(x) // 256
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=steps)
    std = x.std()
    for step in range(steps):
        pick = torch.randint(len(x), (256,))
        noisy = x[pick] + torch.randn(256, x.shape[1]) * std * args.noise * torch.rand(256, 1)
        loss = sum(F.cross_entropy(o, y[pick, i]) for i, o in enumerate(net(noisy).split(sizes, 1)))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        out = net(torch.from_numpy(held).float().flatten(1)).split(sizes, 1)
    for i, (name, o) in enumerate(zip(ATTRIBUTES, out)):
        p, t = o.softmax(1), torch.from_numpy(truth[:, i])
        right = (o.argmax(1) == t).float().mean()
        print(f"{name:12} right {right:.4f}, true value below the threshold {(p[torch.arange(len(t)), t] < args.threshold).float().mean():.4f}")
    path = OUT / "understanding.safetensors"
    tensors = {k: v for k, v in load_file(path).items() if k.startswith("head.")} if path.exists() else {}
    save_file({**tensors, **{f"presence.{k}": v.half().contiguous() for k, v in copy.deepcopy(net).state_dict().items()}}, path)
    own = json.loads((OUT / "emilie.json").read_text())
    own["understanding"]["presence"] = {
        "latent": list(latents.shape[1:]), "hidden": args.hidden, "attributes": [{"name": k, "values": v} for k, v in ATTRIBUTES.items()],
        "needs": {k: [*([] if k == "bw" else [COLOURED]), *v] for k, v in NEEDS.items()}, "threshold": args.threshold,
        "familiar": args.familiar,
    }
    (OUT / "emilie.json").write_text(json.dumps(own, indent=1) + "\n")


if __name__ == "__main__":
    main()
