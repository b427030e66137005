/**
 * The project's own lettering: a monoline sans drawn with a round pen, so that captions look the same on every machine,
 * also where no font is installed. A hundredth of the type size is the unit: capitals are 70 high, small letters 48.
 */

import anyAscii from "any-ascii";

/** The pen's width in hundredths of the type size. */
export const PEN = 8;

/** Air that every letter gets beside its own. */
const TRACKING = 3;

export interface Glyph {
  /** How far the pen moves on, in hundredths of the type size. */
  readonly advance: number;
  /** Polylines, y upwards from the baseline. */
  readonly strokes: readonly (readonly Point[])[];
}

export type Point = readonly [x: number, y: number];

/**
 * Advance, then strokes separated by ";". A stroke is a list of points "x,y" and elliptical arcs
 * "(centre x,centre y,radius x,radius y,from,to)" in degrees, counter-clockwise when `to` is larger.
 */
const LETTERS: Readonly<Record<string, string>> = {
  a: "50: 43,48 43,0; (25,24,18,24,0,360)",
  b: "50: 7,74 7,0; (25,24,18,24,0,360)",
  c: "43: (25,24,18,24,48,312)",
  d: "50: 43,74 43,0; (25,24,18,24,0,360)",
  e: "49: 7,25 43,25 (25,24,18,24,2,312)",
  f: "29: (27,60,13,14,70,180) 14,0; 4,48 26,48",
  g: "50: 43,48 43,-6 (26,-6,17,14,0,-145); (25,24,18,24,0,360)",
  h: "49: 7,74 7,0; 7,28 (24.5,28,17.5,20,180,0) 42,0",
  i: "14: 7,48 7,0; 7,65 7,66",
  j: "18: 11,48 11,-8 (0,-8,11,12,0,-75); 11,65 11,66",
  k: "41: 7,74 7,0; 35,48 7,20; 17,29 37,0",
  l: "14: 7,74 7,0",
  m: "72: 7,48 7,0; 7,30 (21.5,30,14.5,18,180,0) 36,0; 36,30 (50.5,30,14.5,18,180,0) 65,0",
  n: "49: 7,48 7,0; 7,28 (24.5,28,17.5,20,180,0) 42,0",
  o: "50: (25,24,18.5,24,0,360)",
  p: "50: 7,48 7,-21; (25,24,18,24,0,360)",
  q: "50: 43,48 43,-21; (25,24,18,24,0,360)",
  r: "31: 7,48 7,0; 7,26 (24,26,17,22,180,72)",
  s: "40: (20.5,35.5,13,12.5,40,250) (20.5,12.5,14.5,12.5,70,-150)",
  t: "31: 14,64 14,12 (25,12,11,12,180,285); 4,48 27,48",
  u: "49: 7,48 7,20 (24.5,20,17.5,20,180,360); 42,48 42,0",
  v: "43: 4,48 21.5,0 39,48",
  w: "64: 4,48 18,0 32,44 46,0 60,48",
  x: "41: 5,48 36,0; 36,48 5,0",
  y: "43: 4,48 21.5,1; 39,48 14,-21",
  z: "42: 6,48 35,48 6,0 36,0",
  A: "58: 4,0 29,70 54,0; 13,24 45,24",
  B: "52: 8,38 26,38 (26,54,16,16,-90,90) 8,70 8,0 27,0 (27,19,19,19,-90,90)",
  C: "61: (36,35,29,35,48,312)",
  D: "64: 8,0 8,70 25,70 (25,35,32,35,90,-90) 8,0",
  E: "49: 43,70 8,70 8,0 43,0; 8,37 37,37",
  F: "45: 42,70 8,70 8,0; 8,36 36,36",
  G: "70: (36,35,29,35,48,358) 43,34",
  H: "63: 8,70 8,0; 55,70 55,0; 8,37 55,37",
  I: "16: 8,70 8,0",
  J: "41: 33,70 33,18 (18,18,15,18,0,-150)",
  K: "52: 8,70 8,0; 47,70 8,28; 21,42 49,0",
  L: "45: 8,70 8,0 41,0",
  M: "74: 8,0 8,70 37,20 66,70 66,0",
  N: "63: 8,0 8,70 55,0 55,70",
  O: "75: (37.5,35,31,35,0,360)",
  P: "51: 8,0 8,70 28,70 (28,51,18,19,90,-90) 8,32",
  Q: "75: (37.5,35,31,35,0,360); 46,16 66,-4",
  R: "53: 8,0 8,70 28,70 (28,51,18,19,90,-90) 8,32; 28,32 49,0",
  S: "53: (26.5,52.5,18,17.5,35,250) (26.5,17.5,20,17.5,70,-150)",
  T: "54: 4,70 50,70; 27,70 27,0",
  U: "62: 8,70 8,23 (31,23,23,23,180,360) 54,70",
  V: "58: 4,70 29,0 54,70",
  W: "86: 4,70 23.5,0 43,64 62.5,0 82,70",
  X: "55: 5,70 50,0; 50,70 5,0",
  Y: "55: 4,70 27.5,34 51,70; 27.5,34 27.5,0",
  Z: "55: 6,70 48,70 6,0 50,0",
  "0": "52: (26,35,19.5,35,0,360)",
  "1": "52: 14,57 29,70 29,0",
  "2": "52: (26,50,18,20,165,-40) 8,0 45,0",
  "3": "52: (25,53,16.5,17,150,-90) (25,18,19.5,18,90,-150)",
  "4": "52: 36,0 36,70 6,20 47,20",
  "5": "52: 42,70 13,70 10,39 (25,22.5,20.5,22.5,130,-150)",
  "6": "52: 37,70 10,33; (26,22,18.5,22,0,360)",
  "7": "52: 6,70 46,70 20,0",
  "8": "52: (26,53,15.5,17,0,360); (26,18,18.5,18,0,360)",
  "9": "52: 15,0 42,37; (26,48,18.5,22,0,360)",
  " ": "24:",
  ".": "16: 8,0 8,1",
  ",": "17: 9,1 6,-11",
  ":": "16: 8,0 8,1; 8,42 8,43",
  ";": "17: 9,1 6,-11; 9,42 9,43",
  "!": "18: 9,70 9,22; 9,0 9,1",
  "?": "43: (22,53,16,17,170,-50) 22,30 22,21; 22,0 22,1",
  "'": "14: 7,72 7,56",
  '"': "26: 7,72 7,56; 19,72 19,56",
  "`": "22: 5,72 15,58",
  "-": "36: 7,26 29,26",
  "–": "50: 5,26 45,26",
  "—": "76: 4,26 72,26",
  _: "50: 2,-10 48,-10",
  "+": "54: 7,28 47,28; 27,48 27,8",
  "−": "54: 7,28 47,28",
  "=": "54: 7,38 47,38; 7,18 47,18",
  "×": "48: 9,43 39,13; 39,43 9,13",
  "*": "40: 20,72 20,48; 9,66 31,54; 31,66 9,54",
  "/": "40: 4,-8 36,76",
  "\\": "40: 4,76 36,-8",
  "|": "18: 9,78 9,-14",
  "(": "28: (36,32,27,52,118,242)",
  ")": "28: (-8,32,27,52,62,-62)",
  "[": "26: 22,78 9,78 9,-14 22,-14",
  "]": "26: 4,78 17,78 17,-14 4,-14",
  "{": "30: 25,78 (25,68,10,10,90,180) 15,42 6,32 15,22 15,-4 (25,-4,10,10,180,270)",
  "}": "30: 5,78 (5,68,10,10,90,0) 15,42 24,32 15,22 15,-4 (5,-4,10,10,0,-90)",
  "<": "50: 42,50 8,28 42,6",
  ">": "50: 8,50 42,28 8,6",
  "#": "60: 24,68 16,2; 46,68 38,2; 8,46 54,46; 6,24 52,24",
  "%": "72: 54,70 18,0; (18,54,12,15,0,360); (54,16,12,15,0,360)",
  "&": "62: 56,0 16,47 (26,56,12,14,220,-40) 16,33 (26,18,19,18,125,325) 55,34",
  "@": "78: (38,28,13,15,0,360); 51,43 51,22 (59,22,8,9,180,360) (38,29,29,33,-5,300)",
  $: "53: (26.5,51,17,15,35,250) (26.5,19,19,16,70,-150); 26.5,76 26.5,-6",
  "^": "44: 8,50 22,70 36,50",
  "~": "54: (17,26,10,8,180,40) (36,30,11,8,220,360)",
  "°": "30: (15,60,9,10,0,360)",
  "·": "18: 9,28 9,29",
  "•": "26: (13,28,4,4,0,360)",
  "…": "56: 10,0 10,1; 28,0 28,1; 46,0 46,1",
  "→": "64: 7,27 55,27; 39,43 55,27 39,11",
};

/** Unicode's combining marks, drawn around x = 0 with 0 at the top of the letter. */
const MARKS: Readonly<Record<string, string>> = {
  "\u0300": "0: -9,22 3,11",
  "\u0301": "0: -3,11 9,22",
  "\u0302": "0: -11,11 0,22 11,11",
  "\u0303": "0: (-6,14,6,5,180,40) (6,18,6,5,220,360)",
  "\u0308": "0: -9,16 -9,17; 9,16 9,17",
  "\u030a": "0: (0,18,7,7,0,360)",
  "\u030c": "0: -11,22 0,11 11,22",
};

/** Letters written with others: what this lettering has no shape for, but a reader knows how to spell. */
const SPELLED: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  Æ: "AE",
  œ: "oe",
  Œ: "OE",
  ø: "o",
  Ø: "O",
  ł: "l",
  Ł: "L",
  ı: "i",
  "“": '"',
  "”": '"',
  "„": '"',
  "«": '"',
  "»": '"',
  "‘": "'",
  "’": "'",
};

const cache = new Map<string, readonly Glyph[]>();

/**
 * The glyphs of a line of text, accents set on their letters. Letters of other scripts are spelled in Latin ones, so that a caption
 * can be read on every machine, whatever fonts it has: "сделай зиму" is drawn as "sdelay zimu". What is no letter of any script is
 * left out, and a letter that has no spelling is "?".
 */
export function glyphs(text: string): Glyph[] {
  const spelled = Array.from(text, (letter) => SPELLED[letter] ?? (/\s/u.test(letter) ? " " : letter)).join(
    "",
  );
  const letters = spelled.normalize("NFC").match(/\P{M}\p{M}*/gu) ?? [];
  return letters.flatMap((letter) => {
    const known = cache.get(letter);
    if (known) return known;
    const drawn = drawnAs(letter);
    cache.set(letter, drawn);
    return drawn;
  });
}

function drawnAs(letter: string): Glyph[] {
  const apart = letter.normalize("NFD");
  const [base] = apart as unknown as [string];
  if (base in LETTERS) return [compose(apart)];
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u.test(base)) return [];
  const latin = Array.from(anyAscii(letter)).filter((one) => one in LETTERS);
  return (latin.length > 0 ? latin : ["?"]).map(compose);
}

function compose(letter: string): Glyph {
  const [base, ...marks] = letter as unknown as [string, ...string[]];
  // An accent takes the dot's place.
  const dotless = marks.some((mark) => mark in MARKS) && (base === "i" || base === "j");
  const glyph = parse(LETTERS[base]!);
  const strokes = dotless ? glyph.strokes.slice(0, 1) : [...glyph.strokes];
  const top = Math.max(48, ...strokes.flat().map(([, y]) => y));
  for (const mark of marks) {
    const shape = MARKS[mark];
    if (!shape) continue;
    for (const stroke of parse(shape).strokes) {
      strokes.push(stroke.map(([x, y]): Point => [x + glyph.advance / 2, y + top]));
    }
  }
  return { advance: glyph.advance + TRACKING, strokes };
}

function parse(shape: string): Glyph {
  const [advance, body] = shape.split(":") as [string, string];
  const strokes = body.split(";").filter((stroke) => stroke.trim() !== "");
  return {
    advance: Number(advance),
    strokes: strokes.map((stroke) => stroke.trim().split(" ").flatMap(pointsOf)),
  };
}

function pointsOf(token: string): Point[] {
  const numbers = token.replace(/[()]/g, "").split(",").map(Number);
  if (numbers.length === 2) return [[numbers[0]!, numbers[1]!]];
  const [cx, cy, rx, ry, from, to] = numbers as [number, number, number, number, number, number];
  const pieces = Math.max(4, Math.ceil(Math.abs(to - from) / 12));
  return Array.from({ length: pieces + 1 }, (_, i): Point => {
    const angle = ((from + ((to - from) * i) / pieces) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}
