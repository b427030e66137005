/** The setting `window`; window.ts explains and applies it. */

/** How much of the picture the model sees beside what may change, in latent pixels. */
export interface WindowSize {
  /** On each side of the masks, as far as the picture goes; a whole number from 0. */
  readonly margin: number;
  /** The shortest side; a whole number from 1. Default: half of the size that the model was trained at. */
  readonly least?: number;
}

/** The same with its numbers filled in, as a recipe records it. */
export interface ResolvedWindow extends WindowSize {
  /** The shortest side; a whole number from 1. */
  readonly least: number;
}

/**
 * Where an edit with masks runs: on the whole picture, or on a window around them. "auto" is a window above the native size, and
 * the whole picture at it: a window there costs success, whatever it saves (docs/decisions/0077-rooms.md).
 */
export type WindowOption = "off" | "auto" | WindowSize;
