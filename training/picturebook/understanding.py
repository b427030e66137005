"""Writes what picturebook understands into its emilie.json: `python understanding.py [--threshold 0.5]`. The order is that of the head's logits (train_words.py)."""

import argparse
import json

from common import OUT
from edits import PHRASES
from words_corpus import COL, SIDES, TREES, VEHICLES

FIELDS = {"c": ("colour", COL), "s": ("side", SIDES), "k": ("tree", TREES), "v": ("vehicle", VEHICLES)}
# How each kind is best asked for; the first phrasing where nothing else is said.
BEST = {"bw": "make it black and white", "fog": "add fog", "clear": "remove the fog", "wall": "paint the house {c}"}


def intents():
    for kind, phrases in PHRASES.items():
        phrase = BEST.get(kind, phrases[0])
        for letter, (name, _) in FIELDS.items():
            phrase = phrase.replace("{" + letter + "}", "{" + name + "}")
        yield {"name": kind, "phrase": phrase, **({"keeps": True} if kind == "noop" else {})}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--threshold", type=float, default=0.0)
    args = a.parse_args()
    path = OUT / "emilie.json"
    own = json.loads(path.read_text())
    known = own.get("understanding", {})
    presence = known.get("presence")
    own["understanding"] = {
        **({"reader": known["reader"]} if "reader" in known else {}),
        "weights": "understanding.safetensors",
        "intents": list(intents()),
        "refused": {"unsupported": True, "compound": True},
        "fields": [{"name": name, "values": values} for name, values in FIELDS.values()],
        **({"presence": presence} if presence else {}),
        "threshold": args.threshold,
    }
    path.write_text(json.dumps(own, indent=2) + "\n")


if __name__ == "__main__":
    main()
