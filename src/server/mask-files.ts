/** Masks in the store: pieces of the session file where an edit has used them, files beside it where none has yet. */
import { EmilieError } from "../errors.ts";
import type { Size } from "../images/model-image.ts";
import { hashOf } from "../session/file/container.node.ts";
import type { StoredNode } from "../session/file/schema.ts";
import type { Parts } from "./parts.ts";
import type { SessionStore } from "./store/store.ts";
import type { MaskSource, PieceData } from "./worker/protocol.ts";

export async function writeMaskPiece(
  store: SessionStore,
  session: string,
  id: string,
  piece: PieceData,
): Promise<void> {
  const name = piece.type === "U8" ? `${id}.png` : `${id}.f32`;
  await store.putFile(session, "masks", name, piece.bytes);
}

/** @throws EmilieError "server.missing" */
export async function readMaskPiece(store: SessionStore, session: string, id: string): Promise<PieceData> {
  const { manifest } = await store.read(session);
  const { width, height } = manifest.picture;
  const png =
    (await store.piece(session, `mask/${id}.png`)) ?? (await store.file(session, "masks", `${id}.png`));
  if (png)
    return { name: `mask/${id}.png`, type: "U8", shape: [png.length], sha256: hashOf(png), bytes: png };
  const floats =
    (await store.piece(session, `mask/${id}`)) ?? (await store.file(session, "masks", `${id}.f32`));
  if (floats) return { name: `mask/${id}`, type: "F32", shape: [height, width], sha256: id, bytes: floats };
  throw new EmilieError(
    "server.missing",
    `There is no mask ${id.slice(0, 12)}… in this session. Upload it first.`,
  );
}

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
  check?: (made: NewMask) => void,
): Promise<NewMask> {
  const { store, worker, calls, limits } = parts;
  const { width, height } = (await store.read(session)).manifest.picture;
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
export async function maskPng(parts: Parts, session: string, source: MaskSource): Promise<Uint8Array> {
  const { store, worker, calls, limits } = parts;
  const { width, height } = (await store.read(session)).manifest.picture;
  // A single mask of 8 bits is kept as that picture.
  if ("pieces" in source && source.pieces.length === 1 && source.pieces[0]!.type === "U8")
    return source.pieces[0]!.bytes;
  const { png } = await calls.run(() =>
    worker.call("mask", { source, width, height, maxPixels: limits.pixels, show: true }),
  );
  return png!;
}

/** Where a node's edit was allowed to happen; null: everywhere. */
export async function maskOfNode(
  store: SessionStore,
  session: string,
  node: StoredNode,
): Promise<MaskSource | null> {
  const ids = node.recipe?.regions.map(({ mask }) => mask?.sha256) ?? [undefined];
  if (ids.includes(undefined)) return null;
  return { pieces: await Promise.all(ids.map((id) => readMaskPiece(store, session, id!))) };
}
