/** One file of a repository into blobs/: resumed where an earlier download stopped, and checked against its hash. */
import { createHash, type Hash } from "node:crypto";
import { mkdir, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { EmilieError, isEmilieError } from "../../errors.ts";
import { sizeOnDisk } from "./cache.node.ts";
import type { HubFile } from "./listing.node.ts";
import { discard, finish, letGo, openPartial, type Partial } from "./partial.node.ts";
import type { RepoId } from "./repo-id.ts";
import { type Answer, odd, request, Transient } from "./request.node.ts";
import { type RetryOptions, retry } from "./retry.node.ts";

export interface DownloadOptions extends RetryOptions {
  readonly id: RepoId;
  readonly commit: string;
  /** Bytes of this file that are new on disk; negative where some turned out to be worthless. */
  onBytes(count: number, from: "network" | "disk"): void;
}

/** Piece that is read at once when an earlier download's bytes are hashed. */
const PIECE_BYTES = 2 ** 20;

/**
 * Makes sure that `blob` is there and whole. A partial file with wrong bytes costs one more download from the start;
 * wrong bytes from the hub throw "hub.corrupt" and leave nothing behind.
 */
export async function downloadBlob(file: HubFile, blob: string, options: DownloadOptions): Promise<void> {
  if ((await sizeOnDisk(blob)) === file.size) return options.onBytes(file.size, "disk");
  try {
    await mkdir(dirname(blob), { recursive: true });
    while ((await attempt(file, blob, options)) === "wrong");
  } catch (error) {
    throw isEmilieError(error) ? error : diskError(blob, error);
  }
}

/** "wrong" where an earlier download's bytes do not lead to the right hash; they are gone then. */
async function attempt(file: HubFile, blob: string, options: DownloadOptions): Promise<"done" | "wrong"> {
  const partial = await openPartial(blob, file.size);
  try {
    await checkSpace(dirname(blob), file.size - partial.size);
    const download = new Download(file, partial, options);
    await download.readBeginning();
    if (!(await download.run())) {
      await finish(partial, blob);
      return "done";
    }
    await discard(partial);
    options.onBytes(-file.size, "disk");
    if (download.resumed) return "wrong";
    throw corrupt(file, options.id, `its ${file.hash} is not ${file.etag}`);
  } catch (error) {
    if (isEmilieError(error) && error.code === "hub.corrupt") await discard(partial);
    else await letGo(partial).catch(() => {}); // finish() may have closed it
    throw error;
  }
}

class Download {
  #position = 0;
  #hash: Hash;

  constructor(
    private readonly file: HubFile,
    private readonly partial: Partial,
    private readonly options: DownloadOptions,
  ) {
    this.#hash = startHash(file);
  }

  /** Whether bytes of an earlier download are part of the result. */
  resumed = false;

  async readBeginning(): Promise<void> {
    const piece = new Uint8Array(PIECE_BYTES);
    while (this.#position < this.partial.size) {
      const { bytesRead } = await this.partial.handle.read(piece, 0, piece.length, this.#position);
      if (bytesRead === 0) break;
      this.#advance(piece.subarray(0, bytesRead), "disk");
      this.resumed = true;
    }
  }

  /** Fetches the rest. Returns whether the hash is wrong. */
  async run(): Promise<boolean> {
    let before = this.#position;
    await retry(
      this.options,
      async () => {
        before = this.#position;
        if (this.#position < this.file.size) await this.#fetchRest();
      },
      () => this.#position > before,
    );
    return this.#hash.digest("hex") !== this.file.etag;
  }

  async #fetchRest(): Promise<void> {
    const { file, options } = this;
    const from = this.#position;
    const path = file.path.split("/").map(encodeURIComponent).join("/");
    const answer = await request(options.hub, `/${options.id.repo}/resolve/${options.commit}/${path}`, {
      id: options.id,
      signal: options.signal,
      headers: from > 0 ? { range: `bytes=${from}-` } : {},
    });
    try {
      this.#check(answer, from);
      for await (const chunk of answer.chunks) {
        if (this.#position + chunk.length > file.size) {
          throw corrupt(file, options.id, `more than the ${file.size} bytes arrived that it has`);
        }
        await write(this.partial, chunk, this.#position);
        this.#advance(chunk, "network");
      }
    } finally {
      answer.cancel();
    }
    if (this.#position < file.size) throw new Transient(`the connection ended at byte ${this.#position}`);
  }

  #check(answer: Answer, from: number): void {
    const { file, options } = this;
    if (answer.linkedEtag?.length === file.etag.length && answer.linkedEtag !== file.etag) {
      throw corrupt(file, options.id, `the hub now announces ${answer.linkedEtag} instead of ${file.etag}`);
    }
    if (answer.status === 206 && from > 0) {
      const start = /^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1];
      if (Number(start) === from) return;
      throw odd(options.id, `asks for bytes from ${from} and gets ${answer.headers.get("content-range")}`);
    }
    if (answer.status === 416)
      throw odd(options.id, `asks for bytes from ${from} and is told there are none`);
    // The server does not know ranges and sends the whole again, over what is there.
    if (from > 0) this.#startOver();
  }

  #startOver(): void {
    this.options.onBytes(-this.#position, "disk");
    this.#position = 0;
    this.#hash = startHash(this.file);
    this.resumed = false;
  }

  #advance(bytes: Uint8Array, from: "network" | "disk"): void {
    this.#hash.update(bytes);
    this.#position += bytes.length;
    this.options.onBytes(bytes.length, from);
  }
}

/** LFS files are named by their content's SHA-256, others as git names them. */
function startHash({ hash, size }: HubFile): Hash {
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

async function write({ handle }: Partial, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Throws "io.failed" where a folder has no room for `needed` bytes more. */
export async function checkSpace(folder: string, needed: number): Promise<void> {
  const disk = await statfs(folder).catch(() => null); // some file systems do not say
  if (!disk || disk.bavail * disk.bsize >= needed) return;
  throw new EmilieError(
    "io.failed",
    `${folder} has ${disk.bavail * disk.bsize} bytes left, and ${needed} more are needed. Make room, or set ` +
      "HF_HOME to a folder on a larger disk.",
  );
}

function corrupt({ path }: HubFile, id: RepoId, what: string): EmilieError {
  return new EmilieError(
    "hub.corrupt",
    `${path} of ${id.repo} does not match what the hub announced: ${what}. It was deleted. Pull again; if that does not ` +
      "help, something between you and the hub modifies files.",
  );
}

function diskError(blob: string, cause: unknown): EmilieError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === "ENOSPC" ? "the disk is full" : message;
  return new EmilieError("io.failed", `${dirname(blob)} cannot be written: ${why}.`, { cause });
}
