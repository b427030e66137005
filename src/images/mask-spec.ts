/**
 * Masks in words, as the command line and edit scripts name them:
 *
 *   auto                      the model judges where the instruction belongs
 *   box:x,y,width,height      in whole pixels of the picture
 *   ellipse:x,y,rx,ry         centre and radii
 *   poly:x1,y1,x2,y2,…        at least three corners
 *   sha256:…                  a mask that the session holds
 *   FILE                      a picture; white = edit, grey is soft, transparent = keep
 *
 * and before any of these but auto, in any order: alpha: (a picture's alpha is the mask, opaque = edit), invert: (edit what
 * would be kept), soft:PX: (rises from 0 at its border to 1 within PX pixels, inside). file: before a name says that it is one.
 */
import { EmilieError } from "../errors.ts";
import { feather } from "./feather.ts";
import { invertMask, type Mask, maskFromAlpha, maskFromBox, maskFromPicture, resizeMask } from "./mask.ts";
import type { Size } from "./model-image.ts";
import { isOpaque, type Picture } from "./picture.ts";
import { maskFromEllipse, maskFromPolygon, type Point } from "./shapes.ts";

export interface MaskSpec {
  readonly kind: "auto" | "box" | "ellipse" | "poly" | "sha256" | "file";
  /** Coordinates of a shape. */
  readonly numbers: readonly number[];
  /** The file's name, or the hash. */
  readonly name: string;
  readonly alpha: boolean;
  readonly invert: boolean;
  /** Width of the soft border in pixels of the picture; 0: none. */
  readonly soft: number;
}

/** What each shape is made of. */
const SHAPES = {
  box: "x,y,width,height in whole pixels from the upper left corner",
  ellipse: "x,y,rx,ry, the centre and two radii in pixels",
  poly: "x1,y1,x2,y2,x3,y3 and so on, in pixels",
} as const;

/** Reads a mask's words. Throws option.invalid, saying what was expected. */
export function parseMaskSpec(text: string): MaskSpec {
  const spec = { alpha: false, invert: false, soft: 0 };
  let rest = text.trim();
  for (;;) {
    const [whole, word, width] = /^(?:(alpha|invert):|soft:([\d.]+):)/.exec(rest) ?? [];
    if (whole === undefined) break;
    rest = rest.slice(whole.length);
    if (word) spec[word as "alpha" | "invert"] = true;
    else spec.soft = Number(width);
  }
  const [, word = "", value = ""] = /^(box|ellipse|poly|sha256|file):(.*)$/s.exec(rest) ?? [];
  const kind = (word || (rest === "auto" ? "auto" : "file")) as MaskSpec["kind"];
  const name = word ? value : rest;
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const wrong = (what: string) => new EmilieError("option.invalid", `The mask ${shown}: ${what}.`);
  if (name === "")
    throw wrong(rest.startsWith("soft:") ? "expected soft:PIXELS:MASK" : "its name is missing");
  if (!Number.isFinite(spec.soft) || spec.soft > 10_000) throw wrong("a soft border has 0 to 10000 pixels");
  if (spec.alpha && kind !== "file") throw wrong("only a picture file has an alpha");
  if (kind === "auto" && text.trim() !== "auto") throw wrong("auto stands alone");
  if (kind === "sha256" && !/^[0-9a-f]{64}$/.test(name)) throw wrong("expected 64 hex digits");
  const shape = SHAPES[kind as keyof typeof SHAPES];
  const numbers = shape ? name.split(",").map(coordinate) : [];
  const enough = kind === "poly" ? numbers.length >= 6 && numbers.length % 2 === 0 : numbers.length === 4;
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
 * Makes the mask of a specification, at the size of the picture; "auto" is left to the model.
 * Throws mask.invalid, option.invalid (a hash that nobody holds), and what reading the file throws.
 */
export async function makeMask(spec: MaskSpec, size: Size, sources: MaskSources): Promise<Mask | "auto"> {
  if (spec.kind === "auto") return "auto";
  const mask = await plainMask(spec, size, sources);
  // A mask that is named by its values keeps them.
  if (spec.kind === "sha256" && !spec.invert && spec.soft === 0) return mask;
  const sided = spec.invert ? invertMask(mask) : mask;
  return eightBits(spec.soft > 0 ? feather(sided, spec.soft) : sided);
}

/** A mask in words is one of 8 bits, so that a PNG holds it exactly: in a session, in a picture's recipe, in a file. */
function eightBits(mask: Mask): Mask {
  return { ...mask, data: mask.data.map((m) => Math.floor(m * 255 + 0.5) / 255) };
}

async function plainMask(spec: MaskSpec, { width, height }: Size, sources: MaskSources): Promise<Mask> {
  const { kind, name, numbers } = spec;
  const [a, b, c, d] = numbers as [number, number, number, number];
  switch (kind) {
    case "box":
      return maskFromBox(width, height, { x: a, y: b, width: c, height: d });
    case "ellipse":
      return maskFromEllipse(width, height, { x: a, y: b, radiusX: c, radiusY: d });
    case "poly":
      return maskFromPolygon(width, height, pairs(numbers));
    case "sha256": {
      const held = sources.held?.get(name);
      if (held) return held;
      throw new EmilieError(
        "option.invalid",
        `No mask with the SHA-256 ${name} is in this session. Name its file, or a shape.`,
      );
    }
    default:
      return fitted(await fileMask(spec, sources), `The mask ${name}`, width, height, sources);
  }
}

async function fileMask({ name, alpha }: MaskSpec, { readFile, onWarning }: MaskSources): Promise<Mask> {
  const picture = await readFile(name);
  if (alpha && isOpaque(picture)) {
    onWarning?.(`The mask ${name} is opaque everywhere, so its alpha lets everything change.`);
  }
  return alpha ? maskFromAlpha(picture) : maskFromPicture(picture);
}

function fitted(mask: Mask, called: string, width: number, height: number, { onWarning }: MaskSources): Mask {
  const sizes = `${mask.width}×${mask.height}, the picture ${width}×${height}`;
  if (Math.abs(Math.log((mask.width * height) / (mask.height * width))) > 0.02) {
    onWarning?.(`${called} has another aspect than the picture (${sizes}); it is stretched to fit.`);
  } else if (mask.width !== width || mask.height !== height) {
    onWarning?.(`${called} has another size than the picture (${sizes}); it is scaled to fit.`);
  }
  return resizeMask(mask, width, height);
}

function pairs(numbers: readonly number[]): Point[] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!]);
}
