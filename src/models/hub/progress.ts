/** How far a download is: bytes, speed over the last seconds, time left. */

export interface PullProgress {
  /** The file that has just moved. */
  readonly file: string;
  /** Of all files together: bytes on disk, and in the end. */
  readonly bytes: number;
  /** What `bytes` will be in the end. */
  readonly totalBytes: number;
  /** Over the last seconds; 0 until there is something to measure. */
  readonly bytesPerSecond: number;
  /** Null while the speed is not known. */
  readonly secondsLeft: number | null;
}

/** Speed is that of the last so many seconds: long enough to be calm, short enough to notice a change. */
const WINDOW_SECONDS = 10;
/** Listeners are called at most this often, and at the end. */
const INTERVAL_SECONDS = 0.1;

export class ProgressMeter {
  #bytes = 0;
  #received = 0;
  #lastReport = Number.NEGATIVE_INFINITY;
  /** [seconds, bytes received until then], the oldest first. */
  readonly #samples: [number, number][] = [];

  constructor(
    private readonly totalBytes: number,
    private readonly listener: (progress: PullProgress) => void,
    private readonly now = () => performance.now() / 1000,
  ) {
    this.#samples.push([this.now(), 0]);
  }

  /** Bytes that were on disk already count as progress, but not as speed. */
  add(file: string, count: number, from: "network" | "disk"): void {
    const time = this.now();
    this.#bytes += count;
    if (from === "network") this.#received += count;
    if (time - this.#lastReport < INTERVAL_SECONDS && this.#bytes < this.totalBytes) return;
    this.#lastReport = time;
    this.#samples.push([time, this.#received]);
    while (this.#samples.length > 2 && this.#samples[1]![0] <= time - WINDOW_SECONDS) this.#samples.shift();
    const [since, before] = this.#samples[0]!;
    const bytesPerSecond = time > since ? (this.#received - before) / (time - since) : 0;
    const left = this.totalBytes - this.#bytes;
    this.listener({
      file,
      bytes: this.#bytes,
      totalBytes: this.totalBytes,
      bytesPerSecond,
      secondsLeft: left === 0 ? 0 : bytesPerSecond > 0 ? left / bytesPerSecond : null,
    });
  }
}
