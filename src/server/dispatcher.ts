/**
 * Takes jobs from the queue to the worker, one after the other, and brings back what they make. Where the disk does not take what
 * has to be written, it is tried until it does: a job that was accepted runs, and what it has made is kept.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { EmilieError, isEmilieError } from "../errors.ts";
import type { Catalog } from "./catalog.ts";
import type { Events } from "./events.ts";
import { keepPicture } from "./kept-picture.ts";
import { readMaskPiece, writeMaskPiece } from "./mask-pieces.ts";
import type { Metrics } from "./metrics.ts";
import { withoutPaths } from "./private-paths.ts";
import { positionOf } from "./queue/position.ts";
import type { Job, JobQueue } from "./queue/queue.ts";
import type { EditWork, ReplayWork } from "./queue/work.ts";
import type { Retry } from "./retry.ts";
import type { JobInfo, Progress } from "./schemas/index.ts";
import type { SessionStore } from "./store/store.ts";
import { addNode, setHead } from "./store/tree.ts";
import { callOn } from "./subject.ts";
import { jobView, nodeView, sizesOf, steps, summaryView } from "./view.ts";
import { type WorkerCalls, WorkerEnded } from "./worker/process.ts";
import type { CallEvent, Masks } from "./worker/protocol.ts";

/** What can be done with jobs, whoever runs them. */
export interface JobControl {
  /** A job was added. */
  wake(): void;
  /** At once where it waits, after the current step where it runs; what has ended stays as it is. @throws EmilieError "server.missing" */
  cancel(id: string): Promise<void>;
  /** Ends the running edit with its preview. @throws EmilieError "option.invalid", "server.missing" */
  keep(id: string): Promise<void>;
  view(job: Job): Promise<JobInfo>;
}

/** A finished node as the inference process gives it. */
export type MadeNode = Extract<CallEvent, { type: "node" }>;

export interface DispatcherParts {
  readonly store: SessionStore;
  readonly queue: JobQueue;
  readonly worker: WorkerCalls;
  readonly events: Events;
  readonly metrics: Metrics;
  readonly retry: Retry;
  /** Says what loadModel takes for a model's name. */
  readonly catalog: Pick<Catalog, "resolve">;
  /** What this worker is called in a queue that it shares with others. Default: it is the only one, and recovers what any has left. */
  readonly name?: string;
  /** Writes a node, and ends its job where it is the last one, in one transaction, and tells of it. Default: one after the other. */
  readonly commit?: (job: Job, made: MadeNode, last: boolean) => Promise<void>;
}

/** What a worker is called that is the only one. */
const WORKER = "local";
/** After something unexpected, so that what fails at once does not fail without end. */
const PAUSE_MS = 1000;
/** How often a job is begun that the machine refuses something it has to read, as a disk does with a bad sector. */
const READ_TRIES = 5;

export class Dispatcher implements JobControl {
  readonly #parts: DispatcherParts;
  readonly #progress = new Map<string, Progress>();
  #running: { id: string; controller: AbortController; keep: () => void } | null = null;
  readonly #cancelled = new Set<string>();
  #pump: Promise<void> | null = null;
  /** Something has come since the queue was last found empty. */
  #again = false;
  /** Whether no job is noted as running that nobody runs, as those of a former server. */
  #recovered = false;
  #stopped = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  get #name(): string {
    return this.#parts.name ?? WORKER;
  }

  /** Takes up what a former server has left. */
  start(): void {
    this.wake();
  }

  /** Takes no more jobs, and no longer waits for the disk. The worker may be ended then; the job it runs is given back. */
  stop(): void {
    this.#stopped = true;
    this.#parts.retry.stop();
  }

  /** Takes no more jobs, and gives back the one that runs, after the step that it is at. */
  async drain(): Promise<void> {
    this.stop();
    this.#running?.controller.abort();
    await this.ended();
  }

  /** The job is no longer this worker's: it is not computed any further. */
  lose(id: string): void {
    if (this.#running?.id === id) this.#running.controller.abort();
  }

  /** What runs here; null where nothing does. */
  get job(): string | null {
    return this.#running?.id ?? null;
  }

  /** After stop(), and when the worker has ended: all that can be written has been. */
  async ended(): Promise<void> {
    await this.#pump;
  }

  wake(): void {
    this.#again = true;
    if (this.#pump || this.#stopped) return;
    this.#pump = this.#work();
  }

  async cancel(id: string): Promise<void> {
    const { queue } = this.#parts;
    if ((await queue.get(id)).finished !== null) return;
    if (this.#running?.id === id) return this.#running.controller.abort();
    // It waits; or it is just being taken, and #run finds it here.
    this.#cancelled.add(id);
    try {
      const job = await queue.withdraw(id);
      if (job.finished === null && this.#running?.id === id) this.#running.controller.abort();
      if (job.finished === null) return;
      this.#cancelled.delete(id);
      await this.#tell(job);
    } catch (error) {
      this.#cancelled.delete(id);
      throw error;
    }
  }

  async keep(id: string): Promise<void> {
    const job = await this.#parts.queue.get(id);
    if (job.work.kind !== "edit")
      throw new EmilieError("option.invalid", "only an edit can be ended with its preview");
    if (this.#running?.id !== id) {
      throw new EmilieError(
        "option.invalid",
        `the job is ${job.state}; only a running one has a preview to keep`,
      );
    }
    this.#running.keep();
  }

  async view(job: Job): Promise<JobInfo> {
    const position = await positionOf(this.#parts.queue, job);
    return jobView(job, position, job.finished === null ? (this.#progress.get(job.id) ?? null) : null);
  }

  async #work(): Promise<void> {
    const { queue, retry, metrics } = this.#parts;
    while (!this.#stopped) {
      try {
        if (!this.#recovered) await retry.until(() => queue.recover(this.#parts.name));
        this.#recovered = true;
        this.#again = false;
        const job = await retry.until(() => queue.take(this.#name));
        if (!job) {
          if (this.#again) continue;
          this.#pump = null;
          return;
        }
        const start = performance.now();
        await this.#run(job);
        metrics.jobSeconds((performance.now() - start) / 1000);
      } catch (error) {
        if (this.#stopped) return;
        if (isEmilieError(error) && error.code === "job.lost") continue;
        metrics.problem(error);
        // Its job, if it had one, is run by nobody.
        this.#recovered = false;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #run(job: Job): Promise<void> {
    const { queue, retry, metrics } = this.#parts;
    const controller = new AbortController();
    const { signal } = controller;
    this.#running = { id: job.id, controller, keep: () => {} };
    try {
      // Taking it takes a while (it is written down), in which it may have been cancelled, and forgotten with its session.
      const now = await queue.get(job.id).catch(() => null);
      if (now === null || now.finished !== null) return;
      if (this.#cancelled.delete(job.id) || signal.aborted)
        return await this.#end(job.id, { state: "cancelled" });
      await this.#tell(job);
      // What cannot be read for now is read later; nodes that it has made by then are found, and not made again.
      await retry.until(() => this.#do(job, signal), { signal, tries: READ_TRIES });
      await this.#end(job.id, { state: "done" });
    } catch (error) {
      const code = isEmilieError(error) ? error.code : "runtime.failed";
      const message = error instanceof Error ? error.message : String(error);
      // Nothing is left to be aborted: who cancels from here on ends the job in the queue.
      this.#running = null;
      // Another worker has it: there is nothing left to do, and nothing to tell.
      if (code === "job.lost") this.#progress.delete(job.id);
      else if (this.#stopped) {
        // The next server takes it up. Where not even this can be written, it counts as an interrupted one.
        await queue.release(job.id).catch((problem) => metrics.problem(problem));
      } else if (signal.aborted) await this.#end(job.id, { state: "cancelled" });
      else if (error instanceof WorkerEnded && code !== "runtime.memory") {
        this.#progress.delete(job.id);
        for (const lost of await retry.until(() => queue.recover(this.#name))) {
          if (lost.finished !== null) metrics.job(lost.state);
          await this.#tell(lost);
        }
      } else {
        if (withoutPaths(message) !== message) metrics.problem(message);
        await this.#end(job.id, { state: "failed", error: { code, message } });
      }
    } finally {
      this.#running = null;
    }
  }

  /** Whether an edit's node is the last that it makes. A crop or an expansion comes before the instruction's own, if there is one. */
  #isLast({ work }: Job, { edit, node }: MadeNode): boolean {
    if (work.kind !== "edit") return false;
    return node.recipe?.canvas ? work.instruction === "" : edit === work.variations - 1;
  }

  async #do(job: Job, signal: AbortSignal): Promise<void> {
    const { store, queue } = this.#parts;
    const write = <T>(action: () => Promise<T>) => this.#write(action, signal);
    const { work } = job;
    const onEvent = (event: CallEvent) => this.#hear(job, event, signal);
    if (work.kind === "relevance") {
      const found = await callOn(this.#parts, "relevance", job.session, { work }, { signal, onEvent });
      for (const { id, piece } of [found.map, found.mask])
        await write(() => writeMaskPiece(store, job.session, id, piece));
      const relevance = { map: found.map.id, mask: found.mask.id };
      await write(() => queue.update(job.id, { relevance }));
      return;
    }
    const masks = await this.#masks(job.session, work);
    const onStart = (keep: () => void) => {
      if (this.#running?.id === job.id) this.#running.keep = keep;
    };
    if (work.kind === "edit") {
      await callOn(this.#parts, "edit", job.session, { work, masks }, { signal, onEvent, onStart });
      return;
    }
    const { replaced } = await callOn(
      this.#parts,
      "replay",
      job.session,
      { work, masks },
      { signal, onEvent },
    );
    await write(() => queue.update(job.id, { replaced }));
    // The head goes to where it was, on the new branch.
    const { manifest } = await store.read(job.session);
    const head = replaced[manifest.head] ?? replaced[work.from]!;
    await write(() => store.change(job.session, (draft) => setHead(draft, head)));
    await this.#emitSession(job.session);
  }

  async #masks(session: string, work: EditWork | ReplayWork): Promise<Masks> {
    const named = [work.mask, ...(work.regions ?? []).map(({ mask }) => mask)];
    const masks: Record<string, Masks[string]> = {};
    for (const mask of named) {
      if (mask && "id" in mask) masks[mask.id] = await readMaskPiece(this.#parts.store, session, mask.id);
    }
    return masks;
  }

  /** Writes what a job has made, as soon as the disk takes it; a job that is cancelled does not wait for that. */
  #write<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#parts.retry.until(action, { signal });
  }

  async #hear(job: Job, event: CallEvent, signal: AbortSignal): Promise<void> {
    const { store, queue, events } = this.#parts;
    const write = <T>(action: () => Promise<T>) => this.#write(action, signal);
    const base = { job: job.id, session: job.session };
    if (event.type === "progress") {
      const { type: _, ...progress } = event;
      this.#progress.set(job.id, progress);
      events.emit({ type: "progress", ...base, progress });
    } else if (event.type === "preview") events.emit({ ...event, ...base });
    else if (event.type === "remark") {
      const { remarks = [] } = await queue.get(job.id);
      // Every variation, and a second attempt, would say the same.
      if (remarks.includes(event.text)) return;
      await this.#tell(await write(() => queue.update(job.id, { remarks: [...remarks, event.text] })));
    } else {
      const { node, pieces, png } = event;
      const { work } = job;
      const { commit } = this.#parts;
      if (commit) return write(() => commit(job, event, this.#isLast(job, event)));
      await write(() =>
        store.change(job.session, (draft) => {
          addNode(draft, node, pieces);
          if (work.kind === "edit" && work.moveHead) setHead(draft, node.id);
        }),
      );
      await keepPicture(this.#parts, job.session, node.id, png);
      const before = await queue.get(job.id);
      const kept = before.kept || (work.kind === "edit" && node.recipe?.stopAfter !== undefined);
      // A second attempt finds what the first has made.
      const nodes = [...new Set([...before.nodes, node.id])];
      const told = await write(() => queue.update(job.id, { nodes, kept }));
      const { manifest } = await store.read(job.session);
      const view = nodeView(node, sizesOf(manifest));
      events.emit({ type: "node", session: job.session, job: job.id, node: view });
      await this.#emitSession(job.session);
      await this.#tell(told);
    }
  }

  async #end(id: string, end: Parameters<JobQueue["finish"]>[1]): Promise<void> {
    const ended = await this.#write(() => this.#parts.queue.finish(id, end));
    this.#progress.delete(id);
    this.#parts.metrics.job(ended.state);
    await this.#tell(ended);
  }

  async #tell(job: Job): Promise<void> {
    this.#parts.events.emit({ type: "job", job: await this.view(job) });
  }

  async #emitSession(id: string): Promise<void> {
    const record = await this.#parts.store.read(id);
    this.#parts.events.emit({ type: "session", session: summaryView(record), ...steps(record), deleted: [] });
  }
}
