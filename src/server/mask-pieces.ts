/** Masks in the store: pieces of the session file where an edit has used them, files beside it where none has yet. */
import { EmilieError } from "../errors.ts";
import type { Size } from "../images/model-image.ts";
import { hashOf } from "../session/file/container.node.ts";
import type { Manifest, StoredNode } from "../session/file/schema.ts";
import type { SessionStore } from "./store/store.ts";
import { sizesOf } from "./view.ts";
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
export async function readMaskPiece(
  store: SessionStore,
  session: string,
  id: string,
  /** Of the picture that it is for; a mask that is no PNG does not say its own. */
  size?: Size,
): Promise<PieceData> {
  const { manifest } = await store.read(session);
  const png =
    (await store.piece(session, `mask/${id}.png`)) ?? (await store.file(session, "masks", `${id}.png`));
  if (png)
    return { name: `mask/${id}.png`, type: "U8", shape: [png.length], sha256: hashOf(png), bytes: png };
  const floats =
    (await store.piece(session, `mask/${id}`)) ?? (await store.file(session, "masks", `${id}.f32`));
  if (floats) {
    const { width, height } = sizeOfFloats(manifest, id, floats, size);
    return { name: `mask/${id}`, type: "F32", shape: [height, width], sha256: id, bytes: floats };
  }
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
  const { manifest } = await store.read(session);
  const { recipe, parent } = node;
  const before = sizesOf(manifest).get(parent ?? node.id)!;
  if (recipe?.canvas)
    return recipe.canvas.kind === "expand" ? { border: { before, canvas: recipe.canvas } } : null;
  const ids = recipe?.regions.map(({ mask }) => mask?.sha256) ?? [undefined];
  if (ids.includes(undefined)) return null;
  return { pieces: await Promise.all(ids.map((id) => readMaskPiece(store, session, id!, before))) };
}

/** The size of a picture of the session that has so many pixels: that of the recipe which names the mask, or of the picture that it is for. */
function sizeOfFloats(manifest: Manifest, id: string, floats: Uint8Array, size: Size | undefined): Size {
  const named = manifest.nodes.flatMap(({ recipe }) => recipe?.regions.map(({ mask }) => mask) ?? []);
  const recipes = named.flatMap((mask) => (mask?.sha256 === id ? [mask] : []));
  const sizes = [...(size ? [size] : []), ...recipes, ...sizesOf(manifest).values()];
  return sizes.find(({ width, height }) => 4 * width * height === floats.length) ?? manifest.picture;
}
