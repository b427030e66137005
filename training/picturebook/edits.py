"""The edit grammar: an edit is a function from scene to scene with phrasings, so each instruction has an exact target
picture, an exact change mask, and often an exact inverse.

`edits_of(scene)` lists what can be asked of a scene. Of every phrasing list the last two are held out for the test split.
"""

import copy
import random

import numpy as np

from world import BALLOON_AT, CLOUD_SLOTS, COLOURS, HELD_OUT_PAIRS, TREE_X, colours_for, render

# kind → phrasings; {c} colour, {s} side, {k} tree kind, {v} vehicle. The last two of each are never trained on.
PHRASES = {
    "night": ["make it night", "turn it into night", "change the time to night", "night time", "show the scene at night",
              "make it dark with stars", "let it be night", "it should be night", "what if it were night", "turn day into night"],
    "sunset": ["make it sunset", "turn it into a sunset", "change the time to sunset", "sunset", "give it a sunset sky",
               "make it evening", "let the sun go down", "it should be dusk", "show it at sunset", "evening light please"],
    "day": ["make it day", "turn it into day", "change the time to day", "daytime", "make it a bright day",
            "show the scene by day", "let it be day", "it should be daytime", "bring back the daylight", "make it daytime"],
    "winter": ["make it winter", "turn it into winter", "change the season to winter", "winter", "cover it with snow",
               "add snow", "let it be winter", "make it snowy", "a snowy winter scene", "what would it look like in winter"],
    "autumn": ["make it autumn", "turn it into autumn", "change the season to autumn", "autumn", "give it autumn colours",
               "make it fall", "let it be autumn", "an autumn scene", "turn the season to autumn", "autumn colors please"],
    "summer": ["make it summer", "turn it into summer", "change the season to summer", "summer", "make everything green again",
               "melt the snow and make it summer", "let it be summer", "a summer scene", "bring back summer", "turn the season to summer"],
    "fog": ["add fog", "make it foggy", "cover it with fog", "fog", "let fog roll in", "make it misty", "add some mist",
            "a foggy scene", "turn it into a foggy scene", "put fog over everything"],
    "clear": ["remove the fog", "clear the fog", "make the air clear", "no fog", "take the fog away", "let the fog lift",
              "make it less foggy", "without the fog", "get rid of the fog", "let the mist clear"],
    "bw": ["make it black and white", "turn it into black and white", "black and white", "remove the colours", "make it greyscale",
           "a black and white photo", "convert it to black and white", "make it grey", "drop the colour", "turn it black and white"],
    "roof": ["paint the roof {c}", "make the roof {c}", "{c} roof", "change the roof to {c}", "turn the roof {c}",
             "give the house a {c} roof", "the roof should be {c}", "colour the roof {c}", "a {c} roof please", "change the color of the roof to {c}"],
    "wall": ["paint the house {c}", "make the house {c}", "{c} walls", "paint the walls {c}", "{c} house walls", "turn the walls {c}",
             "change the walls to {c}", "the house should be {c}", "colour the walls {c}", "make the walls {c}"],
    "vehicle": ["paint the {v} {c}", "make the {v} {c}", "{c} {v}", "change the {v} to {c}", "turn the {v} {c}", "give the {v} a {c} colour",
                "the {v} should be {c}", "make it a {c} {v}", "colour the {v} {c}", "change the color of the {v} to {c}"],
    "balloon": ["make the balloon {c}", "paint the balloon {c}", "{c} balloon", "change the balloon to {c}", "turn the balloon {c}",
                "the balloon should be {c}", "give the balloon a {c} colour", "make it a {c} balloon", "colour the balloon {c}",
                "change the color of the balloon to {c}"],
    "add_balloon": ["add a {c} balloon on the {s}", "put a {c} balloon on the {s}", "a {c} balloon on the {s}", "add a {c} hot air balloon on the {s}",
                    "place a {c} balloon in the sky on the {s}", "draw a {c} balloon on the {s}", "let a {c} balloon fly on the {s}",
                    "on the {s}, add a {c} balloon", "a {c} hot air balloon on the {s}", "add a {c} balloon to the {s}"],
    "remove_balloon": ["remove the balloon", "delete the balloon", "take the balloon away", "no balloon", "get rid of the balloon",
                       "without the balloon", "erase the balloon", "take away the hot air balloon", "make the balloon disappear", "remove the hot air balloon"],
    "add_tree": ["add a {k} on the {s}", "put a {k} on the {s}", "plant a {k} on the {s}", "a {k} on the {s}", "draw a {k} on the {s}",
                 "on the {s}, add a {k}", "place a {k} on the {s}", "let a {k} grow on the {s}", "add a {k} to the {s}", "grow a {k} on the {s}"],
    "remove_tree": ["remove the tree on the {s}", "delete the {s} tree", "remove the {s} tree", "cut down the tree on the {s}", "no tree on the {s}",
                    "take away the tree on the {s}", "get rid of the {s} tree", "erase the tree on the {s}", "cut down the {s} tree", "delete the tree on the {s}"],
    "swap_tree": ["turn the {s} tree into a {k}", "replace the {s} tree with a {k}", "make the tree on the {s} a {k}", "change the {s} tree to a {k}",
                  "swap the {s} tree for a {k}", "the tree on the {s} should be a {k}", "turn the tree on the {s} into a {k}", "change the tree on the {s} to a {k}",
                  "make the {s} tree a {k}", "replace the tree on the {s} with a {k}"],
    "moon": ["replace the sun with a moon", "swap the sun for a moon", "turn the sun into a moon", "change the sun to a moon", "make the sun a moon",
             "a moon instead of the sun", "the sun should be a moon", "put a moon where the sun is", "replace the sun with the moon", "swap the sun with a moon"],
    "sun": ["replace the moon with a sun", "swap the moon for a sun", "turn the moon into a sun", "change the moon to a sun", "make the moon a sun",
            "a sun instead of the moon", "the moon should be a sun", "put a sun where the moon is", "replace the moon with the sun", "swap the moon with a sun"],
    "add_clouds": ["add clouds", "add three clouds", "put clouds in the sky", "make it cloudy", "draw some clouds", "clouds", "let clouds come up",
                   "fill the sky with clouds", "add some clouds", "a cloudy sky"],
    "remove_clouds": ["remove the clouds", "delete the clouds", "clear the sky", "no clouds", "take the clouds away", "get rid of the clouds",
                      "a cloudless sky", "without the clouds", "make the clouds disappear", "erase the clouds"],
    "add_vehicle": ["add a {c} {v}", "put a {c} {v} in", "draw a {c} {v}", "place a {c} {v} there", "let a {c} {v} come by", "there should be a {c} {v}",
                    "insert a {c} {v}", "a new {c} {v}", "add one {c} {v}", "put in a {c} {v}"],
    "remove_vehicle": ["remove the {v}", "delete the {v}", "take the {v} away", "no {v}", "get rid of the {v}", "without the {v}", "erase the {v}",
                       "make the {v} go away", "make the {v} disappear", "take away the {v}"],
    "noop": ["leave it as it is", "do nothing", "no change", "keep it the same", "change nothing", "do not change anything", "leave everything as it is",
             "keep the picture", "keep everything as it is", "leave it alone"],
}
GLOBAL = {"night", "sunset", "day", "winter", "autumn", "summer", "fog", "clear", "bw"}
# How often a kind is drawn for training, relative to 1.
WEIGHT = {"night": 1.5, "sunset": 1.5, "day": 1.5, "winter": 1.5, "autumn": 1.5, "summer": 1.5, "fog": 1.2, "clear": 2.0, "bw": 0.7,
          "roof": 2.0, "wall": 2.0, "vehicle": 2.0, "balloon": 2.2, "add_balloon": 2.2, "add_tree": 1.6, "add_vehicle": 1.8}
VEHICLE_SLOT = {"road": 40.0, "river": 88.0}
TREE_NAMES = {"pine": "pine tree", "round": "round tree"}


def phrase(kind, fields, r, held_out=False):
    options = PHRASES[kind][-2:] if held_out else PHRASES[kind][:-2]
    return r.choice(options).format(**fields)


def spoil(text, r):
    """Case, politeness and typos as people have them."""
    if r.random() < 0.06:
        text = r.choice(["please ", "now ", "could you "]) + text
    if len(text) > 4 and r.random() < 0.08:
        i = r.randrange(1, len(text) - 2)
        how = r.randrange(3)
        if how == 0:
            text = text[:i] + text[i + 1 :]
        elif how == 1:
            text = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
        else:
            text = text[:i] + text[i] + text[i:]
    if r.random() < 0.05:
        text += r.choice([".", "!"])
    return text


def edits_of(scene, held_out_pairs=False):
    """[(kind, fields, target scene)]: everything that can be asked of this scene."""
    out = []

    def edit(kind, fields=None, **changes):
        target = copy.deepcopy(scene)
        target.update(copy.deepcopy(changes))
        out.append((kind, fields or {}, target))

    def colours(kind, but):
        return [c for c in colours_for(kind, held_out_pairs) if c != but]

    edit("noop")
    if scene["bw"]:
        return out  # what the colours were is not in the picture
    body = scene["body"]
    for time in ("day", "sunset", "night"):
        if scene["time"] != time:
            edit(time, time=time, body={**body, "kind": "moon" if time == "night" else "sun"})
    for season in ("summer", "autumn", "winter"):
        if scene["season"] != season:
            edit(season, season=season, flowers=scene["flowers"] and season != "winter")
    edit("clear" if scene["fog"] else "fog", fog=not scene["fog"])
    edit("bw", bw=True)
    house = scene["house"]
    for part in ("roof", "wall"):
        other = house["wall" if part == "roof" else "roof"]
        for c in colours(part, house[part]):
            if c != other:
                edit(part, {"c": c}, house={**house, part: c})
    v = "car" if scene["strip"] == "road" else "boat"
    if scene["vehicle"]:
        for c in colours("vehicle", scene["vehicle"]["colour"]):
            edit("vehicle", {"c": c, "v": v}, vehicle={**scene["vehicle"], "colour": c})
        edit("remove_vehicle", {"v": v}, vehicle=None)
    elif scene["strip"] != "meadow":
        for c in colours("vehicle", None):
            edit("add_vehicle", {"c": c, "v": v}, vehicle={"x": VEHICLE_SLOT[scene["strip"]], "colour": c})
    if scene["balloon"]:
        for c in colours("balloon", scene["balloon"]["colour"]):
            edit("balloon", {"c": c}, balloon={**scene["balloon"], "colour": c})
        edit("remove_balloon", balloon=None)
    else:
        for side in BALLOON_AT:
            for c in colours("balloon", None):
                edit("add_balloon", {"c": c, "s": side}, balloon={"side": side, "colour": c})
    for side, x in TREE_X.items():
        tree = scene["trees"][side]
        if tree is None:
            for k in TREE_NAMES:
                edit("add_tree", {"k": TREE_NAMES[k], "s": side}, trees={**scene["trees"], side: {"kind": k, "x": x, "s": 1.0}})
        else:
            edit("remove_tree", {"s": side}, trees={**scene["trees"], side: None})
            k = "round" if tree["kind"] == "pine" else "pine"
            edit("swap_tree", {"k": TREE_NAMES[k], "s": side}, trees={**scene["trees"], side: {**tree, "kind": k}})
    if scene["time"] != "night":
        kind = "moon" if body["kind"] == "sun" else "sun"
        edit(kind, body={**body, "kind": kind})
    if scene["clouds"]:
        edit("remove_clouds", clouds=[])
    else:
        edit("add_clouds", clouds=[list(c) for c in CLOUD_SLOTS])
    return out


def draw_edit(scene, r, held_out_pairs=False, exclude=(), only=None):
    """One edit: first the kind (by weight), then its fields, so that kinds with many colours do not crowd the rest out."""
    kinds = {}
    for e in edits_of(scene, held_out_pairs):
        if e[0] not in exclude and (only is None or e[0] in only):
            kinds.setdefault(e[0], []).append(e)
    names = sorted(kinds)
    if not names:
        return None
    kind = r.choices(names, [WEIGHT.get(k, 1.0) for k in names])[0]
    return r.choice(kinds[kind])


def inverse_of(source, target):
    """(kind, fields) that leads from target back to source exactly, or None."""
    for kind, fields, scene in edits_of(target):
        if kind != "noop" and scene == source:
            return kind, fields
    return None


def is_held_out_pair(kind, fields):
    part = {"add_balloon": "balloon", "add_vehicle": "vehicle"}.get(kind, kind)
    return (part, fields.get("c")) in HELD_OUT_PAIRS


def change_mask(a, b, threshold=6):
    """bool [h, w]: where two renderings differ by more than `threshold` of 255 in any channel."""
    return (np.abs(a.astype(np.int16) - b.astype(np.int16)).max(-1) > threshold)


def caption(scene):
    """A plain description of a scene, for captions and for image-text scores."""
    tree = [f"a {TREE_NAMES[t['kind']]} on the {s}" for s, t in scene["trees"].items() if t]
    v = [f"a {scene['vehicle']['colour']} {'car' if scene['strip'] == 'road' else 'boat'}"] if scene["vehicle"] else []
    b = [f"a {scene['balloon']['colour']} balloon on the {scene['balloon']['side']}"] if scene["balloon"] else []
    house = f"a {scene['house']['wall']} house with a {scene['house']['roof']} roof"
    extra = [w for w, on in (("clouds", scene["clouds"]), ("flowers", scene["flowers"]), ("fog", scene["fog"])) if on]
    look = "a black and white picture of " if scene["bw"] else ""
    return f"{look}a {scene['season']} {scene['time']} with {', '.join([house] + tree + v + b + ['a ' + scene['body']['kind']] + extra)}"
