/**
 * The story of a session as one picture: its frames side by side, each with its instruction below, and for a local edit
 * a small view of its parent in which only the mask has colour.
 */
import { EmilieError } from "../errors.ts";
import { distanceTo } from "./distance.ts";
import { blend, type Colour, drawPicture, drawText, textWidth, wrapText } from "./draw.ts";
import { type Mask, resizeMask } from "./mask.ts";
import { fromModelImage, toModelImage } from "./model-image.ts";
import { blankPicture, type Picture } from "./picture.ts";

/** One picture of a strip. */
export interface Frame {
  /** Of any size; scaled to the strip's. */
  readonly picture: Picture;
  /** What was asked for, or a name. */
  readonly caption: string;
  /** A second, fainter line. */
  readonly note?: string;
  /** The index of the frame that this one was made from. Default: the frame before. */
  readonly parent?: number;
  /** Where the edit was allowed; drawn over the parent's picture. */
  readonly mask?: Mask;
}

/** How a strip is laid out. */
export interface StripOptions {
  /** Frames in a row. Default: up to five, and rows of about equal length. */
  readonly columns?: number;
}

// Everything is laid out in points and drawn at two pixels to the point, for sharp screens.
const DENSITY = 2;
const MARGIN = 26;
const GAP = 18;
const CORNER = 6;
const TYPE = 15;
const NOTE_TYPE = 12;
const LEADING = 1.32;
const CAPTION_GAP = 12;
const INSET = 54;
/** Frames are as wide as a row of five allows, wider when there are fewer, but never wider than this. */
const ROW = 5 * 200 + 4 * GAP;
const MAX_FRAME = 340;
/** A tall picture is at most this many times as tall as it is wide in the strip. */
const MAX_TALL = 1.4;

const PAPER: Colour = [250, 249, 246];
const INK: Colour = [31, 36, 48];
const FAINT: Colour = [108, 112, 122];
const ACCENT: Colour = [224, 49, 110];

/** Draws the frames, numbered from the first edit on. Throws option.invalid for no frames. */
export function strip(frames: readonly Frame[], options: StripOptions = {}): Picture {
  if (frames.length === 0)
    throw new EmilieError("option.invalid", "A strip needs at least one frame, got none.");
  const columns = options.columns ?? Math.ceil(frames.length / Math.ceil(frames.length / 5));
  const frameWidth = points(Math.min(MAX_FRAME, (ROW - (columns - 1) * GAP) / columns));
  const cells = frames.map((frame, index) => layOut(frame, index, frames, frameWidth));

  const rows = Array.from({ length: Math.ceil(cells.length / columns) }, (_, row) =>
    cells.slice(row * columns, (row + 1) * columns),
  );
  const pictureHeights = rows.map((row) => Math.max(...row.map((cell) => cell.height)));
  const rowHeights = rows.map(
    (row, i) => pictureHeights[i]! + Math.max(...row.map((cell) => cell.captionHeight)),
  );
  const [margin, gap] = [points(MARGIN), points(GAP)];
  const width = 2 * margin + columns * frameWidth + (columns - 1) * gap;
  const height = 2 * margin + rowHeights.reduce((sum, h) => sum + h, 0) + (rows.length - 1) * 2 * gap;
  const sheet = blankPicture(width, height, [...PAPER, 255]);

  let top = margin;
  rows.forEach((row, i) => {
    row.forEach((cell, column) => {
      draw(sheet, cell, margin + column * (frameWidth + gap), top, pictureHeights[i]!);
    });
    top += rowHeights[i]! + 2 * gap;
  });
  return sheet;
}

/**
 * The picture as a strip needs it: on white, scaled down where its longer side is over `longest` pixels. Keeping these
 * rather than large photos keeps a long session small.
 */
export function thumbnail(picture: Picture, longest = 800): Picture {
  const scale = longest / Math.max(picture.width, picture.height);
  if (scale >= 1) return picture;
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  return fromModelImage(toModelImage(picture, width, height), width, height, blankPicture(width, height));
}

interface Cell {
  readonly frame: Frame;
  /** The picture's size on the sheet. */
  readonly width: number;
  readonly height: number;
  readonly inset: Picture | undefined;
  /** Of an edit; the original has none. */
  readonly number: string;
  readonly caption: readonly string[];
  readonly notes: readonly string[];
  readonly captionHeight: number;
}

function layOut(frame: Frame, index: number, frames: readonly Frame[], frameWidth: number): Cell {
  const { picture } = frame;
  const scale = Math.min(frameWidth / picture.width, (MAX_TALL * frameWidth) / picture.height);
  const size = (length: number) => Math.max(1, Math.round(length * scale));
  const parent = frame.parent ?? index - 1;
  const inset = frame.mask && frames[parent] && maskView(frames[parent].picture, frame.mask);
  const number = index === 0 ? "" : String(index);
  const textSpace = frameWidth - (inset ? inset.width + points(10) : 0) - numberSpace(number);
  const caption = wrapText(frame.caption, points(TYPE), textSpace);
  const branch =
    index > 0 && parent !== index - 1 ? `branch from ${parent === 0 ? "the original" : parent}` : "";
  const note = [branch, frame.note].filter(Boolean).join(" · ");
  const notes = wrapText(note, points(NOTE_TYPE), textSpace);
  const textHeight = LEADING * points(TYPE * caption.length + NOTE_TYPE * notes.length);
  const captionHeight = points(CAPTION_GAP) + Math.ceil(Math.max(textHeight, inset?.height ?? 0));
  return {
    frame,
    width: size(picture.width),
    height: size(picture.height),
    inset,
    number,
    caption,
    notes,
    captionHeight,
  };
}

function draw(sheet: Picture, cell: Cell, left: number, top: number, rowHeight: number): void {
  const { frame, width, height, inset } = cell;
  drawPicture(sheet, frame.picture, left, top + rowHeight - height, width, height, points(CORNER));
  const under = top + rowHeight + points(CAPTION_GAP);
  let textLeft = left;
  if (inset) {
    drawPicture(sheet, inset, left, under, inset.width, inset.height, points(3));
    textLeft += inset.width + points(10);
  }
  let baseline = under + points(0.78 * TYPE);
  drawText(sheet, cell.number, textLeft, baseline, points(TYPE), FAINT);
  textLeft += numberSpace(cell.number);
  for (const line of cell.caption) {
    drawText(sheet, line, textLeft, baseline, points(TYPE), INK);
    baseline += LEADING * points(TYPE);
  }
  for (const line of cell.notes) {
    drawText(sheet, line, textLeft, baseline, points(NOTE_TYPE), FAINT);
    baseline += LEADING * points(NOTE_TYPE);
  }
}

/** The room that an edit's number takes, so that all lines of its caption stand beside it. */
function numberSpace(number: string): number {
  return number === "" ? 0 : points(5) + Math.ceil(textWidth(number, points(TYPE)));
}

/** The parent, small: pale grey where the mask is 0, in its colours where it is not, with a thin line between. */
function maskView(parent: Picture, mask: Mask): Picture {
  const scale = points(INSET) / Math.max(parent.width, parent.height);
  const width = Math.max(1, Math.round(parent.width * scale));
  const height = Math.max(1, Math.round(parent.height * scale));
  const { data } = toModelImage(parent, width, height);
  const inside = Uint8Array.from(resizeMask(mask, width, height).data, (value) => (value >= 0.5 ? 1 : 0));
  const toInside = distanceTo(inside, width, height);
  const view = blankPicture(width, height);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = [0, 1, 2].map((channel) => (data[channel * width * height + i]! + 1) * 127.5);
    const luma = 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    const pale = 190 + 0.2 * luma;
    const colour: Colour = inside[i] ? [red!, green!, blue!] : [pale, pale, pale];
    const [x, y] = [i % width, Math.floor(i / width)];
    blend(view, x, y, colour, 1);
    // A line of three pixels on the outside of the mask.
    if (!inside[i]) blend(view, x, y, ACCENT, 3.5 - toInside[i]!);
  }
  return view;
}

function points(value: number): number {
  return Math.round(value * DENSITY);
}
