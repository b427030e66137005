/** Pictures for showing and taking away: thumbnails, other formats, previews, animations. Sources are PNG files that we wrote. */
import sharp from "sharp";
import { EmilieError } from "../errors.ts";
import { isOpaque, type Picture } from "./picture.ts";
import { readPngText } from "./png-text.ts";

export const SHOWN_FORMATS = ["png", "jpeg", "webp", "avif"] as const;
export type ShownFormat = (typeof SHOWN_FORMATS)[number];

export interface ConvertOptions {
  readonly format: ShownFormat;
  /** At most so wide, in pixels; never enlarged. */
  readonly width?: number;
  /** 1 to 100; not for PNG. */
  readonly quality?: number;
}

const QUALITY = { jpeg: 92, webp: 92, avif: 80 };
/** An APP1 segment of a JPEG holds 64 kB; a recipe takes about one. */
const MAX_XMP_RECIPE = 48_000;

/** A PNG in another format or size. At full size the recipe of an edit goes along: in a PNG as it is, otherwise as XMP. */
export async function convertPicture(
  png: Uint8Array,
  { format, width, quality }: ConvertOptions,
): Promise<Uint8Array> {
  if (format === "png" && width === undefined) return png;
  let image = sharp(png, { limitInputPixels: false });
  if (width !== undefined) image = image.resize({ width, withoutEnlargement: true });
  if (format === "png") return image.png().toBuffer();
  const recipe = width === undefined ? readPngText(png).emilie : undefined;
  if (recipe !== undefined && recipe.length <= MAX_XMP_RECIPE) image = image.withXmp(xmp(recipe));
  if (format === "jpeg") {
    return image
      .flatten({ background: "#ffffff" })
      .jpeg({ quality: quality ?? QUALITY.jpeg, chromaSubsampling: "4:4:4" })
      .toBuffer();
  }
  if (format === "webp") return image.webp({ quality: quality ?? QUALITY.webp }).toBuffer();
  return image.avif({ quality: quality ?? QUALITY.avif }).toBuffer();
}

/** The recipe as XMP, and IPTC's digital source type for pictures that a model has changed. */
function xmp(recipe: string): string {
  const escaped = recipe.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" ' +
    'xmlns:emilie="https://arxiv.org/abs/2309.00613#" ' +
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia" ' +
    `emilie:recipe="${escaped}"/></rdf:RDF></x:xmpmeta>`
  );
}

/** A small JPEG, or PNG where there is transparency, for the eye only. */
export async function encodePreview(
  picture: Picture,
): Promise<{ type: "image/jpeg" | "image/png"; bytes: Uint8Array }> {
  const { width, height, data } = picture;
  const raw = sharp(data, { raw: { width, height, channels: 4 } });
  if (!isOpaque(picture)) return { type: "image/png", bytes: await raw.png().toBuffer() };
  return { type: "image/jpeg", bytes: await raw.removeAlpha().jpeg({ quality: 80 }).toBuffer() };
}

/** The picture scaled down so that its longer side has at most `side` pixels. */
export async function shrinkPicture(picture: Picture, side: number): Promise<Picture> {
  const { width, height, data } = picture;
  if (Math.max(width, height) <= side) return picture;
  const out = await sharp(data, { raw: { width, height, channels: 4 }, limitInputPixels: false })
    .resize({ width: side, height: side, fit: "inside" })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: out.info.width, height: out.info.height, data: new Uint8ClampedArray(out.data) };
}

/** Scales to cover the size and cuts what stands over, in the middle. Returns a PNG. */
export async function coverPicture(png: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  return sharp(png, { limitInputPixels: false }).resize({ width, height, fit: "cover" }).png().toBuffer();
}

export interface AnimateOptions {
  readonly format: "webp" | "gif";
  readonly width?: number;
  /** How long each frame is shown. */
  readonly seconds: number;
}

/** PNG files of one size, one after the other, over and over. */
export async function animate(
  pngs: readonly Uint8Array[],
  { format, width, seconds }: AnimateOptions,
): Promise<Uint8Array> {
  const frames = await Promise.all(
    pngs.map((png) => {
      const image = sharp(png, { limitInputPixels: false });
      const sized = width === undefined ? image : image.resize({ width, withoutEnlargement: true });
      return sized.png({ compressionLevel: 1 }).toBuffer();
    }),
  );
  const joined =
    frames.length === 1
      ? sharp(frames[0])
      : sharp(frames, { join: { animated: true }, limitInputPixels: false });
  const delay = frames.map(() => Math.round(seconds * 1000));
  return format === "gif" ? joined.gif({ delay }).toBuffer() : joined.webp({ delay, quality: 90 }).toBuffer();
}

/** Throws image.too-large for a picture of more than `limit` pixels, having read its header only. */
export async function checkPictureSize(bytes: Uint8Array, limit: number): Promise<void> {
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ width: 0, height: 0 })); // readPicture will say what is wrong with it
  if (width * height <= limit) return;
  throw new EmilieError(
    "image.too-large",
    `The picture has ${width}×${height} pixels; this server takes at most ${limit / 1e6} megapixels. Scale it down first.`,
  );
}
