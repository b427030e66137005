/**
 * Files that are written under another name and then renamed, in folders of the user's: .emilie.<owner>-<number>.part. What a
 * killed process has left is removed when the next one writes in the same folder.
 */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OWNER, ownerLives } from "./process-identity.node.ts";

const PART = /^\.emilie\.([0-9a-f]{8}-\d+-\d+)-[0-9a-f]{8}\.part$/;
/** Folders that this process has tidied: what it finds there later is younger than itself. */
const tidied = new Set<string>();

/** A name to write the file at `path` under, in the same folder. */
export async function partName(path: string): Promise<string> {
  const folder = dirname(path);
  if (!tidied.has(folder)) {
    tidied.add(folder);
    for (const name of await readdir(folder).catch(() => [])) {
      const owner = PART.exec(name)?.[1];
      if (owner && ownerLives(owner) === false) await rm(join(folder, name), { force: true }).catch(() => {});
    }
  }
  return join(folder, `.emilie.${OWNER}-${randomBytes(4).toString("hex")}.part`);
}
