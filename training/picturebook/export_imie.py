"""Write the benchmark that ships, packages/bench/datasets/imie-picturebook: `python export_imie.py`. Scenes of seeds from 2,000,000, drawn from
nothing that training or the evaluation of picturebook has seen; held-out phrasings half of the time. With `--cycles N --out FOLDER` a larger one
of the same scenes, with N cycles, for experiments that need more of them; local and global ones in turn.

    chains   40 scenes, 5 different edits each, global and local mixed (4 where a scene runs out of them)
    long     10 scenes, 25 edits each
    noop     10 scenes, "leave it as it is" in its phrasings, 25 times
    cycle    10 scenes, an edit and its exact inverse, 12 times each

One dataset.json, whose items carry the name of their part: {id, part, image, caption, turns: [{instruction, kind, global, unseen_phrase,
unseen_pair, mask?, target, change_mask, caption}]}, paths relative to the folder. `mask` stands for what a person would brush over a local
edit: the change mask grown by 4 pixels. A picture that comes twice in an item (no-op, cycle) is written once.
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from common import HERE
from edits import GLOBAL, caption, change_mask, draw_edit, edits_of, inverse_of, is_held_out_pair, phrase
from world import render, sample_scene

SHIPPED = HERE.parent.parent / "packages" / "bench" / "datasets" / "imie-picturebook"
OPPOSITE = {"night": "day", "day": "night", "fog": "clear", "clear": "fog", "moon": "sun", "sun": "moon", "add_balloon": "remove_balloon",
            "remove_balloon": "add_balloon", "add_vehicle": "remove_vehicle", "remove_vehicle": "add_vehicle", "add_clouds": "remove_clouds",
            "remove_clouds": "add_clouds"}


def brushed(mask, grow=4):
    """What a person would paint: the changed pixels with a margin."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * grow + 1))) > 127


class Item:
    out = SHIPPED

    def __init__(self, part, name, scene):
        self.folder, self.written = self.out / part, {}
        self.name, self.scene, self.before, self.turns = name, scene, render(scene), []
        self.data = {"id": f"{part}-{name}", "part": part, "seed": scene["seed"], "caption": caption(scene), "image": self.save(self.before, "")}

    def save(self, array, suffix):
        key = hashlib.sha256(array.tobytes() + str(array.dtype).encode()).hexdigest()
        if key not in self.written:
            path = self.folder / f"{self.name}{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(array)
            (image.convert("1") if array.dtype == bool else image).save(path, optimize=True)
            self.written[key] = path.relative_to(self.out).as_posix()
        return self.written[key]

    def turn(self, edit, r):
        kind, fields, target = edit
        i, after, unseen = len(self.turns) + 1, render(target), r.random() < 0.5
        mask = change_mask(self.before, after)
        local = kind not in GLOBAL and kind != "noop"
        self.turns.append({
            "instruction": phrase(kind, fields, r, held_out=unseen), "kind": kind, "global": kind in GLOBAL, "unseen_phrase": unseen,
            "unseen_pair": is_held_out_pair(kind, fields), **({"mask": self.save(brushed(mask), f"-{i}-brush")} if local else {}),
            "target": self.save(after, f"-{i}"), "change_mask": self.save(mask, f"-{i}-mask"), "caption": caption(target)})
        self.scene, self.before = target, after

    def done(self):
        return {**self.data, "turns": self.turns}


def chains(n=40, turns=5):
    for i in range(n):
        scene = sample_scene(2_000_000 + i)
        item, r, used = Item("chains", f"{i:02d}", scene), random.Random(i), {"noop", "bw"}
        while len(item.turns) < turns:
            edit = draw_edit(item.scene, r, held_out_pairs=i % 4 == 0, exclude=used)
            if edit is None:
                break
            used |= {edit[0], OPPOSITE.get(edit[0], "noop")}  # each kind once, and nothing that undoes another turn
            item.turn(edit, r)
        yield item.done()


def long(n=10, turns=25):
    for i in range(n):
        item, r, last = Item("long", f"{i:02d}", sample_scene(2_100_000 + i)), random.Random(100 + i), "noop"
        while len(item.turns) < turns:
            edit = draw_edit(item.scene, r, exclude={"noop", "bw", last, OPPOSITE.get(last, "noop")})
            last = edit[0]
            item.turn(edit, r)
        yield item.done()


def noops(n=10, turns=25):
    for i in range(n):
        item, r = Item("noop", f"{i:02d}", sample_scene(2_200_000 + i)), random.Random(200 + i)
        for _ in range(turns):
            item.turn(("noop", {}, item.scene), r)
        yield item.done()


def cycles(n=10, turns=24):
    for i in range(n):
        item, r = Item("cycle", f"{i:02d}", sample_scene(2_300_000 + i)), random.Random(300 + i)
        there = [e for e in edits_of(item.scene) if e[0] not in ("noop", "bw") and inverse_of(item.scene, e[2])]
        kinds = sorted({e[0] for e in there if (e[0] in GLOBAL) == (i % 2 == 0)} or {e[0] for e in there})
        kind = r.choice(kinds)
        edit = r.choice([e for e in there if e[0] == kind])
        start = item.scene
        back = (*inverse_of(start, edit[2]), start)
        for t in range(turns):
            item.turn(back if t % 2 else edit, r)
        yield item.done()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--cycles", type=int, default=10)
    a.add_argument("--out", type=Path, default=SHIPPED, help="its last part is the dataset's name")
    args = a.parse_args()
    if args.cycles != 10 and args.out == SHIPPED:
        a.error("the benchmark that ships has 10 cycles: say --out FOLDER")
    Item.out = args.out
    items = [*chains(), *long(), *noops(), *cycles(args.cycles)]
    args.out.mkdir(parents=True, exist_ok=True)
    head = {"name": args.out.name, "version": 1, "size": 128, "licence": "MIT"}
    (args.out / "dataset.json").write_text(json.dumps({**head, "items": items}, indent=1) + "\n")
    print(len(items), "items", sum(len(i["turns"]) for i in items), "turns", sum(f.stat().st_size for f in args.out.rglob("*.*")) // 1000, "kB")


if __name__ == "__main__":
    main()
