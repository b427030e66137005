/** What a request may ask for, and no more. */
export interface ServerLimits {
  /** Of one request's body: pictures, masks, JSON. */
  readonly uploadBytes: number;
  /** Of a session file. */
  readonly importBytes: number;
  /** Of the bodies of all requests that are not answered yet. */
  readonly uploadsAtOnce: number;
  /** Of a picture or a mask, before it is decoded. */
  readonly pixels: number;
  /** Requests a second from one address, on average, and at once. */
  readonly requestsPerSecond: number;
  readonly burst: number;
  /** Calls outside of the queue (opening pictures, rendering) that run at once. */
  readonly calls: number;
}

export const SERVER_LIMITS: ServerLimits = {
  uploadBytes: 64 * 2 ** 20,
  importBytes: 512 * 2 ** 20,
  uploadsAtOnce: 1024 * 2 ** 20,
  pixels: 40_000_000,
  requestsPerSecond: 100,
  burst: 400,
  calls: 4,
};

export const DEFAULT_PORT = 7860;
/** What a server's token may be. */
export const TOKEN = /^[\x21-\x7e]{8,200}$/;
export const MAX_VARIATIONS = 9;
/** Beside an edit's first. Each has a mask in memory, at the size of the picture; a program of its own may use more. */
export const MAX_REGIONS = 16;

/** Runs at most so many at once; the others wait. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
