"""Write the words of others as an evaluation: `python export_words.py test.json`. The file has instructions by thirty imagined people who had not seen the training
grammar, each with its kind and fields (`single`), requests that picturebook cannot do (`unsupported`), and requests for two edits (`compound`). Each gets a scene of a
seed from 4,000,000 (never trained on) in which it can be done, with its exact target.

Layout: benchmarks/picturebook/words/dataset.json with items of {id, image, turns: [{instruction, kind, target, change_mask, person}]}.

`python export_words.py words/held-out.txt --folder words-held-out --first 5000000 --chains 20` takes a list as words_check.py reads it, and adds chains of five of its requests (part "chain"), each
possible where the one before has been done.
"""

import argparse
import json
import random

from edits import GLOBAL, caption, change_mask, edits_of
from export_heldout import OUT, save
from words_check import read
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


def given_by(path):
    """{single, unsupported, compound} of a JSON file, or of a list."""
    if path.endswith(".json"):
        return json.load(open(path))
    rows = read(path)
    return {
        "single": [x for x in rows if x["kind"] not in ("unsupported", "compound")],
        "unsupported": [x for x in rows if x["kind"] == "unsupported"],
        "compound": [{**x, "kinds": [k for k, _ in x["steps"]], "fields": [f for _, f in x["steps"]]} for x in rows if x["kind"] == "compound"],
    }


def chains(singles, count, folder, seed):
    """Items of five different requests each; every scene leads to the next."""
    items = []
    while len(items) < count:
        seed += 1
        r, states, turns, used = random.Random(seed), [sample_scene(seed)], [], set()
        for _ in range(5):
            able = edits_of(states[-1], True)
            fits = [(x, t) for x in singles if x["kind"] not in (used | {"noop", "bw"}) for k, f, t in able if k == x["kind"] and all(f.get(n) == v for n, v in x["fields"].items())]
            if not fits:
                break
            x, target = r.choice(fits)
            used.add(x["kind"])
            states.append(target)
            turns.append({"instruction": x["text"], "person": x["person"], "kind": x["kind"], "global": x["kind"] in GLOBAL, "caption": caption(target)})
        if len(turns) < 5:
            continue
        name, pictures = f"chain-{len(items):02d}", [render(s) for s in states]
        for i, turn in enumerate(turns, 1):
            turn |= {"target": save(pictures[i], folder / f"{name}-{i}.png"), "change_mask": save(change_mask(*pictures[i - 1 : i + 1]), folder / f"{name}-{i}-mask.png")}
        items.append({"id": name, "part": "chain", "image": save(pictures[0], folder / f"{name}.png"), "seed": seed, "turns": turns})
    return items


def main():
    a = argparse.ArgumentParser()
    a.add_argument("file")
    a.add_argument("--folder", default="words")
    a.add_argument("--first", type=int, default=4_000_000)
    a.add_argument("--chains", type=int, default=0)
    args = a.parse_args()
    given = given_by(args.file)
    folder, items, seed = OUT / args.folder, [], args.first
    folder.mkdir(parents=True, exist_ok=True)
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
    items += chains(given["single"], args.chains, folder, args.first + 500_000)
    (folder / "dataset.json").write_text(json.dumps({"name": f"picturebook-{args.folder}", "size": 128, "items": items}, indent=1) + "\n")
    print(len(items), "items")


if __name__ == "__main__":
    main()
