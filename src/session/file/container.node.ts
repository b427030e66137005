/** Session files on a disk. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { EmilieError } from "../../errors.ts";
import { openFile } from "../../util/open-file.node.ts";
import { sha256 } from "../../util/sha256.ts";
import { type ByteSource, type Container, readContainerFrom, readManifest } from "./container.ts";

export { type Container, type Piece, packContainer } from "./container.ts";

/** SHA-256 as lower-case hex, at once. */
export function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Reads a session file as far as it can be read.
 * Throws session.malformed, session.version, io.failed.
 */
export function readContainer(path: string): Promise<Container> {
  return withFile(path, (source) => readContainerFrom(source, path));
}

/** As {@link readContainer}, of a file's bytes; `name` is what messages call it. Throws session.malformed, session.version. */
export function readContainerBytes(bytes: Uint8Array, name: string): Promise<Container> {
  return readContainerFrom(sourceOfBytes(bytes), name);
}

export function sourceOfBytes(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    // In a buffer of its own, which a Buffer's slice() is not: pieces are seen as floats.
    read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  };
}

/** The revision of the session file at `path`; null where there is none, "unreadable" where it is not a session. */
export async function readRevision(path: string): Promise<string | null> {
  try {
    return await withFile(path, async (source) => sha256((await readManifest(source, path)).json));
  } catch (error) {
    if ((error as { cause?: NodeJS.ErrnoException }).cause?.code === "ENOENT") return null;
    if (error instanceof EmilieError && error.code.startsWith("session.")) return "unreadable";
    throw error;
  }
}

async function readAll(handle: FileHandle, offset: number, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) return null;
    done += bytesRead;
  }
  return bytes;
}

/** One handle for all reads: a file that is replaced meanwhile is still read as it was. */
async function withFile<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    const { handle: file, size } = await openFile(path);
    handle = file;
    return await use({ size, read: (offset, length) => readAll(file, offset, length) });
  } catch (error) {
    if (error instanceof EmilieError) throw error;
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is none" : (error as Error).message;
    throw new EmilieError("io.failed", `The session ${path} cannot be read: ${reason}.`, { cause: error });
  } finally {
    // What was read has been read.
    await handle?.close().catch(() => {});
  }
}
