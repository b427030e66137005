/** Masks as they travel: the same pieces that a session file keeps. */
import { EmilieError } from "../../errors.ts";
import { borderMask } from "../../images/canvas.ts";
import { encodePng, readPicture, readPictureFile } from "../../images/codec.node.ts";
import { checkPictureSize } from "../../images/encode.node.ts";
import {
  checkMask,
  type Mask,
  maskFromBox,
  maskFromPicture,
  pictureFromMask,
  resizeMask,
} from "../../images/mask.ts";
import { type MaskAnswer, maskOfPicture, type ReadMask } from "../../images/mask-question.ts";
import { eightBits } from "../../images/mask-spec.ts";
import { selectRegion } from "../../images/select-region.ts";
import { maskPiece } from "../../session/file/pack.node.ts";
import { describeMask } from "../../session/tree/recipe.ts";
import { unionOf } from "../../session/tree/run.ts";
import type { MaskReading } from "./mask-reading.ts";
import type { MaskData, Params, PieceData, Result } from "./protocol.ts";

export async function maskFromPiece({
  type,
  shape,
  bytes,
}: Pick<PieceData, "type" | "shape" | "bytes">): Promise<Mask> {
  if (type === "U8") return maskFromPicture(await readPicture(bytes));
  const [height = 0, width = 0] = shape;
  // What came through a pipe may lie at an odd offset of a larger buffer, which slice() of a Buffer does not leave.
  return { width, height, data: new Float32Array(new Uint8Array(bytes).buffer) };
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
  const { mask, warnings } = await maskFrom();
  checkMask(mask);
  const fitted = resizeMask(mask, width, height);
  let sum = 0;
  for (const value of fitted.data) sum += value;
  return {
    ...(await pieceOfMask(fitted)),
    given: { width: mask.width, height: mask.height },
    coverage: sum / fitted.data.length,
    warnings,
    ...(show ? { png: await encodePng(pictureFromMask(fitted)) } : {}),
  };

  async function maskFrom(): Promise<ReadMask> {
    if ("box" in source) return { mask: maskFromBox(width, height, source.box), warnings: [] };
    if ("border" in source) {
      return { mask: borderMask(source.border.before, source.border.canvas), warnings: [] };
    }
    if ("select" in source)
      return { mask: selectRegion(await readPicture(source.picture), source.select), warnings: [] };
    if ("pieces" in source) {
      const masks = await Promise.all(source.pieces.map(maskFromPiece));
      return { mask: unionOf(masks)!, warnings: [] };
    }
    await checkPictureSize(source.upload, maxPixels);
    return readUpload(source.upload, source);
  }
}

/** As every picture that is given as a mask: what it could mean in two ways is asked. */
async function readUpload(bytes: Uint8Array, { channel, invert = false }: MaskReading): Promise<ReadMask> {
  const { picture, notes } = await readPictureFile(bytes);
  const { mask, warnings } = maskOfPicture(picture, {
    channel: channel === "luma" ? "white" : channel,
    invert: channel === "alpha" ? !invert : invert,
    word: readingOf,
  });
  // A picture's levels, inverted ones too, are levels of 8 bits.
  return { mask: eightBits(mask), warnings: [...notes, ...warnings] };
}

/** An answer to a question about a mask, as the API says it; by alpha, its own sense is that transparent = edit. */
function readingOf({ channel, invert }: MaskAnswer): string {
  const name = channel === "white" ? "luma" : channel;
  return `channel=${name}${(channel === "alpha") !== invert ? " with invert=true" : ""}`;
}

/** All masks that a piece of work names. */
export async function readMasks(pieces: Readonly<Record<string, PieceData>>): Promise<(id: string) => Mask> {
  const masks = new Map<string, Mask>();
  for (const [id, piece] of Object.entries(pieces)) masks.set(id, await maskFromPiece(piece));
  return (id) => {
    const mask = masks.get(id);
    if (mask) return mask;
    throw new EmilieError("server.missing", `The mask ${id.slice(0, 12)} no longer exists.`);
  };
}
