/** Folders that belong to one process, PREFIX<owner>-XXXXXX. What a killed process has left, the next one removes. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { OWNER, ownerLives } from "../util/process-identity.node.ts";

/** A folder whose process cannot be looked up, as another container's, is nobody's after so long. */
const FORGOTTEN_MS = 24 * 3600 * 1000;

/** Makes one below `parent`. @throws the system's error */
export async function makeOwnFolder(parent: string, prefix: string): Promise<string> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix) || !ownerOfFolder(name)) continue;
    const folder = join(parent, name);
    if (!(await isOwned(folder))) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
  return mkdtemp(join(parent, `${prefix}${OWNER}-`));
}

/** Whether the process that made it still runs, as far as can be told. */
export async function isOwned(folder: string): Promise<boolean> {
  const alive = ownerLives(ownerOfFolder(folder) ?? "");
  if (alive !== null) return alive;
  const changed = await stat(folder).catch(() => null);
  return changed !== null && Date.now() - changed.mtimeMs < FORGOTTEN_MS;
}

function ownerOfFolder(path: string): string | undefined {
  return /([0-9a-f]{8}-\d+-\d+)-[A-Za-z0-9]{6}$/.exec(path)?.[1];
}
