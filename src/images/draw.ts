/** Drawing on a picture: soft-edged shapes, other pictures, and text. Coordinates are pixels from the upper left corner. */
import { glyphs, PEN } from "./lettering.ts";
import { toModelImage } from "./model-image.ts";
import type { Picture } from "./picture.ts";

export type Colour = readonly [red: number, green: number, blue: number];

/** Mixes a colour into one opaque pixel; `cover` is how much of the pixel is covered, 0 to 1. */
export function blend(onto: Picture, x: number, y: number, colour: Colour, cover: number): void {
  if (cover <= 0 || x < 0 || y < 0 || x >= onto.width || y >= onto.height) return;
  const at = 4 * (y * onto.width + x);
  for (let channel = 0; channel < 3; channel++) {
    const under = onto.data[at + channel]!;
    onto.data[at + channel] = under + (colour[channel]! - under) * Math.min(1, cover);
  }
}

/** Draws a picture, scaled to width × height, with rounded corners; what is transparent in it shows white. */
export function drawPicture(
  onto: Picture,
  picture: Picture,
  left: number,
  top: number,
  width: number,
  height: number,
  radius = 0,
): void {
  const { data } = toModelImage(picture, width, height);
  const plane = width * height;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const level = (channel: number) => (data[channel * plane + i]! + 1) * 127.5;
      const cover = roundedCover(x + 0.5, y + 0.5, width, height, radius);
      blend(onto, left + x, top + y, [level(0), level(1), level(2)], cover);
    }
  }
}

/** How wide a line of text is, in pixels, at a type size in pixels. */
export function textWidth(text: string, size: number): number {
  return glyphs(text).reduce((width, glyph) => width + glyph.advance, 0) * (size / 100);
}

/** Draws one line of text; `baseline` is where letters stand. `weight` 1 is the regular pen. */
export function drawText(
  onto: Picture,
  text: string,
  left: number,
  baseline: number,
  size: number,
  colour: Colour,
  weight = 1,
): void {
  const scale = size / 100;
  const pen = (PEN * weight * scale) / 2;
  let pin = left;
  for (const { advance, strokes } of glyphs(text)) {
    const segments = strokes.flatMap((points) =>
      points.slice(1).map(([x, y], i): Segment => {
        const [x0, y0] = points[i]!;
        return [pin + x0 * scale, baseline - y0 * scale, pin + x * scale, baseline - y * scale];
      }),
    );
    drawSegments(onto, segments, pen, colour);
    pin += advance * scale;
  }
}

/** Breaks a text into lines at most `width` pixels wide: at spaces, and inside a word only where it alone is too wide. */
export function wrapText(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text
    .trim()
    .split(/\s+/u)
    .flatMap((w) => pieces(w, size, width))) {
    const longer = line ? `${line} ${word}` : word;
    if (line && textWidth(longer, size) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line ? [...lines, line] : lines;
}

function pieces(word: string, size: number, width: number): string[] {
  if (textWidth(word, size) <= width) return [word];
  const parts: string[] = [];
  for (const letter of word) {
    const last = parts.at(-1);
    if (last !== undefined && textWidth(last + letter, size) <= width)
      parts[parts.length - 1] = last + letter;
    else parts.push(letter);
  }
  return parts;
}

type Segment = readonly [x0: number, y0: number, x1: number, y1: number];

/** Strokes segments with a round pen. Where strokes of one glyph meet, the pixel is covered once. */
function drawSegments(onto: Picture, segments: readonly Segment[], pen: number, colour: Colour): void {
  if (segments.length === 0) return;
  const xs = segments.flatMap(([x0, , x1]) => [x0, x1]);
  const ys = segments.flatMap(([, y0, , y1]) => [y0, y1]);
  const reach = pen + 1;
  for (let y = Math.floor(Math.min(...ys) - reach); y <= Math.max(...ys) + reach; y++) {
    for (let x = Math.floor(Math.min(...xs) - reach); x <= Math.max(...xs) + reach; x++) {
      const nearest = Math.min(...segments.map((segment) => distanceToSegment(x + 0.5, y + 0.5, segment)));
      blend(onto, x, y, colour, pen + 0.5 - nearest);
    }
  }
}

function distanceToSegment(x: number, y: number, [x0, y0, x1, y1]: Segment): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length));
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}

/** How much of the pixel at (x, y) a rounded box of the given size covers. */
function roundedCover(x: number, y: number, width: number, height: number, radius: number): number {
  const dx = Math.max(radius - x, x - (width - radius), 0);
  const dy = Math.max(radius - y, y - (height - radius), 0);
  return Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)));
}
