/** Masks as they travel: the same pieces that a session file keeps. */
import { EmilieError } from "../../errors.ts";
import { readPicture } from "../../images/codec.node.ts";
import { type Mask, maskFromPicture } from "../../images/mask.ts";
import { maskPiece } from "../../session/pack.node.ts";
import { describeMask } from "../../session/recipe.ts";
import type { MaskData, PieceData } from "./protocol.ts";

export async function maskFromPiece({
  type,
  shape,
  bytes,
}: Pick<PieceData, "type" | "shape" | "bytes">): Promise<Mask> {
  if (type === "U8") return maskFromPicture(await readPicture(bytes));
  const [height = 0, width = 0] = shape;
  // What came through a pipe may lie at an odd offset.
  return { width, height, data: new Float32Array(bytes.slice().buffer) };
}

export async function pieceOfMask(mask: Mask): Promise<MaskData> {
  const { sha256 } = await describeMask(mask);
  return { id: sha256, piece: await maskPiece(sha256, mask) };
}

/** All masks that a piece of work names. */
export async function readMasks(pieces: Readonly<Record<string, PieceData>>): Promise<(id: string) => Mask> {
  const masks = new Map<string, Mask>();
  for (const [id, piece] of Object.entries(pieces)) masks.set(id, await maskFromPiece(piece));
  return (id) => {
    const mask = masks.get(id);
    if (mask) return mask;
    throw new EmilieError("server.missing", `The mask ${id.slice(0, 12)} is not there any more.`);
  };
}
