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
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { safetensorsHeader } from "../checkpoint/safetensors.ts";
import { EmilieError } from "../errors.ts";
import { MAX_PICTURE_PIXELS } from "../images/picture.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { type Manifest, malformed, type PieceEntry, parseManifest } from "./schema.ts";

/** Some 6 kB a node; JSON beyond this would only exhaust memory. */
export const MAX_MANIFEST_BYTES = 100_000_000;
/** The largest picture as fp32 mask or incompressible RGBA PNG, and a little for the PNG's own structure. */
export const MAX_PIECE_BYTES = 4 * MAX_PICTURE_PIXELS + 4_000_000;
/** An open session holds all of its pieces in memory. */
export const MAX_SESSION_BYTES = 8 * 2 ** 30;

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

export function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The parts of a file, to be written one after the other. `manifest.pieces` lists `pieces`. */
export function packContainer(
  manifest: Manifest,
  pieces: readonly Piece[],
): { parts: Uint8Array[]; revision: string } {
  const json = JSON.stringify(manifest);
  const { header, tail, revision } = frame(json, manifest.pieces);
  return { parts: [header, ...pieces.map(({ bytes }) => bytes), tail], revision };
}

/** Header and tail follow from the manifest alone. */
function frame(json: string, pieces: readonly PieceEntry[]) {
  const revision = hashOf(json);
  const copy = Buffer.from(json);
  const tail = Buffer.alloc(copy.length + TAIL_END);
  copy.copy(tail);
  tail.write(revision, copy.length, "latin1");
  tail.writeBigUInt64LE(BigInt(copy.length), copy.length + SHA_LENGTH);
  tail.write(MARK, tail.length - MARK.length, "latin1");
  const entries = [...pieces, { name: "tail", type: "U8" as const, shape: [tail.length] }];
  const header = safetensorsHeader(
    entries.map((piece) => [piece.name, piece]),
    { format: "emilie-session", "emilie.session": json, "emilie.sha256": revision },
  );
  return { header, tail: new Uint8Array(tail), revision };
}

/**
 * Reads a session file as far as it can be read.
 * Throws session.malformed, session.version, io.failed.
 */
export function readContainer(path: string): Promise<Container> {
  return withFile(path, async (handle, size) => {
    const { json, manifest, notes } = await readManifest(handle, size, path);
    const { header, tail, revision } = frame(json, manifest.pieces);
    if (notes.length === 0 && !(await readAt(handle, 0, header.length, size))?.equals(header)) {
      notes.push("The header is damaged; the next save writes it anew.");
    }
    const pieces = new Map<string, Uint8Array>();
    const lost: string[] = [];
    let position = header.length;
    for (const piece of manifest.pieces) {
      const length = lengthOf(piece);
      const bytes = await readAt(handle, position, length, size);
      if (bytes && hashOf(bytes) === piece.sha256) pieces.set(piece.name, bytes);
      else lost.push(piece.name);
      position += length;
    }
    const end = position + tail.length;
    if (size < end) notes.push(`The file is cut off: it has ${size} of ${end} bytes.`);
    else if (!(await readAt(handle, position, tail.length, size))?.equals(tail)) {
      notes.push("The copy of the description at the end is damaged; the next save writes it anew.");
    } else if (size > end) notes.push(`${size - end} bytes after the end do not belong to the session.`);
    return { manifest, revision, pieces, lost, notes };
  });
}

/** The revision of the session file at `path`; null where there is none, "unreadable" where it is not a session. */
export async function readRevision(path: string): Promise<string | null> {
  try {
    return await withFile(path, async (handle, size) =>
      hashOf((await readManifest(handle, size, path)).json),
    );
  } catch (error) {
    if ((error as { cause?: NodeJS.ErrnoException }).cause?.code === "ENOENT") return null;
    if (error instanceof EmilieError && error.code.startsWith("session.")) return "unreadable";
    throw error;
  }
}

interface Described {
  readonly json: string;
  readonly manifest: Manifest;
  readonly notes: string[];
}

/** The manifest from the header, or where that is damaged from the file's end. */
async function readManifest(handle: FileHandle, size: number, path: string): Promise<Described> {
  const fromHeader = await readHeader(handle, size);
  const json = fromHeader ?? (await readTail(handle, size));
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
  const notes = fromHeader === null ? ["The header is damaged; the next save writes it anew."] : [];
  return { json, manifest, notes };
}

async function readHeader(handle: FileHandle, size: number): Promise<string | null> {
  const prefix = await readAt(handle, 0, 8, size);
  if (!prefix) return null;
  const length = prefix.readBigUInt64LE();
  // The manifest stands in the header as a JSON string, whose escapes take up to twice its room.
  if (length > BigInt(2 * MAX_MANIFEST_BYTES)) return null;
  const bytes = await readAt(handle, 8, Number(length), size);
  if (!bytes) return null;
  try {
    const metadata: unknown = JSON.parse(bytes.toString("utf8"))?.__metadata__;
    const { "emilie.session": json, "emilie.sha256": hash } = metadata as Record<string, unknown>;
    return typeof json === "string" && hashOf(json) === hash ? json : null;
  } catch {
    return null;
  }
}

async function readTail(handle: FileHandle, size: number): Promise<string | null> {
  const end = await readAt(handle, size - TAIL_END, TAIL_END, size);
  if (!end || end.toString("latin1", SHA_LENGTH + 8) !== MARK) return null;
  const length = end.readBigUInt64LE(SHA_LENGTH);
  if (length > BigInt(MAX_MANIFEST_BYTES)) return null;
  const copy = await readAt(handle, size - TAIL_END - Number(length), Number(length), size);
  return copy && hashOf(copy) === end.toString("latin1", 0, SHA_LENGTH) ? copy.toString("utf8") : null;
}

function lengthOf({ type, shape }: PieceEntry): number {
  return sizeOf(shape) * (type === "F32" ? 4 : 1);
}

/** null where the file does not have these bytes. In a buffer of its own, so that it can be seen as floats. */
async function readAt(
  handle: FileHandle,
  offset: number,
  length: number,
  size: number,
): Promise<Buffer | null> {
  if (offset < 0 || offset + length > size) return null;
  const bytes = Buffer.from(new ArrayBuffer(length));
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) return null;
    done += bytesRead;
  }
  return bytes;
}

/** One handle for all reads: a file that is replaced meanwhile is still read as it was. */
async function withFile<T>(path: string, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    return await use(handle, (await handle.stat()).size);
  } catch (error) {
    if (error instanceof EmilieError) throw error;
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is none" : String(error);
    throw new EmilieError("io.failed", `The session ${path} cannot be read: ${reason}.`, { cause: error });
  } finally {
    await handle?.close();
  }
}
