/**
 * A disk that fails, in the manner of SQLite's tests: below a folder, the n-th call to the file system fails, for every n. What
 * is replaced is node:fs/promises itself, so nothing that our code does, now or later, goes around it.
 */
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/**
 * How the n-th call fails. "once": with nothing done, the next works. "lasting": this and all that follow, as a full disk, or as a
 * process that was killed there. "half": a write has done half its work. "done": it has done its work, and reports an error.
 */
export type Manner = "once" | "lasting" | "half" | "done";
export interface Fault {
  readonly at: number;
  readonly code: "ENOSPC" | "EIO" | "EMFILE";
  readonly manner: Manner;
}

const PATHS = ["open", "readFile", "rename", "rm", "mkdir", "readdir", "link", "stat"] as const;
const HANDLES = ["write", "writeFile", "read", "sync", "stat", "close"] as const;

type Any = (...args: unknown[]) => Promise<unknown>;

export class FaultyDisk {
  readonly #folder: string;
  readonly #real = new Map<string, Any>();
  #fault: Fault | null = null;
  /** Calls below the folder since arm(). */
  calls = 0;
  /** Whether the fault has come. */
  failed = false;

  /** Takes node:fs/promises over until restore(). */
  constructor(folder: string) {
    this.#folder = folder;
    const target = fs as unknown as Record<string, Any>;
    for (const name of PATHS) {
      const real = target[name]!;
      this.#real.set(name, real);
      target[name] = (...args) => {
        if (!String(args[0]).startsWith(this.#folder)) return real.apply(fs, args);
        const call = () => real.apply(fs, args);
        const half = () => (name === "open" ? Promise.resolve() : call());
        return this.#call(name, call, half).then((result) =>
          name === "open" ? this.#watch(result as FileHandle) : result,
        );
      };
    }
    syncBuiltinESMExports();
  }

  arm(fault: Fault): void {
    this.#fault = fault;
    this.calls = 0;
    this.failed = false;
  }

  disarm(): void {
    this.#fault = null;
  }

  restore(): void {
    Object.assign(fs, Object.fromEntries(this.#real));
    syncBuiltinESMExports();
  }

  #watch(handle: FileHandle): FileHandle {
    const target = handle as unknown as Record<string, Any>;
    for (const name of HANDLES) {
      // No power fails here, so what is flushed is only counted: a shared machine's disk takes its time.
      const real: Any = name === "sync" ? async () => {} : target[name]!.bind(handle);
      target[name] = (...args) => {
        const half = () => {
          const bytes = args[0];
          const isBytes = bytes instanceof Uint8Array && (name === "write" || name === "writeFile");
          return isBytes ? real(bytes.subarray(0, bytes.length >> 1), ...args.slice(1)) : Promise.resolve();
        };
        // A handle is given back in any case: what fails is only what it had still to write.
        return this.#call(
          name,
          () => real(...args),
          name === "close" ? () => real() : half,
          name === "close",
        );
      };
    }
    return handle;
  }

  async #call(
    name: string,
    real: () => Promise<unknown>,
    half: () => Promise<unknown>,
    always = false,
  ): Promise<unknown> {
    const fault = this.#fault;
    this.calls++;
    const now = fault && (this.calls === fault.at || (fault.manner === "lasting" && this.calls > fault.at));
    if (!now) return real();
    this.failed = true;
    // A descriptor that was opened and not given back is none of ours to close.
    if ((fault.manner === "done" && name !== "open") || always) await real();
    else if (fault.manner === "half") await half().catch(() => {});
    throw Object.assign(new Error(`${fault.code}: injected, ${name}`), {
      code: fault.code,
      syscall: name,
      errno: -1,
    });
  }
}

/**
 * Every n, in every manner; a long run takes each n once, with the manners in turn, and a quick one every fifth n: with six manners, all
 * of them come up.
 */
export async function everyFault(
  run: (fault: Fault) => Promise<{ readonly failed: boolean }>,
  { every = 1, from = 1 }: { readonly every?: number; readonly from?: number } = {},
): Promise<number> {
  const faults: readonly Omit<Fault, "at">[] = [
    { code: "ENOSPC", manner: "lasting" },
    { code: "EIO", manner: "once" },
    { code: "EIO", manner: "half" },
    { code: "EMFILE", manner: "once" },
    { code: "EIO", manner: "done" },
    { code: "EMFILE", manner: "lasting" },
  ];
  let runs = 0;
  const whole = process.env.EMILIE_FAULTS === "all";
  for (const [i, fault] of (whole ? faults : [null]).entries()) {
    for (let at = from; ; at += whole ? 1 : every) {
      runs++;
      const { failed } = await run({ ...(fault ?? faults[(at + i) % faults.length]!), at });
      if (!failed) break;
    }
  }
  return runs;
}
