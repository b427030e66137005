/** Pictures for showing and taking away: thumbnails, other formats, previews, animations. Sources are PNG files that we wrote. */
import { EmilieError } from "../errors.ts";
import { encodeAs, readXmp } from "./codec.node.ts";
import type { Size } from "./model-image.ts";
import { isOpaque, type Picture } from "./picture.ts";
import { sharp } from "./sharp.node.ts";
import { checkSignature } from "./signature.ts";

export const SHOWN_FORMATS = ["png", "jpeg", "webp", "avif"] as const;
export type ShownFormat = (typeof SHOWN_FORMATS)[number];

export interface ConvertOptions {
  readonly format: ShownFormat;
  /** At most so wide, in pixels; never enlarged. */
  readonly width?: number;
  /** 1 to 100; not for PNG. */
  readonly quality?: number;
  /** Whether what is transparent is laid on white. Default: it stays as it is, except in JPEG, which has no alpha. */
  readonly opaque?: boolean;
}

/** A PNG in another format or size. At full size what it says of itself in XMP, its recipes among it, goes along. */
export async function convertPicture(
  png: Uint8Array,
  { format, width, quality, opaque = false }: ConvertOptions,
): Promise<Uint8Array> {
  const source = sharp(png, { limitInputPixels: false });
  const flat = opaque && !(await source.stats()).isOpaque;
  if (format === "png" && width === undefined && !flat) return png;
  const image = flat ? source.flatten({ background: "#ffffff" }) : source;
  const sized = width === undefined ? image : image.resize({ width, withoutEnlargement: true });
  if (format === "png") return sized.png().toBuffer();
  const xmp = width === undefined ? await readXmp(png) : undefined;
  return encodeAs(xmp === undefined ? sized : sized.withXmp(xmp), format, quality).toBuffer();
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

/**
 * The picture scaled down so that its longer side has at most `side` pixels. Unlike a strip's thumbnail it keeps transparency,
 * and it is quick enough to be made at every preview of a large photo.
 */
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

/** PNG files one after the other, over and over; those that are smaller than the largest stand in its middle, on white. */
export async function animate(
  pngs: readonly Uint8Array[],
  { format, width, seconds }: AnimateOptions,
): Promise<Uint8Array> {
  const sizes = await Promise.all(pngs.map((png) => sharp(png, { limitInputPixels: false }).metadata()));
  const [widest, tallest] = [
    Math.max(...sizes.map((one) => one.width)),
    Math.max(...sizes.map((one) => one.height)),
  ];
  const isEven = sizes.every((one) => one.width === widest && one.height === tallest);
  const scale = Math.min(1, (width ?? widest) / widest);
  const frames = await Promise.all(
    pngs.map(async (png, i) => {
      const image = sharp(png, { limitInputPixels: false });
      if (!isEven) return framed(image, sizes[i]!, scale, widest, tallest);
      const sized = width === undefined ? image : image.resize({ width, withoutEnlargement: true });
      return sized.png({ compressionLevel: 1 }).toBuffer();
    }),
  );
  const joined =
    frames.length === 1
      ? sharp(frames[0]!)
      : sharp(frames, { join: { animated: true }, limitInputPixels: false });
  const delay = frames.map(() => Math.round(seconds * 1000));
  return format === "gif" ? joined.gif({ delay }).toBuffer() : joined.webp({ delay, quality: 90 }).toBuffer();
}

/** Every frame at one scale, so that what was cropped stays as large as it was. */
async function framed(
  image: ReturnType<typeof sharp>,
  size: Size,
  scale: number,
  widest: number,
  tallest: number,
): Promise<Buffer> {
  const [width, height] = [Math.round(widest * scale), Math.round(tallest * scale)];
  const own = [size.width, size.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const [left, top] = [Math.floor((width - own[0]) / 2), Math.floor((height - own[1]) / 2)];
  return image
    .resize(own[0], own[1], { fit: "fill" })
    .extend({
      ...{ left, top, right: width - own[0] - left, bottom: height - own[1] - top },
      background: { r: 255, g: 255, b: 255, alpha: 1 },
    })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** Throws image.too-large for a picture of more than `limit` pixels, having read its header only. */
export async function checkPictureSize(bytes: Uint8Array, limit: number): Promise<void> {
  checkSignature(bytes, "The picture");
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ width: 0, height: 0 })); // readPicture will say what is wrong with it
  if (width * height <= limit) return;
  throw new EmilieError(
    "image.too-large",
    `The picture has ${width}×${height} pixels; this server takes at most ${limit / 1e6} megapixels. Scale it down first.`,
  );
}
