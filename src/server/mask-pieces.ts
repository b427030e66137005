/** Masks in the store: pieces of the session file where an edit has used them, files beside it where none has yet. */
import { EmilieError } from "../errors.ts";
import { hashOf } from "../session/file/container.node.ts";
import type { StoredNode } from "../session/file/schema.ts";
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
