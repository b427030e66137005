"""How people talk around a request: salutations, reasons, context, and registers from legal to texting. Whatever stands around it, the request is the same
edit; `around(text, r, sentences)` sets it among such words."""

from voices import CONTEXT



def lines(text):
    return [x.strip() for x in text.split("|") if x.strip()]


CALLS = lines("dear|love|darling|sweetheart|honey|mate|buddy|bro|dude|friends|folks|guys|team|sir|madam|my friend|computer|robot|good sir|pal|man|boss|kiddo|doctor|colleague|everyone|class|captain|grandpa|mum|mom|dad|honey bun")
OPENERS = lines("okay|ok so|right|right then|alright|well|so|hey|hi there|hello|good morning|listen|look|now then|yo|oi|um|uh|hmm|goodness|oh my|please|kindly|actually|honestly|basically|for the next scene|for this one|next up|first of all|if it isn't too much trouble|if you don't mind|when you have a moment|as discussed|per my last message|in my view|hear me out|quick one|new idea|change of plan|one small thing|request|task|todo|note|instruction|step one|scene two|landscape|weather|sky|let the record show|for the record|i move that|my client requires the following|be advised|attention|dear editor|dear team|to whom it may concern|we are filming tomorrow|for my daughter|for the brochure|for the client|for the exhibition|for the lesson|for physics class|for the patient|today i feel like this|you know what|guess what|picture this|imagine this|trust me")
CLOSERS = lines("thanks in advance|thank you kindly|please and thank you|many thanks|cheers|ta|much obliged|effective immediately|without delay|right now|rn|asap|pronto|at once|lol|haha|lmao|xoxo|ok bye|over and out|roger|that is all|that's it|nothing else|if possible|would be great|would be perfect|would be awesome|and make it snappy|no rush|let's try it|let's see it|why not|i guess|i suppose|you know|innit|eh|right|if you would|as soon as you can|for me|for us|for the client|for the record|in its entirety|once and for all|for good|this instant|do it now|end of discussion|sincerely yours|kind regards|with love|god bless")
REASONS = lines("it blocks the view|it bothers me|it is too boring|it looks better that way|my kids love it|my wife prefers it|the client asked for it|it suits the mood|it feels right|i like it like that|it reminds me of home|it reminds me of my childhood|the way it used to be when i was a girl|like my kitchen|like my grandmother's|same as the barn|as a king would|like in the movies|like on the postcard|like in a fairy tale|because a princess lives in it|because i said so|because it is prettier|because the other one is ugly|since it is late in the story|since the story needs it|to match my shirt|to match the curtains|to make it cosier|to set the scene|to make the point|so it looks nice|so that we can see better|so the kids will like it|it frightens the sheep|it makes my knees ache|it is in the way|it is distracting|it ruins the composition|it obscures everything|it encroaches on my land|it has had its time|i am tired of it|i can't stand it|nobody asked for it|it is not mine|i've hay to get in|we have a show tomorrow|visibility is not good|the light is wrong|it is far too plain|it is far too dark|it is far too bright|it needs more mood|that's so aesthetic|that's the vibe|it'd be cool|it'd be so pretty|that would be lovely|i always wanted one|he always wanted one|my horoscope says so|physics demands it|the script says so|trust the process|for dramatic effect|for contrast|for balance|for symmetry|for the holidays|for my birthday|for a change|for fun|just because")
# One thing after the other about the same thing: what is wrong with it, and what to do with "it".
GONE = lines("remove it|delete it|erase it|get rid of it|take it away|take it out|have it gone|let it go|make it go away|make it disappear|make it vanish|clear it away|strike it|yeet it|lose it|i want it gone|it has to go|it must go|it should go|out with it|away with it|please remove it|it needs to go|so remove it|so take it out|kindly remove it|banish it|wipe it out")
THINGS = {"remove_balloon": lines("the <BALX>|that balloon|this balloon|the balloon|bloomin' balloon|the silly balloon|the hot air balloon"), "remove_clouds": lines("the clouds|those clouds|them clouds|all these clouds|the silly clouds"),
          "remove_vehicle": lines("the <VEH>|that <VEH>|this <VEH>|the silly <VEH>|the parked <VEH>"), "remove_tree": lines("the tree <SIDE>|the {s} tree|that tree <SIDE>|the {s}-hand tree|the one <SIDE>, the tree|the {k2} <SIDE>"),
          "clear": lines("the fog|the mist|this fog|all that fog|the haze|that mist")}
COMPLAINTS = lines("bothers me|annoys me|is ugly|is too much|is in the way|blocks the view|frightens the sheep|scares the children|spoils everything|ruins the picture|is distracting|obscures the view|has had its time|makes me sad|makes me sneeze|is a nuisance|hides everything|is not needed|does not belong here|belongs to the neighbour|encroaches on my land|looks wrong|is not in the script|is boring|is old|is bad for visibility|gives me a headache|has to be dealt with")
# Other registers, by form, added to the grammar's own verbs and wrappers.
VERBS = {"ADD": lines("introduce|install|pop in|stick|provide|set up|supply|incorporate|produce|conjure up|paint in|slot in|whack in|stick in|add in"),
         "RM": lines("strike|yeet|banish|expunge|excise|axe|bin|chuck out|shift|dismiss|vanish|dispose of|abolish|purge|remove completely|nix|zap|scrub|do away with"),
         "TURN": lines("amend|shift|flip|alter|render|move|adjust|revise|reset|modify"),
         "PAINT": lines("redo|refinish|recoat|decorate|slap|splash|do up"),
         "MAKE": lines("render|want|keep|leave|turn")}
WRAPPERS = {
    "V": lines("do {x}|do have somebody {x}|my client requires that you {x}|i hereby ask you to {x}|you are to {x}|you shall {x}|i request that you {x}|i'd be grateful if you could {x}|would you be so kind as to {x}|can u {x}|could u {x}|pls {x}|plz {x}|{x} pls|{x} plz|gotta {x}|lemme {x}|wanna {x}|i'm thinking we {x}|what if we {x}|we need to {x}|you may {x}|be a dear and {x}|be so good as to {x}|make sure to {x}|remember to {x}|don't forget to {x}|the task is to {x}|the next step is to {x}|it would be good to {x}|i'd sooner you {x}|i dare you to {x}|my idea is to {x}|the plan: {x}|proposal: {x}|{x} if you please|{x} would you"),
    "N": lines("gimme {x}|gimme {x} vibes|{x} vibes|{x} vibes please|{x} mode|i need {x} rendering|i need a rendering with {x}|a rendering of it with {x}|a version with {x}|the version with {x}|show it with {x}|show the elevation with {x}|show {x} conditions|under {x} conditions|requires {x}|requirement: {x}|i crave {x}|i'm in the mood for {x}|bring me {x}|introduce {x}|we want {x}|my vote is for {x}|i vote for {x}|i'd go for {x}|{x} it is|{x} or nothing|it calls for {x}|it wants {x}|what this needs is {x}|what i want is {x}|all i want is {x}|do me {x}|do us {x}|give us {x}|give us a proper {x}|let us have {x}|behold {x}|come, {x}|oh, for {x}"),
    "S": lines("the picture should show that {x}|the picture should reflect that {x}|let the record show that {x}|as though {x}|it ought to seem that {x}|i want people to think {x}|i need it to look as though {x}|tell the story that {x}|once upon a time {x}|and lo, {x}|in this scene {x}|assume {x}|given that {x}|let us assume {x}|we want it to look like {x}|the scene now: {x}|in the next panel {x}|the script says {x}|the story goes that {x}"),
    "A": lines("make <IT> super {x}|make <IT> very {x}|make <IT> all {x}|make <IT> so {x}|make <IT> look all {x}|make <IT> look really {x}|i need <IT> {x}|i want <IT> all {x}|keep <IT> {x}|get <IT> {x}|go {x}|let's go {x}|{x} it|{x} <IT> up|can u make <IT> {x}|render <IT> {x}|the image in {x}|my client requires the image {x}|{x} look please|a {x} look"),
}
SWAPS = lines("switch the {k2} <SIDE> to a <K>|switch the {k2} <SIDE> for a <K>|swap the {k2} <SIDE> for a <K>|replace the {k2} <SIDE> with a <K>|turn the {k2} <SIDE> into a <K>|change the {k2} <SIDE> to a <K>|make the {k2} <SIDE> a <K>|that {k2} <SIDE>, could it be a <K> instead|the {k2} <SIDE> should be a <K>|<SIDE>, where now a {k2} stands, put a <K>|a <K> instead of the {k2} <SIDE>|exchange the {k2} <SIDE> for a <K>|instead of the {k2} <SIDE> i want a <K>|not a {k2} <SIDE> but a <K>|i want a <K> <SIDE> instead of the {k2}|trade the {k2} <SIDE> for one of those <K>s|the {s} {k2} should become a <K>|convert the {s} {k2} into a <K>|replace the {s} {k2} with a <K>")
FOR_ADDED = {"add_tree": lines("introduce one <K> <SIDE>|let a <K> stand <SIDE>|there is room <SIDE>, plant a <K>|i'd like a <K>. put it <SIDE>|a <K>, please. <SIDE>|upon the {s} let a <K> grow|the {s} is bare; add a <K>"),
             "add_balloon": lines("i'd like a <BAL>, {c}, <SKY>|a <BAL> please, it should be {c} and <SKY>|let a {c} <BAL> drift <SKY>|the sky is empty; add a {c} <BAL> <SKY>|introduce a <BAL>, {c} in colour, <SKY>"),
             "add_vehicle": lines("introduce into the scene a <VEH>, said <VEH> to be {c}|i'd like a <VEH>, in {c}|he always wanted a {c} <VEH>. put one there|the <STRIP> is empty; add a {c} <VEH>|a <VEH>, please. make it {c}|put a {c} one on the <STRIP>, a <VEH>|get a {c} <VEH> onto the <STRIP>|a {c} <VEH> would complete it")}
FOR_COLOURS = lines("X: make it {c}|X, make it {c}|i am tired of the X; make it {c}|the X is dull. make it {c}|the X wants doing {c}|X wants doing {c}|let the X wear {c}|i'd like that X to be {c}|the X shall be {c}|the X in {c}, like my kitchen|the X is to be {c}|{c} X >>>|what if we painted the X {c}|what if we made the X {c}|{c} on the X|try the X in {c}|my X wants to be {c}|the X would look cute in {c}|let's go {c} on the X|give that X some {c} love|X colour: {c}|the X needs some {c}|dress the X in {c}|X should be like totally {c}")


def extend(grammar, names, wrappers):
    """Adds these registers to the grammar of paraphrases.py, in place."""
    for name, more in VERBS.items():
        names[name].extend(more)
    for form, more in WRAPPERS.items():
        wrappers[form].extend(more)
    for kind, things in THINGS.items():
        for thing in things:
            for complaint in COMPLAINTS:
                grammar[kind].setdefault("C", []).append(f"{thing} {complaint}{{sep}}{{gone}}")
    grammar["swap_tree"]["V"] += SWAPS * 2
    for kind, more in FOR_ADDED.items():
        grammar[kind]["V"] += more * 2
    for kind, thing in (("roof", "<ROOF>"), ("wall", "<WALL>"), ("balloon", "<BALX>"), ("vehicle", "<VEH>")):
        grammar[kind]["V"] += [t.replace("X", thing) for t in FOR_COLOURS] * 2


CLOSERS += CONTEXT


def around(text, r, sentences):
    """`text` with something before or after it that asks for nothing; `sentences` are sentences of any content."""
    u = r.random()
    comma = lambda: r.choice([", ", ", ", ". ", "; ", " ", " - ", ": ", "... ", "! "])
    if u < 0.25:
        return r.choice(OPENERS) + comma() + text
    if u < 0.45:
        return text + comma() + r.choice(CLOSERS)
    if u < 0.65:
        reason = r.choice(REASONS)
        return text + r.choice([", ", ", ", "; ", ". ", " because ", " - ", " since "]) + reason if r.random() < 0.7 else reason + r.choice([", so ", ". ", "; ", ", "]) + text
    if u < 0.8:
        call = r.choice(CALLS)
        return r.choice([f"{text}, {call}", f"{call}, {text}", f"{text} {call}"])
    sentence = r.choice(sentences).strip(" .")
    if len(sentence) > 60:
        return text
    return f"{sentence}{r.choice(['. ', '; ', ', so ', '. '])}{text}" if r.random() < 0.6 else f"{text}{r.choice(['. ', ', ', '; ', ' because ', ' as '])}{sentence}"
