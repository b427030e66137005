/**
 * Puts an XMP packet into a JPEG or WebP file that an encoder has just written, where no library does: in a browser, whose
 * canvas knows pixels only. The picture's own bytes are copied as they are.
 */

import { EmilieError } from "../errors.ts";
import { concatBytes } from "../util/bytes.ts";
import { MAX_XMP_BYTES } from "./xmp.ts";

/** What an APP1 segment with XMP begins with (XMP specification, part 3, 1.1.3). */
const JPEG_MARK = "http://ns.adobe.com/xap/1.0/\0";
/** Flags of WebP's extended header (WebP container specification). */
const [HAS_XMP, HAS_ALPHA] = [0x04, 0x10];

/** The file with the packet in it. Throws image.unreadable for other formats, and for a packet of more than 60,000 bytes. */
export function embedXmp(file: Uint8Array, xmp: string): Uint8Array<ArrayBuffer> {
  const packet = new TextEncoder().encode(xmp);
  if (packet.length <= MAX_XMP_BYTES) {
    if (file[0] === 0xff && file[1] === 0xd8) return intoJpeg(file, packet);
    if (word(file, 0) === "RIFF" && word(file, 8) === "WEBP") return intoWebp(file, packet);
  }
  throw new EmilieError(
    "image.unreadable",
    `Expected a JPEG or WebP file and at most ${MAX_XMP_BYTES} bytes of XMP, got ${packet.length}.`,
  );
}

/** A segment APP1 after the first, which is JFIF's own place. */
function intoJpeg(file: Uint8Array, packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const jfif = file[2] === 0xff && file[3] === 0xe0;
  const at = 2 + (jfif ? 2 + ((file[4]! << 8) | file[5]!) : 0);
  const mark = ascii(JPEG_MARK);
  const length = 2 + mark.length + packet.length;
  const head = Uint8Array.of(0xff, 0xe1, length >> 8, length & 0xff);
  return concatBytes([file.subarray(0, at), head, mark, packet, file.subarray(at)]);
}

/** A chunk at the end, and a header that announces it: simple files have none and get one. */
function intoWebp(file: Uint8Array, packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const extended = word(file, 12) === "VP8X";
  const header = extended ? file.slice(12, 30) : extendedHeader(file);
  header[8]! |= HAS_XMP;
  const pictures = file.subarray(extended ? 30 : 12, 8 + uint32(file, 4));
  const body = concatBytes([ascii("WEBP"), header, pictures, chunk("XMP ", packet)]);
  return chunk("RIFF", body);
}

/** For a file of one chunk, by what that says of its size and alpha. */
function extendedHeader(file: Uint8Array): Uint8Array {
  const lossless = word(file, 12) === "VP8L";
  // VP8L: a signature, 14 bits of width − 1 and of height − 1, a bit for alpha. VP8: 14 bits each behind three bytes of
  // the frame's tag and three of its start code.
  const bits = uint32(file, lossless ? 21 : 26);
  const width = lossless ? bits & 0x3fff : (bits & 0x3fff) - 1;
  const height = lossless ? (bits >>> 14) & 0x3fff : ((bits >>> 16) & 0x3fff) - 1;
  const alpha = lossless && (bits >>> 28) & 1;
  const sides = [width, height].flatMap((side) => [side & 0xff, side >> 8, 0]);
  return chunk("VP8X", Uint8Array.of(alpha ? HAS_ALPHA : 0, 0, 0, 0, ...sides));
}

/** A RIFF chunk: name, length, body, and a zero where the length is odd. */
function chunk(name: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, body.length, true);
  return concatBytes([ascii(name), length, body, new Uint8Array(body.length % 2)]);
}

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const word = (file: Uint8Array, at: number) => String.fromCharCode(...file.subarray(at, at + 4));
const uint32 = (file: Uint8Array, at: number) =>
  new DataView(file.buffer, file.byteOffset).getUint32(at, true);
