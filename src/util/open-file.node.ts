/** Files from outside, opened so that nothing is waited for: a pipe or a device in a file's place is refused. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Not there on Windows, where a pipe has no name in a folder. */
const WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a plain file for reading, links followed; the caller closes it. Throws the system's error, or one that says that it is no
 * plain file.
 */
export async function openFile(path: string | URL): Promise<{ handle: FileHandle; size: number }> {
  const handle = await open(path, WITHOUT_WAITING);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new Error("it is a folder, a pipe or a device, and no plain file");
    return { handle, size: facts.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Reads a whole plain file of at most `limit` bytes. Throws as openFile does, and for a larger one before it is read. */
export async function readFileWithin(path: string | URL, limit: number): Promise<Buffer> {
  const { handle, size } = await openFile(path);
  try {
    if (size > limit) throw new Error(`it has ${size} bytes; at most ${limit} are read`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
