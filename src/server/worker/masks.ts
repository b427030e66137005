/** Masks as they travel: the same pieces that a session file keeps. */
import { EmilieError } from "../../errors.ts";
import { encodePng, readPicture } from "../../images/codec.node.ts";
import { checkPictureSize } from "../../images/encode.node.ts";
import {
  checkMask,
  invertMask,
  type Mask,
  maskFromAlpha,
  maskFromBox,
  maskFromPicture,
  pictureFromMask,
  resizeMask,
} from "../../images/mask.ts";
import { maskPiece } from "../../session/pack.node.ts";
import { describeMask } from "../../session/recipe.ts";
import { unionOf } from "../../session/run.ts";
import type { MaskData, Params, PieceData, Result } from "./protocol.ts";

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

/** A mask at the picture's size. A picture of one is looked at by its header before it is decoded. */
export async function makeMask({
  source,
  width,
  height,
  maxPixels,
  show,
}: Params<"mask">): Promise<Result<"mask">> {
  const mask = await maskFrom();
  checkMask(mask);
  const fitted = resizeMask(mask, width, height);
  let sum = 0;
  for (const value of fitted.data) sum += value;
  return {
    ...(await pieceOfMask(fitted)),
    given: { width: mask.width, height: mask.height },
    coverage: sum / fitted.data.length,
    ...(show ? { png: await encodePng(pictureFromMask(fitted)) } : {}),
  };

  async function maskFrom(): Promise<Mask> {
    if ("box" in source) return maskFromBox(width, height, source.box);
    if ("pieces" in source) return unionOf(await Promise.all(source.pieces.map(maskFromPiece)))!;
    const { upload, channel = "luma", invert = false } = source;
    await checkPictureSize(upload, maxPixels);
    const picture = await readPicture(upload);
    // By alpha it is what is transparent that may change; turned in the bytes, so that 8 bits stay 8 bits.
    if (channel === "alpha")
      for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255 - picture.data[i]!;
    const mask = channel === "luma" ? maskFromPicture(picture) : maskFromAlpha(picture);
    return invert ? invertMask(mask) : mask;
  }
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
