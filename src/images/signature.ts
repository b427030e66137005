/**
 * What a picture file begins with. The picture library would try everything it knows, SVG among it, which is a program that may
 * ask for other files and for any amount of work; so only formats that are read here come before it.
 */
import { EmilieError } from "../errors.ts";

const SIGNATURES: Readonly<Record<string, RegExp>> = {
  png: /^\x89PNG\r\n/,
  jpeg: /^\xff\xd8\xff/,
  webp: /^RIFF.{4}WEBP/s,
  heif: /^.{4}ftyp/s,
  tiff: /^(?:II[*+]\0|MM\0[*+])/,
  gif: /^GIF8[79]a/,
};

/** Throws image.unreadable unless the bytes begin as PNG, JPEG, WebP, AVIF, TIFF or GIF does. */
export function checkSignature(bytes: Uint8Array, name: string): void {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  if (Object.values(SIGNATURES).some((signature) => signature.test(start))) return;
  const what = bytes.length === 0 ? "is empty" : looksLikeText(bytes) ? "is a text" : "is no picture";
  throw new EmilieError(
    "image.unreadable",
    `${name} ${what}, or is in an unsupported format. Use PNG, JPEG, WebP, AVIF or TIFF.`,
  );
}

/** SVG and HTML pages in a picture's place are. */
function looksLikeText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 64).every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}
