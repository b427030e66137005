/**
 * Notices that the inference process does nothing any more. Its heartbeat comes from a thread of its own, which computing does
 * not hold up, so silence means that the whole process stands still. A process that beats and yet never gets on with a call
 * is given far longer than any step has taken.
 */

/** Starting from source on a busy machine takes seconds. */
const START_MS = 120_000;
const SILENT_MS = 10_000;
/** Weights of a full-size model are converted without a word for minutes. */
const STALLED_MS = 30 * 60_000;
/** Of the longest pause between two signs of progress. */
const STALLED_TIMES = 20;
const TICK_MS = 500;

export class Watchdog {
  readonly #silentMs: number;
  readonly #timer: NodeJS.Timeout;
  #silent = 0;
  #limit = START_MS;
  #still = 0;
  #longest = 0;

  /**
   * `onFrozen` is called once, with what was noticed, in words. `busy` is whether a call is under way. `silentMs`: how long the
   * heart may stand still.
   */
  constructor(onFrozen: (what: string) => void, busy: () => boolean, silentMs = SILENT_MS) {
    this.#silentMs = silentMs;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      // Where this process stood still too, as on a machine that was asleep, the time says nothing about the other.
      const passed = Math.min(now - last, 2 * TICK_MS);
      last = now;
      this.#silent += passed;
      this.#still = busy() ? this.#still + passed : 0;
      const patience = Math.max(STALLED_MS, STALLED_TIMES * this.#longest);
      if (this.#silent < this.#limit && this.#still < patience) return;
      this.stop();
      const what =
        this.#silent >= this.#limit ? ["did not move", this.#silent] : ["made no progress", this.#still];
      onFrozen(`${what[0]} for ${Math.round(Number(what[1]) / 1000)} seconds`);
    }, TICK_MS);
    this.#timer.unref();
  }

  /** The process runs. */
  beat(): void {
    this.#silent = 0;
    this.#limit = this.#silentMs;
  }

  /** A call got on. */
  progress(): void {
    this.#longest = Math.max(this.#longest, this.#still);
    this.#still = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
