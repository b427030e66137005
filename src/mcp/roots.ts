/** The folders that an assistant may read and write in. Every path of a request goes through here. */
import { lstat, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { EmilieError } from "../errors.ts";

export class Roots {
  /** As they were given and, where links lead elsewhere, as they really are. */
  readonly #named: readonly string[];
  readonly #real: readonly string[];

  private constructor(named: readonly string[], real: readonly string[]) {
    this.#named = named;
    this.#real = real;
  }

  /** Throws option.invalid for one that is not a folder. */
  static async open(folders: readonly string[]): Promise<Roots> {
    const named = folders.map((folder) => resolve(folder));
    const real = await Promise.all(
      named.map(async (folder) => {
        const found = await realpath(folder).catch(() => null);
        if (found && (await stat(found)).isDirectory()) return found;
        throw new EmilieError("option.invalid", `--root ${folder}: expected a folder that exists.`);
      }),
    );
    return new Roots(named, real);
  }

  /** The folders, for messages. The first is where relative paths start. */
  get folders(): readonly string[] {
    return this.#named;
  }

  /**
   * A file that exists, with all links resolved; a file:// address and ~ are understood. Throws option.invalid outside of the
   * folders, image.unreadable for no file.
   */
  async existing(path: string): Promise<string> {
    // As it is first: a name may have per cent signs, and file systems differ in how they keep accents.
    const spellings = new Set([path, unescapePath(path), path.normalize("NFC"), path.normalize("NFD")]);
    let real: string | null = null;
    for (const spelling of spellings) real ??= await realpath(this.#within(spelling)).catch(() => null);
    if (real === null) throw new EmilieError("image.unreadable", `There is no file ${path}.`);
    this.#check(real, path);
    // A pipe or a device would be waited for, or read, without end.
    if (!(await stat(real)).isFile()) throw new EmilieError("image.unreadable", `${path} is not a file.`);
    return real;
  }

  /** Where a file may be written, and whether one is there. Its folder has to exist. Throws option.invalid. */
  async target(path: string): Promise<{ file: string; exists: boolean }> {
    const named = this.#within(path);
    const folder = await realpath(dirname(named)).catch(() => null);
    if (folder === null) throw new EmilieError("option.invalid", `There is no folder ${dirname(path)}.`);
    const file = join(folder, basename(named));
    this.#check(file, path);
    const there = await lstat(file).catch(() => null);
    if (there && !there.isFile()) {
      throw new EmilieError(
        "option.invalid",
        `${path} is a link or a folder; choose the name of a regular file.`,
      );
    }
    return { file, exists: there !== null };
  }

  /** Before anything is looked up, so that nobody learns what exists elsewhere. */
  #within(path: string): string {
    if (path.includes("\0")) throw this.#outside("A path with a NUL character");
    const absolute = resolve(this.#named[0]!, plainPath(path));
    const inside = [...this.#named, ...this.#real].some((root) => isInside(root, absolute));
    if (!inside) throw this.#outside(path);
    return absolute;
  }

  #check(real: string, path: string): void {
    if (!this.#real.some((root) => isInside(root, real))) throw this.#outside(path);
  }

  #outside(path: string): EmilieError {
    return new EmilieError(
      "option.invalid",
      `${path} is outside the folders that this server may use (${this.#named.join(", ")}). Choose a file in them; the person who ` +
        "starts the server can allow more with --root.",
    );
  }
}

/** A path as programs and people write it. @throws EmilieError option.invalid for a file:// address of another machine */
function plainPath(path: string): string {
  if (path === "~" || /^~[/\\]/.test(path)) return join(homedir(), path.slice(1));
  if (!/^file:/i.test(path)) return path;
  try {
    return fileURLToPath(path);
  } catch (cause) {
    const message = `${path} is not the address of a file here. Give its path, or file:///PATH.`;
    throw new EmilieError("option.invalid", message, { cause });
  }
}

function unescapePath(path: string): string {
  try {
    return /^file:/i.test(path) ? path : decodeURIComponent(path);
  } catch {
    return path;
  }
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
