/** Masks in the store: pieces of the session file where an edit has used them, files beside it where none has yet. */
import { EmilieError } from "../errors.ts";
import { encodePng, readPicture } from "../images/codec.node.ts";
import {
  checkMask,
  type Mask,
  maskFromBox,
  maskFromPicture,
  pictureFromMask,
  resizeMask,
} from "../images/mask.ts";
import { hashOf } from "../session/container.node.ts";
import { unionOf } from "../session/run.ts";
import type { StoredNode } from "../session/schema.ts";
import type { SessionStore } from "./store/store.ts";
import { maskFromPiece, pieceOfMask } from "./worker/masks.ts";
import type { PieceData } from "./worker/protocol.ts";

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

export async function readMask(store: SessionStore, session: string, id: string): Promise<Mask> {
  return maskFromPiece(await readMaskPiece(store, session, id));
}

export interface NewMask {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly resized: boolean;
  readonly coverage: number;
  /** What there is to say of it, and is no error. */
  readonly warnings: readonly string[];
}

/** Keeps a mask at the picture's size. */
export async function keepMask(
  store: SessionStore,
  session: string,
  { mask, warnings }: UploadedMask,
): Promise<NewMask> {
  checkMask(mask);
  const { width, height } = (await store.read(session)).manifest.picture;
  const fitted = resizeMask(mask, width, height);
  const { id, piece } = await pieceOfMask(fitted);
  await writeMaskPiece(store, session, id, piece);
  const sum = fitted.data.reduce((total, value) => total + value, 0);
  const resized = fitted !== mask;
  const sizes = `${mask.width}×${mask.height}, the picture ${width}×${height}`;
  const scaled = resized
    ? [`The mask has another size than the picture (${sizes}); it is scaled to fit.`]
    : [];
  const coverage = sum / fitted.data.length;
  return { id, width, height, resized, coverage, warnings: [...warnings, ...scaled] };
}

export async function keepBox(
  store: SessionStore,
  session: string,
  box: { x: number; y: number; width: number; height: number },
): Promise<NewMask> {
  const { width, height } = (await store.read(session)).manifest.picture;
  return keepMask(store, session, { mask: maskFromBox(width, height, box), warnings: [] });
}

/** A mask from outside, and what there is to say of its file. */
export interface UploadedMask {
  readonly mask: Mask;
  readonly warnings: readonly string[];
}

/** White = edit; with "alpha" it is what is transparent that may change, as in OpenAI's API. */
export async function maskFromUpload(
  bytes: Uint8Array,
  { channel = "luma", invert = false }: { channel?: "luma" | "alpha"; invert?: boolean } = {},
): Promise<UploadedMask> {
  const warnings: string[] = [];
  const picture = await readPicture(bytes, { onWarning: (message) => void warnings.push(message) });
  const mask = channel === "luma" ? maskFromPicture(picture) : maskFromAlpha(picture);
  return { mask: invert ? { ...mask, data: mask.data.map((value) => 1 - value) } : mask, warnings };
}

function maskFromAlpha({ width, height, data }: Awaited<ReturnType<typeof readPicture>>): Mask {
  const mask = Float32Array.from({ length: width * height }, (_, i) =>
    Math.fround((255 - data[4 * i + 3]!) / 255),
  );
  return { width, height, data: mask };
}

/** Where a node's edit was allowed to happen; null: everywhere. */
export async function maskOfNode(
  store: SessionStore,
  session: string,
  node: StoredNode,
): Promise<Mask | null> {
  const ids = node.recipe?.regions.map(({ mask }) => mask?.sha256) ?? [undefined];
  const masks = await Promise.all(
    ids.map((id) => (id === undefined ? undefined : readMask(store, session, id))),
  );
  return unionOf(masks) ?? null;
}

export function maskPng(mask: Mask): Promise<Uint8Array> {
  return encodePng(pictureFromMask(mask));
}
