/**
 * One request to the hub: redirects followed by hand, so that the token stays with the hub; a connection that falls
 * silent is given up; what the hub refuses is explained. Headers are those of huggingface_hub (utils/_http.py).
 */
import { EmilieError, isEmilieError } from "../../errors.ts";
import { formatRepoId, type RepoId } from "./repo-id.ts";

export interface Hub {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | null;
}

/** The hub sends at most three: to a renamed repository, to its storage, to the storage's nearest host. */
const MAX_REDIRECTS = 8;
/** A connection on which nothing arrives for so long is dead. */
const SILENCE_MS = 60_000;
const AGENT = "emilie (+https://arxiv.org/abs/2309.00613)";

/** Something that may pass: a lost connection, a busy or failing server. Anything else is an EmilieError. */
export class Transient extends Error {
  override readonly name = "Transient";
  constructor(
    message: string,
    /** What the server asked to wait for. */
    readonly waitMs = 0,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export interface Answer {
  readonly status: number;
  /** Of the last answer; those of the hub's own redirects are in `linkedEtag`. */
  readonly headers: Headers;
  /** The hub's own word on which content stands behind a redirect, without quotes; null where it gave none. */
  readonly linkedEtag: string | null;
  /** The body, as it arrives. Throws Transient where the connection breaks. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Gives the connection up. */
  cancel(): void;
}

export interface RequestOptions {
  readonly id: RepoId;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** GET `path` of the hub. Statuses other than 2xx and 416 throw: EmilieError, or Transient where it may pass. */
export async function request(hub: Hub, path: string, options: RequestOptions): Promise<Answer> {
  const timer = new SilenceTimer(options.signal);
  try {
    const { response, linkedEtag } = await follow(hub, `${hub.endpoint}${path}`, options, timer);
    timer.restart();
    if (!response.ok && response.status !== 416) throw await refusal(response, hub, options.id);
    return {
      status: response.status,
      headers: response.headers,
      linkedEtag,
      chunks: readChunks(response, timer),
      cancel: () => timer.end("cancelled"),
    };
  } catch (error) {
    timer.end("failed");
    throw timer.explain(error);
  }
}

async function follow(hub: Hub, start: string, { headers, id }: RequestOptions, timer: SilenceTimer) {
  const home = new URL(hub.endpoint).origin;
  let url = new URL(start);
  let linkedEtag: string | null = null;
  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    const own = url.origin === home;
    const response = await fetch(url, {
      redirect: "manual",
      signal: timer.signal,
      headers: {
        ...headers,
        "user-agent": AGENT,
        // Sizes and ranges are those of the file, not of a compressed form of it.
        "accept-encoding": "identity",
        ...(own && hub.token ? { authorization: `Bearer ${hub.token}` } : {}),
      },
    });
    if (own) linkedEtag = plainEtag(response.headers.get("x-linked-etag")) ?? linkedEtag;
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || !location) return { response, linkedEtag };
    await response.body?.cancel();
    const next = URL.canParse(location, url) ? new URL(location, url) : null;
    const safe = next?.protocol === "https:" || (next?.protocol === "http:" && url.protocol === "http:");
    if (!next || !safe) throw odd(id, `redirects to ${JSON.stringify(location.slice(0, 200))}`);
    url = next;
  }
  throw odd(id, `redirects more than ${MAX_REDIRECTS} times`);
}

/** W/"abc" and "abc" → abc. */
function plainEtag(header: string | null): string | null {
  return header?.replace(/^W\//, "").replace(/^"|"$/g, "") ?? null;
}

async function* readChunks(response: Response, timer: SilenceTimer): AsyncGenerator<Uint8Array> {
  try {
    const reader = response.body?.getReader();
    while (reader) {
      const { done, value } = await reader.read();
      if (done) break;
      timer.restart();
      yield value;
    }
  } catch (error) {
    throw timer.explain(error);
  } finally {
    timer.end("read");
  }
}

/** Aborts a request on which nothing has happened for SILENCE_MS, or when the caller's signal says so. */
class SilenceTimer {
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.end("aborted");
  #timer: NodeJS.Timeout | undefined;
  #silent = false;

  constructor(private readonly caller: AbortSignal | undefined) {
    caller?.addEventListener("abort", this.#onAbort);
    if (caller?.aborted) this.end("aborted");
    else this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#silent = true;
      this.end("silent");
    }, SILENCE_MS);
  }

  end(reason: string): void {
    clearTimeout(this.#timer);
    this.caller?.removeEventListener("abort", this.#onAbort);
    this.#controller.abort(new Error(reason));
  }

  /** What a failed fetch or read means. */
  explain(error: unknown): unknown {
    if (isEmilieError(error) || error instanceof Transient) return error;
    if (this.caller?.aborted) return aborted();
    if (this.#silent) return new Transient(`nothing arrived for ${SILENCE_MS / 1000} seconds`);
    // undici says "fetch failed" and keeps what happened in the cause.
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const code = (cause as NodeJS.ErrnoException)?.code;
    const message = cause instanceof Error ? cause.message : String(cause);
    return new Transient(code && !message.includes(code) ? `${code} ${message}` : message, 0, {
      cause: error,
    });
  }
}

export function aborted(): EmilieError {
  return new EmilieError(
    "aborted",
    "The download was stopped. What has been downloaded is kept; pull again to resume.",
  );
}

/** What an answer that is no success means, as an error to throw. */
async function refusal(response: Response, hub: Hub, id: RepoId): Promise<Error> {
  const { status, headers } = response;
  const code = headers.get("x-error-code");
  const said = headers.get("x-error-message")?.slice(0, 300) ?? "";
  await response.body?.cancel();
  const page = `${hub.endpoint}/${id.repo}`;
  const tokens = `${hub.endpoint}/settings/tokens`;
  const denied = (message: string) => new EmilieError("hub.denied", message);
  if (code === "GatedRepo") {
    return denied(
      hub.token
        ? `${id.repo} is gated, and your token has no access to it. Open ${page} with the account that the token ` +
            `belongs to, accept the terms (or wait until its authors have), and let the token read gated repositories ` +
            `(${tokens}).`
        : `${id.repo} is gated: its authors ask who uses it. Open ${page}, accept the terms, make a token at ${tokens}, ` +
            "and set HF_TOKEN to it (or run: hf auth login).",
    );
  }
  if (code === "RevisionNotFound") {
    return new EmilieError(
      "hub.missing",
      `${id.repo} has no revision ${JSON.stringify(id.revision)}. Its branches and tags are at ${page}/tree/main.`,
    );
  }
  if (code === "EntryNotFound") {
    return new EmilieError(
      "hub.missing",
      `${formatRepoId(id)} lists a file that the hub then does not have.`,
    );
  }
  if (status === 401 && hub.token) {
    return denied(
      `The hub refused the token (${said || "401"}). Make a new one at ${tokens} and set HF_TOKEN to it, or unset it.`,
    );
  }
  // Without a token, the hub says 401 for private and for missing repositories alike.
  if (code === "RepoNotFound" || status === 401 || status === 404) {
    return new EmilieError(
      "hub.missing",
      `There is no repository ${id.repo} at ${hub.endpoint}, or it is private. Check its spelling` +
        `${hub.token ? " and what your token may read." : "; for a private one set HF_TOKEN to a token that may read it."}`,
    );
  }
  if (status === 403) {
    return denied(
      `The hub does not let ${hub.token ? "this token" : "you"} read ${id.repo}${said && ` (${said})`}.`,
    );
  }
  if (status === 408 || status === 429 || status >= 500) {
    const wait = Number(headers.get("retry-after"));
    return new Transient(`the server answered ${status}`, wait > 0 ? wait * 1000 : 0);
  }
  return odd(id, `is answered with status ${status}${said && ` (${said})`}`);
}

/** An answer that a hub would not give. */
export function odd(id: RepoId, what: string): EmilieError {
  return new EmilieError(
    "hub.malformed",
    `The request for ${formatRepoId(id)} ${what}. Is HF_ENDPOINT the URL of a hub?`,
  );
}
