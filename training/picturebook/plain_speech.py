"""How people come to a request from the side: by what they do not want ("I'm done with winter, make it summer"), by what they would do there ("I want to go
sledging"), by pointing ("that thing floating up there"), and with the verbs of their trade ("clone out", "despawn"). `plain_speech(kind, fields, r)` draws one
such request, or None where a kind has none; `jumble(text, r)` types it in a great hurry."""

import re


def lines(text):
    return [x.strip() for x in text.split("|") if x.strip()]


# How a state is called, as a noun and as what can be said of the picture.
STATE = {
    "night": (lines("night|night time|nighttime|the dark|darkness|the dead of night|midnight"), lines("dark|so dark|night|night time|pitch black|gloomy and dark")),
    "sunset": (lines("sunset|evening|dusk|the end of the day|golden hour|magic hour|twilight|sundown|late evening light"), lines("sunset|evening|dusk|orange in the sky")),
    "day": (lines("day|daytime|daylight|full daylight|midday|broad daylight|noon|morning light"), lines("day|daytime|bright|so bright|light outside|broad daylight|midday")),
    "winter": (lines("winter|snow|all this snow|the cold|winter weather|ice and snow|the snow"), lines("winter|snowy|cold and white|wintry|so white|freezing")),
    "autumn": (lines("autumn|fall|all this brown|brown leaves|orange leaves|the orange leaves|autumn colours"), lines("autumn|fall|brown|so brown|autumnal|orange everywhere")),
    "summer": (lines("summer|green leaves|green grass|all this green|warm weather|grass"), lines("summer|green|so green|summery|warm")),
    "fog": (lines("fog|mist|haze|some fog|a thick mist"), lines("foggy|misty|hazy|murky")),
}
OTHERS = {"night": ("day", "sunset"), "sunset": ("day", "night"), "day": ("night", "night", "sunset"), "winter": ("summer", "autumn"), "autumn": ("summer", "summer", "winter"), "summer": ("winter", "winter", "autumn")}
# {a} and {x}: what there is; {b} and {y}: what is wanted.
CONTRAST = lines("""i don't want {a}, i want {b}|i don't want it to be {x} any more, i want {b}|i don't want {a} any more, give me {b}|no more {a}, i want {b}|not {a}, {b}|{b}, not {a}|{b} instead of {a}|it shouldn't be {x}, it should be {y}
|it should not be {x}, make it {y}|i'm done with {a}, give me {b}|i'm sick of {a}, make it {y}|i'm tired of {a}, let's have {b}|enough of {a}, now {b}|why is it {x}, make it {y}|why's it so {x}, it should be {y}|it's far too {x}, i wanted {b}|this is too {x}, give me {b}
|we've had {a} long enough, now {b}|forget {a}, go for {b}|lose {a} and give me {b}|i wanted {b}, not {a}|that's {a}, i asked for {b}|it's meant to be {y}, not {x}|it is {x} but i'd like {b}|switch from {a} to {b}|go from {a} to {b}|change {a} to {b}|change it from {a} to {b}
|swap {a} for {b}|less {a}, more {b}|rather {b} than {a}|i like {b} better than {a}|i'd sooner have {b} than {a}|{a} is boring, {b} please|take away {a} and make it {y}|from {a} to {b}|{x} no, {y} yes|i said {b}, this is {a}|no {a} please, {b}|nobody wants {a}, we want {b}|never mind {a}, make it {y}""".replace("\n", ""))
# Where what is not wanted says enough.
AWAY = lines("i don't want it to be {x} any more|i don't want it to be {x}|i don't like it being {x}|it shouldn't be {x} any more|stop it being {x}|it has been {x} long enough|i'm done with {a}|enough of {a}|no more {a}|that's enough {a}|i've had it with {a}|{a} has to end|let {a} be over|{a} is over|why is it so {x}, nobody can see a thing")
AWAY_FROM = {"day": "night", "summer": "winter", "clear": "fog", "night": "day"}
SIGHT = lines("i can hardly see the Y through this Z|i can't see the Y for all the Z|the Z is hiding the Y, get rid of it|where has the Y gone, it's all Z|can't see a thing through that Z|i want to see the Y, not Z|the Z is in front of everything|i can barely make out the Y, clear it|let me see the Y without the Z|let's hope this Z burns off|the Z should burn off|wipe that Z off the view|i want to see through the Z")

DO = {
    "night": lines("i want to see the stars|i want to look at stars|i want to count the stars|everyone should be in bed|it's like two in the morning|it's past everybody's bedtime|the owls are awake|time for bed in the picture|make it so you need a torch|an hour when only owls are up|send the sun to bed and switch on the stars|tell the sun to go to sleep and bring stars"),
    "sunset": lines("the sun is going down to sleep|the sun is going night night|the sun says goodnight|the sun wants to go to bed|the sun is nearly gone|the sun is almost finished for today|the sun on the horizon|sun low on the horizon|warm backlight from a low sun|last light|last rays|magic hour|the sky goes orange as the day ends|sundowner time|when the sky turns orange|the end of the day|day is nearly done"),
    "day": lines("i want to play outside in the light|everybody should get up|draw back the curtains|open the curtains, it's morning|wake up sun|wake the sun up|get the sun up|up you get sun|tell the sun to get up|breakfast time|lunchtime light|turn the lights on outside|let some daylight in|i can't see anything, it's too dark|make it light|time set day|make it so the sun is up"),
    "winter": lines("i want to go sledging|i wanna go sledging|i want to go sledding|i want to ski there|i want to throw snowballs|i'd like a snowball fight there|i want it white so i can make snow angels|time to get the sledge out|get your mittens on, it's snowed|jack frost has been|we got snowed in|snowed in|a snow day|give me a snow day|school is closed, there's snow|ski resort weather|christmas weather with snow|a clean white ground|fresh powder"),
    "autumn": lines("i want to kick through the leaves|i want to jump in leaf piles|conker season|conkers and bonfires|pumpkin time|pumpkin spice season|leaf peeping|the trees lose their green|the trees lose green and become gold|the green goes out of the trees|the trees go gold|leaves change their colour|all the leaves have changed colour|rake season|halloween colours"),
    "summer": lines("i want to go barefoot in the grass|i want a picnic on green grass|i want grass|give me grass|time for shorts|school's out|let it all be green again|the warm season please|plains, not tundra|biome: plains|nice warm july|give me green leaves|i want the green back|when everything grows|barbecue weather"),
    "fog": lines("hide the hills in fog|the hills are hiding in fog|i can't see the hills any more because of fog|a real pea souper|atmospheric haze|lower the view distance with fog|turn on fog|enable fog|fog on|volumetric fog|kind of hazy everywhere|like walking in a cloud|let it be murky with mist"),
    "clear": lines("defog|demist|unfog it|fog off|disable fog|crisp air|remove atmospheric haze|clean up the haze|max out the draw distance|let the hills come out of the fog|make the smoky fog go away|the fog should burn off|i want to see far"),
    "bw": lines("desat|zero saturation|saturation zero|tri-x look|like an old telly|like television before colour|like grandad's photos, no colours|newspaper print grey|no colours, only black and white|let all hues fade to grey|no colour in it at all|noir film look"),
    "add_clouds": lines("enable clouds|clouds on|turn on clouds|more clouds|cloud it up|cloud it up a bit|it wants a bit of cloud|sheep in the sky, i mean clouds|puffy things in the sky, clouds|i want to find shapes in the clouds, so put some|give the sky texture with clouds|the sky is too plain, put cloud in it|sky have some clouds"),
    "remove_clouds": lines("disable clouds|clouds off|turn off the clouds|clone out the clouds|clean plate for the sky, no clouds|all blue sky|i want an all blue sky|nothing but blue up there|those white fluffy things up there should go|lose the white stuff in the sky|let's have the sky clear|sky without anything white|no white puffs up there|without cloud please"),
    "noop": lines("skip|skip it|skip this|pass on this one|don't you touch it|oh don't touch it|for once leave it alone|nothing to do here|i think it's good the way it is|no need to do anything|it is good like this|no edits|stop, it's right as it is|let it be like it is"),
    "moon": lines("where the sun is, a moon|put the moon where the sun lives|change the sun sprite to a moon|composite a moon over the sun|in place of the sun put the moon|the bright round thing up there should be a moon|that bright thing in the sky, make it a moon|that is a sun, it's meant to be a moon|i'd sooner see a moon than that sun|sun to moon|sun -> moon"),
    "sun": lines("where the moon is, a sun|put the sun where the moon lives|change the moon sprite to a sun|composite a sun over the moon|in place of the moon put the sun|the pale thing in the sky should be a sun|that pale thing up there, make it a sun|that is a moon, it's meant to be a sun|i'd sooner see a sun than that moon|moon to sun|moon -> sun"),
}
# Pointing at a thing instead of naming it.
POINT = {
    "roof": lines("the thing on top of the house|the bit over the walls|that pointy top on the house|the house's hat|what covers the house|the red bit on the house, its roof|the tiles up there|the lid of the house|the roof"),
    "wall": lines("the building|that house there|the part of the house below the roof|the place where they live|the little dwelling|the sides of the house|where the family lives|those walls|the house"),
    "balloon": lines("the thing floating up there|the thing up there floating|the round thing in the sky|that round thing with the basket|the flying thing|whatever is hovering up there|that airborne thing|the bubble with a basket|the thing hanging in the air|the balloon"),
    "car": lines("that thing on the road|the thing with wheels|the thing driving by|whatever is parked there|the motor|that motor on the road|the wheels down there|the thing on the street|the car"),
    "boat": lines("that thing on the water|the thing floating on the river|the thing with a sail|whatever is on the water|the thing on the river|that floating thing on the water|the little craft on the river|the boat"),
}
COLOUR = lines("""T should be {c}|can T be {c}|make T {c}|paint T {c}|T, in {c}|i want T {c}|T to {c}|T in {c} please|T ought to be {c}|not keen on the colour of T, go {c}|T doesn't do it for me, try {c}|i don't like the colour of T, make it {c}|T shouldn't be that colour, it should be {c}|T shouldn't be {d}, it should be {c}
|T is hideous, {c} please|T is the wrong colour, it's meant to be {c}|{c} is the colour i want for T|would T look nice in {c} do you think|T i want it {c}|T not {d} but {c}|i don't want T {d}, i want it {c}|try T in {c}|{c} on T|apply {c} to T|give T a {c} skin|{c} paint job for T|finish T in {c}|T looks dull, how about {c}|who painted T {d}, it should be {c}|let's have T {c} this time|{c}! T! {c}!|i fancy T in {c}""".replace("\n", ""))
GO = lines("""clone out T|clone T out|T distracts, clone it out|mask T out|heal T out|photoshop T out|patch over T|despawn T|disable T|toggle T off|turn T off|T off|switch T off|get shot of T|T can clear off|T isn't doing anything for me, lose it|what's T doing there, take it down|who put T there, get rid|T, remove it|strike T from the scene|i don't need T here
|please that T is not there|bye bye T|goodbye T|T go away|no T any more|i don't want T any more|T gone|T must not be there|T ruins it, lose it|there shouldn't be T, take it out|T was a mistake, delete it|paint over T|cover up T|T is not wanted|shift T""".replace("\n", ""))
PINES = lines("christmas tree|christmas tree sort of tree|pointy tree|pointed tree|xmas tree|spruce|pine|evergreen|conifer|fir|needle tree|triangle tree|tall pointy tree|tree with needles|pine tree")
ROUNDS = lines("lollipop tree|ball-shaped tree|round tree|roundy tree|tree with a round top|leafy tree|broadleaf|deciduous tree|bushy tree|bubble-shaped tree|normal leafy tree|round leafy one|tree with leaves|fluffy tree|round bushy tree")
AT = lines("on the {s}|on the {s} side|at the {s}|to the {s}|on the {s} hand side|{s} of the house|at frame {s}|over on the {s}|on {s} side|{s} side|on the {s} of the house|at {s}")
PLANT = lines("a K AT|put one K AT|plant me a K AT|i want a K AT|AT put a K|AT i'd like a K|on the {s} of the house put one of those Ks|one of those Ks AT|please to plant K AT|place K AT|provide a K AT|K {s}|{s}: K|spawn a K AT|a K sort of thing AT|there should be a K AT")
SWAP = lines("i want the {s} tree to be a K|the {s} tree, make it a K|the one AT can you make it a K|{s} tree -> K|{s} tree becomes K|turn the J AT into a K|make the J AT into a K|replace the {s} J with a K|replace the {s} tree with K model|the tree AT should not be a J but a K|i don't want a J AT, i want a K|tree of {s} change to K|that J AT is wrong, it's meant to be a K|the J AT, swap it for a K|the {s} one should be a K instead|the tree AT, can that be a K|tree AT: K")


def plain_speech(kind, f, r):
    """A request of this kind, or None."""
    text = None
    u = r.random()
    if kind in OTHERS and u < 0.4:
        a, b = STATE[r.choice(OTHERS[kind])], STATE[kind]
        text = r.choice(CONTRAST)
        for key, words in zip("axby", (a[0], a[1], b[0], b[1])):
            text = text.replace("{" + key + "}", r.choice(words))
    elif kind in AWAY_FROM and u < 0.6:
        a = STATE[AWAY_FROM[kind]]
        text = r.choice(AWAY).replace("{a}", r.choice(a[0])).replace("{x}", r.choice(a[1]))
    elif kind == "clear" and u < 0.85:
        text = r.choice(SIGHT).replace("Y", r.choice(["house", "hills", "trees", "mountains", "view", "sky", "road", "river"])).replace("Z", r.choice(["fog", "mist", "haze", "murk"]))
    elif kind in ("roof", "wall", "balloon", "vehicle"):
        text = re.sub(r"\bT\b", r.choice(POINT[f.get("v", kind) if kind == "vehicle" else kind]), r.choice(COLOUR))
    elif kind in ("remove_balloon", "remove_vehicle"):
        text = re.sub(r"\bT\b", r.choice(POINT["balloon" if kind == "remove_balloon" else f["v"]]), r.choice(GO))
    elif kind == "remove_tree":
        text = re.sub(r"\bT\b", r.choice(["the {s} tree", "the tree AT", "that tree AT", "the left-hand tree" if f["s"] == "left" else "the right-hand tree", "tree AT", "the one AT, that tree"]), r.choice(GO))
    elif kind == "remove_clouds" and u < 0.4:
        text = re.sub(r"\bT\b", r.choice(["the clouds", "those clouds", "all those white clouds"]), r.choice(GO))
    elif kind in ("add_tree", "swap_tree"):
        kinds = (PINES, ROUNDS) if f["k"].startswith("pine") else (ROUNDS, PINES)
        text = re.sub(r"\bJ\b", r.choice(kinds[1]), re.sub(r"\bK(s?)\b", lambda m: r.choice(kinds[0]) + m[1], r.choice(PLANT if kind == "add_tree" else SWAP)))
    elif kind in DO:
        text = r.choice(DO[kind])
    if text is None:
        return None
    other = r.choice([c for c in ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "that", "brown", "grey") if c != f.get("c")])
    text = text.replace("AT", r.choice(AT)).replace("{d}", other)
    for key in "cs":
        text = text.replace("{" + key + "}", f.get(key, ""))
    return text


def jumble(text, r):
    """Most words typed with a mistake of the fingers: letters changed places, dropped or doubled."""
    out = []
    for word in text.split(" "):
        if len(word) > 2 and r.random() < 0.4:
            i, how = r.randrange(0, len(word) - 1), r.randrange(5)
            if how <= 2:
                i = max(i, 1) if len(word) > 3 and r.random() < 0.7 else i
                i = min(i, len(word) - 2)
                word = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
            elif how == 3:
                word = word[: i + 1] + word[i + 2 :]
            else:
                word = word[: i + 1] + word[i:]
        out.append(word)
    return " ".join(out)
