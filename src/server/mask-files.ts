/** Masks that come in: made at the picture's size by the inference process, and kept. */
import type { Size } from "../images/model-image.ts";
import { writeMaskPiece } from "./mask-pieces.ts";
import type { Parts } from "./parts.ts";
import type { MaskSource } from "./worker/protocol.ts";

export interface NewMask {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** As it was given. */
  readonly given: Size;
  readonly resized: boolean;
  readonly coverage: number;
  /** What there is to say of it, and is no error. */
  readonly warnings: readonly string[];
}

/**
 * Makes a mask at the picture's size, in the inference process (decoding and scaling take seconds), and keeps it. `check` may
 * refuse it before it is kept.
 */
export async function keepMask(
  parts: Parts,
  session: string,
  source: MaskSource,
  /** Of the picture that it is for. */
  { width, height }: Size,
  check?: (made: NewMask) => void,
): Promise<NewMask> {
  const { store, worker, calls, limits } = parts;
  const { id, piece, given, coverage, warnings } = await calls.run(() =>
    worker.call("mask", { source, width, height, maxPixels: limits.pixels }),
  );
  const resized = given.width !== width || given.height !== height;
  const sizes = `${given.width}×${given.height}, the picture ${width}×${height}`;
  const scaled = resized
    ? [`The mask has a different size than the picture (${sizes}); it is scaled to fit.`]
    : [];
  const made = { id, width, height, given, resized, coverage, warnings: [...warnings, ...scaled] };
  check?.(made);
  await writeMaskPiece(store, session, id, piece);
  return made;
}

/** A mask for the eye, white = edit. */
export async function maskPng(
  { worker, calls, limits }: Parts,
  source: MaskSource,
  { width, height }: Size,
): Promise<Uint8Array> {
  // A single mask of 8 bits is kept as that picture.
  if ("pieces" in source && source.pieces.length === 1 && source.pieces[0]!.type === "U8")
    return source.pieces[0]!.bytes;
  const { png } = await calls.run(() =>
    worker.call("mask", { source, width, height, maxPixels: limits.pixels, show: true }),
  );
  return png!;
}
