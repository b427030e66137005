/**
 * A client for `emilie serve`, in the browser and in Node: sessions, edits as jobs, pictures, models, and what happens as
 * it happens. Every method throws EmilieError with the server's code.
 */
import { checkOptions, type OptionNames } from "../input/options.ts";
import { type EventsOptions, follow } from "./events.ts";
import { type ClientOptions, type Query, type RequestOptions, Requests } from "./request.ts";
import type {
  Comparison,
  EditRequest,
  Example,
  Health,
  JobInfo,
  MaskInfo,
  ModelInfo,
  ModelList,
  NewSession,
  Node,
  OpenedSession,
  RelevanceRequest,
  ReplayRequest,
  ServerEvent,
  ServerInfo,
  Session,
  SessionSummary,
  Understanding,
  UnderstandRequest,
} from "./types.ts";

const API = "/api/v1";

export interface PictureOptions {
  /** Default "png", which carries the recipe in its text; the others carry it as XMP. */
  readonly format?: "png" | "jpeg" | "webp" | "avif";
  /** Scaled down to at most this width, in pixels. */
  readonly width?: number;
  /** 1 to 100, for JPEG, WebP and AVIF. */
  readonly quality?: number;
  /** Answered as a file to save rather than to show. */
  readonly download?: boolean;
}

export interface HistoryOptions {
  readonly format?: "webp" | "gif";
  readonly width?: number;
  /** How long each picture is shown. Default 1. */
  readonly seconds?: number;
  readonly download?: boolean;
}

/** What a job's progress, previews and finished nodes are told to. */
export interface JobListener extends RequestOptions, Pick<EventsOptions, "onConnection"> {
  readonly onEvent?: (event: ServerEvent) => void;
}

const CLIENT_OPTIONS: OptionNames<ClientOptions> = { baseUrl: true, token: true, fetch: true };

export class EmilieClient {
  readonly #requests: Requests;

  constructor(options: ClientOptions = {}) {
    checkOptions(options, CLIENT_OPTIONS, "the client's options");
    this.#requests = new Requests(options);
  }

  info = (options?: RequestOptions) => this.#get<ServerInfo>("/info", options);
  /** Also where the server cannot do what it is asked to: then it says why in `problems`. */
  health = (options?: RequestOptions) =>
    this.#requests.json<Health>("GET", "/health", undefined, { ...options, answers: [503] });
  examples = (options?: RequestOptions) => this.#get<Example[]>("/examples", options);
  exampleUrl = (name: string) => this.#url(`/examples/${encodeURIComponent(name)}`);

  // Sessions
  /** All sessions; with `search` those whose name or instructions hold it, with `bin` those in the bin. */
  sessions = ({ search, bin, ...options }: RequestOptions & { search?: string; bin?: boolean } = {}) =>
    this.#requests.json<SessionSummary[]>("GET", `${API}/sessions`, undefined, {
      query: { search, bin },
      ...options,
    });
  session = (id: string, options?: RequestOptions) => this.#get<Session>(`/sessions/${id}`, options);
  renameSession = (id: string, name: string) => this.#send<Session>("PATCH", `/sessions/${id}`, { name });
  /** Puts it into the bin, from where restoreSession takes it again; after 30 days it is deleted. */
  binSession = (id: string) => this.#send<Session>("POST", `/sessions/${id}/bin`);
  restoreSession = (id: string) => this.#send<Session>("POST", `/sessions/${id}/restore`);
  /** For good. */
  deleteSession = (id: string) => this.#send<void>("DELETE", `/sessions/${id}`);
  undo = (id: string) => this.#send<Session>("POST", `/sessions/${id}/undo`);
  redo = (id: string) => this.#send<Session>("POST", `/sessions/${id}/redo`);
  setHead = (id: string, node: string) => this.#send<Session>("PUT", `/sessions/${id}/head`, { node });

  /**
   * Opens a session on a picture file (PNG, JPEG, WebP, AVIF, TIFF), or on an example by its name. `warnings` in the answer say
   * what of the file is not edited, as further frames.
   */
  createSession(
    from: Blob | { readonly example: string },
    { signal, ...given }: RequestOptions & Omit<NewSession, "example"> = {},
  ): Promise<OpenedSession> {
    if (!(from instanceof Blob)) return this.#send("POST", "/sessions", { ...from, ...given }, { signal });
    return this.#send("POST", "/sessions", formOf("picture", from, "picture", given), { signal });
  }

  /** Adds the session of an .emilie file. */
  importSession(file: Blob, { signal, ...given }: RequestOptions & { name?: string } = {}): Promise<Session> {
    const form = formOf("session", file, "session.emilie", given);
    return this.#send("POST", "/sessions/import", form, { signal });
  }

  exportSession = (id: string, options?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${id}/export`, undefined, options);
  exportUrl = (id: string) => this.#url(`/sessions/${id}/export`);

  // Nodes
  renameNode = (session: string, node: string, name: string) =>
    this.#send<Node>("PATCH", `/sessions/${session}/nodes/${node}`, { name });
  /** Puts a node and everything made from it into the session's bin. */
  binNode = (session: string, node: string) =>
    this.#send<Session>("POST", `/sessions/${session}/nodes/${node}/bin`);
  restoreNode = (session: string, node: string) =>
    this.#send<Session>("POST", `/sessions/${session}/nodes/${node}/restore`);
  /** Deletes a node and everything made from it, for good. */
  deleteNode = (session: string, node: string) =>
    this.#send<Session>("DELETE", `/sessions/${session}/nodes/${node}`);

  // Pictures: addresses for <img>, and the bytes
  pictureUrl = (session: string, node: string, options: PictureOptions = {}) =>
    this.#url(`/sessions/${session}/nodes/${node}/picture`, { ...options });
  picture = (session: string, node: string, options: PictureOptions = {}, request?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${session}/nodes/${node}/picture`, { ...options }, request);
  /** Where a node's edit was allowed to happen, as a grey PNG, white = edit. */
  nodeMaskUrl = (session: string, node: string) => this.#url(`/sessions/${session}/nodes/${node}/mask`);
  nodeMask = (session: string, node: string, request?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${session}/nodes/${node}/mask`, undefined, request);
  /** Numbers: what differs between two nodes, inside and outside of the masks between them. */
  compare = (session: string, a: string, b: string, options?: RequestOptions) =>
    this.#requests.json<Comparison>("GET", `${API}/sessions/${session}/compare`, undefined, {
      query: { a, b },
      ...options,
    });
  /** A picture of the difference: black where nothing differs; `gain` (default 4) makes small differences visible. */
  differenceUrl = (session: string, a: string, b: string, gain?: number) =>
    this.#url(`/sessions/${session}/difference`, { a, b, gain });
  difference = (session: string, a: string, b: string, gain?: number, request?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${session}/difference`, { a, b, gain }, request);
  /** The way from the original to a node as an animation. */
  historyUrl = (session: string, node: string, options: HistoryOptions = {}) =>
    this.#url(`/sessions/${session}/nodes/${node}/history`, { ...options });
  history = (session: string, node: string, options: HistoryOptions = {}, request?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${session}/nodes/${node}/history`, { ...options }, request);

  // Masks
  /** Uploads a mask: white = edit; with channel "alpha" transparent = edit. */
  uploadMask(
    session: string,
    mask: Blob,
    {
      signal,
      ...query
    }: RequestOptions & {
      channel?: "luma" | "stretch" | "alpha";
      invert?: boolean;
      /** The node whose picture it is for. Default: the head. */
      node?: string;
    } = {},
  ): Promise<MaskInfo> {
    const form = formOf("mask", mask, "mask.png", {});
    return this.#requests.json("POST", `${API}/sessions/${session}/masks`, form, { query, signal });
  }
  maskUrl = (session: string, mask: string) => this.#url(`/sessions/${session}/masks/${mask}`);
  mask = (session: string, mask: string, request?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${session}/masks/${mask}`, undefined, request);

  /** A reference picture of an edit as a PNG, by the sha256 in its recipe. */
  reference = (session: string, reference: string, request?: RequestOptions) =>
    this.#requests.blob(`${API}/sessions/${session}/references/${reference}`, undefined, request);

  // Jobs
  /**
   * Asks for an edit and returns the waiting job. `parts` are the masks that the request names with `{ part }`.
   *
   * @throws EmilieError "queue.full" where too many are waiting
   */
  edit(
    session: string,
    request: EditRequest,
    { parts, ...options }: RequestOptions & { parts?: Readonly<Record<string, Blob>> } = {},
  ): Promise<JobInfo> {
    return this.#send("POST", `/sessions/${session}/edits`, withParts(request, parts), options);
  }
  /** Makes a step again with changes, and on it everything that followed it, on a branch of its own. */
  replay(
    session: string,
    node: string,
    request: ReplayRequest,
    { parts, ...options }: RequestOptions & { parts?: Readonly<Record<string, Blob>> } = {},
  ): Promise<JobInfo> {
    return this.#send(
      "POST",
      `/sessions/${session}/nodes/${node}/replay`,
      withParts(request, parts),
      options,
    );
  }
  /** Where an instruction would change the picture; the finished job has a map and a mask. */
  relevance = (session: string, request: RelevanceRequest, options?: RequestOptions) =>
    this.#send<JobInfo>("POST", `/sessions/${session}/relevance`, request, options);
  /** Whether the model understands an instruction, before anything is computed. */
  understand = (session: string, request: UnderstandRequest, options?: RequestOptions) =>
    this.#send<Understanding>("POST", `/sessions/${session}/understand`, request, options);
  jobs = (session?: string, options?: RequestOptions) =>
    this.#requests.json<JobInfo[]>("GET", `${API}/jobs`, undefined, { query: { session }, ...options });
  job = (id: string, options?: RequestOptions) => this.#get<JobInfo>(`/jobs/${id}`, options);
  /** Stops a job: at once where it waits, after the current step where it runs. What it has finished is kept. */
  cancelJob = (id: string) => this.#send<JobInfo>("DELETE", `/jobs/${id}`);
  /** Ends the running edit with the current preview as its result. */
  keepPreview = (id: string) => this.#send<JobInfo>("POST", `/jobs/${id}/keep`);

  /**
   * Waits for the end of a job and returns it as it ended: `state` is "done", "failed" (with `error`) or "cancelled". A lost connection is made again;
   * `onConnection` says when.
   */
  async finished(id: string, { signal, onEvent, onConnection }: JobListener = {}): Promise<JobInfo> {
    const isEnd = (event: ServerEvent) => event.type === "job" && event.job.finished !== null;
    let ended: JobInfo | undefined;
    for await (const event of follow(
      this.#requests,
      `${API}/jobs/${id}/events`,
      { signal, onConnection },
      isEnd,
    )) {
      onEvent?.(event);
      if (event.type === "job" && isEnd(event)) ended = event.job;
    }
    // Not asked for again: the connection may be lost just then.
    return ended ?? this.job(id);
  }

  /** Everything that happens, as it happens. */
  events = (options?: EventsOptions): AsyncGenerator<ServerEvent> =>
    follow(this.#requests, `${API}/events`, options);

  // Models
  models = (options?: RequestOptions) => this.#get<ModelList>("/models", options);
  /** The model of new sessions; it is loaded at once. */
  selectModel = (model: string) => this.#send<ModelList>("POST", "/models/select", { model });
  /** Begins a download; the progress comes as events, and in models(). */
  pullModel = (model: string, variant?: string) =>
    this.#send<ModelInfo>("POST", "/models/pull", { model, variant });
  cancelPull = (model: string) => this.#send<ModelInfo>("POST", "/models/pull/cancel", { model });

  #url = (path: string, query?: Query) => this.#requests.url(API + path, query);
  #get = <T>(path: string, options?: RequestOptions) =>
    this.#requests.json<T>("GET", API + path, undefined, options);
  #send = <T>(method: string, path: string, body?: unknown, options?: RequestOptions) =>
    this.#requests.json<T>(method, API + path, body, options);
}

/** A file and what is said beside it, all of it: what the server does not know it refuses by name. */
function formOf(part: string, file: Blob, name: string, given: Readonly<Record<string, unknown>>): FormData {
  const form = new FormData();
  form.set(part, file, file instanceof File ? file.name : name);
  for (const [key, value] of Object.entries(given)) if (value != null) form.append(key, String(value));
  return form;
}

function withParts(request: object, parts: Readonly<Record<string, Blob>> = {}): unknown {
  const names = Object.keys(parts);
  if (names.length === 0) return request;
  const form = new FormData();
  form.set("request", JSON.stringify(request));
  for (const name of names) form.append(name, parts[name]!, `${name}.png`);
  return form;
}
