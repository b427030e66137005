"""Requests that picturebook cannot do, for training it to say so: WordNet's nouns, verbs and adjectives in the frames of real instructions (hard
negatives: the same frames, colours and sides with a wrong thing), WordNet's example sentences, unknown colours, styles, photo operations, questions,
chat, other languages, and what people ask for most (rain, animals, sizes, flowers). `Unsupported(folder)` needs WordNet's dictionary files."""

import random
import re
from pathlib import Path

from wordfreq import top_n_list

from paraphrases import COL, NT, W
from voices import UNSUPPORTED_VOICES


def ranks():
    return {w: i for i, w in enumerate(top_n_list("en", 40000))}


def index(folder, pos, top, rank):
    """WordNet's lemmas of one part of speech among the `top` commonest words, commonest first."""
    out = []
    for line in open(folder / f"index.{pos}"):
        if line[0] == " ": continue
        w = line.split()[0]
        if re.fullmatch("[a-z]{3,}", w) and rank.get(w, 1e9) < top: out.append((rank[w], w))
    return [w for _, w in sorted(out)]
def examples(folder):
    """WordNet's example sentences."""
    out = set()
    for pos in ("noun", "verb", "adj", "adv"):
        for line in open(folder / f"data.{pos}"):
            for s in re.findall(r'"([^"]{8,70})"', line.split("|", 1)[-1]): out.add(s.lower())
    return sorted(out)
KNOWN = set("""house roof rooftop tile tiles shingles wall walls facade building home cottage hut exterior front outside car automobile auto vehicle motor boat ship sailboat vessel yacht balloon airship
tree trees pine fir conifer spruce evergreen oak maple broadleaf plant sun moon cloud clouds cloudiness fog mist haze mistiness fogginess murk smog brume snow snowfall ice frost winter wintertime summer summertime autumn fall season
night nighttime midnight dark darkness star stars evening dusk twilight sunset sundown sunrise dawn nightfall gloaming day daytime daylight morning noon midday light sunlight sunshine sky weather landscape scene picture image view black white red orange yellow
green blue purple pink grey gray color colour greyscale monochrome shade tone hue leaf leaves foliage spring hill hills meadow hot air top nothing change left right side""".split())
KADJ = set("""dark darker nocturnal starry moonlit bright brighter sunny light lighter snowy wintry icy frosty cold white frozen freezing autumnal green lush summery warm foggy misty hazy murky clear clearer cloudless cloudy overcast black grey gray monochrome colourless colorless red orange
yellow blue purple pink dim dusky golden same unchanged original plain hot cool chilly night gloomy rosy crimson scarlet violet navy azure ruby lilac lavender emerald magenta purplish bluish reddish greenish yellowish pinkish amber snowbound glacial arctic polar sunlit vernal verdant leafy grassy clouded nebulous hazed pale vaporous misted blackish whitish invisible gone""".split())
KVERB = set("""add put draw place insert paint include set bring sketch show give create make throw remove delete erase take get drop wipe clear eliminate cut discard scrap ditch lose rub hide kill omit leave strip swap exchange trade switch substitute replace colour color dye tint spray repaint recolor
varnish coat turn change transform convert do let have keep preserve pop fell chop saw uproot dig destroy demolish abolish banish cancel obliterate evaporate expel dismiss exclude withhold dispose dump fly drive sail sink tow send let want need like love prefer try see look be leave stay skip stop forget touch cover free clean lift blow vanish disappear dissolve withdraw dispel retain
maintain redden blacken whiten darken lighten freeze thaw melt desaturate annihilate extinguish exterminate exile evacuate unmake undo deduct subtract plant grow position stick install introduce depict picture portray decorate redecorate""".split())
UCOL = "brown black turquoise beige gold silver teal maroon navy cyan magenta olive ivory bronze copper transparent striped rainbow coloured checkered dotted lime indigo khaki mint peach charcoal grey tan mustard".split()
PARTS = "door window windows chimney sun moon sky road river grass hills mountains ground trees tree leaves clouds cloud stars flowers fog snow meadow path fence wheels sail basket trunk water".split()
THINGS = ["house", "roof", "car", "boat", "balloon", "{s} tree", "tree on the {s}", "sun", "moon", "clouds", "walls", "road", "river", "sky", "picture", "mountains", "hills", "window", "door", "flowers"]
REMOVE_BAD = ["house", "roof", "walls", "road", "river", "sun", "moon", "sky", "mountains", "hills", "window", "windows", "door", "flowers", "meadow", "chimney", "stars", "grass", "everything", "background"]
OPS = """make the T {cmp}|make the T {cmp}|move the T to the {s}|move the T {dir}|shift the T {dir}|rotate the T|rotate the T by {n} degrees|flip the T|turn the T upside down|copy the T|duplicate the T|resize the T|scale the T up|scale the T {dir}|open the T|close the T|animate the T|tilt the T|lift the T {dir}|make two Ts|make the T twice as {adj}|look at the T|explain the T|crop the T|zoom in on the T|focus on the T|blur the T|sharpen the T|brighten the T|highlight the T|outline the T|name the T|make the T look {adj}|count the Ts|the T should be {cmp}|the T is too {adj}|give the T {noun}s|put a {noun} on the T|put a {noun} in the T|put a {noun} next to the T|draw a {noun} on the T|let the T {verb}|the T {verb}s|two Ts|a {adj} T|add a second T|add {n} Ts|fill the T with {noun}|repair the T|{verb} the T|{verb} the T|{verb} the T with a {noun}""".split("|")
CMP = "taller shorter larger smaller wider narrower longer thicker thinner rounder sharper softer faster slower nearer closer older newer nicer fancier prettier higher lower deeper heavier stronger richer funnier".split()
DIRS = "up down away forward back closer sideways a bit".split()
STYLE = "in the style of {noun}|in {adj} style|as a {noun}|make it look like a {noun}|turn it into a {noun}|make it {adj}|make it {adj}|make everything {adj}|make it more {adj}|a {adj} picture|a {adj} {noun}|increase the {noun}|decrease the {noun}|reduce the {noun}|adjust the {noun}|raise the {noun}|apply a {noun} filter|add a {noun} effect|change the {noun}|fix the {noun}|improve the {noun}|more {noun}|less {noun}|remove the {noun}|crop the picture|scale it up|flip it|render it in 3d|give it a frame|export it|save it|print it|undo|redo|zoom out|make the picture {cmp}|like a {noun} by {noun}".split("|")
CHAT = "what is this|what is a {noun}|where is the {noun}|how do i {verb}|can you {verb}|tell me about {noun}|why is it {adj}|who made this|good morning|hi there|hey|yes|no|ok|maybe|lol|test|i am {adj}|i like {noun}|do you like {noun}|what does {noun} mean|{noun}|{noun} {noun}|{verb}|{adj}|{noun} and {noun}|when will it be {adj}|is there a {noun} in the picture|what colour is the T|how big is the T|why is the T {adj}|how many {noun}s|help|please|this is {adj}|are you {adj}|i don't understand|good job|that's not what i asked".split("|")
FOREIGN = [w for lang in ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "fi", "cs", "id", "ru", "el") for w in top_n_list(lang, 3000) if len(w) > 2]
ENGLISH = set(top_n_list("en", 20000))
SENTENCES = """mach es winter|lass es schneien|male das dach blau|mach das haus rot|entferne den ballon|fuege nebel hinzu|mach es zur nacht|ein roter ballon links bitte|rends le toit bleu|ajoute de la neige|fais la nuit|enleve le ballon|peins la maison en vert|un arbre a gauche|mets des nuages|il fait nuit|il neige|en noir et blanc|haz que sea invierno|pinta el techo de azul|quita el globo|agrega niebla|que sea de noche|un arbol a la derecha|en blanco y negro|pinta la casa de rojo|fai diventare inverno|dipingi il tetto di blu|togli il palloncino|aggiungi nebbia|rendilo notte|bianco e nero|una macchina rossa|um carro vermelho|pinte o telhado de azul|remova o balao|faca ser inverno|maak het winter|verf het dak blauw|haal de ballon weg|voeg mist toe|maak het nacht|zwart wit|zrob zime|pomaluj dach na niebiesko|usun balon|dodaj mgle|gor det till vinter|mala taket blatt|ta bort ballongen|kis yap|catiyi maviye boya|balonu kaldir|sis ekle|сделай зиму|покрась крышу в синий|убери шар|добавь туман|ночь|зима|чёрно-белое|κάνε το χειμώνα|βάψε τη στέγη μπλε|冬にして|屋根を青く塗って|夜にする|加上雾|变成冬天|把屋顶涂成蓝色|겨울로 바꿔|지붕을 파랗게|اجعله شتاء|امسح البالون|इसे सर्दी बना दो|छत को नीला रंगो|hazla de noche|tengo hambre|wie geht es dir|ich mag das bild|c'est joli|je ne comprends pas|que es esto""".split("|")
COMMON = """make it rain|add rain|let it rain|rain|a rainy day|it is raining|a thunderstorm|add lightning|a storm is coming|add a rainbow|a rainbow|make it spring|spring|change the season to spring|let spring come|cherry blossoms|spring flowers|add flowers|put flowers in front of the house|make the house bigger|make the house smaller|bigger house|a bigger tree|make the tree taller|a smaller car|make the balloon bigger|make it bigger|add a dog|a dog in front of the house|add a cat|a cat on the roof|add a person|put people in the picture|a man next to the house|a woman waving|children playing|add a bird|birds in the sky|add a horse|a cow on the meadow|add a bench|add a fence|add a swing|a second house|another house|add a window|more windows|a bigger door|open the door|close the window|smoke from the chimney|remove the house|delete the house|remove the hills|remove the mountains|remove the road|remove the river|remove the sun|no sun|remove the moon|no moon|delete the sky|brown roof|black roof|paint the roof brown|paint the house black|a grey roof|a golden balloon|a silver car|turquoise walls|paint the door red|a red door|paint the sky green|a green sky|purple sky|a pink sun|blue grass|paint the grass blue|a red moon|paint the clouds pink|blue trees|a red tree|paint the tree blue|make the left tree red|yellow mountains|move the house to the left|move the balloon to the right|move the car forward|rotate the picture|flip it|mirror it|zoom in|zoom out|crop it|upscale it|sharpen|blur the background|increase the contrast|more saturation|more colourful|less saturated|sepia|make it sepia|as an oil painting|a watercolour|pencil sketch|make it a cartoon|anime style|like van gogh|pixel art|make it photorealistic|3d|make it beautiful|make it nicer|make it better|surprise me|something else|anything|do something|i don't know|hello|hi|thank you|thanks|who are you|what can you do|help|what is this|undo|redo|go back|save|export|download|send it to me|a spaceship|a plane in the sky|an airplane|add a helicopter|a train|add a bus|a bicycle|add a bike on the road|a truck|a ship in the sky|a bridge over the river|a lake|an ocean|a beach|a desert|a city|a castle|turn the house into a castle|replace the house with a tent|replace the car with a horse|turn the car into a boat|turn the boat into a car|replace the car with a bicycle|turn the tree into a palm|a palm tree on the left|add a palm tree|an apple tree on the right|a cactus on the left|turn the left tree into a palm tree|a christmas tree on the left|a dead tree|turn the balloon into a kite|a kite in the sky|a zeppelin|put a flag on the roof|a chimney|a tower|a garden|a pond|fireworks|northern lights|a full moon|two moons|two suns|a second balloon|more balloons|three balloons|more trees|a forest|add trees everywhere|more cars|a traffic jam|make the car drive faster|paint everything red|make everything blue|make it red|paint it blue|make it green and yellow striped|a striped balloon|polka dots|write hello|put my name on it|add text|a logo|make the car|paint the roof|change the roof|change the colour of the house|another colour for the balloon|a different colour|recolour the car|swap the trees|remove the tree|cut down the tree|the tree|the house|the roof|the balloon|red|blue|green|left|right|on the left|asdf|qwerty|xyz|lorem ipsum|.|?|123|1234567|aaa|blah blah|foo bar""".split("|")

# Example sentences that could be a request after all.
NEAR = re.compile(r"snow|fog|mist|haz[ey]|night|evening|autumn|cloud|dark|winter|summer|\bsun|moon|\bstars?\b|lea(f|ves)\b|daylight|dawn|dusk|twilight|balloon|boat|roof|\bpaint|colou?r|\bgreen|grass|freez|frozen|bright|unchanged|alone\b|as (it )?is\b")


class Unsupported:
    """@param folder WordNet's dict folder (index.noun, data.noun, …)"""

    def __init__(self, folder):
        folder, rank = Path(folder), ranks()
        self.nouns = [w for w in index(folder, "noun", 16000, rank) if w not in KNOWN and w.rstrip("s") not in KNOWN]
        self.verbs = [w for w in index(folder, "verb", 12000, rank) if w not in KVERB]
        self.adjs = [w for w in index(folder, "adj", 12000, rank) if w not in KADJ]
        self.examples = [s for s in examples(folder) if not NEAR.search(s)]
        self.cmp, self.ucol, self.ops, self.style, self.chat = CMP, UCOL, OPS, STYLE, CHAT
        self.things, self.parts, self.bad = THINGS, PARTS, REMOVE_BAD

    def foreign(self, r):
        """A sentence of another language, or some of its words."""
        if r.random() < 0.4:
            return r.choice(SENTENCES)
        return " ".join(w for w in (r.choice(FOREIGN) for _ in range(r.randrange(1, 7))) if w not in ENGLISH) or r.choice(SENTENCES)

    def fill(self, t, r):
        t = re.sub(r"\bTs\b", lambda m: r.choice(["houses","cars","boats","balloons","suns","moons","roads"]), t)
        t = re.sub(r"\bT\b", lambda m: r.choice(self.things), t)
        sub = {"noun": self.nouns, "verb": self.verbs, "adj": self.adjs, "cmp": self.cmp, "dir": DIRS, "s": ["left","right"], "n": ["two","three","five","90","ten","100"], "c": COL, "u": self.ucol}
        return re.sub(r"\{(\w+)\}", lambda m: r.choice(sub[m.group(1)]), t)
    def nt(self, t, r):
        while m := re.search(r"<(\w+)>", t): t = t[:m.start()] + r.choice(NT[m.group(1)]) + t[m.end():]
        return t
    def draw(self, r):
        k = r.random()
        if r.random() < .22:
            t = r.choice(COMMON) if r.random() < 0.5 else r.choice(UNSUPPORTED_VOICES)
            return r.choice(W["V"]).replace("{x}", t).replace("<IT>", "it") if r.random() < .3 else t
        if r.random() < .08: return self.foreign(r)
        if k < .20:
            t = r.choice(["<ADD> a {noun}", "<ADD> a {noun} <SIDE>", "<ADD> a {c} {noun} <SIDE>", "<ADD> a {c} {noun}", "<ADD> some {noun}", "<ADD> {noun}", "<ADD> {noun}s", "a {noun} <SIDE>", "a {c} {noun} <SIDE>", "a {noun}", "{noun} <SKY>", "there should be a {noun}", "there is a {noun} <SIDE>", "let there be {noun}", "plant a {noun} <SIDE>", "a {c} {noun} on the road", "a {c} {noun} in the sky", "a {noun} is flying <SKY>", "it is {noun}", "let it be {noun}", "turn it into {noun}", "make it {noun}", "cover it with {noun}", "give me {noun}", "fill the sky with {noun}", "change the season to {noun}", "the {noun} is {adj}"]); form = "V"
        elif k < .28: t = r.choice(["<RM> the {noun}", "<RM> the " + r.choice(self.bad), "no {noun}", "no more {noun}", "without the {noun}", "the {noun} <GONE>", "the {noun} <BAD>", "make the {noun} disappear", "<RM> the {noun} <SIDE>", "the " + r.choice(self.bad) + " <GONE>", "<RM> all " + "{noun}s"]); form = "V"
        elif k < .38: t = r.choice(["<PAINT> the X {c}", "make the X {c}", "the X should be {c}", "a {c} X", "turn the X {c}", "give the X a {c} <CO>", "the X is {c}", "change the <CO> of the X to {c}", "the X in {c}"]).replace("X", r.choice(self.parts) if r.random() < .5 else "{noun}"); form = "V"
        elif k < .48: t = r.choice(["<PAINT> the X {u}", "make the X {u}", "the X should be {u}", "a {u} X", "{u} X", "turn the X {u}", "give the X a {u} <CO>", "the X is {u}", "change the <CO> of the X to {u}", "<ADD> a {u} YY", "<ADD> a {u} balloon <SKY>", "a {u} YY", "{adj} X", "make the X {adj}"]).replace("X", r.choice(["roof","house","walls","car","boat","balloon"])).replace("YY", r.choice(["car","boat"])); form = "V"
        elif k < .56: t = r.choice(["<SWAP> the T for a {noun}", "replace the T with a {noun}", "turn the T into a {noun}", "make the T a {noun}", "change the T to a {noun}", "a {noun} instead of the T", "the T should be a {noun}", "the T is a {noun}", "replace the {noun} with a {noun}", "swap the {noun} for a moon", "a T instead of the {noun}"]); form = "V"
        elif k < .70: t = r.choice(self.ops); form = "V"
        elif k < .80: t = r.choice(self.style); form = "V"
        elif k < .87: t = r.choice(self.chat); form = None
        elif k < .97: t = r.choice(self.examples); form = None
        else: t = " ".join(r.choice(self.nouns + self.verbs) for _ in range(r.randrange(1, 6))); form = None
        t = self.fill(self.nt(t, r), r)
        if form and r.random() < .4: t = r.choice(W["V"]).replace("{x}", t)
        return t.replace("<IT>", "it")
if __name__ == "__main__":
    import sys
    pool, r = Unsupported(sys.argv[1]), random.Random(3)
    print(len(pool.nouns), len(pool.verbs), len(pool.adjs), len(pool.examples))
    for _ in range(40):
        print("  ", pool.draw(r))
