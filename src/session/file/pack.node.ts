/** Packing with Node's picture codec. */
import { encodePng, readPicture } from "../../images/codec.node.ts";
import type { Mask } from "../../images/mask.ts";
import type { Session } from "../session.ts";
import type { Node } from "../tree/tree.ts";
import type { Container, Piece } from "./container.ts";
import {
  maskPiece as maskPieceWith,
  packSession as pack,
  packNode as packNodeWith,
  type Unpacked,
  unpackSession as unpack,
} from "./pack.ts";
import type { Manifest, StoredNode } from "./schema.ts";

export { loadDrift, type Unpacked } from "./pack.ts";

const codec = { encodePng, readPicture };

export function packSession(session: Session): Promise<{ manifest: Manifest; pieces: Piece[] }> {
  return pack(session, codec);
}

/** Throws session.malformed. */
export function unpackSession(container: Container, path: string): Promise<Unpacked> {
  return unpack(container, path, codec);
}

/** One node with the pieces that it brings: its latent, and its masks. */
export function packNode(session: Session, node: Node): Promise<{ node: StoredNode; pieces: Piece[] }> {
  return packNodeWith(session, node, codec);
}

export function maskPiece(hash: string, mask: Mask): Promise<Piece> {
  return maskPieceWith(hash, mask, codec);
}
