/** Picture files in Node, through sharp: PNG, JPEG, WebP, AVIF, TIFF and the first frame of a GIF. */
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { Sharp } from "sharp";
import { EmilieError } from "../errors.ts";
import { checkPixelCount, isOpaque, MAX_PICTURE_PIXELS, type Picture } from "./picture.ts";
import { writePngText } from "./png-text.ts";
import { sharp } from "./sharp.node.ts";

/** sharp's names for what is read. SVG is not among them: it is a program that may ask for other files. */
const READABLE = ["png", "jpeg", "webp", "heif", "tiff", "gif"];

/**
 * Reads a picture file, or the bytes of one: turned upright as its EXIF says, grey made RGB, 16 bits brought to 8,
 * colours converted from the embedded profile to sRGB, alpha kept.
 * Throws image.unreadable (missing, cut off, damaged, not a picture) and image.too-large.
 */
export async function readPicture(source: string | URL | Uint8Array): Promise<Picture> {
  const name = source instanceof Uint8Array ? "The picture" : basename(source.toString());
  const bytes = source instanceof Uint8Array ? source : await readBytes(source);
  try {
    const limits = { limitInputPixels: false, failOn: "error" } as const;
    const { format, width, height } = await sharp(bytes, limits).metadata();
    if (!READABLE.includes(format)) {
      throw new EmilieError("image.unreadable", `${name} is ${format}. Use PNG, JPEG, WebP, AVIF or TIFF.`);
    }
    checkPixelCount(width, height, name);
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PICTURE_PIXELS, failOn: "error" })
      .autoOrient()
      .toColourspace("srgb")
      .ensureAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return {
      width: info.width,
      height: info.height,
      data: new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength),
    };
  } catch (error) {
    if (error instanceof EmilieError) throw error;
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new EmilieError(
      "image.unreadable",
      `${name} cannot be read as a picture (${reason}). Is the file whole, and is it PNG, JPEG, WebP, AVIF or TIFF?`,
      { cause: error },
    );
  }
}

/** How a picture is written. */
export interface WriteOptions {
  /** Text to keep in the file by keyword, as the recipe of an edit. PNG only. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The bytes of a PNG file; its pixels are the picture's, bit for bit. */
export async function encodePng(picture: Picture, options: WriteOptions = {}): Promise<Uint8Array> {
  const png = new Uint8Array(await rawInput(picture).png().toBuffer());
  return options.metadata ? writePngText(png, options.metadata) : png;
}

/**
 * Writes a picture; the extension of `path` names the format (.png, .jpg, .jpeg, .webp, .avif, .tif, .tiff).
 * The file appears whole or not at all: it is written under another name in the same folder, then renamed.
 * Throws option.invalid for another extension, or for metadata outside PNG; io.failed when the disk refuses.
 */
export async function writePicture(
  picture: Picture,
  path: string,
  options: WriteOptions = {},
): Promise<void> {
  const bytes = await encode(picture, extname(path).toLowerCase(), options);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.part`);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmilieError("io.failed", `Could not write ${path}: ${reason}`, { cause: error });
  }
}

async function encode(picture: Picture, extension: string, options: WriteOptions): Promise<Uint8Array> {
  if (extension === ".png") return encodePng(picture, options);
  if (options.metadata) {
    throw new EmilieError(
      "option.invalid",
      `Metadata is kept in PNG files only, got ${extension || "no extension"}.`,
    );
  }
  const input = rawInput(picture);
  if (extension === ".jpg" || extension === ".jpeg") {
    // JPEG has no alpha: what is transparent lies on white.
    return input
      .flatten({ background: "#ffffff" })
      .jpeg({ quality: 92, chromaSubsampling: "4:4:4" })
      .toBuffer();
  }
  if (extension === ".webp") return input.webp({ quality: 92 }).toBuffer();
  if (extension === ".avif") return input.avif({ quality: 80 }).toBuffer();
  if (extension === ".tif" || extension === ".tiff") return input.tiff({ compression: "deflate" }).toBuffer();
  throw new EmilieError(
    "option.invalid",
    `Pictures are written as .png, .jpg, .webp, .avif or .tiff, got ${extension || "a name without extension"}.`,
  );
}

function rawInput(picture: Picture): Sharp {
  const { width, height, data } = picture;
  const input = sharp(data, { raw: { width, height, channels: 4 }, limitInputPixels: false });
  return isOpaque(picture) ? input.removeAlpha() : input;
}

async function readBytes(path: string | URL): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmilieError(
      "image.unreadable",
      missing ? `There is no picture at ${path.toString()}.` : `${path.toString()} cannot be read: ${reason}`,
      { cause: error },
    );
  }
}
