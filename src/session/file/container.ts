/**
 * A session in one file: safetensors, which every tool for tensors reads, with the session's description in its metadata.
 *
 *   header (safetensors: the list of pieces, and in __metadata__ the manifest and its SHA-256)
 *   pieces (the original as PNG, latents and masks)
 *   tail   (safetensors sees one more U8 tensor: the manifest again, its SHA-256, its length, a mark)
 *
 * Every byte is covered: the header and the tail follow from the manifest, a hash stands for each piece. So a damaged byte
 * costs at most the piece it lies in, and a file that was cut off still has what comes before the cut.
 */
import { safetensorsHeader } from "../../checkpoint/safetensors.ts";
import { MAX_PICTURE_PIXELS } from "../../images/picture.ts";
import { type JsonLimits, SESSION_JSON } from "../../limits.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { parseJson } from "../../util/parse-json.ts";
import { sha256 } from "../../util/sha256.ts";
import { type Manifest, malformed, type PieceEntry, parseManifest } from "./schema.ts";

/** The largest picture as fp32 mask or incompressible RGBA PNG, and a little for the PNG's own structure. */
export const MAX_PIECE_BYTES = 4 * MAX_PICTURE_PIXELS + 4_000_000;
/** An open session holds all of its pieces in memory. */
export const MAX_SESSION_BYTES = 8 * 2 ** 30;

/** The manifest stands in the header as a JSON string, whose escapes take up to twice its room; pieces are listed beside it. */
const HEADER_JSON: JsonLimits = { ...SESSION_JSON, length: 2 * SESSION_JSON.length };

const encoder = new TextEncoder();
const MARK = "emilie.1";
const SHA_LENGTH = 64;
/** After the manifest's copy: its hash, its length, the mark. */
const TAIL_END = SHA_LENGTH + 8 + MARK.length;

export interface Piece extends PieceEntry {
  readonly bytes: Uint8Array;
}

export interface Container {
  readonly manifest: Manifest;
  /** The manifest's hash: what the file holds, in one word. */
  readonly revision: string;
  /** The pieces that are whole, by name. */
  readonly pieces: ReadonlyMap<string, Uint8Array>;
  /** Names of pieces that are cut off or damaged. */
  readonly lost: readonly string[];
  /** What is damaged beside pieces, in words. */
  readonly notes: readonly string[];
}

/** What a session is read from: a file on a disk, or a Blob in a browser. */
export interface ByteSource {
  readonly size: number;
  /** In a buffer of its own, so that it can be seen as floats; null where the source does not have these bytes. */
  read(offset: number, length: number): Promise<Uint8Array | null>;
}

/** The parts of a file, to be written one after the other. `manifest.pieces` lists `pieces`. */
export async function packContainer(
  manifest: Manifest,
  pieces: readonly Piece[],
): Promise<{ parts: Uint8Array[]; revision: string }> {
  const json = JSON.stringify(manifest);
  const { header, tail, revision } = await frame(json, manifest.pieces);
  return { parts: [header, ...pieces.map(({ bytes }) => bytes), tail], revision };
}

/** Header and tail follow from the manifest alone. */
async function frame(json: string, pieces: readonly PieceEntry[]) {
  const revision = await sha256(json);
  const copy = encoder.encode(json);
  const tail = new Uint8Array(copy.length + TAIL_END);
  tail.set(copy);
  tail.set(encoder.encode(revision), copy.length);
  new DataView(tail.buffer).setBigUint64(copy.length + SHA_LENGTH, BigInt(copy.length), true);
  tail.set(encoder.encode(MARK), tail.length - MARK.length);
  const entries = [...pieces, { name: "tail", type: "U8" as const, shape: [tail.length] }];
  const header = safetensorsHeader(
    entries.map((piece) => [piece.name, piece]),
    { format: "emilie-session", "emilie.session": json, "emilie.sha256": revision },
  );
  return { header, tail, revision };
}

/**
 * Reads a session file as far as it can be read; `path` is what messages call it.
 * Throws session.malformed, session.version.
 */
export async function readContainerFrom(source: ByteSource, path: string): Promise<Container> {
  const { json, manifest, notes } = await readManifest(source, path);
  const { header, tail, revision } = await frame(json, manifest.pieces);
  if (notes.length === 0 && !equal(await readAt(source, 0, header.length), header)) {
    notes.push("The header is damaged; the next save rewrites it.");
  }
  const pieces = new Map<string, Uint8Array>();
  const lost: string[] = [];
  let position = header.length;
  for (const piece of manifest.pieces) {
    const length = lengthOf(piece);
    const bytes = await readAt(source, position, length);
    if (bytes && (await sha256(bytes)) === piece.sha256) pieces.set(piece.name, bytes);
    else lost.push(piece.name);
    position += length;
  }
  const end = position + tail.length;
  if (source.size < end) notes.push(`The file is cut off: it has ${source.size} of ${end} bytes.`);
  else if (!equal(await readAt(source, position, tail.length), tail)) {
    notes.push("The copy of the description at the end is damaged; the next save rewrites it.");
  } else if (source.size > end)
    notes.push(`${source.size - end} bytes after the end do not belong to the session.`);
  return { manifest, revision, pieces, lost, notes };
}

interface Described {
  readonly json: string;
  readonly manifest: Manifest;
  readonly notes: string[];
}

/** The manifest from the header, or where that is damaged from the file's end. */
export async function readManifest(source: ByteSource, path: string): Promise<Described> {
  const fromHeader = await readHeader(source);
  const json = fromHeader ?? (await readTail(source));
  if (json === null) {
    throw malformed(path, "it has no description of a session that is whole. Is it a .emilie file?");
  }
  const manifest = parseManifest(json, path);
  const total = manifest.pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
  if (
    !(total <= MAX_SESSION_BYTES) ||
    manifest.pieces.some((piece) => !(lengthOf(piece) <= MAX_PIECE_BYTES))
  ) {
    throw malformed(
      path,
      `it claims pieces of more than ${MAX_PIECE_BYTES} bytes, or ${MAX_SESSION_BYTES} in all`,
    );
  }
  const notes = fromHeader === null ? ["The header is damaged; the next save rewrites it."] : [];
  return { json, manifest, notes };
}

async function readHeader(source: ByteSource): Promise<string | null> {
  const prefix = await readAt(source, 0, 8);
  if (!prefix) return null;
  const length = uint64(prefix, 0);
  if (length > BigInt(HEADER_JSON.length)) return null;
  const bytes = await readAt(source, 8, Number(length));
  if (!bytes) return null;
  try {
    const header = parseJson(text(bytes), HEADER_JSON, (what) => new Error(what));
    const { __metadata__: metadata } = header as { __metadata__: Record<string, unknown> };
    const { "emilie.session": json, "emilie.sha256": hash } = metadata;
    return typeof json === "string" && (await sha256(json)) === hash ? json : null;
  } catch {
    return null;
  }
}

async function readTail(source: ByteSource): Promise<string | null> {
  const end = await readAt(source, source.size - TAIL_END, TAIL_END);
  if (!end || text(end.subarray(SHA_LENGTH + 8)) !== MARK) return null;
  const length = uint64(end, SHA_LENGTH);
  if (length > BigInt(SESSION_JSON.length)) return null;
  const copy = await readAt(source, source.size - TAIL_END - Number(length), Number(length));
  return copy && (await sha256(copy)) === text(end.subarray(0, SHA_LENGTH)) ? text(copy) : null;
}

function lengthOf({ type, shape }: PieceEntry): number {
  return sizeOf(shape) * (type === "F32" ? 4 : 1);
}

async function readAt(source: ByteSource, offset: number, length: number): Promise<Uint8Array | null> {
  return offset < 0 || offset + length > source.size ? null : source.read(offset, length);
}

function equal(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function uint64(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset, true);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
