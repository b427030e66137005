/**
 * Words inside a PNG file: writes and reads its text chunks (PNG specification, third edition, sections 5 and 11.3.3).
 * The pixels are not touched: chunks are only inserted or taken out, so a recipe travels with the picture it made.
 */

import { EmilieError } from "../errors.ts";
import { MAX_PNG_CHUNKS, PICTURE_PATH_JSON } from "../limits.ts";
import { concatBytes } from "../util/bytes.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Letters, as PNG has it. */
const MAX_KEYWORD = 79;

interface Chunk {
  readonly type: string;
  readonly body: Uint8Array;
  /** The whole chunk with its length and checksum, to be copied as it is. */
  readonly bytes: Uint8Array;
}

/**
 * Returns the PNG with one iTXt chunk (UTF-8, not compressed) per entry, right after the header. An entry replaces
 * text of the same keyword. Keywords are 1 to 79 Latin characters without spaces at the ends.
 * Throws image.unreadable when the bytes are not a whole PNG, option.invalid for a keyword that PNG does not allow.
 */
export function writePngText(
  png: Uint8Array,
  entries: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const keywords = Object.keys(entries);
  for (const keyword of keywords) checkKeyword(keyword);
  const chunks = pngChunks(png).filter((chunk) => !keywords.includes(textKeyword(chunk) ?? ""));
  const header = chunks[0]!;
  const added = Object.entries(entries).map(([keyword, text]) => textChunk(keyword, text));
  return concatBytes([
    Uint8Array.from(SIGNATURE),
    header.bytes,
    ...added,
    ...chunks.slice(1).map((c) => c.bytes),
  ]);
}

/**
 * The text of a PNG by keyword: tEXt and uncompressed iTXt chunks (compressed ones are left out).
 * Throws image.unreadable when the bytes are not a whole PNG.
 */
export function readPngText(png: Uint8Array): Record<string, string> {
  // Without a prototype: "__proto__" is a keyword like any other.
  const found: Record<string, string> = Object.create(null);
  for (const chunk of pngChunks(png)) {
    // What is read from a picture's text is recipes; a text of more than those may have stays closed.
    if (chunk.body.length > PICTURE_PATH_JSON.length) continue;
    const keyword = textKeyword(chunk);
    if (keyword === undefined) continue;
    const rest = chunk.body.subarray(keyword.length + 1);
    if (chunk.type === "tEXt") found[keyword] = latin1(rest);
    else if (rest[0] === 0) {
      // After the two compression bytes stand the language tag and the translated keyword, each ended by a zero.
      const languageEnd = rest.indexOf(0, 2);
      const translatedEnd = rest.indexOf(0, languageEnd + 1);
      if (languageEnd < 0 || translatedEnd < 0) continue;
      found[keyword] = new TextDecoder().decode(rest.subarray(translatedEnd + 1));
    }
  }
  return found;
}

function checkKeyword(keyword: string): void {
  const allowed = /^[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff]{0,77}[\x21-\x7e\xa1-\xff])?$/;
  if (!allowed.test(keyword) || keyword.includes("  ")) {
    throw new EmilieError(
      "option.invalid",
      `A PNG keyword has 1 to 79 Latin characters and no spaces at its ends, got ${JSON.stringify(keyword)}.`,
    );
  }
}

/** The chunks of a PNG in their order. Throws image.unreadable when the bytes, which `name` is for, are not a whole PNG. */
export function pngChunks(png: Uint8Array, name = "The PNG file"): Chunk[] {
  if (!SIGNATURE.every((byte, i) => png[i] === byte)) {
    throw new EmilieError("image.unreadable", "Expected a PNG file, but the bytes do not start like one.");
  }
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  let at = SIGNATURE.length;
  while (chunks.at(-1)?.type !== "IEND") {
    const end = at + 12 <= png.length ? at + 12 + view.getUint32(at) : Number.POSITIVE_INFINITY;
    if (end > png.length) {
      throw new EmilieError("image.unreadable", `${name} ends before its last chunk; it may be cut off.`);
    }
    if (chunks.length >= MAX_PNG_CHUNKS)
      throw new EmilieError("image.unreadable", `${name} has more than ${MAX_PNG_CHUNKS} chunks.`);
    const type = latin1(png.subarray(at + 4, at + 8));
    chunks.push({ type, body: png.subarray(at + 8, end - 4), bytes: png.subarray(at, end) });
    at = end;
  }
  return chunks;
}

function textKeyword(chunk: Chunk): string | undefined {
  if (chunk.type !== "tEXt" && chunk.type !== "iTXt") return undefined;
  const end = chunk.body.subarray(0, MAX_KEYWORD + 1).indexOf(0);
  return end < 0 ? undefined : latin1(chunk.body.subarray(0, end));
}

function textChunk(keyword: string, text: string): Uint8Array {
  const head = Uint8Array.from(keyword, (letter) => letter.charCodeAt(0));
  // Zero after the keyword, two compression bytes, then an empty language tag and an empty translated keyword.
  const body = concatBytes([head, new Uint8Array(5), new TextEncoder().encode(text)]);
  const chunk = new Uint8Array(12 + body.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length);
  chunk.set(
    [..."iTXt"].map((letter) => letter.charCodeAt(0)),
    4,
  );
  chunk.set(body, 8);
  view.setUint32(8 + body.length, crc32(chunk.subarray(4, 8 + body.length)));
  return chunk;
}

/** CRC-32 as PNG defines it, one bit at a time: text chunks are small. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function latin1(bytes: Uint8Array): string {
  // In pieces: a call takes only so many arguments.
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}
