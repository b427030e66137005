/**
 * Animated WebP (developers.google.com/speed/webp/docs/riff_container): the browser encodes each picture, and their
 * bitstreams are put into one container.
 */

import type { Picture } from "../../../src/web.ts";
import { toCanvas } from "../ui/pictures.ts";

const ANIMATION = 0x02;
const ALPHA = 0x10;

export async function encodeAnimatedWebp(
  pictures: readonly Picture[],
  seconds: number,
  quality: number,
): Promise<Blob> {
  const { width, height } = pictures[0]!;
  const frames = await Promise.all(
    pictures.map(async (picture, i) => {
      const blob = await toCanvas(picture).convertToBlob({ type: "image/webp", quality });
      const delay = 1000 * seconds * (i === pictures.length - 1 ? 3 : 1);
      return frame(bitstream(new Uint8Array(await blob.arrayBuffer())), width, height, delay);
    }),
  );
  const features = new Uint8Array(10);
  features[0] = ANIMATION | ALPHA;
  put(features, 4, 3, width - 1);
  put(features, 7, 3, height - 1);
  // Background and loop count: 0 is forever.
  const body = [chunk("VP8X", features), chunk("ANIM", new Uint8Array(6)), ...frames];
  const size = body.reduce((sum, part) => sum + part.length, 4);
  const head = new Uint8Array(12);
  head.set(letters("RIFF"));
  put(head, 4, 4, size);
  head.set(letters("WEBP"), 8);
  return new Blob([head, ...body], { type: "image/webp" });
}

/** The chunks of a still picture that hold its pixels: VP8, or VP8L, with ALPH before it where there is one. */
export function bitstream(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 12; at + 8 <= file.length; ) {
    const name = String.fromCharCode(...file.subarray(at, at + 4));
    const end = at + 8 + view.getUint32(at + 4, true);
    const padded = end + (end % 2);
    if (["VP8 ", "VP8L", "ALPH"].includes(name)) parts.push(file.subarray(at, padded));
    at = padded;
  }
  return join(parts);
}

function frame(pixels: Uint8Array, width: number, height: number, delay: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(16);
  put(head, 6, 3, width - 1);
  put(head, 9, 3, height - 1);
  put(head, 12, 3, delay);
  // The frame replaces what was there, unblended.
  head[15] = 0x02;
  return chunk("ANMF", join([head, pixels]));
}

function chunk(name: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(8 + body.length + (body.length % 2));
  whole.set(letters(name));
  put(whole, 4, 4, body.length);
  whole.set(body, 8);
  return whole;
}

function put(bytes: Uint8Array, at: number, count: number, value: number): void {
  for (let i = 0; i < count; i++) bytes[at + i] = (value >>> (8 * i)) & 255;
}

const letters = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
