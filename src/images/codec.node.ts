/** Picture files in Node, through sharp: PNG, JPEG, WebP, AVIF, TIFF and the first frame of a GIF. */
import { type FileHandle, rename, rm, writeFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Sharp } from "sharp";
import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import { openFile } from "../util/open-file.node.ts";
import { partName } from "../util/part-name.node.ts";
import { factsOf, levelsOf } from "./file-notes.node.ts";
import { checkPixelCount, isOpaque, isTransparent, MAX_PICTURE_PIXELS, type Picture } from "./picture.ts";
import { writePngText } from "./png-text.ts";
import { sharp } from "./sharp.node.ts";
import { checkSignature } from "./signature.ts";
import { XMP_KEYWORD } from "./xmp.ts";

/** The largest picture with 16 bits in four channels, not compressed, and a little for the rest of the file. */
export const MAX_PICTURE_BYTES = 8 * MAX_PICTURE_PIXELS + 64_000_000;

/** How a picture is read. */
export interface ReadOptions {
  /** Told what of the file is not in the picture: further frames, bits beyond 8, inks. */
  readonly onWarning?: (message: string) => void;
}

/** A picture, and what of its file is not in it. */
export interface PictureFile {
  /** The picture itself. */
  readonly picture: Picture;
  /** In sentences: further frames, bits beyond 8, inks, a gain map, channels that are left out. */
  readonly notes: readonly string[];
}

/**
 * Reads a picture file, or the bytes of one: turned upright as its EXIF says, grey made RGB, 16 bits brought to 8,
 * colours converted from the embedded profile to sRGB, alpha kept; of an animation the first frame. The size is taken from
 * the header, and what is too large is refused before it is decoded.
 * Throws image.unreadable (missing, cut off, damaged, not a picture, samples without a sure meaning) and image.too-large.
 */
export async function readPicture(
  source: string | URL | Uint8Array,
  options: ReadOptions = {},
): Promise<Picture> {
  const { picture, notes } = await readPictureFile(source);
  for (const note of notes) options.onWarning?.(note);
  return picture;
}

/** As {@link readPicture}, with what is to be said of the file. */
export async function readPictureFile(source: string | URL | Uint8Array): Promise<PictureFile> {
  const name = source instanceof Uint8Array ? "The picture" : basename(source.toString());
  const bytes = source instanceof Uint8Array ? source : await readBytes(source);
  try {
    checkSignature(bytes, name);
    const facts = await sharp(bytes, { limitInputPixels: false, failOn: "error" }).metadata();
    checkPixelCount(facts.width, facts.height, name);
    const { notes, gamma } = factsOf(facts, bytes, name);
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PICTURE_PIXELS, failOn: "error" })
      .autoOrient()
      .toColourspace("srgb")
      .ensureAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const pixels = new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength);
    if (gamma !== undefined) {
      const levels = levelsOf(gamma);
      pixels.forEach((level, i) => {
        if (i % 4 !== 3) pixels[i] = levels[level]!;
      });
    }
    const picture = { width: info.width, height: info.height, data: pixels };
    const nothing = facts.hasAlpha && isTransparent(picture);
    const empty = `${name} is transparent everywhere: nothing of it is seen, and the model sees white.`;
    return { picture, notes: nothing ? [...notes, empty] : notes };
  } catch (error) {
    if (error instanceof EmilieError) throw error;
    // A sharp that was built with an HEVC decoder reads them; the published one does not.
    if (isHeic(bytes)) throw heic(name, error);
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new EmilieError(
      "image.unreadable",
      `${name} cannot be read as a picture (${reason}). Is the file whole, and is it PNG, JPEG, WebP, AVIF or TIFF?${isTiff(bytes) ? " Of TIFF, grey, RGB, palette and CMYK of 8 or 16 bits are read." : ""}`,
      { cause: error },
    );
  }
}

/** By the brands in its first box: HEIC keeps HEVC video frames, whose codec is not free to ship. */
function isHeic(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 64)).toString("latin1");
  return start.slice(4, 8) === "ftyp" && /hei[cxms]|hev[cx]/.test(start.slice(8));
}

function isTiff(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x49 && bytes[1] === 0x49) || (bytes[0] === 0x4d && bytes[1] === 0x4d);
}

function heic(name: string, cause: unknown): EmilieError {
  return new EmilieError(
    "image.unreadable",
    `${name} is HEIC, and the picture library here (sharp as published) reads AVIF but not HEIC. Export it as JPEG ` +
      'or PNG; iPhones make JPEG with the camera setting "Most Compatible".',
    { cause },
  );
}

/** How a picture is written. */
export interface WriteOptions {
  /** 1 to 100 for JPEG (default 92), WebP (92) and AVIF (80). PNG and TIFF lose nothing and take none. */
  readonly quality?: number;
  /** Text to keep in the file by keyword, as the recipe of an edit. PNG only. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** An XMP packet (see xmp.ts), in any format. Nothing else is written: no EXIF, no place, no camera. */
  readonly xmp?: string;
}

const WRITE_OPTIONS: OptionNames<WriteOptions> = { quality: true, metadata: true, xmp: true };

/** The bytes of a PNG file; its pixels are the picture's, bit for bit. */
export async function encodePng(
  picture: Picture,
  { metadata, xmp }: Omit<WriteOptions, "quality"> = {},
): Promise<Uint8Array> {
  const png = new Uint8Array(await rawInput(picture).png().toBuffer());
  const text = { ...metadata, ...(xmp === undefined ? {} : { [XMP_KEYWORD]: xmp }) };
  return Object.keys(text).length > 0 ? writePngText(png, text) : png;
}

/** The XMP packet of a picture file's bytes, if it has one. Throws image.unreadable. */
export async function readXmp(bytes: Uint8Array, name = "The picture"): Promise<string | undefined> {
  checkSignature(bytes, name);
  try {
    const { xmp } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return xmp?.toString("utf8");
  } catch (cause) {
    throw new EmilieError("image.unreadable", `${name} cannot be read as a picture.`, { cause });
  }
}

/** What a file's extension makes of a picture, each with the sharp pipeline that does it. */
const ENCODERS: Readonly<Record<string, (input: Sharp, quality?: number) => Sharp>> = {
  // JPEG has no alpha: what is transparent lies on white.
  jpg: (input, quality = 92) =>
    input.flatten({ background: "#ffffff" }).jpeg({ quality, chromaSubsampling: "4:4:4" }),
  webp: (input, quality = 92) => input.webp({ quality }),
  avif: (input, quality = 80) => input.avif({ quality }),
  tiff: (input) => input.tiff({ compression: "deflate" }),
};
const SAME_AS: Readonly<Record<string, string>> = { jpeg: "jpg", tif: "tiff" };

/** What sharp makes of its input in one of the formats but PNG. */
export function encodeAs(input: Sharp, format: string, quality?: number): Sharp {
  return ENCODERS[SAME_AS[format] ?? format]!(input, quality);
}

/** Formats that change pixels a little. */
const LOSSY = ["jpg", "webp", "avif"];

/** "jpg" for a.JPEG; "" without extension. */
function formatOf(path: string): string {
  const extension = extname(path).slice(1).toLowerCase();
  return SAME_AS[extension] ?? extension;
}

/** True for files whose pixels are only nearly those of the picture that was written, by their names. */
export function isLossy(path: string): boolean {
  return LOSSY.includes(formatOf(path));
}

/** Throws option.invalid for a name or a quality that {@link writePicture} cannot follow: before an hour's work, not after. */
export function checkWritable(path: string, { quality, metadata }: WriteOptions = {}): void {
  const refuse = (message: string) => {
    throw new EmilieError("option.invalid", message);
  };
  const format = formatOf(path);
  if (format !== "png" && !ENCODERS[format]) {
    refuse(
      `Pictures are written as .png, .jpg, .webp, .avif or .tiff, got ${extname(path) || "a name without extension"}.`,
    );
  }
  if (metadata && format !== "png") {
    refuse(`Text by keyword is kept in PNG files only, got .${format}; give it as XMP.`);
  }
  if (quality === undefined) return;
  if (!LOSSY.includes(format)) refuse(`A quality is for .jpg, .webp and .avif; .${format} loses nothing.`);
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    refuse(`The quality is a whole number from 1 to 100, got ${quality}.`);
  }
}

/**
 * Writes a picture; the extension of `path` names the format (.png, .jpg, .jpeg, .webp, .avif, .tif, .tiff).
 * The file appears whole or not at all: it is written under another name in the same folder, then renamed, and takes the place
 * of what was there.
 * Throws option.invalid for another extension, a quality where there is none, or text outside PNG; io.failed when the disk
 * refuses.
 */
export async function writePicture(
  picture: Picture,
  path: string,
  options: WriteOptions = {},
): Promise<void> {
  const bytes = await encodePicture(picture, path, options);
  const temporary = await partName(path);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmilieError("io.failed", `Could not write ${path}: ${reason}`, { cause: error });
  }
}

/** The bytes that {@link writePicture} writes, by the extension of `path`. Throws option.invalid. */
export async function encodePicture(
  picture: Picture,
  path: string,
  options: WriteOptions = {},
): Promise<Uint8Array> {
  checkOptions(options, WRITE_OPTIONS, "writePicture's options");
  checkWritable(path, options);
  const format = formatOf(path);
  if (format === "png") return encodePng(picture, options);
  const encoded = encodeAs(rawInput(picture), format, options.quality);
  const output = options.xmp === undefined ? encoded : encoded.withXmp(options.xmp);
  try {
    return await output.toBuffer();
  } catch (cause) {
    // As JPEG's and WebP's largest side, 65,535 and 16,383 pixels.
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new EmilieError(
      "option.invalid",
      `A picture of ${picture.width}×${picture.height} pixels cannot be written as .${format} (${reason}). Use .png or .tiff.`,
      { cause },
    );
  }
}

function rawInput(picture: Picture): Sharp {
  const { width, height, data } = picture;
  const input = sharp(data, { raw: { width, height, channels: 4 }, limitInputPixels: false });
  return isOpaque(picture) ? input.removeAlpha() : input;
}

async function readBytes(path: string | URL): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    const { handle: file, size } = await openFile(path);
    handle = file;
    if (size > MAX_PICTURE_BYTES) {
      throw new EmilieError(
        "image.too-large",
        `${path.toString()} has ${size} bytes; no picture of ${MAX_PICTURE_PIXELS / 1e6} megapixels needs more than ${MAX_PICTURE_BYTES}.`,
      );
    }
    return await handle.readFile();
  } catch (error) {
    if (error instanceof EmilieError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmilieError(
      "image.unreadable",
      missing ? `There is no picture at ${path.toString()}.` : `${path.toString()} cannot be read: ${reason}`,
      { cause: error },
    );
  } finally {
    await handle?.close();
  }
}
