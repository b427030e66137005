/** One request to the server: addresses, the token, and errors as EmilieError. */
import { EmilieError, type ErrorCode } from "../errors.ts";

export interface ClientOptions {
  /** Where the server is. Default: the page's own origin; outside of a page http://127.0.0.1:7860. */
  readonly baseUrl?: string;
  /** Needed where the server has one. A page that was opened with its token has it in a cookie. */
  readonly token?: string;
  /** Default: the global fetch. */
  readonly fetch?: typeof fetch;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface SendOptions {
  readonly query?: Query;
  /** Further statuses that are answers, and no errors. */
  readonly answers?: readonly number[];
}

export const DEFAULT_PORT = 7860;

export class Requests {
  readonly baseUrl: string;
  readonly #token?: string;
  readonly #fetch: typeof fetch;

  constructor({ baseUrl, token, fetch: ownFetch }: ClientOptions) {
    const page = (globalThis as { location?: { origin?: string } }).location?.origin;
    const origin = page?.startsWith("http") ? page : `http://127.0.0.1:${DEFAULT_PORT}`;
    this.baseUrl = (baseUrl ?? origin).replace(/\/+$/, "");
    this.#token = token;
    // A bare `fetch` taken out of its window refuses to run.
    this.#fetch = ownFetch ?? ((input, init) => fetch(input, init));
  }

  url(path: string, query: Query = {}): string {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
    return `${this.baseUrl}${path}${search ? `?${search}` : ""}`;
  }

  /**
   * @throws EmilieError with the server's own code; "server.unreachable" where nobody answers; "aborted"
   */
  async send(method: string, path: string, init: RequestInit & SendOptions = {}): Promise<Response> {
    const { query, answers = [], ...rest } = init;
    const headers = new Headers(rest.headers);
    if (this.#token) headers.set("authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      response = await this.#fetch(this.url(path, query), { ...rest, method, headers });
    } catch (cause) {
      if (rest.signal?.aborted) throw new EmilieError("aborted", "the request was stopped", { cause });
      const message = `The emilie server at ${this.baseUrl} does not answer. Is it running (emilie serve)?`;
      throw new EmilieError("server.unreachable", message, { cause });
    }
    if (response.ok || response.status === 304 || answers.includes(response.status)) return response;
    throw await errorOf(response);
  }

  async json<T>(method: string, path: string, body?: unknown, options: RequestOptions & SendOptions = {}) {
    const init: RequestInit =
      body === undefined
        ? {}
        : body instanceof FormData
          ? { body }
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await this.send(method, path, { ...init, ...options });
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async blob(path: string, query?: Query, options: RequestOptions = {}): Promise<Blob> {
    return (await this.send("GET", path, { query, ...options })).blob();
  }
}

async function errorOf(response: Response): Promise<EmilieError> {
  try {
    const { error } = (await response.json()) as { error: { code: ErrorCode; message: string } };
    return new EmilieError(error.code, error.message);
  } catch {
    return new EmilieError(
      "server.unreachable",
      `The server answered ${response.status} ${response.statusText}.`,
    );
  }
}
