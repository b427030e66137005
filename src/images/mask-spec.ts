/**
 * Masks in words, as the command line and edit scripts name them:
 *
 *   auto                      the model judges where the instruction belongs
 *   border                    what the expansion before the edit has added
 *   box:x,y,width,height      in whole pixels of the picture
 *   ellipse:x,y,rx,ry         centre and radii
 *   poly:x1,y1,x2,y2,…        at least three corners
 *   at:x,y                    the thing at this point of the picture: a mask that follows its edges
 *   around:x,y,width,height   what this box was drawn around, likewise
 *   sha256:…                  a mask that the session holds
 *   FILE                      a picture; white = edit, grey is soft, transparent = keep
 *
 * and before any of these but auto and border, in any order: invert: (edit what would be kept), soft:PX: (rises from 0 at its border to 1
 * within PX pixels, inside); before a file also what of it is the mask: alpha: (its opacity, opaque = edit), white: (its
 * brightness, exactly as it is), stretch: (its brightness, darkest to brightest), and fit: (scaled to the picture, even where its
 * sides lie the other way round). Without one of these a file that cannot be meant as a mask is answered with a question
 * (mask-question.ts). file: before a name says that it is one.
 */
import { EmilieError } from "../errors.ts";
import { feather } from "./feather.ts";
import { invertMask, isEmptyMask, type Mask, maskFromBox, resizeMask } from "./mask.ts";
import { type MaskChannel, maskOfPicture } from "./mask-question.ts";
import type { Size } from "./model-image.ts";
import type { Picture } from "./picture.ts";
import { selectRegion } from "./select-region.ts";
import { maskFromEllipse, maskFromPolygon, type Point } from "./shapes.ts";

export interface MaskSpec {
  readonly kind: "auto" | "border" | "box" | "ellipse" | "poly" | "at" | "around" | "sha256" | "file";
  /** Coordinates of a shape. */
  readonly numbers: readonly number[];
  /** The file's name, or the hash. */
  readonly name: string;
  /** What of a file is the mask. */
  readonly channel: MaskChannel;
  readonly invert: boolean;
  /** Scaled to the picture even where it lies the other way round. */
  readonly fit: boolean;
  /** Width of the soft border in pixels of the picture; 0: none. */
  readonly soft: number;
}

/** What each shape is made of. */
const SHAPES = {
  box: "x,y,width,height in whole pixels from the upper left corner",
  ellipse: "x,y,rx,ry, the centre and two radii in pixels",
  poly: "x1,y1,x2,y2,x3,y3 and so on, in pixels",
  at: "x,y, a point on the thing, in pixels",
  around: "x,y,width,height in pixels, a box around the thing",
} as const;

/** Reads a mask's words. Throws option.invalid, saying what was expected. */
export function parseMaskSpec(text: string): MaskSpec {
  const spec = { channel: "auto" as MaskChannel, invert: false, fit: false, soft: 0 };
  const channels: string[] = [];
  let rest = text.trim();
  for (;;) {
    const [whole, word, width] = /^(?:(alpha|white|stretch|invert|fit):|soft:([\d.]+):)/.exec(rest) ?? [];
    if (whole === undefined) break;
    rest = rest.slice(whole.length);
    if (word === "invert" || word === "fit") spec[word] = true;
    else if (word) channels.push(word);
    else spec.soft = Number(width);
  }
  if (channels[0]) spec.channel = channels[0] as MaskChannel;
  const [, word = "", value = ""] = /^(box|ellipse|poly|at|around|sha256|file):(.*)$/s.exec(rest) ?? [];
  const kind = (word || (rest === "auto" || rest === "border" ? rest : "file")) as MaskSpec["kind"];
  const name = word ? value : rest;
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const wrong = (what: string) => new EmilieError("option.invalid", `The mask ${shown}: ${what}.`);
  if (name === "")
    throw wrong(rest.startsWith("soft:") ? "expected soft:PIXELS:MASK" : "its name is missing");
  if (!Number.isFinite(spec.soft) || spec.soft > 10_000) throw wrong("a soft border has 0 to 10000 pixels");
  if (new Set(channels).size > 1)
    throw wrong(`${channels.join(": and ")}: are two readings of a file; choose one`);
  if (channels.length > 0 && kind !== "file")
    throw wrong(`only a picture file has an alpha and levels (${channels[0]}:)`);
  if (spec.fit && kind !== "file") throw wrong("only a picture file is scaled (fit:)");
  if ((kind === "auto" || kind === "border") && text.trim() !== kind) throw wrong(`${kind} stands alone`);
  if (kind === "sha256" && !/^[0-9a-f]{64}$/.test(name)) throw wrong("expected 64 hex digits");
  const shape = SHAPES[kind as keyof typeof SHAPES];
  const numbers = shape ? name.split(",").map(coordinate) : [];
  const enough =
    kind === "poly"
      ? numbers.length >= 6 && numbers.length % 2 === 0
      : numbers.length === (kind === "at" ? 2 : 4);
  if (
    shape &&
    (!enough || numbers.some(Number.isNaN) || (kind === "box" && !numbers.every(Number.isInteger)))
  ) {
    throw wrong(`expected ${kind}:${shape}`);
  }
  return { kind, numbers, name, ...spec };
}

const coordinate = (text: string): number =>
  /^\s*[+-]?(\d+(?:\.\d*)?|\.\d+)\s*$/.test(text) ? Number(text) : Number.NaN;

/** Where the masks that words name come from. */
export interface MaskSources {
  /** Reads a mask's file. */
  readonly readFile: (name: string) => Promise<Picture>;
  /** The masks that a session holds, by their SHA-256. */
  readonly held?: ReadonlyMap<string, Mask>;
  /** Told that a file's size or aspect is not the picture's, and what was done about it. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Makes the mask of a specification, at the size of the picture; "auto" is left to the model, and "border" to the session. Given the picture itself as its
 * size, it notices a mask that is this picture.
 * Throws mask.invalid, mask.ambiguous (a file that cannot be meant as it is; with what to write instead), option.invalid (a hash
 * that nobody holds), and what reading the file throws.
 */
export async function makeMask(
  spec: MaskSpec,
  size: Size | Picture,
  sources: MaskSources,
): Promise<Mask | "auto" | "border"> {
  if (spec.kind === "auto" || spec.kind === "border") return spec.kind;
  const mask = await plainMask(spec, size, sources);
  // A mask that is named by its values keeps them.
  if (spec.kind === "sha256" && !spec.invert && spec.soft === 0) return mask;
  const sided = spec.invert && spec.kind !== "file" ? invertMask(mask) : mask;
  return eightBits(spec.soft > 0 ? feather(sided, spec.soft) : sided);
}

/** A mask in words, or from a picture, is one of 8 bits, so that a PNG holds it exactly: in a session, in a picture's recipe, in a file. */
export function eightBits(mask: Mask): Mask {
  return { ...mask, data: mask.data.map((m) => Math.floor(m * 255 + 0.5) / 255) };
}

async function plainMask(spec: MaskSpec, size: Size | Picture, sources: MaskSources): Promise<Mask> {
  const { kind, name, numbers } = spec;
  const { width, height } = size;
  const [a, b, c, d] = numbers as [number, number, number, number];
  switch (kind) {
    case "box":
      return maskFromBox(width, height, { x: a, y: b, width: c, height: d });
    case "ellipse":
      return inside(maskFromEllipse(width, height, { x: a, y: b, radiusX: c, radiusY: d }), spec);
    case "poly":
      return inside(maskFromPolygon(width, height, pairs(numbers)), spec);
    case "at":
      return selectRegion(pixelsOf(size, spec), { point: { x: a, y: b } });
    case "around":
      return selectRegion(pixelsOf(size, spec), { box: { x: a, y: b, width: c, height: d } });
    case "sha256": {
      const held = sources.held?.get(name);
      if (held) return held;
      throw new EmilieError(
        "option.invalid",
        `No mask with the SHA-256 ${name} is in this session. Name its file, or a shape.`,
      );
    }
    default:
      return fileMask(spec, size, sources);
  }
}

function pixelsOf(size: Size | Picture, { kind }: MaskSpec): Picture {
  if ("data" in size) return size;
  throw new EmilieError(
    "option.invalid",
    `The mask ${kind}: follows the edges of a picture, and there is none here.`,
  );
}

/** A shape that covers no pixel is a slip of its coordinates. */
function inside(mask: Mask, { kind, numbers }: MaskSpec): Mask {
  if (!isEmptyMask(mask)) return mask;
  throw new EmilieError(
    "mask.invalid",
    `The mask ${kind}:${numbers.join(",")} covers no pixel of the ${mask.width}×${mask.height} picture. Coordinates are pixels from the upper left corner.`,
  );
}

async function fileMask(spec: MaskSpec, size: Size | Picture, sources: MaskSources): Promise<Mask> {
  const { name, channel, invert, fit, soft } = spec;
  const { mask, warnings } = maskOfPicture(await sources.readFile(name), {
    channel,
    invert,
    called: `The mask ${name}`,
    original: "data" in size ? size : undefined,
    word: (answer) =>
      `${soft > 0 ? `soft:${soft}:` : ""}${fit ? "fit:" : ""}${answer.invert ? "invert:" : ""}${answer.channel}:${name}`,
  });
  for (const warning of warnings) sources.onWarning?.(warning);
  return fitted(mask, spec, size, sources);
}

function fitted(
  mask: Mask,
  { name, fit }: MaskSpec,
  { width, height }: Size,
  { onWarning }: MaskSources,
): Mask {
  const sizes = `${mask.width}×${mask.height}, the picture ${width}×${height}`;
  const differ = (a: number, b: number) => Math.abs(Math.log(a / b)) > 0.02;
  const shape = mask.width / mask.height;
  if (fit) return resizeMask(mask, width, height);
  if (differ(shape, width / height) && !differ(shape, height / width)) {
    throw new EmilieError(
      "mask.ambiguous",
      `The mask ${name} is rotated by 90° (${sizes}): was it made before the picture was turned upright? Rotate it and save it again, or ` +
        `write fit:${name} to stretch it as it is.`,
    );
  }
  if (differ(shape, width / height)) {
    onWarning?.(
      `The mask ${name} has a different aspect ratio than the picture (${sizes}); it is stretched to fit.`,
    );
  } else if (mask.width !== width || mask.height !== height) {
    onWarning?.(`The mask ${name} has a different size than the picture (${sizes}); it is scaled to fit.`);
  }
  return resizeMask(mask, width, height);
}

function pairs(numbers: readonly number[]): Point[] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!]);
}
