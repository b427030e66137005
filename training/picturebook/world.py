"""The picturebook world: a scene is a small JSON-able dict, one renderer turns it into pixels.

Units are those of a 128 x 128 picture; `render(scene, size)` draws at any size with supersampling. Everything that can be
hidden in a picture (positions of stars, of flowers, of what an edit adds) is a constant, so that every target picture is a
function of the source picture and the instruction.
"""

import math
import random

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {
    "red": (217, 56, 52),
    "orange": (240, 138, 40),
    "yellow": (248, 208, 64),
    "green": (72, 160, 84),
    "blue": (58, 108, 206),
    "purple": (136, 84, 182),
    "pink": (244, 158, 188),
    "white": (246, 243, 236),
}


def rgb_of(colour):
    """A name, or a mixture that only training has: "red|blue:0.4" is six tenths of red and four of blue."""
    if "|" not in colour:
        return COLOURS[colour]
    names, k = colour.split(":")
    return mix(*(COLOURS[n] for n in names.split("|")), float(k))


TREE_X = {"left": 19.0, "right": 109.0}
BALLOON_AT = {"left": (25.0, 30.0), "right": (103.0, 30.0)}
CLOUD_SLOTS = [(20.0, 17.0, 0.95), (64.0, 33.0, 1.05), (108.0, 21.0, 0.9)]
STARS = [(8, 12, 1.1), (22, 6, 0.9), (34, 22, 1.2), (15, 34, 0.9), (48, 9, 1.0), (44, 38, 0.9), (60, 20, 0.9), (72, 7, 1.2),
         (83, 30, 1.0), (91, 12, 0.9), (101, 40, 1.0), (113, 8, 1.1), (121, 27, 0.9), (29, 46, 0.9), (67, 44, 0.9), (118, 46, 0.9)]
FLOWERS = [(7, 98, 0), (15, 96, 1), (30, 98.5, 2), (40, 97, 0), (88, 98.5, 1), (97, 96.5, 0), (106, 98.5, 2), (121, 97, 1)]
FLOWER_COLOURS = [(240, 92, 108), (252, 216, 88), (250, 248, 244)]

SKY = {"day": [(96, 174, 238), (190, 226, 250)], "sunset": [(98, 74, 150), (226, 122, 104), (252, 178, 110)],
       "night": [(16, 22, 58), (46, 60, 112)]}
FOG = {"day": (222, 228, 232), "sunset": (228, 190, 172), "night": (74, 82, 110)}
GROUND = {"summer": (134, 198, 92), "autumn": (204, 172, 86), "winter": (240, 245, 250)}
HILLS = {"summer": [(118, 182, 96), (94, 164, 84)], "autumn": [(214, 156, 78), (190, 128, 64)],
         "winter": [(222, 232, 242), (206, 220, 234)]}
CROWN = {"summer": (62, 146, 70), "autumn": (226, 122, 48), "winter": (214, 228, 240)}
PINE = {"summer": (40, 120, 88), "autumn": (92, 112, 66), "winter": (62, 122, 110)}


def mix(a, b, k):
    return tuple(x + (y - x) * k for x, y in zip(a, b))


def shade(c, k):
    return tuple(min(255, v * k) for v in c)


class Painter:
    """PIL at `ss` times the size, with one colour grade per scene and a depth for fog (0 near … 1 far)."""

    def __init__(self, scene, size, ss=3):
        self.scene, self.size, self.n = scene, size, size * ss
        self.k = self.n / 128.0
        self.time, self.fog = scene["time"], scene["fog"]
        self.image = Image.new("RGB", (self.n, self.n))
        self.draw = ImageDraw.Draw(self.image)

    def grade(self, c, depth):
        if self.time == "sunset":
            c = (c[0] * 0.96 + 18, c[1] * 0.74 + 8, c[2] * 0.62 + 14)
        elif self.time == "night":
            c = (c[0] * 0.46 + 6, c[1] * 0.5 + 9, c[2] * 0.58 + 28)
        if self.fog:
            c = mix(c, FOG[self.time], 0.25 + 0.5 * depth)
        return tuple(int(max(0, min(255, round(v)))) for v in c)

    def poly(self, pts, c, depth=0.2, raw=False):
        fill = tuple(int(v) for v in c) if raw else self.grade(c, depth)
        self.draw.polygon([(x * self.k, y * self.k) for x, y in pts], fill=fill)

    def rect(self, x0, y0, x1, y1, c, depth=0.2, raw=False):
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], c, depth, raw)

    def oval(self, x, y, rx, ry, c, depth=0.2, raw=False):
        fill = tuple(int(v) for v in c) if raw else self.grade(c, depth)
        self.draw.ellipse([(x - rx) * self.k, (y - ry) * self.k, (x + rx) * self.k, (y + ry) * self.k], fill=fill)

    def gradient(self, y0, y1, stops):
        a, b = int(y0 * self.k), int(y1 * self.k)
        t = np.linspace(0, len(stops) - 1, b - a)
        rows = np.stack([np.interp(t, range(len(stops)), [s[i] for s in stops]) for i in range(3)], -1)
        band = np.repeat(np.round(rows)[:, None, :], self.n, 1).astype(np.uint8)
        self.image.paste(Image.fromarray(band), (0, a))


def draw_sky(p):
    s = p.scene
    stops = SKY[p.time]
    if p.fog:
        stops = [mix(c, FOG[p.time], 0.7) for c in stops]
    p.gradient(0, 80, stops)
    top = SKY[p.time][0]
    far = FOG[p.time]
    if p.time == "night":
        for x, y, r in STARS:
            c = mix((250, 246, 214), far, 0.8) if p.fog else (250, 246, 214)
            p.oval(x, y, r, r, c, raw=True)
    x, y = s["body"]["x"], s["body"]["y"]
    veil = (lambda c: mix(c, far, 0.55)) if p.fog else (lambda c: c)
    if s["body"]["kind"] == "sun":
        core = (255, 220, 92) if p.time == "day" else (255, 196, 96)
        for i in range(8):
            a = i * math.pi / 4 + math.pi / 8
            dx, dy = math.cos(a), math.sin(a)
            w = 1.25
            p.poly([(x + dx * 12 - dy * w, y + dy * 12 + dx * w), (x + dx * 15.5 - dy * w, y + dy * 15.5 + dx * w),
                    (x + dx * 15.5 + dy * w, y + dy * 15.5 - dx * w), (x + dx * 12 + dy * w, y + dy * 12 - dx * w)],
                   veil(core), raw=True)
        p.oval(x, y, 9.6, 9.6, veil(core), raw=True)
        p.oval(x - 1, y - 1, 7, 7, veil(mix(core, (255, 255, 255), 0.25)), raw=True)
    else:
        moon = (250, 244, 214)
        p.oval(x, y, 9, 9, veil(moon), raw=True)
        for dx, dy, r in [(-3, -2, 2.2), (3, 3, 1.7), (2.5, -4, 1.3)]:
            p.oval(x + dx, y + dy, r, r, veil(shade(moon, 0.9)), raw=True)
    white = {"day": (255, 255, 255), "sunset": (255, 206, 178), "night": (92, 104, 150)}[p.time]
    for cx, cy, k in s["clouds"]:
        c = veil(white)
        low = veil(mix(white, top, 0.16))
        p.oval(cx, cy + 2.5 * k, 14 * k, 4.4 * k, low, raw=True)
        p.oval(cx - 6.5 * k, cy, 6.4 * k, 5.2 * k, c, raw=True)
        p.oval(cx + 6.5 * k, cy + 0.6 * k, 6.6 * k, 4.8 * k, c, raw=True)
        p.oval(cx, cy - 2.8 * k, 7.4 * k, 6.4 * k, c, raw=True)
        p.oval(cx, cy + 1.6 * k, 12 * k, 3.6 * k, c, raw=True)


def draw_land(p):
    s, season = p.scene, p.scene["season"]
    if s["backdrop"] == "mountains":
        for x, top, w in s["peaks"]:
            rock, cap = (126, 134, 160), (250, 251, 254)
            p.poly([(x - w, 78), (x, top), (x + w, 78)], rock, 0.8)
            p.poly([(x, top), (x + w, 78), (x + w * 0.15, 78)], shade(rock, 0.86), 0.8)
            k = 0.5 if season == "winter" else 0.34
            h = (78 - top) * k
            p.poly([(x, top), (x + w * k, top + h), (x + w * k * 0.45, top + h * 0.78), (x, top + h * 1.12),
                    (x - w * k * 0.5, top + h * 0.8), (x - w * k, top + h)], cap, 0.8)
    for layer, (base, amp, freq, phase) in enumerate(s["hills"]):
        pts = [(x, base - amp * math.sin(freq * x / 128 * 2 * math.pi + phase)) for x in np.linspace(-2, 130, 45)]
        p.poly([(-2, 82)] + pts + [(130, 82)], HILLS[season][layer], 0.6 - 0.2 * layer)
    g = GROUND[season]
    p.rect(-1, 78, 129, 129, g, 0.15)
    p.rect(-1, 86, 129, 129, shade(g, 0.965), 0.1)
    if s["strip"] == "road":
        p.rect(-1, 101.5, 129, 118.5, (108, 112, 122) if season != "winter" else (140, 146, 158), 0.0)
        p.rect(-1, 101.5, 129, 103, (170, 172, 176), 0.0)
        for x in range(-4, 132, 18):
            p.rect(x, 109, x + 9, 111, (248, 244, 226), 0.0)
    elif s["strip"] == "river":
        p.rect(-1, 100, 129, 103, (236, 214, 150) if season != "winter" else (226, 232, 238), 0.0)
        p.rect(-1, 102.5, 129, 129, (82, 156, 216) if season != "winter" else (170, 208, 232), 0.0)
        ripple = (150, 202, 240) if season != "winter" else (214, 234, 246)
        for x, y, w in [(10, 108, 12), (52, 125, 14), (88, 107, 11), (108, 121, 13), (22, 120, 11)]:
            p.rect(x, y, x + w, y + 1.7, ripple, 0.0)
    else:
        h = s["house"]
        door = h["x"]
        p.poly([(door - 3.6, 93.5), (door + 3.6, 93.5), (door + 11, 129), (door - 13, 129)],
               (232, 208, 152) if season != "winter" else (214, 212, 208), 0.0)
    if s["flowers"] and season != "winter":
        for x, y, i in FLOWERS:
            p.oval(x, y, 1.9, 1.9, FLOWER_COLOURS[i], 0.0)
        if s["strip"] != "river":
            for x, y, i in FLOWERS:
                p.oval((x * 7 + 11) % 124 + 2, 123.5 + (i - 1) * 1.4, 1.9, 1.9, FLOWER_COLOURS[(i + 1) % 3], 0.0)


def draw_tree(p, side):
    t, season = p.scene["trees"][side], p.scene["season"]
    x, k, y = t["x"], t["s"], 93.0
    ground = shade(GROUND[season], 0.82)
    p.oval(x, y, 11 * k, 2.2, ground, 0.1)
    trunk = (124, 84, 54)
    if t["kind"] == "pine":
        p.rect(x - 1.9 * k, y - 9 * k, x + 1.9 * k, y, trunk, 0.15)
        c = PINE[season]
        for i, (top, low, w) in enumerate([(-42, -24, 8.5), (-34, -15, 11.5), (-25, -6, 14)]):
            p.poly([(x, y + top * k), (x + w * k, y + low * k), (x - w * k, y + low * k)], shade(c, 0.92 + 0.05 * i), 0.15)
            p.poly([(x, y + top * k), (x + w * k, y + low * k), (x + w * 0.25 * k, y + low * k)], shade(c, 0.78 + 0.05 * i), 0.15)
            if season == "winter":
                p.poly([(x, y + top * k), (x + w * 0.42 * k, y + (top * 0.58 + low * 0.42) * k), (x, y + (top * 0.68 + low * 0.32) * k),
                        (x - w * 0.42 * k, y + (top * 0.58 + low * 0.42) * k)], (246, 250, 253), 0.15)
    else:
        p.rect(x - 2.1 * k, y - 16 * k, x + 2.1 * k, y, trunk, 0.15)
        c = CROWN[season]
        for dx, dy, r in [(-6.5, -20, 8), (6.5, -20, 8), (0, -28, 9.5), (0, -19, 8.5)]:
            p.oval(x + dx * k, y + dy * k, r * k, r * k, shade(c, 0.86 if dx > 0 else 0.94), 0.15)
        p.oval(x - 1.5 * k, y - 26 * k, 8.6 * k, 8.4 * k, c, 0.15)
        p.oval(x - 4 * k, y - 29 * k, 3.2 * k, 3 * k, mix(c, (255, 255, 255), 0.22), 0.15)


def draw_house(p):
    h, season = p.scene["house"], p.scene["season"]
    x, w, base = h["x"], h["w"], 93.0
    wall, roof = rgb_of(h["wall"]), rgb_of(h["roof"])
    left, right, top = x - w / 2, x + w / 2, base - w * 0.58
    peak = top - w * 0.42
    p.oval(x, base, w * 0.6, 2.4, shade(GROUND[season], 0.8), 0.1)
    p.rect(x + w * 0.2, peak + 1, x + w * 0.32, top, (160, 84, 66), 0.15)
    if season == "winter":
        p.rect(x + w * 0.18, peak, x + w * 0.34, peak + 2.2, (248, 250, 253), 0.15)
    split = x + w * 0.22
    p.rect(left, top, right, base, wall, 0.15)
    p.rect(split, top, right, base, shade(wall, 0.84), 0.15)
    lit = p.time == "night"
    glass = (255, 222, 110) if lit else (196, 228, 246)
    for wx in (x - w * 0.3, x + w * 0.31):
        s = w * 0.105
        wy = base - w * 0.33
        p.rect(wx - s - 1.1, wy - s - 1.1, wx + s + 1.1, wy + s + 1.1, (250, 248, 242), 0.15)
        p.rect(wx - s, wy - s, wx + s, wy + s, glass, 0.15, raw=lit and not p.fog)
    door = (110, 70, 48)
    p.rect(x - w * 0.09, base - w * 0.34, x + w * 0.09, base, door, 0.15)
    p.oval(x, base - w * 0.34, w * 0.09, w * 0.07, door, 0.15)
    over = w * 0.09
    p.poly([(left - over, top + 1), (x - w * 0.1, peak), (x + w * 0.12, peak), (right + over, top + 1)], roof, 0.15)
    p.poly([(x + w * 0.12, peak), (right + over, top + 1), (split, top + 1)], shade(roof, 0.82), 0.15)
    p.rect(left - over, top, right + over, top + 1.6, shade(roof, 0.7), 0.15)
    if season == "winter":
        m = peak + (top - peak) * 0.42
        f = 0.42
        la, ra = x - w * 0.1 + (left - over - x + w * 0.1) * f, x + w * 0.12 + (right + over - x - w * 0.12) * f
        p.poly([(la, m), (x - w * 0.1, peak), (x + w * 0.12, peak), (ra, m), (x + w * 0.2, m + 2.4), (x + w * 0.05, m - 0.4),
                (x - w * 0.14, m + 2.2)], (248, 250, 253), 0.15)


def draw_car(p, v):
    x, y, c = v["x"], 114.5, rgb_of(v["colour"])
    p.oval(x, y + 1, 15, 1.8, (74, 78, 86), 0.0)
    p.poly([(x - 8.5, y - 8), (x - 5.5, y - 14), (x + 4.5, y - 14), (x + 8.5, y - 8)], shade(c, 0.92), 0.0)
    p.poly([(x - 6.4, y - 8.2), (x - 4.4, y - 12.4), (x - 0.8, y - 12.4), (x - 0.8, y - 8.2)], (206, 232, 246), 0.0)
    p.poly([(x + 0.8, y - 8.2), (x + 0.8, y - 12.4), (x + 3.8, y - 12.4), (x + 6.4, y - 8.2)], (206, 232, 246), 0.0)
    p.rect(x - 14, y - 8.4, x + 14, y - 2, c, 0.0)
    p.oval(x - 13, y - 5.2, 2.4, 3.2, c, 0.0)
    p.oval(x + 13, y - 5.2, 2.4, 3.2, c, 0.0)
    p.rect(x - 14, y - 4, x + 14, y - 2, shade(c, 0.8), 0.0)
    p.oval(x + 13.6, y - 6, 1.5, 1.5, (255, 240, 170), 0.0, raw=p.time == "night" and not p.fog)
    for wx in (x - 8, x + 8):
        p.oval(wx, y - 1.6, 3.7, 3.7, (40, 42, 50), 0.0)
        p.oval(wx, y - 1.6, 1.6, 1.6, (196, 200, 208), 0.0)


def draw_boat(p, v):
    x, y, c = v["x"], 116.5, rgb_of(v["colour"])
    p.oval(x, y + 0.6, 15, 2, shade((82, 156, 216), 0.82), 0.0)
    p.rect(x - 1, y - 28, x + 1, y - 7, (124, 84, 54), 0.0)
    p.poly([(x + 2, y - 27), (x + 13, y - 10), (x + 2, y - 10)], (250, 247, 238), 0.0)
    p.poly([(x - 2, y - 23), (x - 10.5, y - 10), (x - 2, y - 10)], (232, 226, 212), 0.0)
    p.poly([(x - 16, y - 8), (x + 16, y - 8), (x + 10.5, y), (x - 10.5, y)], c, 0.0)
    p.poly([(x - 12.6, y - 3), (x + 12.6, y - 3), (x + 10.5, y), (x - 10.5, y)], shade(c, 0.78), 0.0)


def draw_balloon(p, b):
    (x, y), c = BALLOON_AT[b["side"]], rgb_of(b["colour"])
    p.poly([(x - 8, y + 8), (x - 7, y + 8), (x - 2.2, y + 17), (x - 3.2, y + 17)], (122, 92, 64), 0.2)
    p.poly([(x + 8, y + 8), (x + 7, y + 8), (x + 2.2, y + 17), (x + 3.2, y + 17)], (122, 92, 64), 0.2)
    p.poly([(x - 11, y + 4), (x + 11, y + 4), (x + 4, y + 12.5), (x - 4, y + 12.5)], c, 0.2)
    p.oval(x, y, 12, 12.4, c, 0.2)
    p.oval(x + 4.5, y, 7.5, 12, shade(c, 0.86), 0.2)
    stripe = (250, 244, 226) if min(c) < 225 else (220, 70, 62)
    p.oval(x, y, 4.6, 12.4, stripe, 0.2)
    p.poly([(x - 4.2, y + 4), (x + 4.2, y + 4), (x + 1.8, y + 12.5), (x - 1.8, y + 12.5)], stripe, 0.2)
    p.rect(x - 3.4, y + 16, x + 3.4, y + 21, (160, 108, 62), 0.2)
    p.rect(x - 3.4, y + 16, x + 3.4, y + 17.6, (120, 78, 44), 0.2)


def render(scene, size=128, ss=3):
    """Scene → uint8 [size, size, 3]."""
    p = Painter(scene, size, ss)
    draw_sky(p)
    draw_land(p)
    for side in ("left", "right"):
        if scene["trees"][side]:
            draw_tree(p, side)
    draw_house(p)
    if scene["vehicle"]:
        (draw_car if scene["strip"] == "road" else draw_boat)(p, scene["vehicle"])
    if scene["balloon"]:
        draw_balloon(p, scene["balloon"])
    out = np.asarray(p.image.reduce(ss))
    if scene["bw"]:
        grey = out.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
        out = np.repeat(np.clip(np.round(grey * 0.94 + 10), 0, 255)[..., None], 3, -1).astype(np.uint8)
    return out


# Kind-and-colour pairs that no training scene and no training edit contains.
HELD_OUT_PAIRS = {("roof", "purple"), ("wall", "orange"), ("vehicle", "pink"), ("balloon", "blue")}


def mixture(kind, r):
    """A colour between two of the names, for training: none that is mostly, or looks like, one that is held out of this kind."""
    while True:
        a, b = r.sample(list(COLOURS), 2)
        colour = f"{a}|{b}:{r.uniform(0.05, 0.95):.2f}"
        k = float(colour.split(":")[1])
        held = [c for c in COLOURS if (kind, c) in HELD_OUT_PAIRS]
        most = a if k < 0.5 else b
        if most not in held and all(math.dist(rgb_of(colour), COLOURS[c]) > 60 for c in held):
            return colour


def colours_for(kind, allow_held_out):
    return [c for c in COLOURS if allow_held_out or (kind, c) not in HELD_OUT_PAIRS]


def sample_scene(seed):
    """A scene by its seed. Seeds of 1,000,000 and above are the test split and never trained on."""
    r = random.Random(seed)
    strip = r.choice(["road", "river", "meadow"])
    colour = lambda kind: r.choice(colours_for(kind, False))
    time = r.choices(["day", "sunset", "night"], [0.56, 0.2, 0.24])[0]
    wall = colour("wall")
    roof = r.choice([c for c in colours_for("roof", False) if c != wall])
    trees = {}
    for side in ("left", "right"):
        trees[side] = None
        if r.random() < 0.55:
            trees[side] = {"kind": r.choice(["round", "pine"]), "x": TREE_X[side] + r.uniform(-3, 3), "s": r.choice([0.8, 1.0, 1.0, 1.25])}
    season = r.choices(["summer", "autumn", "winter"], [0.52, 0.24, 0.24])[0]
    backdrop = r.choice(["hills", "mountains"])
    return {
        "seed": seed,
        "time": time,
        "season": season,
        "fog": r.random() < 0.12,
        "bw": False,
        "backdrop": backdrop,
        "peaks": [[x + r.uniform(-8, 8), r.uniform(38, 52), r.uniform(22, 32)] for x in (18, 64, 108)[: r.choice([2, 3])]],
        "hills": [[72 + r.uniform(-3, 1), r.uniform(2, 5), r.uniform(0.7, 1.4), r.uniform(0, 6.28)],
                  [77 + r.uniform(-1, 1), r.uniform(1.5, 3), r.uniform(0.8, 1.6), r.uniform(0, 6.28)]],
        "strip": strip,
        "body": {"kind": "moon" if time == "night" else ("sun" if r.random() < 0.9 else "moon"), "x": r.uniform(52, 76), "y": r.uniform(15, 20)},
        "clouds": [list(c) for c in CLOUD_SLOTS] if r.random() < 0.25 else
                  [[x + r.uniform(-7, 7), y + r.uniform(-4, 4), k * r.uniform(0.85, 1.1)] for x, y, k in CLOUD_SLOTS if r.random() < 0.5],
        "house": {"x": r.uniform(56, 72), "w": r.uniform(34, 42), "wall": wall, "roof": roof},
        "trees": trees,
        "vehicle": {"x": r.uniform(28, 100), "colour": colour("vehicle")} if strip != "meadow" and r.random() < 0.85 else None,
        "balloon": {"side": r.choice(["left", "right"]), "colour": colour("balloon")} if r.random() < 0.35 else None,
        "flowers": season != "winter" and r.random() < 0.5,
    }
