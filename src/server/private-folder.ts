/** Folders that only their owner looks into: people's pictures, and what they asked for. */
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

/** What a write under another name leaves when it is killed; see writeAtomically. */
const LEFTOVER = /^\..+\.part$/;

/**
 * Makes the folder where it is missing. In one that is there, what others may read is closed to them, and what killed writes
 * have left is removed; so nobody else may be writing there.
 *
 * @throws the system's error where it cannot be made or read
 */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  await tidy(folder);
}

/** A foreign owner's files stay as they are: then it is for the owner to say. */
async function tidy(folder: string): Promise<void> {
  await chmod(folder, FOLDER_MODE).catch(() => {});
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await tidy(path);
    else if (!entry.isFile()) continue;
    else if (LEFTOVER.test(entry.name)) await rm(path, { force: true }).catch(() => {});
    else await chmod(path, FILE_MODE).catch(() => {});
  }
}
