/** A checkpoint in a folder. Symbolic links (a hub cache's snapshots) are followed. */
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EmilieError } from "../errors.ts";
import { VOCABULARY_JSON } from "../limits.ts";
import { openFile, readFileWithin } from "../util/open-file.node.ts";
import { type CheckpointSource, missingFile } from "./source.ts";

export function folderSource(folder: string, id = folder): CheckpointSource {
  const at = (path: string) => join(folder, path);
  const found = async <T>(path: string, read: (file: string) => Promise<T>): Promise<T> => {
    try {
      return await read(at(path));
    } catch (cause) {
      if (cause instanceof EmilieError) throw cause;
      if (isMissing(cause)) throw missingFile(id, path, cause);
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EmilieError("io.failed", `${at(path)} could not be read: ${reason}.`, { cause });
    }
  };
  return {
    id,
    exists: (path) =>
      stat(at(path)).then(
        () => true,
        () => false,
      ),
    size: (path) => found(path, async (file) => (await stat(file)).size),
    readText: (path) =>
      found(path, async (file) => (await readFileWithin(file, VOCABULARY_JSON.length)).toString("utf8")),
    read: (path, offset, length) => found(path, (file) => readPart(file, offset, length)),
    list: (path) => readdir(at(path)).catch(() => []),
    location: (path) => found(path, (file) => realpath(file)),
    stamp: (path) => found(path, async (file) => String((await stat(file)).mtimeMs)),
  };
}

/** A checkpoint that is one file. Its tokenizer is looked for beside it where no other place is given. */
export function fileSource(
  file: string,
  id = file,
  tokenizers?: readonly CheckpointSource[],
): CheckpointSource {
  const folder = folderSource(dirname(file), id);
  return { ...folder, single: { file: basename(file), tokenizers: tokenizers ?? [folder] } };
}

async function readPart(file: string, offset: number, length: number): Promise<Uint8Array> {
  const { handle } = await openFile(file);
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) {
        throw new EmilieError(
          "checkpoint.malformed",
          `${file} ends at byte ${offset + done}; ${length} bytes from ${offset} were expected. Is the file complete?`,
        );
      }
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR";
}
