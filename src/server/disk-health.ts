/** Whether the data folder can be written: tried when it is asked, rather than remembered. */
import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mayPass, reasonOf, WriteFailed } from "../session/file/atomic.node.ts";
import { FILE_MODE } from "./private-folder.ts";

/** Answers are good for this long, however often they are asked for. */
const GOOD_FOR_MS = 1000;
/** A disk that takes longer than this does not work, whatever it says in the end. */
const PATIENCE_MS = 5000;
const TRIAL_BYTES = 4096;
const MAX_TRIAL_BYTES = 64 * 2 ** 20;

/** Whether what is kept can be written where it is kept. */
export interface StorageHealth {
  /** What was refused, as an error says it. */
  note(error: unknown): void;
  /** Why it cannot be written, in words; null where it can. */
  problem(): Promise<string | null>;
}

export class DiskHealth implements StorageHealth {
  readonly #folders: readonly string[];
  /** As much as was last refused has to fit before all is well. */
  #bytes = TRIAL_BYTES;
  #asked = Number.NEGATIVE_INFINITY;
  #answer: Promise<string | null> = Promise.resolve(null);

  /** Folders that sessions and jobs are written to. None: there is nothing to go wrong. */
  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /**
   * The machine refused something: an earlier answer does not count any more, and the next one tries as much as could not be
   * written. Other errors are none of the disk's.
   */
  note(error: unknown): void {
    if (!mayPass(error)) return;
    if (error instanceof WriteFailed)
      this.#bytes = Math.min(Math.max(this.#bytes, error.bytes), MAX_TRIAL_BYTES);
    this.#asked = Number.NEGATIVE_INFINITY;
  }

  problem(): Promise<string | null> {
    const now = performance.now();
    if (now - this.#asked > GOOD_FOR_MS) {
      this.#asked = now;
      this.#answer = this.#try();
    }
    return this.#answer;
  }

  async #try(): Promise<string | null> {
    const bytes = this.#bytes;
    const timer = new AbortController();
    const late = sleep(PATIENCE_MS, "the disk does not answer", { signal: timer.signal }).catch(() => null);
    const trial = Promise.all(this.#folders.map((folder) => tryFolder(folder, bytes))).then(
      () => null,
      reasonOf,
    );
    const problem = await Promise.race([trial, late]);
    timer.abort();
    if (problem === null && this.#bytes === bytes) this.#bytes = TRIAL_BYTES;
    return problem;
  }
}

async function tryFolder(folder: string, bytes: number): Promise<void> {
  const file = join(folder, `.health.${randomBytes(4).toString("hex")}.part`);
  try {
    const handle = await open(file, "wx", FILE_MODE);
    try {
      await handle.writeFile(new Uint8Array(bytes));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(file, { force: true });
  }
}
