"""Write examples/: a few held-out scenes to try, and the masks of the demo, painted a little wider than what changes, as a
person would: `python export_examples.py`."""

import copy

import numpy as np
from PIL import Image, ImageFilter

from common import HERE
from edits import change_mask
from world import render, sample_scene

OUT = HERE.parent.parent / "examples"


def brush(mask, wider=5):
    return Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(wider))


def main():
    OUT.mkdir(exist_ok=True)
    scene = sample_scene(1_300_000)
    scene.update(time="day", season="summer", fog=False, strip="river", backdrop="mountains", flowers=True, balloon=None,
                 peaks=[[20, 42, 28], [62, 50, 26], [106, 45, 28]], clouds=[[98, 18, 1.0], [40, 36, 0.8]],
                 body={"kind": "sun", "x": 66, "y": 17}, vehicle={"x": 96, "colour": "red"},
                 house={"x": 62, "w": 40, "wall": "white", "roof": "orange"},
                 trees={"left": {"kind": "round", "x": 20, "s": 1.1}, "right": {"kind": "pine", "x": 108, "s": 1.0}})
    first = render(scene)
    Image.fromarray(first).save(OUT / "cottage.png", optimize=True)
    blue = copy.deepcopy(scene)
    blue["house"]["roof"] = "blue"
    brush(change_mask(first, render(blue))).save(OUT / "cottage-roof.png", optimize=True)
    balloon = copy.deepcopy(scene)
    balloon["balloon"] = {"side": "left", "colour": "red"}
    brush(change_mask(first, render(balloon)), 9).save(OUT / "cottage-sky.png", optimize=True)
    for name, seed in (("road", 1_300_004), ("lake", 1_300_023), ("meadow", next(s for s in range(1_300_030, 1_301_000) if in_the_open(s)))):
        Image.fromarray(render(sample_scene(seed))).save(OUT / f"{name}.png", optimize=True)


def in_the_open(seed):
    s = sample_scene(seed)
    return s["strip"] == "meadow" and s["time"] == "day" and s["season"] == "autumn" and not s["fog"] and s["trees"]["left"]


if __name__ == "__main__":
    main()
