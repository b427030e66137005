/** What a load says while it makes weights: what, how much of it, how long it will still take. */
import { EmilieError } from "../errors.ts";
import { breath } from "../util/breath.ts";

/** What a load reports while it makes weights: what, how much of it is there, how long it will still take. */
export interface LoadProgress {
  /**
   * "start": before anything is written. "making": on the way. "waiting": another process makes the same, and this one will use it.
   * "done": it is in its place.
   */
  readonly stage: "start" | "making" | "waiting" | "done";
  /** What is made, in words: "the int8 weights of timbrooks/instruct-pix2pix's unet". */
  readonly what: string;
  /** Where it is kept. */
  readonly folder: string;
  /** Bytes that are there. At the start: what a run that was stopped has left, and what this one goes on from. */
  readonly bytes: number;
  /** What `bytes` will be in the end: its size on disk. */
  readonly totalBytes: number;
  /** At the start from the number of weights alone, later from how long they have taken. */
  readonly secondsLeft: number;
  /** Why it is made although it was there, where that is so. */
  readonly reason?: string;
}

/** Who is told, and who may stop it. */
export interface LoadWatch {
  /** Called at the start and at the end, and in between several times a second. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops with code "aborted"; what is there is kept, and the next load goes on from it. */
  readonly signal?: AbortSignal;
}

/** Between two reports. People see movement, and nobody is kept busy by it. */
const INTERVAL_MS = 200;
/** A disk that is slow to take what it was given is no reason to fall silent. */
const SILENCE_MS = 1000;
/** The longest that the thread is kept from everything else: a signal, a server's answer, a spinner. */
const BREATH_MS = 20;
/** From here on the time left follows from the time taken. */
const MEASURED_SECONDS = 1;

export interface Task {
  readonly what: string;
  readonly folder: string;
  /** Bytes that are there already, and in the end. */
  readonly done: number;
  readonly total: number;
  /** How long the rest may take on a common processor. */
  readonly seconds: number;
  readonly reason?: string;
}

/** Reports how far something is, and lets other things happen meanwhile. */
export class LoadMeter {
  readonly #start = performance.now();
  readonly #seconds: number;
  #bytes: number;
  /** The part of `seconds` that is behind. */
  #worked = 0;
  #lastReport = performance.now();
  #lastBreath = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly watch: LoadWatch,
    private readonly task: Task,
  ) {
    this.#bytes = task.done;
    this.#seconds = task.seconds;
  }

  begin(): void {
    this.#report("start");
    this.#timer = setInterval(() => this.#report("making"), SILENCE_MS);
  }

  /** Ends the reports, where it was given up. */
  stop(): void {
    clearInterval(this.#timer);
  }

  end(): void {
    this.stop();
    this.#bytes = this.task.total;
    this.#worked = this.#seconds;
    this.#report("done");
  }

  /** Some bytes more, which were meant to take `seconds`. Throws "aborted" where the signal says so. */
  async add(bytes: number, seconds: number): Promise<void> {
    this.#bytes += bytes;
    this.#worked += seconds;
    const now = performance.now();
    if (now - this.#lastReport >= INTERVAL_MS) {
      this.#lastReport = now;
      this.#report("making");
    }
    if (now - this.#lastBreath >= BREATH_MS) {
      await breath();
      this.#lastBreath = performance.now();
    }
    stopIfAsked(this.watch, this.task.what);
  }

  #report(stage: LoadProgress["stage"]): void {
    const { what, folder, total, reason } = this.task;
    const taken = (performance.now() - this.#start) / 1000;
    const left = Math.max(0, this.#seconds - this.#worked);
    const secondsLeft = taken < MEASURED_SECONDS || this.#worked === 0 ? left : (taken / this.#worked) * left;
    const bytes = Math.min(this.#bytes, total);
    this.watch.onProgress?.({
      ...{ stage, what, folder, bytes, totalBytes: total, secondsLeft },
      ...(reason === undefined ? {} : { reason }),
    });
  }
}

export function stopIfAsked({ signal }: LoadWatch, what: string): void {
  if (!signal?.aborted) return;
  throw new EmilieError(
    "aborted",
    `Generating ${what} was stopped. The part that is finished is kept, and the next load resumes from it.`,
    { cause: signal.reason },
  );
}
