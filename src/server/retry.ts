/** Goes on where the machine refused for a while: a full disk, no descriptors. What was accepted is done when it can be. */
import { setTimeout as sleep } from "node:timers/promises";
import { EmilieError } from "../errors.ts";
import { isShortage, mayPass, reasonOf } from "../session/file/atomic.node.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

export interface RetryOptions {
  /** Ends the waiting with "aborted". */
  readonly signal?: AbortSignal;
  /** How often it is tried at most where it is not for a shortage. Default: until it works. */
  readonly tries?: number;
}

export class Retry {
  readonly #stopping = new AbortController();
  readonly #waiting = new Map<object, string>();
  readonly #onProblem: (error: unknown) => void;

  /** `onProblem` hears of each thing that has to be tried again, once. */
  constructor(onProblem: (error: unknown) => void) {
    this.#onProblem = onProblem;
  }

  /** Why something waits to be tried again, in words; null where nothing does. */
  get problem(): string | null {
    return this.#waiting.values().next().value ?? null;
  }

  /** @throws what `action` throws, but for what may pass; EmilieError "aborted" where the signal or stop() ends the waiting */
  async until<T>(action: () => Promise<T>, { signal, tries = Number.POSITIVE_INFINITY }: RetryOptions = {}) {
    const self = {};
    try {
      for (let pause = FIRST_PAUSE_MS, n = 1; ; n++, pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
        try {
          return await action();
        } catch (error) {
          if (!mayPass(error) || (n >= tries && !isShortage(error))) throw error;
          if (!this.#waiting.has(self)) this.#onProblem(error);
          this.#waiting.set(self, reasonOf(error));
        }
        await this.#pause(pause, signal);
      }
    } finally {
      this.#waiting.delete(self);
    }
  }

  /** Nothing is waited for from here on. */
  stop(): void {
    this.#stopping.abort();
  }

  async #pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const either = signal ? AbortSignal.any([signal, this.#stopping.signal]) : this.#stopping.signal;
    await sleep(milliseconds, undefined, { signal: either }).catch(() => {
      throw new EmilieError("aborted", "The job was stopped while it was waiting for the disk.");
    });
  }
}
