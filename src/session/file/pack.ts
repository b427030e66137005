/** A session as manifest and pieces, and back: the tree as JSON, latents and masks as tensors, the original as PNG. */
import { isCanvasOf } from "../../images/canvas.ts";
import type { Difference } from "../../images/difference.ts";
import { type Mask, maskFromPicture, pictureFromMask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import { MAX_PICTURE_PIXELS, type Picture } from "../../images/picture.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { sha256 } from "../../util/sha256.ts";
import { describeReference } from "../picture/references.ts";
import { pictureId, type Session } from "../session.ts";
import type { Drift } from "../tree/drift.ts";
import { bytesOf, nodeId, pictureSizes } from "../tree/recipe.ts";
import type { Node } from "../tree/tree.ts";
import type { TreeNode } from "../tree/tree-node.ts";
import { type Container, MAX_SESSION_BYTES, type Piece } from "./container.ts";
import { FORMAT, type Manifest, malformed, type StoredDrift, type StoredNode, VERSION } from "./schema.ts";

/** PNG as the platform writes and reads it; pixels come back exactly. */
export interface PngCodec {
  encodePng(picture: Picture): Promise<Uint8Array>;
  readPicture(png: Uint8Array): Promise<Picture>;
}

/** Encoded pictures and masks by what they were made from: a session is saved after every edit. */
const encoded = new WeakMap<object, Promise<Piece>>();

export async function packSession(
  session: Session,
  codec: PngCodec,
): Promise<{ manifest: Manifest; pieces: Piece[] }> {
  const pieces = new Map<string, Piece>();
  const keep = (piece: Piece) => pieces.set(piece.name, piece);
  keep(await once(session.original, () => pngPiece("original.png", session.original, codec)));
  const nodes: StoredNode[] = [];
  for (const node of session.nodes.values()) {
    const latent = node.lostLatent ?? (await sha256(bytesOf(node.latent)));
    if (!node.lostLatent) keep(latentPiece(node.latent, latent));
    nodes.push(storeNode(node, latent));
  }
  for (const [hash, mask] of session.masks) keep(await once(mask, () => maskPiece(hash, mask, codec)));
  for (const [hash, picture] of session.references)
    keep(await once(picture, () => referencePiece(hash, picture, codec)));
  const { width, height } = session.original;
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    model: session.modelFacts,
    picture: { width, height },
    workingSize: session.workingSize,
    head: session.head.id,
    nodes,
    pieces: [...pieces.values()].map(({ name, type, shape, sha256 }) => ({ name, type, shape, sha256 })),
  };
  return { manifest, pieces: [...pieces.values()] };
}

/** One node with the pieces that it brings: its latent, its masks and its reference pictures. */
export async function packNode(
  session: Session,
  node: Node,
  codec: PngCodec,
): Promise<{ node: StoredNode; pieces: Piece[] }> {
  const hashes = new Set(node.recipe?.regions.flatMap(({ mask }) => (mask ? [mask.sha256] : [])));
  const masks = [...session.masks].filter(([hash]) => hashes.has(hash));
  const pieces = await Promise.all(
    masks.map(([hash, mask]) => once(mask, () => maskPiece(hash, mask, codec))),
  );
  const meant = node.recipe?.references?.map((one) => one.sha256) ?? [];
  for (const hash of new Set(meant)) {
    const picture = session.references.get(hash);
    if (picture) pieces.push(await once(picture, () => referencePiece(hash, picture, codec)));
  }
  const latent = await sha256(bytesOf(node.latent));
  return { node: storeNode(node, latent), pieces: [latentPiece(node.latent, latent), ...pieces] };
}

function once(key: object, encode: () => Promise<Piece>): Promise<Piece> {
  const piece = encoded.get(key) ?? encode();
  encoded.set(key, piece);
  return piece;
}

function storeNode(node: Node, latent: string): StoredNode {
  const { id, parent, name, recipe, window, changed, refused, phrases, cost, drift } = node;
  const { brought } = node as TreeNode;
  return {
    id,
    parent: parent?.id ?? null,
    name,
    recipe,
    latent,
    window,
    changed,
    ...(refused.length > 0 ? { refused: refused.map((one) => ({ ...one, nearest: [...one.nearest] })) } : {}),
    ...(phrases.length > 0 ? { phrases: [...phrases] } : {}),
    cost,
    drift: drift && storeDrift(drift),
    ...(brought ? { brought: { width: brought.width, squares: brought.data.join("") } } : {}),
  };
}

function latentPiece(latent: Tensor, sha256: string): Piece {
  return {
    name: `latent/${sha256}`,
    type: "F32",
    shape: [...latent.shape],
    sha256,
    bytes: bytesOf(latent),
  };
}

async function pngPiece(name: string, picture: Picture, codec: PngCodec): Promise<Piece> {
  const bytes = await codec.encodePng(picture);
  return { name, type: "U8", shape: [bytes.length], sha256: await sha256(bytes), bytes };
}

export const referencePiece = (hash: string, picture: Picture, codec: PngCodec): Promise<Piece> =>
  pngPiece(`reference/${hash}.png`, picture, codec);

/** Masks that a picture of 8 bits holds exactly, as nearly all are, take a hundredth of the room as PNG. */
export async function maskPiece(hash: string, mask: Mask, codec: PngCodec): Promise<Piece> {
  const exact = mask.data.every((m) => Object.is(Math.fround(Math.floor(m * 255 + 0.5) / 255), m));
  if (exact) return pngPiece(`mask/${hash}.png`, pictureFromMask(mask), codec);
  const bytes = bytesOf(mask);
  return { name: `mask/${hash}`, type: "F32", shape: [mask.height, mask.width], sha256: hash, bytes };
}

/** Everything a session file holds, checked; what was lost is undefined. */
export interface Unpacked {
  readonly manifest: Manifest;
  readonly original: Picture | undefined;
  readonly masks: Map<string, Mask>;
  /** Reference pictures by the SHA-256 of their pixels. */
  readonly references: Map<string, Picture>;
  /** By their SHA-256. */
  readonly latents: ReadonlyMap<string, Tensor>;
}

/** Throws session.malformed where the file says what cannot be (a chance of damage is caught before, by the hashes). */
export async function unpackSession(
  container: Pick<Container, "manifest" | "pieces">,
  path: string,
  codec: PngCodec,
): Promise<Unpacked> {
  const { manifest, pieces } = container;
  await checkTree(manifest, path);
  const latents = new Map<string, Tensor>();
  const masks = new Map<string, Mask>();
  const references = new Map<string, Picture>();
  const named = new Map(
    manifest.nodes.flatMap(
      ({ recipe }) => recipe?.references?.map((one) => [one.sha256, one] as const) ?? [],
    ),
  );
  const { width, height } = manifest.picture;
  const sizes = maskSizes(manifest, path);
  let pixels = 0;
  let original: Picture | undefined;
  for (const { name, shape } of manifest.pieces) {
    const bytes = pieces.get(name);
    if (!bytes) continue;
    const [kind, hash = ""] = name.replace(/\.png$/, "").split("/");
    if (name === "original.png") {
      checkPngSize(bytes, manifest.picture, name, path);
      original = await decode(bytes, name, path, codec);
    } else if (kind === "latent") latents.set(hash, { data: floats(bytes, name, path), shape });
    else if (kind === "mask") {
      const size = pieceSize(sizes.get(hash) ?? [manifest.picture], bytes, name, shape);
      if (name.endsWith(".png")) checkPngSize(bytes, size, name, path);
      pixels += size.width * size.height;
      if (4 * pixels > MAX_SESSION_BYTES)
        throw malformed(path, `its masks take more than ${MAX_SESSION_BYTES} bytes`);
      const mask = name.endsWith(".png")
        ? maskFromPicture(await decode(bytes, name, path, codec))
        : { width: shape[1] ?? 0, height: shape[0] ?? 0, data: floats(bytes, name, path) };
      if ((await sha256(bytesOf(mask))) !== hash)
        throw malformed(path, `${name} has other values than its name says`);
      masks.set(hash, mask);
    } else if (kind === "reference" && named.has(hash)) {
      const size = named.get(hash)!;
      checkPngSize(bytes, size, name, path);
      pixels += size.width * size.height;
      if (4 * pixels > MAX_SESSION_BYTES || size.width * size.height > MAX_PICTURE_PIXELS)
        throw malformed(path, "its masks and references are too large");
      const picture = await decode(bytes, name, path, codec);
      if ((await describeReference(picture)).sha256 !== hash)
        throw malformed(path, `${name} has other pixels than its name says`);
      references.set(hash, picture);
    } else throw malformed(path, `it holds ${JSON.stringify(name)}, which no session has`);
  }
  if (original) {
    const same = original.width === width && original.height === height;
    if (!same || (await pictureId(original)) !== manifest.nodes[0]!.id) {
      throw malformed(path, "its picture is not the original of its tree");
    }
  }
  for (const [hash, mask] of masks) {
    const pictures = sizes.get(hash) ?? [manifest.picture];
    const fits = pictures.some((size) => mask.width === size.width && mask.height === size.height);
    if (!fits || mask.data.length !== mask.width * mask.height) {
      const [size] = pictures;
      throw malformed(
        path,
        `a mask has ${mask.width}×${mask.height} pixels, the picture ${size!.width}×${size!.height}`,
      );
    }
  }
  return { manifest, original, masks, references, latents };
}

/**
 * The sizes of the masks that recipes name, by hash: each that of the picture that its edit starts from, which crops and expansions
 * have changed. A hash is over the values alone, so one that is white everywhere may have several. Throws session.malformed for a canvas
 * that cannot be.
 */
function maskSizes({ nodes, picture }: Manifest, path: string): Map<string, Size[]> {
  const sizes = new Map<string, Size[]>();
  const pictures = pictureSizes(nodes, picture);
  for (const { id, parent, recipe } of nodes) {
    const before = parent === null ? picture : pictures.get(parent)!;
    const canvas = recipe?.canvas;
    if (canvas && !isCanvasOf(before, canvas)) {
      throw malformed(
        path,
        `node ${id} is no crop and no expansion of a ${before.width}×${before.height} picture`,
      );
    }
    for (const { mask } of recipe?.regions ?? []) {
      if (!mask) continue;
      if (mask.width !== before.width || mask.height !== before.height) {
        throw malformed(
          path,
          `a mask of node ${id} has ${mask.width}×${mask.height} pixels, the picture ${before.width}×${before.height}`,
        );
      }
      sizes.set(mask.sha256, [...(sizes.get(mask.sha256) ?? []), before]);
    }
  }
  return sizes;
}

/** The size of a mask's piece, of those that it may have; the first where it has none of them, which is then refused. */
function pieceSize(sizes: readonly Size[], bytes: Uint8Array, name: string, shape: readonly number[]): Size {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPng = name.endsWith(".png") && bytes.length >= 24;
  const width = isPng ? header.getUint32(16) : shape[1];
  return sizes.find((size) => size.width === width) ?? sizes[0]!;
}

/** One root, which is first; every node after its parent and under the hash of its recipe. */
async function checkTree({ nodes, head }: Manifest, path: string): Promise<void> {
  const seen = new Set<string>();
  for (const [index, { id, parent, recipe }] of nodes.entries()) {
    const isRoot = index === 0;
    const wrong =
      seen.has(id) ||
      (isRoot
        ? parent !== null || recipe !== null
        : recipe === null || parent === null || !seen.has(parent)) ||
      (recipe && (recipe.parent !== parent || (await nodeId(recipe)) !== id));
    if (wrong) throw malformed(path, `node ${id} does not fit into its tree`);
    seen.add(id);
  }
  if (!seen.has(head)) throw malformed(path, `its head ${head} is not in its tree`);
}

/** A PNG has its size at a fixed place: a small file that would decode into a large picture is refused by it. */
function checkPngSize(
  png: Uint8Array,
  { width, height }: Manifest["picture"],
  name: string,
  path: string,
): void {
  const header = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (png.length >= 24 && header.getUint32(16) === width && header.getUint32(20) === height) return;
  throw malformed(path, `${name} is no PNG of ${width}×${height} pixels`);
}

async function decode(bytes: Uint8Array, name: string, path: string, codec: PngCodec): Promise<Picture> {
  try {
    return await codec.readPicture(bytes);
  } catch (error) {
    throw malformed(path, `${name} is not a picture`, error);
  }
}

function floats(bytes: Uint8Array, name: string, path: string): Float32Array {
  if (bytes.length % 4 !== 0) throw malformed(path, `${name} does not hold floats`);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function storeDrift(drift: Drift): StoredDrift {
  return {
    ...drift,
    ...mapDifferences(drift, Number.POSITIVE_INFINITY, null),
    warnings: [...drift.warnings],
  };
}

/** Equal pictures have a PSNR of Infinity, which JSON writes as null. */
export function loadDrift(drift: StoredDrift): Drift {
  return { ...drift, ...mapDifferences(drift, null, Number.POSITIVE_INFINITY) };
}

/** See TreeNode.brought. */
export function loadBrought({ width, squares }: NonNullable<StoredNode["brought"]>): Mask {
  return { width, height: squares.length / width, data: Float32Array.from(squares, Number) };
}

type Differences<P> = Record<
  "parent" | "original",
  Record<"inside" | "outside", Omit<Difference, "psnr"> & { psnr: P }>
>;

function mapDifferences<A, B>(drift: Differences<A | B>, from: A, to: B): Differences<B> {
  const map = (d: Omit<Difference, "psnr"> & { psnr: A | B }) => ({
    ...d,
    psnr: d.psnr === from ? to : (d.psnr as B),
  });
  const both = ({ inside, outside }: Differences<A | B>["parent"]) => ({
    inside: map(inside),
    outside: map(outside),
  });
  return { parent: both(drift.parent), original: both(drift.original) };
}
