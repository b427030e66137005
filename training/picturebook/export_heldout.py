"""Write the held-out split as pictures: `python export_heldout.py`. Scenes of seeds from 1,000,000 (never trained on); half of
the phrasings are ones that training never saw, and so are the kind-and-colour pairs of world.HELD_OUT_PAIRS.

Layout: benchmarks/picturebook/{single,colours,chain,noop}/dataset.json with items of {id, image, turns: [{instruction, kind, target,
change_mask, caption}]}; paths are relative to the folder.
"""

import json
import random

import numpy as np
from PIL import Image

from common import HERE
from edits import GLOBAL, PHRASES, caption, change_mask, draw_edit, edits_of, is_held_out_pair, phrase
from world import HELD_OUT_PAIRS, render, sample_scene

OUT = HERE.parent.parent / "benchmarks" / "picturebook"
KINDS = [k for k in PHRASES if k != "noop"]


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image.convert("1") if array.dtype == bool else image).save(path, optimize=True)
    return path.name


def write_item(folder, name, scene, edits, r):
    """edits: [(kind, fields, target scene)], each from the one before."""
    before, turns = render(scene), []
    image = save(before, folder / f"{name}.png")
    for i, (kind, fields, target) in enumerate(edits, 1):
        after = render(target)
        unseen = r.random() < 0.5
        turns.append({
            "instruction": phrase(kind, fields, r, held_out=unseen),
            "kind": kind,
            "global": kind in GLOBAL,
            "unseen_phrase": unseen,
            "unseen_pair": is_held_out_pair(kind, fields),
            "target": save(after, folder / f"{name}-{i}.png"),
            "change_mask": save(change_mask(before, after), folder / f"{name}-{i}-mask.png"),
            "caption": caption(target),
        })
        before = after
    return {"id": name, "image": image, "seed": scene["seed"], "turns": turns}


def write(folder, items):
    (folder / "dataset.json").write_text(json.dumps({"name": f"picturebook-{folder.name}", "size": 128, "items": items}, indent=1) + "\n")
    print(folder.name, len(items), "items")


def singles(n=200):
    items, seed = [], 1_000_000
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        while True:
            r, scene = random.Random(seed), sample_scene(seed)
            seed += 1
            e = draw_edit(scene, r, held_out_pairs=i % 3 == 0, only={kind})
            if e:
                break
        items.append(write_item(OUT / "single", f"{i:03d}-{kind}", scene, [e], r))
    write(OUT / "single", items)


def colours(n=60):
    """Things in a colour that training never gave them, 15 edits of each pair: paintings, and additions where they have one."""
    items, seed = [], 7_200_000
    for i in range(n):
        pair = sorted(HELD_OUT_PAIRS)[i % len(HELD_OUT_PAIRS)]
        edit = None
        while edit is None:
            r, scene = random.Random(seed), sample_scene(seed)
            seed += 1
            able = [e for e in edits_of(scene, True) if (e[0].removeprefix("add_"), e[1].get("c")) == pair]
            edit = r.choice(able) if able else None
        items.append(write_item(OUT / "colours", f"{i:03d}-{edit[0]}", scene, [edit], r))
    write(OUT / "colours", items)


def chains(n=40, turns=5):
    items = []
    for i in range(n):
        seed = 1_100_000 + i
        r, scene = random.Random(seed), sample_scene(seed)
        edits, now, used = [], scene, {"noop", "bw"}
        while len(edits) < turns:
            e = draw_edit(now, r, exclude=used)
            # Each kind once, and nothing that undoes what another turn did.
            used |= {e[0], {"night": "day", "day": "night", "fog": "clear", "clear": "fog", "moon": "sun", "sun": "moon",
                            "add_balloon": "remove_balloon", "add_vehicle": "remove_vehicle", "add_clouds": "remove_clouds",
                            "remove_balloon": "add_balloon", "remove_vehicle": "add_vehicle", "remove_clouds": "add_clouds"}.get(e[0], "noop")}
            edits.append(e)
            now = e[2]
        items.append(write_item(OUT / "chain", f"{i:03d}", scene, edits, r))
    write(OUT / "chain", items)


def noops(n=20):
    items = []
    for i in range(n):
        scene = sample_scene(1_200_000 + i)
        image = save(render(scene), OUT / "noop" / f"{i:03d}.png")
        items.append({"id": f"{i:03d}", "image": image, "seed": scene["seed"], "turns": [{"instruction": "leave it as it is", "kind": "noop"}] * 10})
    write(OUT / "noop", items)


if __name__ == "__main__":
    singles()
    colours()
    chains()
    noops()
