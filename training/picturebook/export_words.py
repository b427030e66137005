"""Write the words of others as an evaluation: `python export_words.py test.json`. The file has instructions by thirty imagined people who had not seen the training
grammar, each with its kind and fields (`single`), requests that picturebook cannot do (`unsupported`), and requests for two edits (`compound`). Each gets a scene of a
seed from 4,000,000 (never trained on) in which it can be done, with its exact target.

Layout: benchmarks/picturebook/words/dataset.json with items of {id, image, turns: [{instruction, kind, target, change_mask, person}]}.
"""

import json
import random
import sys

from edits import GLOBAL, caption, change_mask, edits_of
from export_heldout import OUT, save
from world import render, sample_scene


def scene_for(steps, seed):
    """A scene in which all (kind, fields) can be done one after the other, and what they make of it."""
    while True:
        seed += 1
        scene = sample_scene(seed)
        if seed % 3 == 0:
            scene["vehicle"] = None
        states = [scene]
        for kind, fields in steps:
            found = [t for k, f, t in edits_of(states[-1], True) if k == kind and all(f.get(x) == v for x, v in fields.items())]
            if not found:
                break
            states.append(random.Random(seed).choice(found))
        else:
            return seed, states


def main():
    given = json.load(open(sys.argv[1]))
    folder, items, seed = OUT / "words", [], 4_000_000
    rows = [("single", x, [(x["kind"], x["fields"])]) for x in given["single"]]
    rows += [("compound", x, list(zip(x["kinds"], x["fields"]))) for x in given["compound"]]
    for n, (part, x, steps) in enumerate(rows):
        seed, states = scene_for(steps, seed)
        before, after = render(states[0]), render(states[-1])
        name = f"{part}-{n:03d}"
        kinds = [k for k, _ in steps]
        turn = {"instruction": x["text"], "person": x["person"], "kind": "+".join(kinds), "global": all(k in GLOBAL for k in kinds), "caption": caption(states[-1])}
        image = save(before, folder / f"{name}.png")
        if kinds != ["noop"]:
            turn |= {"target": save(after, folder / f"{name}-1.png"), "change_mask": save(change_mask(before, after), folder / f"{name}-1-mask.png")}
        items.append({"id": name, "part": part, "image": image, "seed": seed, "turns": [turn]})
    for n, x in enumerate(given["unsupported"]):
        image = items[(7 * n) % len(given["single"])]["image"]
        items.append({"id": f"unsupported-{n:03d}", "part": "unsupported", "image": image, "turns": [{"instruction": x["text"], "person": x["person"], "kind": "unsupported"}]})
    (folder / "dataset.json").write_text(json.dumps({"name": "picturebook-words", "size": 128, "items": items}, indent=1) + "\n")
    print(len(items), "items")


if __name__ == "__main__":
    main()
