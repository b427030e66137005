/** Trying again what may pass, with pauses that double. */
import { setTimeout as sleep } from "node:timers/promises";
import { EmilieError } from "../../errors.ts";
import { aborted, type Hub, Transient } from "./request.node.ts";

/** Tries in a row without a single new byte. */
const MAX_TRIES = 6;
/** A server that asks for more patience than this is as good as gone. */
const MAX_WAIT_MS = 120_000;

export interface RetryOptions {
  readonly hub: Hub;
  /** Before the second try; doubled for each one after it. */
  readonly retryDelay: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs `attempt` until it returns. It is tried again where it throws Transient; `progress` tells whether the last try has
 * brought anything, which starts the count anew. Throws "hub.unreachable" in the end.
 */
export async function retry<T>(
  { hub, retryDelay, signal }: RetryOptions,
  attempt: () => Promise<T>,
  progress: () => boolean = () => false,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      if (progress()) tries = 1;
      if (tries >= MAX_TRIES || error.waitMs > MAX_WAIT_MS) throw unreachable(hub, error);
      const pause = Math.max(error.waitMs, retryDelay * 2 ** (tries - 1));
      await sleep(pause, undefined, { signal }).catch(() => {
        throw aborted();
      });
    }
  }
}

function unreachable(hub: Hub, error: Transient): EmilieError {
  const { HTTPS_PROXY, https_proxy, NODE_USE_ENV_PROXY } = process.env;
  const proxy =
    (HTTPS_PROXY || https_proxy) && !NODE_USE_ENV_PROXY
      ? " A proxy is set, which Node heeds from version 24 on and with NODE_USE_ENV_PROXY=1 only."
      : "";
  return new EmilieError(
    "hub.unreachable",
    `${hub.endpoint} could not be reached, or the connection kept breaking (${error.message}).${proxy} What has been downloaded is kept; ` +
      "pull again to resume. HF_ENDPOINT can name a mirror.",
    { cause: error },
  );
}
