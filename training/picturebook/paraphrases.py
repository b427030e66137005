"""The words of training: a compositional grammar of paraphrases for picturebook's edits. Each kind has verb phrases (V), noun phrases (N), statements
(S) and adjectives (A), set into wrappers of politeness, wish, question and imagination, with other names for things, negations and typing errors.
`paraphrase(kind, fields, r)` draws one, `spoil2(text, r)` types it as people do, `negated` says not to do it."""
import random, re, string

import registers
from voices import RECOLOUR_VOICES, VOICES
from wider import RECOLOUR as WIDER_RECOLOUR, WIDER

COL = ["red","orange","yellow","green","blue","purple","pink","white"]
def L(s): return [x.strip() for x in s.split("|") if x.strip()]
NT = {
 "IT": L("it|it|it|the scene|the picture|the image|this|everything|the whole thing|the drawing|the landscape|the view|the whole picture|all of it|this place|the world"),
 "TURN": L("turn|change|transform|switch|convert|bring"), "INTO": L("into|to"),
 "ADD": L("add|put|draw|place|insert|paint|include|set|bring in|sketch|show|give me|create|make|put in|drop in|throw in"),
 "RM": L("remove|delete|erase|take away|take out|get rid of|drop|wipe out|wipe away|clear away|eliminate|cut out|discard|scrap|ditch|lose|do away with|rub out|throw out|hide|kill|omit|leave out|strip away"),
 "SWAP": L("swap|exchange|trade|switch|substitute"),
 "PAINT": L("paint|colour|color|dye|tint|spray|repaint|recolour|recolor|varnish|coat|do"),
 "MAKE": L("make|turn|have|get"),
 "CO": L("colour|color|paint|shade|hue|tone"),
 "ROOF": L("roof|roof|roof|rooftop|roof of the house|house's roof|roof tiles|house roof|top of the house|shingles|roofing"),
 "WALL": L("house|walls|walls|wall|house walls|facade|building|home|cottage|walls of the house|outside of the house|front of the house|house's walls|outer walls|hut|exterior"),
 "CARX": L("car|car|car|automobile|vehicle|auto|motor car"), "BOATX": L("boat|boat|boat|ship|sailboat|vessel|sailing boat|little boat"),
 "BAL": L("balloon|balloon|balloon|hot air balloon|hot-air balloon|air balloon"),
 "BALX": L("balloon|balloon|hot air balloon|balloon in the sky|flying balloon|hot-air balloon|balloon up there"),
 "PINE": L("pine tree|pine tree|pine|fir|fir tree|conifer|spruce|evergreen|needle tree"),
 "ROUND": L("round tree|round tree|round tree|leafy tree|deciduous tree|broadleaf tree|tree with a round crown|bushy tree|oak|round one|round-topped tree"),
 "TREE": L("tree|tree|tree|trees|plant"),
 "SIDE": L("on the {s}|on the {s}|on the {s}|on the {s}|to the {s}|at the {s}|on the {s} side|on the {s}-hand side|on the {s} hand side|in the {s} half|over on the {s}|at the {s} edge|on {s}|in the {s} part of the picture|{s} of the house|to the {s} of the house|at the far {s}|towards the {s}"),
 "SKY": L("on the {s}|on the {s}|in the sky on the {s}|up on the {s}|in the upper {s}|in the {s} corner|in the top {s} corner|at the top {s}|on the {s} of the sky|in the {s} half of the sky|to the {s} of the sun"),
 "GONE": L("is gone|has gone|has disappeared|has vanished|disappeared|is no longer there|is not there anymore|isn't there|has left|went away|was removed|is missing"),
 "BAD": L("should go|has to go|must go|shouldn't be there|should not be here|bothers me|is in the way|is too much|should disappear|should vanish|needs to go|can go|is ugly"),
 "FOG": L("fog|fog|mist|haze|the fog|the mist|the haze|all the fog"),
 "CLOUD": L("clouds|clouds|some clouds|a few clouds|white clouds|fluffy clouds|more clouds|three clouds|big clouds|a couple of clouds|little clouds|several clouds"),
 "GROUND": L("it|everything|the ground|the land|the hills|the scene|the landscape|the meadow|the picture|the trees and the house|the world|the village"),
}
W = {
 "V": L("{x}|{x}|{x}|{x}|{x}|{x}|please {x}|{x} please|{x}, please|could you {x}|could you please {x}?|can you {x}?|would you {x}|will you {x}|i want you to {x}|i'd like you to {x}|now {x}|just {x}|ok, {x}|next, {x}|let's {x}|let us {x}|go ahead and {x}|try to {x}|maybe {x}|i need you to {x}|you should {x}|time to {x}|help me {x}|kindly {x}|hey, {x}|we should {x}|why don't you {x}?|how about we {x}|i think you should {x}|{x} for me|{x} now|{x}, thanks|is it possible to {x}?|i would like to {x}|i want to {x}|shall we {x}?|we could {x}|may i ask you to {x}"),
 "N": L("{x}|{x}|{x}|i want {x}|i would like {x}|i'd love {x}|give me {x}|{x} please|{x}, please|can i have {x}?|can we have {x}|could we have {x}|how about {x}?|what about {x}|let there be {x}|there should be {x}|i'd prefer {x}|show me {x}|let me see {x}|{x} would be nice|{x} would be lovely|we need {x}|i need {x}|i wish there was {x}|i am missing {x}|now {x}|time for {x}|i'd rather have {x}|i'd like to see {x}|let's have {x}|just {x}|more like {x}"),
 "S": L("{x}|{x}|{x}|{x}|now {x}|suddenly {x}|imagine {x}|imagine that {x}|pretend {x}|what if {x}?|suppose {x}|i wish {x}|make it so that {x}|it should look like {x}|i want it to look as if {x}|show how {x}|as if {x}|draw it as if {x}|say {x}|picture that {x}|{x} now|and then {x}|let's say {x}|{x} at last|finally {x}"),
 "A": L("make <IT> {x}|make <IT> {x}|make it look {x}|turn <IT> {x}|it should be {x}|let it be {x}|i want it {x}|can it be {x}?|<IT> should look {x}|i'd like it {x}|{x}|{x} please|render <IT> {x}|make <IT> more {x}|could it be {x}|let it look {x}|have <IT> {x}|i prefer it {x}"),
}
TIMEV = ["<TURN> <IT> <INTO> {n}", "change the {t} to {n}", "set the {t} to {n}", "switch to {n}", "skip to {n}", "go to {n}", "fast forward to {n}", "make <IT> {n}", "make it {n}", "show <IT> at {n}", "show <IT> in {n}", "bring on {n}", "let {n} come", "let it become {n}", "set <IT> in {n}", "move <IT> to {n}", "let it be {n}", "draw <IT> in {n}"]
def timed(t, ns): return [v.format(n=n, t=t) for v in TIMEV for n in ns]
G = {
 "night": {"V": timed("time", L("night|nighttime|night|midnight|the middle of the night|darkness|a starry night|late night")) + L("bring out the stars|let the stars come out|let darkness fall|make the stars shine|turn off the daylight|switch off the daylight|set the clock to midnight|move the time to midnight|let the moon and the stars shine|fill the sky with stars|put stars in the sky|let night fall|make the sky dark and starry|turn the lights on in the windows, it is late|plunge <IT> into darkness|draw a dark sky with stars"),
   "N": L("night|nighttime|a night scene|a starry night|a dark night|a night sky|moonlight|a moonlit night|a starry sky|stars|darkness|the night version|a sky full of stars|a black sky with stars|the same place at night"),
   "S": L("it is night|it's night|it was night|night has fallen|the night falls|it has gotten dark|it got dark|the stars are out|it is midnight|it is past midnight|everyone is asleep|it is dark outside|the day is over and the stars are out|the moon is up and the stars are shining|it is late at night|the stars are shining|the world is asleep|the stars have come out|darkness has come|it is bedtime"),
   "A": L("dark|nocturnal|starry|pitch dark|moonlit|dark like night|like night|as dark as night")},
 "sunset": {"V": timed("time", L("sunset|dusk|evening|twilight|sundown|the evening|golden hour|early evening|a sunset")) + L("let the sun sink|let the sun set|let the sun go down|colour the sky orange|color the sky red and orange|give <IT> warm evening colours|give <IT> evening light|paint an evening sky|light <IT> with the evening sun|add a sunset|put in a sunset sky|make the sky glow orange|give the sky a red glow|let the evening come|end the day"),
   "N": L("sunset|a sunset|dusk|evening|twilight|the golden hour|golden hour light|a red evening sky|sundown|an orange sky|an evening glow|an evening sky|the last light of the day|warm evening light|an evening scene|a warm evening|the setting sun"),
   "S": L("the sun is setting|the sun is going down|the sun sets|the sun has almost set|evening has come|it is evening|it is getting late|the day is ending|the day draws to a close|the sky glows orange|the sun is low|the sky is red and orange|it is dusk|dusk is falling|the evening begins|it is sunset|the sun goes down behind the hills|the sky turns red"),
   "A": L("evening-like|dusky|like a sunset|like evening|golden like the evening|warm like at sunset")},
 "day": {"V": timed("time", L("day|daytime|noon|midday|morning|daylight|the day|the middle of the day|a bright day|a sunny day")) + L("let the sun rise|let the sun shine|let the sun come up|wake up the sun|end the night|turn on the daylight|turn the daylight on|lighten the sky|set the clock to noon|bring the sunlight back|bring the daylight back|chase the night away|let the day begin|let it become light|make the sky blue and bright|return to daylight"),
   "N": L("day|daytime|daylight|a bright day|a sunny day|broad daylight|sunlight|bright sunlight|noon|midday|morning|a day scene|the daytime version|sunshine|the light of day"),
   "S": L("the sun is up|it is day|it's daytime|it is noon|the night is over|morning has come|the sun has risen|the sun is shining|a new day has begun|it is light again|day breaks|it is bright outside|the sun came out|the sun came up|it is morning|the day has come|it is the middle of the day"),
   "A": L("bright|sunny|light again|bright and sunny|sunlit|bright as day|bright like day|bright again")},
 "winter": {"V": timed("season", L("winter|wintertime|winter|the winter|january|december|the cold season|a winter landscape")) + L("cover <GROUND> with snow|cover <GROUND> in snow|blanket <GROUND> in snow|bury <GROUND> in snow|freeze <GROUND>|let snow fall|let it snow|make it snow|dust <GROUND> with snow|put snow on <GROUND>|sprinkle snow over <GROUND>|add snow|add lots of snow|add some snow|bring snow|lay snow over <GROUND>|wrap <GROUND> in snow|drop snow on <GROUND>|spread snow over <GROUND>|make <GROUND> white with snow"),
   "N": L("winter|wintertime|snow|a winter scene|a winter landscape|a snowy landscape|snow everywhere|a blanket of snow|a snow-covered landscape|deep snow|january|december|the cold season|ice and snow|frost|snow on the ground|lots of snow|a snowy day|a white winter|some snow"),
   "S": L("it snowed|it has snowed|it has snowed overnight|it snowed all night|it is snowing|everything is white with snow|snow lies on the ground|it is freezing|the ground is covered with snow|winter has come|winter is here|it is january|it is winter|snow has fallen|it is cold and snowy|everything is frozen|the hills are white with snow|there is snow on the ground|snow covers everything|there was heavy snow"),
   "A": L("snowy|wintry|icy|snow-covered|frosty|cold and white|frozen|white with snow|covered in snow|like winter")},
 "autumn": {"V": timed("season", L("autumn|fall|autumn|the fall|october|november|autumn time|harvest time|an autumn landscape")) + L("turn the leaves orange|make the leaves golden|colour the leaves red and orange|color the leaves orange and brown|let the leaves turn|let the leaves turn yellow|make the trees orange and brown|give the trees autumn leaves|give <IT> fall colors|give <IT> autumn colours|paint <IT> in autumn colours|let the leaves change colour|make the foliage orange|turn the trees golden"),
   "N": L("autumn|fall|an autumn scene|a fall scene|autumn foliage|fall foliage|golden leaves|orange leaves|autumn leaves|october|november|harvest time|autumn weather|brown and orange leaves|leaves in autumn colours|an autumn landscape|fall colors|autumn colours|the colours of autumn"),
   "S": L("the leaves have turned orange|the leaves are turning brown|the leaves have turned|the leaves are changing colour|autumn has come|autumn is here|fall is here|it is october|it is autumn|it is fall|the trees have turned yellow and red|summer is over|harvest is here|the leaves are golden|autumn has arrived"),
   "A": L("autumnal|autumn-like|like autumn|like fall|orange and brown like autumn")},
 "summer": {"V": timed("season", L("summer|summertime|summer|july|august|june|the warm season|the summer|a summer landscape")) + L("melt the snow|remove the snow|get rid of the snow|clear the snow away|take away the snow|let the snow melt|let the grass grow green|make the grass green|make the grass green again|turn the leaves green|make the trees green again|thaw <GROUND>|end the winter|bring the green back|bring back the green|make everything green|make <GROUND> green|green up <GROUND>|let everything be green"),
   "N": L("summer|summertime|a summer scene|green grass|green meadows|green leaves|green trees|july|june|august|lush green|a summer landscape|summer weather|a green landscape|no snow|greenery|green hills|the warm season"),
   "S": L("summer has come|summer is here|the snow has melted|the snow is gone|it is july|it is summer|it is august|everything is green|everything is green again|the grass is green|the meadows are green again|the winter is over|it is warm and green|the leaves are green again|summer has arrived|the trees are green"),
   "A": L("green|green again|lush|lush and green|summery|warm and green|like summer")},
 "fog": {"V": ["<ADD> " + x for x in L("fog|some fog|mist|some mist|haze|a thick fog|a layer of fog|morning mist")] + L("wrap <IT> in fog|shroud <IT> in mist|hide <IT> in haze|hide <IT> behind fog|fill <IT> with fog|cover <IT> with mist|cover <IT> with fog|spread fog over <IT>|let fog roll in|let the mist rise|veil <IT> in mist|let mist cover <IT>|pour fog over <IT>|bring on the fog|lay mist over <IT>|let the fog come|turn <IT> foggy|let <IT> vanish in the mist"),
   "N": L("fog|mist|haze|a thick fog|thick fog|dense fog|some fog|a bit of mist|morning mist|a layer of fog|a veil of mist|a foggy scene|a misty scene|a foggy day|misty weather|a hazy view|fog over everything|mist over the hills"),
   "S": L("fog has rolled in|it is foggy|it is misty|it is hazy|mist hangs over the valley|you can hardly see anything|fog covers everything|the hills vanish in the mist|a haze lies over the land|the air is full of fog|there is fog|there is mist everywhere|fog came up|the fog is thick|one can hardly see through the fog|the mist has come down"),
   "A": L("foggy|misty|hazy|foggy and grey|very foggy|a bit foggy|misty all over")},
 "clear": {"V": L("<RM> <FOG>|<RM> <FOG>|<RM> the fog|<RM> the mist|<RM> the haze|lift the fog|lift the mist|clear up the haze|clear the fog|clear the mist|blow away the fog|blow the mist away|dispel the fog|dissolve the fog|let the fog lift|let the mist clear|let the fog vanish|make the fog go away|make the mist disappear|defog <IT>|dehaze <IT>|take the fog away|clear the air|make the air clear|let me see through the fog|burn off the mist|stop the fog|send the fog away"),
   "N": L("clear air|a clear view|good visibility|no more fog|no fog|no mist|no haze|less fog|the view without fog|fresh clear air|the scene without mist|clear weather|an unobstructed view"),
   "S": L("the fog has lifted|the mist is gone|the fog is gone|the fog has cleared|the air is clear|you can see far again|the haze has disappeared|the mist has lifted|the fog lifts|the fog <BAD>|the mist <BAD>|the fog <GONE>|there is no fog|there is no mist anymore|you can see everything clearly|i don't like the fog|i don't want fog"),
   "A": L("less foggy|fog-free|less hazy|not foggy|free of fog|clear and without fog|less misty|not so foggy")},
 "bw": {"V": L("desaturate <IT>|remove all colour|remove the color from <IT>|remove all colors|drain the colour from <IT>|take the colours out|take out all the color|strip the colour from <IT>|strip away all colour|convert <IT> to greyscale|convert <IT> to grayscale|turn <IT> black and white|make <IT> black and white|make <IT> monochrome|make <IT> grey|make <IT> gray|get rid of the colours|get rid of all color|use only shades of grey|switch to black and white|drop all colours|lose the color|turn off the colour|change <IT> to black and white|render <IT> in black and white|show <IT> in grey|show <IT> without colour|print <IT> in black and white"),
   "N": L("black and white|a black and white picture|a black and white version|a black-and-white photo|greyscale|grayscale|a greyscale version|monochrome|a monochrome image|shades of grey|shades of gray|no colour|no colors at all|a colourless picture|grey tones only|a gray picture|a b&w picture"),
   "S": L("it has no colour|everything is grey|it is monochrome|the colour is gone|there is no colour|it is black and white|it was an old black and white film|the colours have disappeared|everything is in shades of grey|all colour has been removed"),
   "A": L("black and white|black-and-white|greyscale|grayscale|monochrome|colourless|colorless|grey|gray|b&w|desaturated|without colour|without any color")},
 "remove_balloon": {"V": L("<RM> the <BALX>|<RM> the <BALX>|<RM> the balloon|<RM> that balloon|make the <BALX> disappear|make the balloon vanish|make the balloon go away|let the balloon fly away|let the balloon fly off|let the balloon drift away|pop the balloon|send the balloon away|take the <BALX> away|take the balloon out of the picture|free the sky of the balloon|let go of the balloon"),
   "N": L("no balloon|no more balloon|no hot air balloon|the picture without the balloon|a sky without a balloon|the sky without the balloon|it without the balloon"),
   "S": L("the <BALX> <GONE>|the balloon <GONE>|the <BALX> <BAD>|the balloon <BAD>|there is no balloon|there should be no balloon|the balloon flew away|the balloon has flown off|the balloon has landed elsewhere|i don't like the balloon|i don't want the balloon|i don't want to see the <BALX>|we don't need the balloon|nobody needs that balloon|the balloon has drifted away")},
 "remove_clouds": {"V": L("<RM> the clouds|<RM> the clouds|<RM> all clouds|<RM> all the clouds|clear the sky|clear up the sky|blow the clouds away|blow away the clouds|wipe the clouds from the sky|make the clouds disappear|make the clouds vanish|take the clouds away|let the clouds pass|sweep the clouds away|make the sky clear|make the sky cloudless|empty the sky of clouds|chase the clouds away|free the sky of clouds|let the clouds drift off"),
   "N": L("no clouds|no more clouds|a clear sky|a clear blue sky|a cloudless sky|a sky without clouds|an empty sky without clouds|not a single cloud|fewer clouds|the sky without clouds|cloudless weather|a blue sky without clouds"),
   "S": L("the clouds are gone|the clouds have gone|the clouds <BAD>|the sky has cleared up|the sky is clear|there are no clouds|there is not a cloud in the sky|the clouds have drifted away|the clouds have disappeared|i don't like the clouds|i don't want clouds|the sky is cloudless|it is no longer cloudy"),
   "A": L("cloudless|free of clouds|less cloudy|not cloudy")},
 "add_clouds": {"V": L("<ADD> <CLOUD>|<ADD> <CLOUD>|<ADD> <CLOUD> in the sky|<ADD> <CLOUD> to the sky|fill the sky with clouds|cover the sky with clouds|let clouds come up|let clouds drift in|let the sky cloud over|make it cloudy|make the sky cloudy|make the sky overcast|scatter clouds across the sky|bring clouds|decorate the sky with clouds|let clouds gather|populate the sky with clouds"),
   "N": L("<CLOUD>|<CLOUD> in the sky|a cloudy sky|an overcast sky|cloudy weather|a sky with clouds|a sky full of clouds|cloud cover|clouds above the house|clouds overhead"),
   "S": L("clouds drift by|clouds are gathering|it is cloudy|the sky clouds over|the sky is overcast|clouds have come up|there are clouds in the sky|there are some clouds|the sky is full of clouds|clouds float above the house|the sky is too empty, it needs clouds|the sky needs clouds|clouds are coming in|it has become cloudy"),
   "A": L("cloudy|overcast|cloudier|clouded")},
}
def sunmoon(a, b):
    return {"V": L(f"<SWAP> the {a} for a {b}|<SWAP> the {a} for the {b}|<SWAP> the {a} with a {b}|<SWAP> the {a} with the {b}|replace the {a} with a {b}|replace the {a} by the {b}|replace the {a} with the {b}|turn the {a} into a {b}|turn the {a} into the {b}|change the {a} to a {b}|change the {a} into the {b}|make the {a} a {b}|make a {b} out of the {a}|put a {b} where the {a} is|put the {b} in place of the {a}|put the {b} in the {a}'s place|draw a {b} instead of the {a}|draw the {b} where the {a} was|let the {b} take the {a}'s place|let the {b} replace the {a}|show the {b} instead of the {a}|transform the {a} into a {b}|remove the {a} and put a {b} there|take the {a} out and put the {b} in|let the {a} become a {b}|give me a {b} for the {a}|convert the {a} to a {b}"),
      "N": L(f"a {b} instead of the {a}|the {b} instead of the {a}|a {b} in place of the {a}|{b} instead of {a}|a {b} rather than a {a}|a {b} where the {a} is|not a {a} but a {b}|no {a} but a {b}|a {b}, not a {a}|a {b} in the {a}'s place|the {b} for the {a}"),
      "S": L(f"the {b} shines instead of the {a}|the {a} is a {b}|the {a} becomes a {b}|the {a} turns into the {b}|where the {a} is there should be a {b}|the {a} should be a {b}|the {a} has been replaced by the {b}|a {b} hangs where the {a} was|the {b} is in the sky instead of the {a}|that's not a {a}, it is a {b}|the {a} was a {b}|the {b} has taken the {a}'s place|instead of the {a} there is a {b}")}
G["moon"], G["sun"] = sunmoon("sun", "moon"), sunmoon("moon", "sun")
def recolour(X):
    return {"V": [s.replace("X", X) for s in L("<PAINT> the X {c}|<PAINT> the X {c}|<PAINT> the X in {c}|<MAKE> the X {c}|make the X {c}|make the X look {c}|turn the X {c}|turn the X to {c}|give the X a {c} <CO>|give the X a coat of {c} paint|give the X some {c} paint|change the X to {c}|change the <CO> of the X to {c}|change the X's <CO> to {c}|set the X to {c}|set the <CO> of the X to {c}|switch the X to {c}|use {c} for the X|redo the X in {c}|cover the X with {c} paint|have the X painted {c}|put {c} paint on the X|replace the X with a {c} one|swap the X for a {c} one|let the X be {c}|let the X become {c}|turn the X from {d} to {c}|change the X from {d} to {c}|make the X {c} instead of {d}|pick {c} for the X|choose {c} as the <CO> of the X|<PAINT> this X {c}|<PAINT> my X {c}|make that X {c}|make the {d} X {c}|paint the {d} X {c}")],
      "N": [s.replace("X", X) for s in L("a {c} X|a {c} X|{c} X|the X in {c}|{c} for the X|a {c} colour on the X|{c} paint on the X|the X {c}|X in {c}|X {c}|a X in {c}|a {c} X instead|a {c} X instead of the {d} one|the X to be {c}|a {c} X, not a {d} one|the X painted {c}")],
      "S": [s.replace("X", X) for s in L("the X is {c}|the X is now {c}|the X was {c}|the X has been painted {c}|the X should be {c}|the X should be {c}, not {d}|the X ought to be {c}|the X must be {c}|the X looks better in {c}|the X would look good in {c}|the X's <CO> is {c}|i prefer the X in {c}|someone painted the X {c}|{c} is a better <CO> for the X|{c} would suit the X|the <CO> of the X should be {c}|the X needs to be {c}|the X could be {c}|i like the X better in {c}|my X is {c}|the X isn't {d}, it's {c}|the X has turned {c}|the X gets a {c} <CO>")]}
G["roof"], G["wall"], G["balloon"] = recolour("<ROOF>"), recolour("<WALL>"), recolour("<BALX>")
G["vehicle"] = recolour("<VEH>")
G["roof"]["V"] += L("put a {c} roof on the house|give the house a {c} roof|top the house with a {c} roof|put {c} tiles on the roof|cover the roof with {c} tiles|roof the house in {c}")
G["roof"]["S"] += L("the house has a {c} roof|the house gets a {c} roof|the house should have a {c} roof")
G["roof"]["N"] += L("a house with a {c} roof|{c} tiles on the roof")
G["wall"]["V"] += L("give the house {c} walls|whitewash the house in {c}|do the walls in {c}|make it a {c} house|paint the house walls {c}")
G["wall"]["N"] += L("{c} walls|a house with {c} walls|{c} walls for the house|{c} house walls")
G["wall"]["S"] += L("the walls are {c}|the walls should be {c}|the house has {c} walls|the walls of the house are {c}|the family painted their house {c}")
G["vehicle"]["N"] += L("a {c} <VEH> rather than a {d} one")
G["add_balloon"] = {"V": L("<ADD> a {c} <BAL> <SKY>|<ADD> a {c} <BAL> <SKY>|<ADD> a {c} <BAL> <SIDE>|<ADD> one {c} <BAL> <SKY>|<SKY> <ADD> a {c} <BAL>|<SKY>, <ADD> a {c} <BAL>|let a {c} <BAL> fly <SKY>|let a {c} <BAL> float <SKY>|let a {c} <BAL> rise <SKY>|have a {c} <BAL> hover <SKY>|<ADD> a <BAL> <SKY>, in {c}|<ADD> a <BAL> <SKY> and make it {c}|<ADD> a <BAL> <SKY>, it should be {c}|hang a {c} <BAL> <SKY>|put a <BAL> that is {c} <SKY>|<ADD> a {c} coloured <BAL> <SKY>"),
   "N": L("a {c} <BAL> <SKY>|a {c} <BAL> <SIDE>|<SKY>, a {c} <BAL>|one {c} <BAL> <SKY>|a <BAL> <SKY>, {c}|a {c} <BAL> floating <SKY>|a <BAL> in {c} <SKY>|a {c} <BAL> in the sky, <SIDE>"),
   "S": L("a {c} <BAL> is floating <SKY>|a {c} <BAL> flies <SKY>|a {c} <BAL> floats <SKY>|a {c} <BAL> hovers <SKY>|there is a {c} <BAL> <SKY>|a {c} <BAL> has appeared <SKY>|a {c} <BAL> comes along <SKY>|<SKY> there is a {c} <BAL>|the sky needs a {c} <BAL> <SIDE>|someone flies a {c} <BAL> <SKY>")}
G["add_tree"] = {"V": L("<ADD> a <K> <SIDE>|<ADD> a <K> <SIDE>|plant a <K> <SIDE>|plant a <K> <SIDE>|grow a <K> <SIDE>|<ADD> one <K> <SIDE>|<SIDE> <ADD> a <K>|<SIDE>, <ADD> a <K>|<SIDE>, plant a <K>|let a <K> grow <SIDE>|let a <K> stand <SIDE>|have a <K> <SIDE>|<ADD> a new <K> <SIDE>|fill the gap <SIDE> with a <K>"),
   "N": L("a <K> <SIDE>|a <K> <SIDE>|one <K> <SIDE>|a new <K> <SIDE>|<SIDE>, a <K>|another <K> <SIDE>|<K> <SIDE>|a <K> growing <SIDE>"),
   "S": L("a <K> grows <SIDE>|a <K> stands <SIDE>|there is a <K> <SIDE>|<SIDE> there is a <K>|the {s} side needs a <K>|the {s} could use a <K>|the {s} side looks empty, put a <K> there|it needs a <K> <SIDE>|a <K> has grown <SIDE>|someone planted a <K> <SIDE>")}
G["remove_tree"] = {"V": L("<RM> the <TREE> <SIDE>|<RM> the {s} <TREE>|<RM> the {s} <TREE>|cut down the {s} <TREE>|cut down the <TREE> <SIDE>|chop down the {s} <TREE>|chop down the <TREE> <SIDE>|fell the {s} <TREE>|fell the <TREE> <SIDE>|saw down the {s} <TREE>|saw off the tree <SIDE>|uproot the <TREE> <SIDE>|dig out the {s} tree|chop the {s} <TREE>|take the <TREE> <SIDE> away|take the {s} tree out|make the {s} <TREE> disappear|make the <TREE> <SIDE> vanish|make the tree <SIDE> go away|let the {s} tree go|<SIDE>, <RM> the tree|<RM> that tree <SIDE>|clear the <TREE> <SIDE>|clear the {s} side of trees|cut the {s} tree down|chop the tree <SIDE> down"),
   "N": L("no <TREE> <SIDE>|no {s} tree|no more tree <SIDE>|the picture without the {s} tree|nothing where the {s} tree is|an empty {s} side without the tree|it without the tree <SIDE>"),
   "S": L("the <TREE> <SIDE> <GONE>|the {s} <TREE> <GONE>|the {s} tree <BAD>|the <TREE> <SIDE> <BAD>|the tree <SIDE> has fallen|the {s} tree was cut down|the {s} tree has been felled|a storm blew down the {s} tree|the tree <SIDE> has been chopped down|i don't like the {s} tree|i don't want the tree <SIDE>|i don't want a tree <SIDE>|there is no tree <SIDE>|there should be no tree <SIDE>|we don't need the {s} tree")}
G["swap_tree"] = {"V": L("<SWAP> the {s} <TREE> for a <K>|<SWAP> the <TREE> <SIDE> for a <K>|<SWAP> the {s} tree with a <K>|replace the {s} <TREE> with a <K>|replace the <TREE> <SIDE> with a <K>|replace the {s} tree by a <K>|turn the {s} <TREE> into a <K>|turn the <TREE> <SIDE> into a <K>|change the {s} <TREE> to a <K>|change the <TREE> <SIDE> into a <K>|make the {s} <TREE> a <K>|make the <TREE> <SIDE> a <K>|make the {s} tree into a <K>|transform the {s} tree into a <K>|put a <K> where the {s} tree is|put a <K> in place of the tree <SIDE>|draw a <K> instead of the {s} tree|let the {s} tree become a <K>|let the tree <SIDE> be a <K>|take the {s} tree out and plant a <K> there|cut the {s} tree and plant a <K> instead|convert the {s} tree to a <K>|change the kind of the {s} tree to <K>|<SIDE>, turn the tree into a <K>|have a <K> instead of the tree <SIDE>"),
   "N": L("a <K> instead of the {s} tree|a <K> instead of the tree <SIDE>|a <K> in place of the {s} tree|a <K> where the {s} tree is|a <K> for the tree <SIDE>|a different tree <SIDE>, a <K>|the {s} tree as a <K>"),
   "S": L("the {s} tree is a <K>|the tree <SIDE> is a <K>|the {s} tree should be a <K>|the tree <SIDE> should be a <K>|the {s} tree becomes a <K>|the tree <SIDE> turns into a <K>|the {s} tree was a <K>|the {s} tree would look better as a <K>|the {s} tree has been replaced by a <K>|the tree <SIDE> ought to be a <K>|i prefer a <K> to the {s} tree|instead of the {s} tree there is a <K>")}
G["add_vehicle"] = {"V": L("<ADD> a {c} <VEH>|<ADD> a {c} <VEH>|<ADD> a {c} <VEH> <WAY>|<ADD> one {c} <VEH> <WAY>|<WAY> <ADD> a {c} <VEH>|let a {c} <VEH> come by|let a {c} <VEH> pass|let a {c} <VEH> appear <WAY>|<ADD> a <VEH> <WAY>, in {c}|<ADD> a <VEH> and make it {c}|<ADD> a <VEH>, it should be {c}|<ADD> a <VEH>, {c}|have a {c} <VEH> go by|<ADD> a new {c} <VEH>|<ADD> a {c} coloured <VEH>|<MOVE>"),
   "N": L("a {c} <VEH> <WAY>|one {c} <VEH> <WAY>|a new {c} <VEH>|a {c} <VEH> going by|a <VEH> <WAY>, {c}|a <VEH> in {c} <WAY>|a {c} <VEH> in the picture"),
   "S": L("a {c} <VEH> comes by|a {c} <VEH> passes|there is a {c} <VEH> <WAY>|a {c} <VEH> <PASS>|a {c} <VEH> has appeared <WAY>|the <STRIP> needs a {c} <VEH>|the <STRIP> is empty, add a {c} <VEH>|<WAY> there is a {c} <VEH>|someone comes along in a {c} <VEH>|the <STRIP> could use a {c} <VEH>")}
G["remove_vehicle"] = {"V": L("<RM> the <VEH>|<RM> the <VEH>|<RM> the <VEH>|<RM> that <VEH>|make the <VEH> disappear|make the <VEH> vanish|make the <VEH> go away|let the <VEH> leave|send the <VEH> away|take the <VEH> away|take the <VEH> out of the picture|<LEAVE>|let the <VEH> move on|clear the <STRIP>|empty the <STRIP>"),
   "N": L("no <VEH>|no more <VEH>|the picture without the <VEH>|an empty <STRIP>|a <STRIP> without a <VEH>|it without the <VEH>|nothing on the <STRIP>|a clear <STRIP>"),
   "S": L("the <VEH> <GONE>|the <VEH> <GONE>|the <VEH> <BAD>|the <VEH> <BAD>|there is no <VEH>|there should be no <VEH>|<LEFT>|i don't like the <VEH>|i don't want the <VEH>|i don't want to see the <VEH>|we don't need the <VEH>|the <STRIP> is empty|the <STRIP> should be empty|nobody needs that <VEH>")}
VT = {"car": {"VEH": "CARX", "WAY": L("on the road|on the street|in front of the house|down the road|"), "STRIP": L("road|road|street"), "PASS": L("drives by|drives past|is parked on the road|rolls down the road|drives along the road|is driving past the house"), "LEAVE": L("drive the car away|tow the car away|drive the car off|park the car somewhere else"), "LEFT": L("the car drove away|the car has driven off|somebody drove the car away"), "MOVE": L("park a {c} car on the road|drive a {c} car past the house|park a {c} car in front of the house")},
      "boat": {"VEH": "BOATX", "WAY": L("on the river|on the water|in the water|in the river|in front of the house|"), "STRIP": L("river|river|water"), "PASS": L("sails by|sails past|floats on the river|sails down the river|is sailing past the house|drifts along"), "LEAVE": L("sail the boat away|sink the boat|let the boat sail off|let the boat sail away"), "LEFT": L("the boat sailed away|the boat has sailed off|the boat sank"), "MOVE": L("float a {c} boat on the river|sail a {c} boat past the house|launch a {c} boat")}}
G["noop"] = {"V": L("leave <IT> as it is|leave <IT> alone|leave everything alone|do nothing|do nothing at all|don't do anything|change nothing|don't change anything|do not change a thing|don't touch <IT>|do not touch anything|keep <IT> as it is|keep <IT>|keep <IT> the same|keep everything|preserve <IT>|skip this one|cancel|stop|leave <IT> unchanged|leave it be|stay as you are|make no changes|not change anything|make no edits|let <IT> stay as it is|hold on, do nothing|let it be"),
   "N": L("no change|no changes|no edit|no edits|nothing|nothing at all|the same picture|the same picture again|the original|exactly what is there|not a single change"),
   "S": L("it's perfect|it is perfect as it is|it is fine|i like it as it is|it's good as it is|nothing should change|everything should stay the same|everything stays as it is|it is fine as it is|that's all|we are done|it looks good already|never mind|forget it|all good|no need to change anything|there is nothing to do|hands off")}
NEG = ["don't {x}", "do not {x}", "please don't {x}", "never {x}", "you must not {x}", "i don't want you to {x}", "no need to {x}", "don't ever {x}", "under no circumstances {x}"]

for kind, forms in WIDER.items():
    for form, texts in forms.items():
        G[kind].setdefault(form, []).extend(texts)
for kind, thing in (("roof", "<ROOF>"), ("wall", "<WALL>"), ("balloon", "<BALX>"), ("vehicle", "<VEH>")):
    for form, texts in WIDER_RECOLOUR.items():
        G[kind][form].extend(t.replace("X", thing) for t in texts)


registers.extend(G, NT, W)
for kind, forms in VOICES.items():
    for form, texts in forms.items():
        G[kind].setdefault(form, []).extend(texts)
for kind, thing in (("roof", "<ROOF>"), ("wall", "<WALL>"), ("balloon", "<BALX>"), ("vehicle", "<VEH>")):
    for form, texts in RECOLOUR_VOICES.items():
        G[kind][form].extend(re.sub(r"\bX\b", thing, t) for t in texts)


def pick(r, kind, form, f):
    t = r.choice(G[kind][form])
    v = f.get("v")
    while True:
        m = re.search(r"<(\w+)>", t)
        if not m: break
        n = m.group(1)
        if n == "K": opts = NT["PINE" if f["k"].startswith("pine") else "ROUND"]
        elif n in VT["car"]:
            opts = VT[v][n]
            if isinstance(opts, str): opts = NT[opts]
        else: opts = NT[n]
        t = t[:m.start()] + r.choice(opts) + t[m.end():]
    return t
VOW = re.compile(r"\ba (?=(orange|evergreen|oak|air|automobile|auto|[aeio]\w+))")
def finish(t, f, r):
    if "{k2}" in t:  # the tree that stands there: of the other kind
        pine = f.get("k", r.choice(["pine tree", "round tree"])).startswith("pine")
        t = t.replace("{k2}", r.choice(NT["ROUND" if pine else "PINE"]))
    if "{gone}" in t:
        t = t.replace("{sep}", r.choice([", ", ". ", "; ", ", so ", " and "])).replace("{gone}", r.choice(registers.GONE))
    c = f.get("c"); d = r.choice([x for x in COL if x != c])
    t = t.replace("{c}", c or "").replace("{d}", d).replace("{s}", f.get("s") or "")
    if r.random() < .8: t = VOW.sub("an ", t)
    return re.sub(r"\s+", " ", t).strip()
def paraphrase(kind, f, r):
    forms = list(G[kind]); wt = {"V": .42, "N": .2, "S": .2, "A": .13, "C": .14}
    form = r.choices(forms, [wt[x] for x in forms])[0]
    x = pick(r, kind, form, f)
    w = "{x}" if form == "C" else r.choice(W[form]) if r.random() < .55 else "{x}" if form != "A" else r.choice(W["A"])
    t = w.replace("{x}", x)
    while "<IT>" in t: t = t.replace("<IT>", r.choice(NT["IT"]), 1)
    return finish(t, f, r)
def negated(kind, f, r): return finish(r.choice(NEG).replace("{x}", pick(r, kind, "V", f)), f, r)
AMER = [("colour","color"),("grey","gray"),("greyscale","grayscale"),("autumn","fall")]
FILL = ["umm ","well, ","so ","actually ","hey ","hi, ","oh, ","listen, "]; TAIL = [" thanks"," thank you"," if you can"," asap"," ok?"," if possible"," somehow"," instead"," this time"]
def spoil2(t, r):
    if r.random() < .25:
        for a, b in AMER[:3]:
            t = t.replace(a, b) if r.random() < .5 else t.replace(b, a)
    if r.random() < .05: t = r.choice(FILL) + t
    if r.random() < .05: t = t.rstrip("?.!") + r.choice(TAIL)
    if r.random() < .15: t = t.replace("'", "")
    if r.random() < .06: t = t.replace(" the ", " ")
    if r.random() < .04: t = t.replace(" a ", " ")
    for _ in range(2):
        if len(t) > 5 and r.random() < .10:
            i = r.randrange(1, len(t) - 2); how = r.randrange(4)
            if how == 0: t = t[:i] + t[i+1:]
            elif how == 1: t = t[:i] + t[i+1] + t[i] + t[i+2:]
            elif how == 2: t = t[:i] + t[i] + t[i:]
            else: t = t[:i] + r.choice(string.ascii_lowercase) + t[i+1:]
    if r.random() < .12: t = t.rstrip("?.!") + r.choice([".", "!", "?", "..", " :)"])
    return t
if __name__ == "__main__":
    r = random.Random(1)
    for k in G:
        for _ in range(4):
            f = {"c": r.choice(COL), "s": r.choice(["left","right"]), "k": r.choice(["pine tree","round tree"]), "v": r.choice(["car","boat"])}
            print(k, "|", spoil2(paraphrase(k, f, r), r))
    n = sum(len(v) for g in G.values() for v in g.values()); print(n, "templates", len(G), "kinds")
