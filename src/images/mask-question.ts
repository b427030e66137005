/**
 * Whether the picture that is given as a mask can be meant as one. What has two readings that would edit different places is
 * answered with a question; what is only noise is cleaned, and said.
 */
import { EmilieError } from "../errors.ts";
import { type Mask, maskFromAlpha, maskFromPicture } from "./mask.ts";
import { type Evidence, lookAt } from "./mask-evidence.ts";
import { type Picture, samePicture } from "./picture.ts";

/**
 * What of a picture is the mask. "auto": its brightness, where nothing speaks against it; "white": its brightness, exactly as
 * it is; "stretch": its brightness, with its darkest level as black and its brightest as white; "alpha": its opacity.
 */
export type MaskChannel = "auto" | "white" | "stretch" | "alpha";

/** An answer to a question about a mask. */
export interface MaskAnswer {
  /** What of the picture is the mask. */
  readonly channel: Exclude<MaskChannel, "auto">;
  /** Whether black (or opaque) may change, in place of white. */
  readonly invert: boolean;
}

/** How a mask's picture is to be read. */
export interface MaskPictureOptions {
  /** Default "auto". */
  readonly channel?: MaskChannel;
  /** Edits what the channel keeps, and keeps what it edits. Default false. */
  readonly invert?: boolean;
  /** What messages call the mask, as a sentence begins: "The mask roof.png". Default "The mask". */
  readonly called?: string;
  /** The picture that is edited: a mask that is this picture is no mask. */
  readonly original?: Picture;
  /** How an answer is written where the mask was named: "alpha:roof.png" on the command line. Default: not said. */
  readonly word?: (answer: MaskAnswer) => string;
}

/** What a mask's picture says. */
export interface ReadMask {
  /** At the size of its picture. */
  readonly mask: Mask;
  /** What is allowed and may surprise, in sentences. */
  readonly warnings: string[];
}

/**
 * The mask that a picture file paints: white = may change, black = must stay, grey is soft, transparent = must stay. Every
 * mask that comes as a picture from outside goes through here (files on the command line, in scripts and in the library,
 * uploads), so that one rule decides which of them cannot be meant.
 *
 * @throws EmilieError mask.ambiguous where it has two readings that would edit different places: the picture itself, with or
 *   without a transparent hole; colours; a photograph; a shape in the alpha alone; levels from 0 to 1
 */
export function maskOfPicture(picture: Picture, options: MaskPictureOptions = {}): ReadMask {
  const { channel = "auto", invert = false, called = "The mask" } = options;
  const read = channel === "alpha" ? byAlpha(picture, options) : byBrightness(picture, options);
  const { data } = read.mask;
  const warnings = [...read.warnings];
  if (data.length > 0 && data.every((m) => m === data[0]))
    warnings.push(...uniform(data[0]!, invert, called));
  const mask = invert ? { ...read.mask, data: data.map((m) => 1 - m) } : read.mask;
  return { mask, warnings };
}

/** A mask of one level does not show a region. One that opens nothing is remarked on where the edit is made. */
function uniform(level: number, invert: boolean, called: string): string[] {
  const open = invert ? 1 - level : level;
  if (open === 0) return [];
  const how = open === 1 ? "as without a mask" : `with ${(100 * open).toFixed(0)} % of the edit`;
  return [`${called} is the same everywhere, so the whole picture may change, ${how}.`];
}

function byAlpha(picture: Picture, options: MaskPictureOptions): ReadMask {
  const { called = "The mask" } = options;
  const seen = lookAt(picture);
  if (seen.alpha === "opaque" && !seen.uniform) {
    throw ambiguous(
      `${called} has no transparent part, so its alpha does not show a region`,
      [
        [{ channel: "white", invert: false }, "its white parts may change"],
        [{ channel: "white", invert: true }, "its black parts may change"],
      ],
      options,
    );
  }
  return cleaned(maskFromAlpha(picture), called, "opaque", "transparent");
}

function byBrightness(picture: Picture, options: MaskPictureOptions): ReadMask {
  const { channel = "auto", called = "The mask", original } = options;
  const mask = maskFromPicture(picture);
  if (channel === "white") return { mask, warnings: [] };
  if (channel === "stretch") return { mask: stretched(mask), warnings: [] };
  const seen = lookAt(picture);
  if (original && !seen.uniform && samePicture(picture, original)) {
    throw ambiguous(
      `${called} is the picture itself, which does not show a region`,
      [[{ channel: "white", invert: false }, "the bright parts of it may change"]],
      options,
    );
  }
  const question = questionOf(seen, called);
  if (question) {
    const [what, choices] = question;
    // Levels are inverted as they were to be; what of the alpha may change is said outright.
    const turned = ([answer, effect]: Choice): Choice =>
      answer.channel === "alpha"
        ? [answer, effect]
        : [{ ...answer, invert: options.invert ?? false }, options.invert ? `${effect}, inverted` : effect];
    throw ambiguous(what, choices.map(turned), options);
  }
  const read = cleaned(mask, called, "white", "black");
  const highest = read.mask.data.reduce((most, m) => Math.max(most, m), 0);
  if (highest > 0 && highest < 0.75 && !seen.uniform) {
    const level = Math.round(255 * highest);
    read.warnings.push(
      `${called} is nowhere brighter than level ${level} of 255, so at most ${(100 * highest).toFixed(0)} % of the edit is done` +
        `${options.word ? `; ${options.word({ channel: "stretch", invert: options.invert ?? false })} takes its brightest as white` : ""}.`,
    );
  }
  return read;
}

type Choice = readonly [answer: MaskAnswer, what: string];

const HOLE: readonly Choice[] = [
  [{ channel: "alpha", invert: true }, "its transparent part may change (as in OpenAI's API)"],
  [{ channel: "alpha", invert: false }, "its opaque part may change"],
];
const LEVELS: readonly Choice[] = [
  [{ channel: "stretch", invert: false }, "its brightest parts may change, its darkest stay"],
  [{ channel: "white", invert: false }, "its brightness is the mask exactly as it is"],
];

/** What about a picture cannot be meant as a mask of white on black, and what could be meant instead. */
function questionOf(seen: Evidence, called: string): [string, readonly Choice[]] | undefined {
  if (seen.alpha === "transparent") return [`${called} is transparent everywhere`, HOLE];
  if (seen.alpha === "shape") {
    if (seen.colours || seen.texture) return [`${called} looks like a picture with a transparent part`, HOLE];
    if (seen.open === 0)
      return [`${called} is black wherever it is opaque: its shape is in its alpha alone`, HOLE];
    if (seen.sheet) return [`${called} looks like a white sheet with a transparent hole`, HOLE];
    return undefined;
  }
  if (seen.colours) return [`${called} has colours, and a mask has black, white and grey`, LEVELS];
  if (seen.texture) return [`${called} looks like a photograph, not like a mask`, LEVELS];
  const { lowest, highest } = seen.brightness;
  if (highest > lowest && highest < 32)
    return [
      `${called} has levels from ${lowest} to ${highest} of 255, which are all black to the eye`,
      LEVELS,
    ];
  return undefined;
}

/** An error that asks: what is odd, and what to write for each reading. */
function ambiguous(what: string, choices: readonly Choice[], { word }: MaskPictureOptions): EmilieError {
  const answers = choices.map(([answer, effect]) => (word ? `${word(answer)} if ${effect}` : effect));
  const ask = word ? `Write ${answers.join(", or ")}.` : `Is it meant that ${answers.join(", or that ")}?`;
  return new EmilieError(
    "mask.ambiguous",
    `${what}, so it can be read in more than one way. ${ask} A mask is white where the picture may change and black where it must stay.`,
  );
}

function stretched(mask: Mask): Mask {
  const low = mask.data.reduce((a, b) => Math.min(a, b), 1);
  const high = mask.data.reduce((a, b) => Math.max(a, b), 0);
  if (high === low) return mask;
  return { ...mask, data: mask.data.map((m) => (m - low) / (high - low)) };
}

/** Levels this near to an end are that end to the eye, where many pixels have them. */
const NEAR = 8;
/** Levels this near may be an end too, where nothing lies beyond them: video has black at 16 and white at 235. */
const VIDEO = 32;
/** What compression leaves around a hard edge stays below this. */
const RINGING = 64;

/**
 * Black that is not quite black would open the picture, faintly, everywhere; white that is not quite white would hold a little
 * back. Both are brought to their ends, with what lossy compression leaves around hard edges. Soft borders stay.
 */
function cleaned(mask: Mask, called: string, white: string, black: string): ReadMask {
  const { width, height, data } = mask;
  const levels = Uint8Array.from(data, (m) => Math.floor(m * 255 + 0.5));
  const counts = new Uint32Array(256);
  for (const level of levels) counts[level]!++;
  const from = (counts: Uint32Array) => {
    const total = counts.subarray(0, 128).reduce((a, b) => a + b, 0);
    const plateau = counts.subarray(0, 128).reduce((most, n, i) => (n > counts[most]! ? i : most), 0);
    const lowest = counts.findIndex((n) => n > 0);
    const wide = counts[plateau]! >= 0.2 * total;
    const isEnd = plateau <= NEAR || (plateau <= VIDEO && lowest >= plateau - NEAR);
    // One wide level further up is a grey that somebody chose.
    const chosen = counts.subarray(NEAR + 1, RINGING).some((n) => n >= 0.2 * (total - counts[0]!) && n > 16);
    return { snap: plateau > 0 && wide && isEnd ? plateau + 2 : 0, chosen: chosen && !(wide && isEnd) };
  };
  const low = from(counts);
  const high = from(counts.slice().reverse());
  const sharp = hardEdged(levels, width, height);
  const [dark, light] = [low, high].map(({ snap, chosen }) => (sharp && !chosen ? RINGING - 1 : snap));
  const changed = new Uint32Array(2);
  const out = data.slice();
  levels.forEach((level, i) => {
    if (level <= dark! && data[i] !== 0) {
      out[i] = 0;
      changed[0]!++;
    } else if (level >= 255 - light! && data[i] !== 1) {
      out[i] = 1;
      changed[1]!++;
    }
  });
  if (changed[0] === 0 && changed[1] === 0) return { mask, warnings: [] };
  const ends = [
    changed[0] && `nearly ${black} parts as ${black}`,
    changed[1] && `nearly ${white} parts as ${white}`,
  ];
  const warning = `${called} is not quite ${black} and ${white} (compressed or converted?); its ${ends.filter(Boolean).join(" and its ")} were taken.`;
  return { mask: { ...mask, data: out }, warnings: [warning] };
}

/** Two levels with hard edges, and more faint levels about than smoothed edges make: what compression does to a drawing. */
function hardEdged(levels: Uint8Array, width: number, height: number): boolean {
  let [edge, middle, faint] = [0, 0, 0];
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    const white = level >= 128;
    if ((i + 1) % width !== 0 && levels[i + 1]! >= 128 !== white) edge++;
    if (i + width < width * height && levels[i + width]! >= 128 !== white) edge++;
    if (level >= RINGING && level <= 255 - RINGING) middle++;
    else if (level > 0 && level < 255) faint++;
  }
  return middle <= 2 * edge && faint > 2 * edge;
}
