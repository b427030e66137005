"""Write the scenes on which selecting a thing by a click is tested: `python export_select.py [SEED [OUT]]`. Seeds that nothing was trained or tuned on.

tests/fixtures/select/scenes.png holds 64 scenes of 128 x 128, eight to a row, each with a house, a boat and a balloon; things.png says for each
pixel whose it is: 0 nothing's, 80 the roof's, 160 the boat's hull, 240 the balloon's. A pixel is a thing's where recolouring it (roof, hull)
or removing it (balloon) changes the picture (edits.change_mask).
"""

import copy
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from common import HERE
from edits import change_mask
from world import render, sample_scene

OUT = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parent.parent / "tests" / "fixtures" / "select"
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000_000
SIDE, COLUMNS, COUNT = 128, 8, 64


def changed(scene, picture, *targets):
    """Where any of the targets differs from the scene."""
    return np.any([change_mask(picture, render(t, SIDE)) for t in targets], axis=0)


def coloured(scene, thing, key):
    targets = []
    for colour in ("red", "blue", "yellow"):
        target = copy.deepcopy(scene)
        target[thing][key] = colour
        targets.append(target)
    return targets


def main():
    scenes = Image.new("RGB", (COLUMNS * SIDE, COUNT // COLUMNS * SIDE))
    things = Image.new("L", scenes.size)
    seed, i = SEED, 0
    while i < COUNT:
        scene = sample_scene(seed)
        seed += 1
        if scene["bw"] or scene["strip"] != "river" or not scene["vehicle"] or not scene["balloon"]:
            continue
        picture = render(scene, SIDE)
        labels = np.zeros((SIDE, SIDE), np.uint8)
        labels[changed(scene, picture, *coloured(scene, "house", "roof"))] = 80
        labels[changed(scene, picture, *coloured(scene, "vehicle", "colour"))] = 160
        labels[changed(scene, picture, {**scene, "balloon": None})] = 240
        at = (i % COLUMNS * SIDE, i // COLUMNS * SIDE)
        scenes.paste(Image.fromarray(picture), at)
        things.paste(Image.fromarray(labels), at)
        i += 1
    OUT.mkdir(parents=True, exist_ok=True)
    scenes.save(OUT / "scenes.png", optimize=True)
    things.save(OUT / "things.png", optimize=True)


if __name__ == "__main__":
    main()
