"""Write scenes on which selecting a thing by a click is measured:

    python export_select.py [--seed 4000000] [--scenes 64] [--side 128] [--out FOLDER]

Each has a house, a boat and a balloon. Seeds from 4,000,000 on: nothing was trained on them. Without options it writes the ones that the tests
use, tests/fixtures/select; `npm run bench -- select FOLDER` measures a click on those of any folder.

scenes.png holds the scenes of SIDE x SIDE pixels, eight to a row; things.png says for each pixel whose it is: 0 nothing's, 40 the house's beside
its roof, 80 the roof's, 120 the boat's beside its hull, 160 the hull's, 240 the balloon's. A pixel is a thing's where recolouring it (roof, hull) or
leaving it out (balloon; house and boat, whose shadow stays) changes the picture (edits.change_mask). scenes.json has side, count and seeds.
"""

import argparse
import copy
import json
from pathlib import Path

import numpy as np
from PIL import Image

import world
from common import HERE
from edits import change_mask
from world import GROUND, render, sample_scene, shade

FIXTURE = HERE.parent.parent / "tests" / "fixtures" / "select"
COLUMNS = 8

HOUSE_SHADOW = lambda p: p.oval(
    p.scene["house"]["x"], 93.0, p.scene["house"]["w"] * 0.6, 2.4, shade(GROUND[p.scene["season"]], 0.8), 0.1)
BOAT_SHADOW = lambda p, v: p.oval(v["x"], 117.1, 15, 2, shade((82, 156, 216), 0.82), 0.0)


def changed(picture, *targets):
    """Where any of the targets differs from the picture."""
    return np.any([change_mask(picture, target) for target in targets], axis=0)


def coloured(scene, thing, key, side):
    targets = []
    for colour in ("red", "blue", "yellow"):
        target = copy.deepcopy(scene)
        target[thing][key] = colour
        targets.append(render(target, side))
    return targets


def without(scene, thing, shadow, side):
    """The scene where a thing has left its shadow alone."""
    drawn = getattr(world, thing)
    setattr(world, thing, shadow)
    try:
        return render(scene, side)
    finally:
        setattr(world, thing, drawn)


def labels_of(scene, picture, side):
    labels = np.zeros((side, side), np.uint8)
    labels[changed(picture, without(scene, "draw_house", HOUSE_SHADOW, side))] = 40
    labels[changed(picture, *coloured(scene, "house", "roof", side))] = 80
    # A pixel of the roof's that the sails hide in part stays the roof's.
    boat = changed(picture, without(scene, "draw_boat", BOAT_SHADOW, side))
    labels[boat & (labels != 80)] = 120
    labels[changed(picture, *coloured(scene, "vehicle", "colour", side))] = 160
    labels[changed(picture, render({**scene, "balloon": None}, side))] = 240
    return labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=4_000_000)
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--out", type=Path, default=FIXTURE)
    args = parser.parse_args()
    side, rows = args.side, -(-args.scenes // COLUMNS)
    scenes = Image.new("RGB", (COLUMNS * side, rows * side))
    things = Image.new("L", scenes.size)
    seed, i = args.seed, 0
    while i < args.scenes:
        scene = sample_scene(seed)
        seed += 1
        if scene["bw"] or scene["strip"] != "river" or not scene["vehicle"] or not scene["balloon"]:
            continue
        picture = render(scene, side)
        at = (i % COLUMNS * side, i // COLUMNS * side)
        scenes.paste(Image.fromarray(picture), at)
        things.paste(Image.fromarray(labels_of(scene, picture, side)), at)
        i += 1
    args.out.mkdir(parents=True, exist_ok=True)
    scenes.save(args.out / "scenes.png", optimize=True)
    things.save(args.out / "things.png", optimize=True)
    about = {"side": side, "scenes": args.scenes, "seeds": [args.seed, seed]}
    (args.out / "scenes.json").write_text(json.dumps(about) + "\n")


if __name__ == "__main__":
    main()
