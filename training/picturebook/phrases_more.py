"""More ways to say each edit, for training only: `edits.PHRASES` alone makes the tokenizer's vocabulary and the held-out split,
so both stay what they are when this list grows. No line here is a held-out phrasing; importing this file checks it.
"""

from edits import PHRASES

RECOLOUR = ["let the {x} be {c}", "recolour the {x} to {c}", "set the {x} to {c}", "change the {x} colour to {c}", "paint the {x} in {c}",
            "dye the {x} {c}", "the {x} in {c}", "turn the {x} into {c}", "i want the {x} {c}", "{x} {c}", "have the {x} painted {c}",
            "can you make the {x} {c}", "give the {x} {c} paint"]


def recolour(x, more):
    return [line.replace("{x}", x) for line in RECOLOUR] + more


MORE = {
    "night": ["night", "at night", "make it nighttime", "switch to night", "set the time to night", "make it a night scene", "a night sky with stars",
              "i want it at night", "dark night", "change it to night", "it is night now", "make the sky dark", "a night scene", "nighttime"],
    "sunset": ["switch to sunset", "set the time to sunset", "at sunset", "make it dusk", "dusk", "evening", "change it to sunset", "a sunset scene",
               "evening light", "turn it into evening", "show the scene at sunset", "i want a sunset", "let it be evening", "make it an evening scene",
               "give it evening light", "change the time to evening"],
    "day": ["day", "switch to day", "set the time to day", "change it to day", "turn it into daytime", "a day scene", "bright daylight", "daylight",
            "make it light again", "let the day come", "bring the day back", "turn night into day", "i want it by day", "let it be daytime", "show it in daylight",
            "show it by day", "change the time to daytime", "give it daylight", "let the daylight in"],
    "winter": ["switch to winter", "snow", "let it snow", "make it a winter scene", "a winter scene", "put snow on everything", "snowy", "i want winter",
               "what if it were winter", "change it to winter", "cover everything in snow", "winter time", "show it in winter", "set the season to winter"],
    "autumn": ["switch to autumn", "fall", "autumn leaves", "give it fall colors", "give it autumn colors", "turn it into fall", "change it to autumn",
               "set the season to autumn", "what if it were autumn", "autumn time", "i want autumn", "show it in autumn", "fall colours", "autumn colours"],
    "summer": ["switch to summer", "set the season to summer", "change it to summer", "summer time", "make it green summer", "green summer", "melt the snow",
               "back to summer", "i want summer", "what if it were summer", "show it in summer", "bring the summer back", "let the summer come"],
    "fog": ["foggy", "mist", "a misty scene", "let there be fog", "make it very foggy", "fill it with fog", "misty weather", "foggy weather", "bring in fog",
            "let the mist come", "cover everything with fog", "hide it in fog", "i want fog", "switch to fog", "turn it into a misty scene", "turn it foggy",
            "put mist over it", "put some fog in", "fog everywhere"],
    "clear": ["remove the mist", "clear the mist", "no mist", "take away the fog", "delete the fog", "erase the fog", "make the fog go away",
              "make the fog disappear", "lift the fog", "clear air", "let the fog clear", "a clear view", "make it clear", "get rid of the mist",
              "blow the fog away", "let the mist lift", "without mist"],
    "bw": ["remove the colour", "no colours", "without colours", "grayscale", "greyscale", "make it gray", "make it grayscale", "make it colourless",
           "take the colours away", "take the colour out", "turn it grey", "a greyscale picture", "in black and white", "monochrome", "make it monochrome",
           "convert to greyscale", "make everything black and white", "lose the colours", "turn everything black and white", "no colour",
           "turn the picture black and white"],
    "roof": recolour("roof", ["make the roof of the house {c}", "i want a {c} roof", "the house gets a {c} roof", "make it a {c} roof", "put a {c} roof on the house",
                              "please, a {c} roof", "change the color of the house's roof to {c}"]),
    "wall": recolour("house", ["make the house walls {c}", "let the walls be {c}", "the walls should be {c}", "a house with {c} walls", "give the house {c} walls",
                               "walls {c}", "recolour the walls to {c}", "set the walls to {c}", "i want {c} walls", "change the wall colour to {c}",
                               "change the house to {c}", "turn the house {c}", "a {c} house", "paint the house walls {c}", "paint the wall {c}",
                               "the wall should be {c}", "make the wall {c}", "colour the house {c}", "colour the wall {c}"]),
    "vehicle": recolour("{v}", ["i want a {c} {v}", "a {c} {v} instead", "turn the {v} into a {c} one", "the color of the {v} should be {c}"]),
    "balloon": recolour("balloon", ["i want a {c} balloon", "a {c} balloon instead", "turn it into a {c} balloon", "the color of the balloon should be {c}",
                                    "make the hot air balloon {c}", "paint the hot air balloon {c}"]),
    "add_balloon": ["insert a {c} balloon on the {s}", "add a {c} balloon in the sky on the {s}", "put a {c} hot air balloon on the {s}",
                    "there should be a {c} balloon on the {s}", "add one {c} balloon on the {s}", "on the {s} put a {c} balloon", "add a {c} balloon at the {s}",
                    "a {c} balloon in the {s} sky", "{c} balloon on the {s}", "i want a {c} balloon on the {s}", "on the {s}, a {c} balloon",
                    "draw a {c} hot air balloon on the {s}"],
    "remove_balloon": ["make the balloon go away", "take away the balloon", "drop the balloon", "no more balloon", "let the balloon fly away",
                       "delete the hot air balloon", "i don't want the balloon", "remove balloon", "clear the balloon away", "let the balloon disappear"],
    "add_tree": ["insert a {k} on the {s}", "set a {k} on the {s}", "there should be a {k} on the {s}", "on the {s} put a {k}", "on the {s}, plant a {k}",
                 "plant a {k} at the {s}", "add one {k} on the {s}", "add a {k} at the {s}", "a new {k} on the {s}", "put a {k} at the {s}",
                 "i want a {k} on the {s}", "{k} on the {s}"],
    "remove_tree": ["cut the {s} tree", "cut the tree on the {s}", "fell the {s} tree", "fell the tree on the {s}", "without the {s} tree",
                    "without the tree on the {s}", "make the {s} tree disappear", "make the tree on the {s} go away", "take the {s} tree away", "erase the {s} tree",
                    "no {s} tree", "get rid of the tree on the {s}", "chop down the tree on the {s}", "take away the {s} tree", "on the {s}, remove the tree"],
    "swap_tree": ["let the {s} tree be a {k}", "the {s} tree should be a {k}", "a {k} instead of the {s} tree", "swap the tree on the {s} for a {k}",
                  "exchange the {s} tree for a {k}", "change the {s} tree into a {k}", "change the tree on the {s} into a {k}", "turn the {s} tree to a {k}",
                  "put a {k} where the {s} tree is", "on the {s}, make the tree a {k}", "a {k} instead of the tree on the {s}", "replace the {s} tree by a {k}",
                  "make the {s} tree into a {k}", "transform the {s} tree into a {k}"],
    "moon": ["exchange the sun for a moon", "moon instead of sun", "let the sun be a moon", "turn the sun into the moon", "change the sun into a moon",
             "put a moon instead of the sun", "replace the sun by a moon", "make the sun into a moon", "a moon in place of the sun", "the moon instead of the sun",
             "swap sun for moon", "a moon where the sun is", "the sun becomes a moon"],
    "sun": ["exchange the moon for a sun", "sun instead of moon", "let the moon be a sun", "turn the moon into the sun", "change the moon into a sun",
            "put a sun instead of the moon", "replace the moon by a sun", "make the moon into a sun", "a sun in place of the moon", "the sun instead of the moon",
            "swap moon for sun", "a sun where the moon is", "the moon becomes a sun"],
    "add_clouds": ["cloudy", "put some clouds in the sky", "add clouds to the sky", "there should be clouds", "draw clouds", "make the sky cloudy",
                   "let there be clouds", "bring in clouds", "insert clouds", "i want clouds", "put clouds there", "clouds in the sky", "some clouds",
                   "cover the sky with clouds"],
    "remove_clouds": ["take away the clouds", "make the clouds go away", "no clouds in the sky", "clear the clouds", "a sky without clouds", "blow the clouds away",
                      "drop the clouds", "i want no clouds", "a clear sky", "make the sky clear", "remove all clouds", "remove clouds", "let the clouds disappear"],
    "add_vehicle": ["add a {v}, make it {c}", "add a {c} {v} there", "put a {c} {v} there", "draw one {c} {v}", "let there be a {c} {v}", "a {c} {v} should come by",
                    "place a {c} {v}", "put one {c} {v} there", "add a {c} {v} to the picture", "bring in a {c} {v}", "put a {c} {v} in the picture",
                    "add some {c} {v}", "one {c} {v}, please"],
    "remove_vehicle": ["drop the {v}", "no more {v}", "let the {v} go away", "i don't want the {v}", "remove {v}", "delete {v}", "let the {v} leave",
                       "send the {v} away", "clear the {v} away", "let the {v} disappear"],
    "noop": ["keep it as it is", "leave it", "no changes", "change nothing at all", "nothing", "do not touch it", "don't change anything",
             "keep the picture as it is", "stay the same", "it is fine as it is", "leave the picture as it is", "same picture", "keep it", "do not change it",
             "leave everything alone"],
}
SHORT_TREE = {"pine tree": "pine", "round tree": "round tree"}

for kind, lines in MORE.items():
    for held_out in PHRASES[kind][-2:]:
        if held_out in lines:
            raise ValueError(f'"{held_out}" is held out and must not be trained on')


def say(kind, fields, r):
    """An instruction for training: a phrasing of the grammar or one of these, never a held-out one."""
    if "k" in fields and r.random() < 0.15:
        fields = {**fields, "k": SHORT_TREE[fields["k"]]}
    options = MORE[kind] if r.random() < 0.55 else PHRASES[kind][:-2]
    return r.choice(options).format(**fields)
