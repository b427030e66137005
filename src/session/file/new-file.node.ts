/** Files that take nobody's place: written whole under a name that is free. */
import { constants, copyFile, link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { EmilieError } from "../../errors.ts";
import { partName } from "../../util/part-name.node.ts";

/** More numbers than anybody keeps of one picture. */
const MAX_NAMES = 10_000;

/**
 * Writes a file as `path`, or where something else is there as `path` with -2, -3 and so on before its extension, and returns
 * the name it has. A file that holds these very bytes already is left and counts as written; so does one that `mine` knows,
 * after it has been replaced. The name is taken as it is written, so a link, another spelling of a name on a disk that does
 * not tell capitals, and a file that appears meanwhile are met as files that are there.
 *
 * @throws EmilieError io.failed
 */
export async function writeNew(
  path: string,
  bytes: Uint8Array,
  mine: (there: Uint8Array) => boolean = () => false,
): Promise<string> {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  const temporary = await partName(path);
  try {
    await writeSynced(temporary, bytes);
    for (let n = 1; n <= MAX_NAMES; n++) {
      const name = n === 1 ? path : `${stem}-${n}${extension}`;
      if (await takes(name, temporary)) return name;
      const there = await contents(name);
      if (there && Buffer.compare(there, bytes) === 0) return name;
      if (there && mine(there)) {
        await rename(temporary, name);
        return name;
      }
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmilieError("io.failed", `Could not write ${path}: ${reason}`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
  throw new EmilieError(
    "io.failed",
    `Could not write ${path}: ${MAX_NAMES} files have names like ${basename(path)}.`,
  );
}

/** What is at a path; null for what is no ordinary file, and where there is nothing. */
export async function contents(path: string): Promise<Uint8Array | null> {
  try {
    return (await stat(path)).isFile() ? await readFile(path) : null;
  } catch {
    return null;
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Gives the file a name that nothing has; false where something has it. */
async function takes(name: string, file: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // A disk without hard links. A copy is not whole at once, but takes nobody's place either.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"].includes(code ?? "")) throw error;
  }
  try {
    await copyFile(file, name, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
