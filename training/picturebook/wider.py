"""More ways to ask for each edit, added to the grammar of `paraphrases.py`: descriptions of the result, questions, wishes, moods, speech as
it is dictated. V: verb phrases, N: noun phrases, S: statements, A: adjectives, as there."""


def lines(text):
    return [x.strip() for x in text.split("|") if x.strip()]


WIDER = {
    "night": {
        "V": lines("turn off the sun|switch the lights off outside|dim the sky until you can see stars|make the sun go away and bring stars|make it look like bedtime|let the stars twinkle above|show me the place after dark|take <IT> into the night|put the stars up|make it midnight blue|flip <IT> to nighttime|make it later, like midnight|go from day to night|let us see it under the stars|change from daytime to nighttime|make it pitch black outside|make it a moonlit evening with stars|put <IT> under a starry sky|darken <IT> to night|make the time of day night"),
        "N": lines("nite time|night mode|the dead of night|a nocturnal scene|starlight|a scene lit by the moon|stars twinkling in a dark sky|dark sky with stars please|nightfall|an evening long after sunset with stars|the small hours|after dark"),
        "S": lines("what does it look like at night|how would it look at night|can it be night|the sun has gone and the stars are out|it gets dark|darkness falls|the night begins|they've all gone to sleep|the lights are on in the house because it is dark|it is two in the morning|we are looking at this at midnight|the owls are awake")},
    "sunset": {
        "V": lines("make the sun go down|give <IT> that golden evening look|make the sky orange and pink like in the evening|set the mood to evening|let dusk fall|take <IT> to the end of the day|change the light to evening light|show me the place at dusk|add a warm sunset glow|go from day to sunset|turn the sky to sunset colours|make the sky look like the sun is setting|warm up the light like at the end of the day|dip <IT> in evening light"),
        "N": lines("sun set|a glowing evening sky|that golden hour feeling|late afternoon light|a romantic sunset|a beautiful sunset|sunset mode|the end of the day|dusk light|nightfall approaching, with an orange sky|a reddish evening"),
        "S": lines("what would it look like at sunset|can it be evening|the sun is about to set|the sun is just going down|it is around sunset|it is almost night and the sky is red|the day is nearly over|the evening sun makes everything glow|we watch the sun go down|evening falls")},
    "day": {
        "V": lines("wake everybody up, it is morning|turn the lights back on outside|make the stars go away|let the daylight in|change from night to day|go from night to day|brighten <IT> to daytime|make it light outside|show me the place during the day|bring the sun out|bring back the sun|put <IT> in the sunshine|make it a bright morning|lose the darkness|switch to day mode|make the time of day daytime|make it noon"),
        "N": lines("day time|day mode|a bright blue sky with sunlight|light of day|the middle of the day|normal daylight|early morning light|high noon|a bright and cheerful day|a clear bright day"),
        "S": lines("what does it look like during the day|how would it look by day|can it be daytime|can it be day again|the sun comes up|the sun rises|the night has ended|everybody is awake, it is day|it's noon now|the sky is bright and blue|the daylight is back|it is a lovely sunny day")},
    "winter": {
        "V": lines("make it look like christmas time|put <IT> in the middle of winter|turn the grass white with snow|drop some snow on it|get some snow in there|make it cold and white|make the season winter|change from summer to winter|let the snow come down|have snow lie everywhere|give <IT> a snow cover|snow <IT> in|cover the hills and the roof in snow|throw some snow on the hills|paint <IT> in winter|turn <IT> into a snowy wonderland|make the world white"),
        "N": lines("snow please|snow all over|a winter wonderland|christmas weather|snowy hills|snow on the roof and the ground|white hills|wintery look|the season of snow|snowfall|winter mode|a cold winter day|a thick layer of snow"),
        "S": lines("what would it look like in winter|how would this look with snow|can it be winter|can we have snow|it snowed last night|it's snowed|snow has covered the ground|we woke up to snow|everything is covered in snow|the kids want snow|it is the coldest month|it is february|it is minus ten outside|there's a lot of snow|the ground has turned white with snow")},
    "autumn": {
        "V": lines("make the leaves fall colours|turn the leaves red|make the trees orange|change from summer to autumn|make the season autumn|make the season fall|put <IT> in autumn|let the leaves go brown and orange|give the trees orange leaves|warm the trees up to autumn colours|make the grass and leaves brownish like in fall|bring in the autumn|show me the place in october|turn the green into orange and brown"),
        "N": lines("fall season|autumn mode|leaves turning orange|trees in orange and red|november mood|an october day|a september landscape|rusty leaves|fall time|yellow and red leaves on the trees|thanksgiving season"),
        "S": lines("what would it look like in autumn|how would it look in the fall|can it be autumn|the trees have orange leaves|the leaves go red|summer has turned to autumn|it's fall now|it's late october|the foliage is orange|all the leaves are brown|the trees are orange now|it is harvest season")},
    "summer": {
        "V": lines("make the season summer|change from winter to summer|warm <IT> up so the grass is green|let the snow go away|make the snow disappear|wipe away the snow|show me the place in july|put <IT> in summer|take the snow off|turn everything green|turn the ground green|give the trees green leaves again|bring the warm season back|end the cold|lose the snow|undo the winter and show summer"),
        "N": lines("summer mode|green grass please|a warm green landscape|a green summer|fresh green everywhere|the height of summer|green nature|summer season|a warm summer day|leafy green trees and grass"),
        "S": lines("what would it look like in summer|how would it look without snow|can it be summer|the grass has grown green|the snow has all melted|no more snow, it is summer|it's the middle of july|the fields are green|the land is green again|it got warm and the snow melted|it is summer again")},
    "fog": {
        "V": lines("make the air thick with mist|blur the distance with fog|make it hard to see the hills because of mist|let some fog come in|bring in the mist|make it mysterious with fog|make <IT> disappear in fog|add a bit of haze|give <IT> a foggy mood|put a mist over the land|make the weather foggy|let there be mist|fog <IT> up|soften <IT> with mist"),
        "N": lines("pea soup fog|london fog|misty morning|foggy weather please|a foggy morning|fog all around|low visibility|a grey mist over everything|mist rolling over the hills|a hazy day"),
        "S": lines("what would it look like in fog|can it be foggy|can we have some fog|the fog is rolling in|mist has settled over the land|you can barely see the hills|you can barely see the house through the fog|it's a foggy day|everything disappears in the fog|the weather turns misty|it is so foggy today")},
    "clear": {
        "V": lines("make the weather clear without fog|let me see the hills again|make the air clean|take away the mist|get the fog out of there|switch the fog off|make the fog disappear|let the sun burn off the fog|wipe the fog away|clean the haze off|remove the foggy look|undo the fog"),
        "N": lines("fog free air|a fogless view|clear visibility|crisp clear air|no foggy weather|zero fog|the picture without any haze"),
        "S": lines("the fog is too thick, remove it|i can't see anything, clear the fog|can you see without the fog|the fog went away|the mist has gone|it's not foggy any more|the fog dissolves|can the fog go away|the weather is clear, no fog|the hills can be seen again, no more fog")},
    "bw": {
        "V": lines("take away all the colour|make it look like an old photo without colour|make <IT> like an old black and white movie|get all the colors out|grey <IT> out|go monochrome|make <IT> colourless|apply black and white|set the saturation to zero|kill the colours|go black and white|turn <IT> to greyscale|bleach out all the colours to grey|make everything grey"),
        "N": lines("bw|b/w|black n white|b and w|a black & white look|black and white mode|an old black and white photograph|just greys|only black white and grey|grey scale|gray scale"),
        "S": lines("can it be black and white|can you do black and white|what would it look like in black and white|all the colours are gone|there are no colours any more|it looks like an old photograph in black and white|there's no color left|everything turns grey")},
    "remove_balloon": {
        "V": lines("make that balloon go|burst the balloon|land the balloon somewhere else|clear the sky of the balloon|take that balloon out|take the balloon from the sky|balloon be gone|shoot down the balloon|let the balloon leave"),
        "N": lines("a balloon-free sky|sky with no balloon|no balloons|no balloons please|zero balloons"),
        "S": lines("can the balloon go away|the balloon shouldn't be in the picture|the balloon spoils the view|the balloon is distracting|the balloon burst|the balloon has gone home|the balloon is not needed|there's a balloon, please remove it")},
    "remove_clouds": {
        "V": lines("get those clouds out of here|make all clouds go|let the wind blow the clouds away|clean the sky|take every cloud away|send the clouds away|make the sky empty|lose those clouds"),
        "N": lines("zero clouds|blue sky with no clouds|cloud-free sky|no cloud|a sky with nothing in it|clear skies"),
        "S": lines("can the clouds go away|there are too many clouds, take them away|the clouds spoil the sky|the sky should have no clouds|the clouds blew away|the sky is free of clouds|it has cleared up and the clouds are gone|the clouds are not needed")},
    "add_clouds": {
        "V": lines("put clouds up there|make some clouds|give the sky some clouds|give me some clouds up there|let the clouds roll in|sprinkle the sky with clouds|make the sky more interesting with clouds|place a few clouds above|create a cloudy sky"),
        "N": lines("clouds please|fluffy white clouds in the sky|some cloud|a bit of cloud|a couple of white clouds overhead|cotton clouds|cloudy skies"),
        "S": lines("can we have clouds|the sky looks empty without clouds, add them|the sky is missing clouds|some clouds drift across the sky|the sky could use some clouds|it's a cloudy day|clouds cover the sky|i miss clouds in the sky")},
    "remove_vehicle": {
        "V": lines("get that <VEH> out of here|take that <VEH> from the picture|lose that <VEH>|make the <STRIP> empty|let the <VEH> be gone|<RM> the <VEH> from the <STRIP>|<RM> the <VEH> completely|take the <VEH> off the <STRIP>|clear the <VEH> from the <STRIP>"),
        "N": lines("no <VEH>s|zero <VEH>s|a <STRIP> with no <VEH>|just the <STRIP>, no <VEH>|<VEH>-free <STRIP>"),
        "S": lines("can the <VEH> go away|the <VEH> spoils the view|the <VEH> is distracting|the <VEH> is not needed|there is a <VEH>, please remove it|the <VEH> shouldn't be in the picture|nobody should be on the <STRIP>|the <STRIP> has no <VEH>")},
    "add_vehicle": {
        "V": lines("<ADD> a <VEH> in {c}|<ADD> a {c} <VEH> passing by|<ADD> a {c} colored <VEH>|put one {c} <VEH> in there|get a {c} <VEH> in|give me one {c} <VEH>|i'd like to add a {c} <VEH>|a {c} <VEH> should be added|let there be a {c} <VEH> <WAY>|let someone come by in a {c} <VEH>"),
        "N": lines("{c} <VEH> <WAY>|<VEH>, {c}|another {c} <VEH>, where there is none|the <STRIP> with a {c} <VEH> on it"),
        "S": lines("can we have a {c} <VEH>|the <STRIP> looks empty without a {c} <VEH>|i want to see a {c} <VEH> <WAY>|there ought to be a {c} <VEH>|a {c} <VEH> is missing|a {c} <VEH> is going past|someone is driving a {c} <VEH>|a {c} <VEH> shows up")},
    "add_balloon": {
        "V": lines("get a {c} <BAL> up <SKY>|give me a {c} <BAL> <SKY>|<ADD> a {c} colored <BAL> <SKY>|put up a {c} <BAL> <SKY>|send up a {c} <BAL> <SKY>|launch a {c} <BAL> <SKY>|i'd like a <BAL> <SKY> and it should be {c}|let there be a {c} <BAL> <SKY>"),
        "N": lines("{c} <BAL> <SKY>|{c} <BAL>, {s}|<BAL> {c} {s}|another {c} <BAL> <SKY>|a nice {c} <BAL> <SKY>"),
        "S": lines("can we have a {c} <BAL> <SKY>|i want to see a {c} <BAL> <SKY>|a {c} <BAL> is missing <SKY>|there ought to be a {c} <BAL> <SKY>|a {c} <BAL> goes up <SKY>|a {c} <BAL> drifts <SKY>")},
    "add_tree": {
        "V": lines("give me a <K> <SIDE>|stick a <K> <SIDE>|get a <K> <SIDE>|let there be a <K> <SIDE>|i'd like to plant a <K> <SIDE>|put up a <K> <SIDE>|put a nice <K> <SIDE>|grow me a <K> <SIDE>|<ADD> a beautiful <K> <SIDE>"),
        "N": lines("{s} <K>|a nice <K> <SIDE>|a <K>, {s}|<K>, {s} side|one more <K> <SIDE>, where there is none"),
        "S": lines("can we have a <K> <SIDE>|i want to see a <K> <SIDE>|a <K> is missing <SIDE>|there ought to be a <K> <SIDE>|a <K> would look nice <SIDE>|the {s} side is empty, plant a <K>")},
    "remove_tree": {
        "V": lines("get that tree <SIDE> out of there|lose the {s} tree|bulldoze the {s} tree|make the {s} side treeless|axe the {s} tree|axe the tree <SIDE>|lumberjack, cut the {s} tree|take that {s} tree away|let the {s} tree vanish"),
        "N": lines("no tree on the {s} please|the {s} side without a tree|zero trees <SIDE>|no trees <SIDE>"),
        "S": lines("can the {s} tree go away|can the tree <SIDE> be removed|the tree <SIDE> blocks the view|the {s} tree is in the way|the {s} tree is not needed|there is a tree <SIDE>, please remove it|the {s} tree spoils it|somebody cut the {s} tree")},
    "swap_tree": {
        "V": lines("trade in the {s} tree for a <K>|make it a <K> <SIDE> instead of the tree that is there|switch the tree <SIDE> to a <K>|switch the {s} tree to a <K>|remove the {s} tree and put a <K> there|replace the tree you see <SIDE> with a <K>|the {s} tree, make it a <K>|turn the one <SIDE> into a <K>"),
        "N": lines("{s} tree: <K>|a <K> rather than the {s} tree|<K> instead of the {s} tree"),
        "S": lines("can the {s} tree be a <K>|i'd rather have a <K> than the {s} tree|the {s} tree looks like a <K>|i want the {s} tree to be a <K>|the {s} tree has turned into a <K>|what if the {s} tree was a <K>")},
    "moon": {"V": lines("hang a moon up where the sun is|take the sun down and hang the moon|get rid of the sun and draw a moon there|exchange the sun for the moon|make the sun into a moon|sun out, moon in|the sun, make it a moon|sub the sun for a moon"),
             "N": lines("moon not sun|moon instead of sun|a moon replacing the sun|the moon in place of the sun"),
             "S": lines("can the sun be a moon|i'd rather have a moon than the sun|i want a moon there, not the sun|what if the sun were a moon|i want the moon instead of the sun|the sun turned into a moon|the moon replaces the sun")},
    "sun": {"V": lines("hang a sun up where the moon is|take the moon down and hang the sun|get rid of the moon and draw a sun there|exchange the moon for the sun|make the moon into a sun|moon out, sun in|the moon, make it a sun|sub the moon for a sun"),
            "N": lines("sun not moon|sun instead of moon|a sun replacing the moon|the sun in place of the moon"),
            "S": lines("can the moon be a sun|i'd rather have a sun than the moon|i want a sun there, not the moon|what if the moon were a sun|i want the sun instead of the moon|the moon turned into a sun|the sun replaces the moon")},
    "noop": {"V": lines("don't edit <IT>|do not modify anything|don't mess with <IT>|keep <IT> exactly like this|keep <IT> like that|leave <IT> exactly as is|leave as is|don't alter <IT>|pass|do nothing please|keep it that way|just keep the image as is|don't change a single thing"),
             "N": lines("as is|no modification|no modifications please|the picture as it was|zero changes|exactly the same image|no difference"),
             "S": lines("i like it this way|it's fine like this|i'm happy with it|i am happy with how it looks|perfect, don't touch a thing|looks perfect, leave it|everything is fine|it can stay like this|that is good enough|i wouldn't change anything|it's already perfect|nothing needs to change")},
}
RECOLOUR = {
    "V": lines("get the X in {c}|give me a {c} X|let's see the X in {c}|slap some {c} paint on the X|splash {c} over the X|brush the X {c}|make it a {c} X|the X, make it {c}|i'd like the X to be {c}|change the X so that it is {c}|let's go with {c} for the X|can the X be {c}|could the X be {c}|what about making the X {c}|recolor that X {c}|modify the X to be {c}|switch the colour of the X to {c}|make the colour of the X {c}|have a {c} X|make the X a {c} one|make the X a nice {c}|make the X bright {c}|turn the X bright {c}|make the X all {c}|make the X completely {c}"),
    "N": lines("X: {c}|X colour {c}|X color {c}|colour of the X: {c}|{c} please, for the X|the X all {c}|bright {c} X|a nice {c} X|a lovely {c} X|a {c} one instead of that X"),
    "S": lines("what if the X was {c}|what if the X were {c}|how would the X look in {c}|what would the X look like in {c}|i think the X should be {c}|i want the X to be {c}|i want a {c} X|i wish the X were {c}|the X would be nicer in {c}|the X, but {c}|the X turns {c}|they repainted the X {c}|we painted the X {c}|my favourite colour is {c}, make the X that")}
