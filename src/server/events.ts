/**
 * What happens, told to everybody who listens, and kept for a while for those who come back. An event's id is the server's
 * start and a number; where the number is no longer kept, or the server is another one, the listener is told to reset.
 */
import { randomBytes } from "node:crypto";
import type { ServerEvent } from "./schemas/index.ts";

export interface Logged {
  readonly id: string;
  readonly event: ServerEvent;
}

export interface Filter {
  /** Events of this session, and those of no session. */
  readonly session?: string;
  /** Events of this job, and what is made of a model before it can run. */
  readonly job?: string;
}

/** Where events are told, and heard: in this process, or through the database to all servers. */
export interface Events {
  readonly listeners: number;
  /** The id of the last event: what happens from here on is what a new listener hears. */
  readonly last: string;
  emit(event: ServerEvent): void;
  /** Everything after `since` (an event's id), then what happens, until the signal stops it. */
  follow(filter: Filter, since: string | undefined, signal: AbortSignal): AsyncGenerator<Logged>;
}

/** A reload takes seconds; an edit makes a few dozen events. */
export const KEPT_EVENTS = 4096;
/** A listener that is so far behind is better told to fetch everything. */
const MAX_BEHIND = 1024;

export class EventLog implements Events {
  readonly #epoch: string;
  readonly #kept = new Map<number, ServerEvent>();
  readonly #listeners = new Set<(number: number, event: ServerEvent) => void>();
  #number = 0;
  /** Of each job and edit only the last preview is kept: they are large, and nobody wants an older one. */
  readonly #previews = new Map<string, number>();

  /** `epoch`: what the ids of events begin with. Default: a new one, so that ids of another start are not understood. */
  constructor(epoch = randomBytes(4).toString("hex")) {
    this.#epoch = epoch;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  get last(): string {
    return this.#id(this.#number);
  }

  get number(): number {
    return this.#number;
  }

  emit(event: ServerEvent): void {
    this.accept(this.#number + 1, event);
  }

  /** An event whose number is given. */
  accept(number: number, event: ServerEvent): void {
    this.#number = number;
    this.#kept.set(number, event);
    if (event.type === "preview") {
      const key = `${event.job}/${event.edit}`;
      this.#kept.delete(this.#previews.get(key) ?? 0);
      this.#previews.set(key, number);
    }
    if (event.type === "job" && event.job.finished !== null) this.#dropPreviews(event.job.id);
    this.#kept.delete(number - KEPT_EVENTS);
    for (const listener of this.#listeners) listener(number, event);
  }

  /** Tells those who listen now, and keeps nothing. */
  pass(event: ServerEvent): void {
    for (const listener of this.#listeners) listener(this.#number, event);
  }

  async *follow(filter: Filter, since: string | undefined, signal: AbortSignal): AsyncGenerator<Logged> {
    let waiting: Logged[] = [];
    let wake = () => {};
    let behind = false;
    const offer = (number: number, event: ServerEvent) => {
      if (!concerns(event, filter)) return;
      if (waiting.length >= MAX_BEHIND) {
        waiting = [];
        behind = true;
      }
      waiting.push({ id: this.#id(number), event });
      wake();
    };
    const missed = since === undefined ? [] : this.#after(since);
    if (missed === null) waiting.push({ id: this.last, event: { type: "reset" } });
    else for (const [number, event] of missed) offer(number, event);
    this.#listeners.add(offer);
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        if (behind) {
          behind = false;
          waiting = [];
          yield { id: this.last, event: { type: "reset" } };
        }
        const next = waiting.shift();
        if (next) yield next;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (signal.aborted || waiting.length > 0) resolve();
          });
        }
      }
    } finally {
      this.#listeners.delete(offer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #id(number: number): string {
    return `${this.#epoch}-${number}`;
  }

  /** Null where it cannot be said what was missed. */
  #after(id: string): [number, ServerEvent][] | null {
    const [epoch, text] = id.split("-");
    const number = Number(text);
    if (epoch !== this.#epoch || !Number.isSafeInteger(number) || number > this.#number) return null;
    if (number < this.#number - KEPT_EVENTS) return null;
    return [...this.#kept].filter(([n]) => n > number);
  }

  #dropPreviews(job: string): void {
    for (const [key, number] of this.#previews) {
      if (!key.startsWith(`${job}/`)) continue;
      this.#kept.delete(number);
      this.#previews.delete(key);
    }
  }
}

export function concerns(event: ServerEvent, { session, job }: Filter): boolean {
  if (event.type === "reset") return true;
  if (job !== undefined) {
    if (event.type === "job") return event.job.id === job;
    // What the inference process makes of a model is what the job waits for.
    if (event.type === "model") return event.model.loading !== null;
    return "job" in event && event.job === job;
  }
  if (session === undefined || event.type === "model") return true;
  if (event.type === "job") return event.job.session === session;
  if (event.type === "session") return event.session.id === session;
  return event.session === session;
}
