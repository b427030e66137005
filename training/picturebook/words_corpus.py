"""What the text encoder reads in training: instructions of the 25 kinds, requests that picturebook cannot do, two requests at once, and negations, each
with its label (kind, colour, side, tree, vehicle). `Corpus(wordnet).draw()` gives one."""

import random
import re
from pathlib import Path

from edits import PHRASES, WEIGHT, spoil
from paraphrases import COL, G, finish, negated, paraphrase, pick, spoil2
from phrases_more import say
from plain_speech import GO, PINES, PLANT, ROUNDS, jumble, plain_speech
from registers import around
from unsupported import Unsupported

SIDES, TREES, VEHICLES = ["left", "right"], ["pine tree", "round tree"], ["car", "boat"]
KINDS = [*PHRASES, "unsupported", "compound"]
FIELDS = {kind: sorted(set(re.findall(r"\{(\w)\}", " ".join(v)))) for kind, v in PHRASES.items()}
OPTIONS = {"c": COL, "s": SIDES, "k": TREES, "v": VEHICLES}
HELD_OUT = {kind: {re.sub(r"\{\w\}", "*", p) for p in v[-2:]} for kind, v in PHRASES.items()}
# What is assumed where an instruction leaves it open ("add a balloon").
DEFAULT = {"c": "red", "s": "right", "k": "round tree", "v": "car"}
JOIN = [" and ", " and ", ", then ", " and then ", ", and ", " also ", ", also ", "; ", " plus ", " while ", ", after that ", ". ", ". then ", " as well as ", ", ", " & ", " + ", " but also "]
SHADES = {"red": ["scarlet", "crimson", "ruby red", "bright red", "dark red"], "purple": ["violet", "lilac", "violet"], "pink": ["rose", "light pink", "hot pink"], "blue": ["sky blue", "dark blue", "navy blue", "light blue"], "green": ["dark green", "light green", "bright green"], "yellow": ["bright yellow", "light yellow"], "white": ["snow white", "pure white"], "orange": ["bright orange"]}
OPEN = {
    "add_balloon": ["add a {c} balloon", "add a balloon", "a {c} balloon", "put a {c} balloon in the sky", "add a balloon on the {s}", "add a hot air balloon", "i want a balloon", "let a {c} balloon fly", "a balloon in the sky", "can we have a balloon", "draw a balloon", "a {c} hot air balloon", "put a balloon up there", "there should be a {c} balloon"],
    "add_tree": ["add a {k}", "add a tree", "plant a tree", "add a tree on the {s}", "plant a {k}", "a tree on the {s}", "put a tree there", "i want a tree", "grow a tree on the {s}", "plant a tree on the {s}", "can we have a tree on the {s}", "a new {k}", "one more tree", "put a tree on the {s} side"],
    "add_vehicle": ["add a {v}", "put a {v} in", "draw a {v}", "a {v} please", "i want a {v}", "let a {v} come by", "add a {v} on the road", "there should be a {v}", "can we have a {v}", "add a {v} on the water"],
}


def label(kind, f=()):
    """[kind, colour, side, tree, vehicle]; a field that the kind does not have is 0, one that is not asked about is -1."""
    if kind in ("unsupported", "compound"):
        return [KINDS.index(kind), -1, -1, -1, -1]
    return [KINDS.index(kind)] + [OPTIONS[x].index(f[x]) + 1 if x in f else 0 for x in "cskv"]


def fields(kind, r):
    return {x: r.choice(OPTIONS[x]) for x in FIELDS[kind]}


def written():
    """{kind: [(fields that a line fixes, its text)]} of words/training.txt: `kind fields | text`, with {c}, {s} and {k} where the other fields stand, {d} for another colour."""
    found = {}
    for line in (Path(__file__).parent / "words/training.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            what, text = line.split("|", 1)
            kind, *fixed = what.split()
            found.setdefault(kind, []).append((dict(x.split("=") for x in fixed), text.strip()))
    return found


WRITTEN = written()


def from_list(kind, f, r):
    """One of the lines of this kind, with its fields."""
    while True:
        fixed, text = r.choice(WRITTEN[kind])
        if all(f.get(x) == v for x, v in fixed.items()):
            break
    if "{k}" in text:
        text = text.replace("{k}", r.choice(PINES if f["k"].startswith("pine") else ROUNDS))
    return finish(text, f, r)


def held_out(kind, f, text):
    """Whether this is, to the letter, a phrasing that stays unseen."""
    plain = text.lower().strip(" .!?")
    return any(plain == p.format(**f) for p in PHRASES[kind][-2:])


class Corpus:
    def __init__(self, wordnet, seed):
        self.r, self.pool = random.Random(seed), Unsupported(wordnet)
        self.kinds = list(PHRASES)
        self.weights = [WEIGHT.get(k, 1.0) for k in self.kinds]

    def single(self, kind, f):
        text, f = self.plain(kind, f)
        for name, others in SHADES.items():  # "violet" is a purple
            if f.get("c") == name and self.r.random() < 0.06:
                text = re.sub(rf"\b{name}\b", self.r.choice(others), text)
        return text, f

    def plain(self, kind, f):
        r = self.r
        while True:
            if kind in OPEN and r.random() < 0.12:
                text = r.choice(OPEN[kind])
                f = {x: (f[x] if "{" + x + "}" in text else DEFAULT[x]) for x in f}
                text = finish(text.replace("{k}", f.get("k", "")).replace("{v}", f.get("v", "")), f, r)
                if kind == "add_vehicle" and ("water" in text or "road" in text):
                    f = {**f, "v": "boat" if "water" in text else "car"}
                    text = text.replace("add a car on the water", "add a boat on the water").replace("add a boat on the road", "add a car on the road")
                return spoil2(text, r), f
            u = r.random()
            text = from_list(kind, f, r) if u < 0.3 else plain_speech(kind, f, r) if u < 0.5 else None
            text = text or (paraphrase(kind, f, r) if r.random() < 0.75 else say(kind, f, r))
            if not held_out(kind, f, text):
                if r.random() < 0.38:
                    text = around(text, r, self.pool.examples)
                    if r.random() < 0.2:
                        text = around(text, r, self.pool.examples)
                return spoil2(text, r), f

    def compound(self):
        r = self.r
        if r.random() < 0.25:
            return from_list("compound", {x: r.choice(v) for x, v in OPTIONS.items()}, r)
        kinds = r.sample([k for k in self.kinds if k != "noop"], 2 if r.random() < 0.85 else 3)
        parts = []
        for kind in kinds:
            f = fields(kind, r)
            parts.append(say(kind, f, r) if r.random() < 0.4 else finish(pick(r, kind, r.choice([x for x in G[kind] if x in "VN"]), f), f, r))
        if r.random() < 0.25:  # one verb with two objects, two adjectives, a season and a time of day
            a, b = r.sample(["roof", "house", "walls", "balloon", "car", "boat"], 2)
            c, d = r.choice(COL), r.choice(COL)
            season, time = r.choice(["winter", "autumn", "summer", "snowy", "fall"]), r.choice(["night", "sunset", "evening", "day"])
            look = r.choice(["foggy", "snowy", "cloudy", "misty"])
            gone = r.choice(["car", "boat", "clouds", "fog", "left tree", "right tree"])
            parts = [r.choice([f"paint the {a} {c} and the {b} {d}", f"make the {a} and the {b} {c}", f"a {c} {a} and a {d} {b}", f"{c} {a}, {d} {b}", f"{c} {a} and {d} {b}", f"the {a} {c} and the {b} {d}",
                               f"remove the balloon and the {gone}", f"remove the {gone} and the balloon", f"no {gone} and no balloon", f"a {season} {time}", f"make it a {season} {time}", f"{season} at {time}",
                               f"{season} {r.choice(['with fog', 'in black and white', 'without clouds', 'with clouds'])}", f"{time} {r.choice(['with fog', 'in black and white', 'without clouds', 'with clouds'])}",
                               "remove both trees", "cut down both trees", "no trees at all", f"make it {look} and {r.choice(['dark', 'grey', 'wintry'])}", f"a {look} {time}", f"add a {r.choice(TREES)} on both sides", f"a {look} {season} {time}"])]
        text = parts[0]
        for part in parts[1:]:
            text += r.choice(JOIN) + part
        return text.replace("<IT>", "it")

    def elsewhere(self):
        """The frames of plain speech about a thing that picturebook does not have."""
        r = self.r
        thing = r.choice(self.pool.nouns)
        text = r.choice([re.sub(r"\bT\b", "the " + thing, r.choice(GO)), re.sub(r"\bK", thing, r.choice(PLANT)), f"i don't want {thing}, i want {r.choice(self.pool.nouns)}", f"i want to {r.choice(self.pool.verbs)}", f"i'm sick of {thing}", f"enable {thing}", f"{thing} off", f"i want {thing} in the street"])
        return text.replace("AT", "on the {s}").replace("{s}", r.choice(SIDES))

    def draw(self):
        """(text, label)"""
        text, told = self.drawn()
        return (jumble(text, self.r) if self.r.random() < 0.06 else text), told

    def drawn(self):
        r, u = self.r, self.r.random()
        if u < 0.2:
            v = r.random()
            text = self.elsewhere() if v < 0.12 else from_list("unsupported", {x: r.choice(o) for x, o in OPTIONS.items()}, r) if v < 0.35 else self.pool.draw(r)
            if r.random() < 0.3:
                text = around(text, r, self.pool.examples)
            return spoil2(text, r), label("unsupported")
        if u < 0.27:
            text = self.compound()
            if r.random() < 0.25:
                text = around(text, r, self.pool.examples)
            return spoil2(text, r), label("compound")
        if u < 0.30:
            kind = r.choice([k for k in self.kinds if k != "noop"])
            return spoil2(negated(kind, fields(kind, r), r).replace("<IT>", "it"), r), label("noop")
        kind = r.choices(self.kinds, self.weights)[0]
        text, f = self.single(kind, fields(kind, r))
        return text, label(kind, f)


if __name__ == "__main__":
    import sys

    corpus = Corpus(sys.argv[1], 1)
    for _ in range(60):
        print(*corpus.draw())
