"""Write held-out scenes and edits of them at 1024 px, where a session works at 128: `python export_detail.py OUT [per-group] [chains] [first seed]`.

The truth is exact: the edited scene drawn at 1024 px. Groups: global, recolour, object (one edit each) and chain (ten turns, of
which the last picture is the truth). Layout: OUT/dataset.json with items of {id, group, image, target, turns: [instruction]}.
"""

import json
import random
import sys
from pathlib import Path

from PIL import Image

from edits import PHRASES, draw_edit
from world import render, sample_scene

SIZE = 1024
GROUPS = {
    "global": ["night", "sunset", "day", "winter", "autumn", "summer", "fog", "clear"],
    "recolour": ["roof", "wall", "vehicle", "balloon"],
    "object": ["add_balloon", "remove_balloon", "add_tree", "remove_tree", "swap_tree", "moon", "add_vehicle", "remove_vehicle"],
}
TURNS = 10


def words(kind, fields):
    return PHRASES[kind][0].format(**fields)


def save(scene, path):
    Image.fromarray(render(scene, SIZE)).save(path, compress_level=1)
    return path.name


def main(out, per_group=24, chains=10, first=1_300_000):
    out.mkdir(parents=True, exist_ok=True)
    items, seed = [], first
    # One of each group in turn, so that a run that is cut short has all groups.
    for i in range(per_group):
        for group, kinds in GROUPS.items():
            edit = None
            while not edit:
                r, scene = random.Random(seed), sample_scene(seed)
                seed += 1
                edit = draw_edit(scene, r, only={kinds[i % len(kinds)]})
            kind, fields, target = edit
            name = f"{group}-{i:02d}-{kind}"
            items.append({"id": name, "group": group, "image": save(scene, out / f"{name}.png"),
                          "target": save(target, out / f"{name}-true.png"), "turns": [words(kind, fields)]})
            (out / "dataset.json").write_text(json.dumps({"items": items}, indent=1))
    for i in range(chains):
        r, scene = random.Random(first + 100_000 + i), sample_scene(first + 100_000 + i)
        now, turns, last = scene, [], None
        while len(turns) < TURNS:
            kind, fields, now_after = draw_edit(now, r, exclude={"noop", "bw", last})
            turns.append(words(kind, fields))
            now, last = now_after, kind
        name = f"chain-{i:02d}"
        items.append({"id": name, "group": "chain", "image": save(scene, out / f"{name}.png"),
                      "target": save(now, out / f"{name}-true.png"), "turns": turns})
        (out / "dataset.json").write_text(json.dumps({"items": items}, indent=1))
    print(len(items), "items")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
