/** Takes jobs from the queue to the worker, one after the other, and brings back what they make. */
import { EmilieError, isEmilieError } from "../errors.ts";
import type { EventLog } from "./events.ts";
import { readMaskPiece, writeMaskPiece } from "./mask-files.ts";
import type { Metrics } from "./metrics.ts";
import type { Job, JobQueue } from "./queue/queue.ts";
import type { EditWork, ReplayWork } from "./queue/work.ts";
import type { JobInfo, Progress } from "./schemas/index.ts";
import type { SessionStore } from "./store/store.ts";
import { addNode, setHead } from "./store/tree.ts";
import { jobView, nodeView, steps, summaryView } from "./view.ts";
import { WorkerEnded, type WorkerProcess } from "./worker/process.ts";
import type { CallEvent, Masks } from "./worker/protocol.ts";

export interface DispatcherParts {
  readonly store: SessionStore;
  readonly queue: JobQueue;
  readonly worker: WorkerProcess;
  readonly events: EventLog;
  readonly metrics: Metrics;
  /** What loadModel takes for the name that the catalogue gives a model. */
  readonly resolveModel: (id: string) => Promise<string>;
}

/** What a worker is called in the queue. This server has one. */
const WORKER = "local";

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #progress = new Map<string, Progress>();
  #running: { id: string; controller: AbortController; keep: () => void } | null = null;
  #pumping = false;
  /** Something has come since the queue was last found empty. */
  #again = false;
  #stopped = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Takes up what a former server has left. */
  async start(): Promise<void> {
    await this.#parts.queue.recover();
    this.wake();
  }

  stop(): void {
    this.#stopped = true;
  }

  wake(): void {
    this.#again = true;
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    void this.#pump().catch((error) => this.#parts.metrics.problem(error));
  }

  /** At once where it waits, after the current step where it runs; what has ended stays as it is. */
  async cancel(id: string): Promise<void> {
    const job = await this.#parts.queue.get(id);
    if (this.#running?.id === id) this.#running.controller.abort();
    // It waits, or was taken and is not yet at work here: then #run finds it ended.
    else if (job.finished === null)
      await this.#tell(await this.#parts.queue.finish(id, { state: "cancelled" }));
  }

  /** Ends the running edit with its preview. @throws EmilieError "option.invalid" */
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
    const { queue } = this.#parts;
    const order = job.state === "waiting" ? (await queue.order()).findIndex(({ id }) => id === job.id) : -1;
    // The queue's word, since a job that was just taken is not yet at work here.
    const running = (await queue.list()).filter(({ state }) => state === "running").length;
    const position = order < 0 ? null : order + running;
    return jobView(job, position, job.finished === null ? (this.#progress.get(job.id) ?? null) : null);
  }

  async #pump(): Promise<void> {
    while (!this.#stopped) {
      this.#again = false;
      const job = await this.#parts.queue.take(WORKER);
      if (!job) {
        if (this.#again) continue;
        break;
      }
      const start = performance.now();
      await this.#run(job).catch((error) => this.#parts.metrics.problem(error));
      this.#parts.metrics.jobSeconds((performance.now() - start) / 1000);
    }
    this.#pumping = false;
  }

  async #run(job: Job): Promise<void> {
    const { queue, metrics } = this.#parts;
    const controller = new AbortController();
    this.#running = { id: job.id, controller, keep: () => {} };
    try {
      // Taking it takes a while (it is written down), in which it may have been cancelled, and forgotten with its session.
      const now = await queue.get(job.id).catch(() => null);
      if (now === null || now.finished !== null) return;
      await this.#tell(job);
      await this.#work(job, controller.signal);
      await this.#end(job.id, { state: "done" });
    } catch (error) {
      const code = isEmilieError(error) ? error.code : "runtime.failed";
      const message = error instanceof Error ? error.message : String(error);
      // Nothing is left to be aborted: who cancels from here on ends the job in the queue.
      this.#running = null;
      if (this.#stopped) return; // the next server takes it up
      if (controller.signal.aborted) await this.#end(job.id, { state: "cancelled" });
      else if (error instanceof WorkerEnded && code !== "runtime.memory") {
        this.#progress.delete(job.id);
        for (const lost of await queue.recover(WORKER)) {
          if (lost.finished !== null) metrics.job(lost.state);
          await this.#tell(lost);
        }
      } else await this.#end(job.id, { state: "failed", error: { code, message } });
    } finally {
      this.#running = null;
    }
  }

  async #work(job: Job, signal: AbortSignal): Promise<void> {
    const { store, queue, worker, resolveModel } = this.#parts;
    const { info } = await store.read(job.session);
    const subject = { session: job.session, model: await resolveModel(info.model) };
    const { work } = job;
    const onEvent = (event: CallEvent) => this.#hear(job, event);
    if (work.kind === "relevance") {
      const found = await worker.call("relevance", { ...subject, work }, { signal, onEvent });
      for (const { id, piece } of [found.map, found.mask])
        await writeMaskPiece(store, job.session, id, piece);
      await queue.update(job.id, { relevance: { map: found.map.id, mask: found.mask.id } });
      return;
    }
    const masks = await this.#masks(job.session, work);
    const onStart = (keep: () => void) => {
      if (this.#running?.id === job.id) this.#running.keep = keep;
    };
    if (work.kind === "edit") {
      await worker.call("edit", { ...subject, work, masks }, { signal, onEvent, onStart });
      return;
    }
    const { replaced } = await worker.call("replay", { ...subject, work, masks }, { signal, onEvent });
    await queue.update(job.id, { replaced });
    // The head goes to where it was, on the new branch.
    const { manifest } = await store.read(job.session);
    const head = replaced[manifest.head] ?? replaced[work.from]!;
    await store.change(job.session, (draft) => setHead(draft, head));
    await this.#tellSession(job.session);
  }

  async #masks(session: string, work: EditWork | ReplayWork): Promise<Masks> {
    const named = [work.mask, ...(work.regions ?? []).map(({ mask }) => mask)];
    const masks: Record<string, Masks[string]> = {};
    for (const mask of named) {
      if (mask && "id" in mask) masks[mask.id] = await readMaskPiece(this.#parts.store, session, mask.id);
    }
    return masks;
  }

  async #hear(job: Job, event: CallEvent): Promise<void> {
    const { store, queue, events } = this.#parts;
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
      await this.#tell(await queue.update(job.id, { remarks: [...remarks, event.text] }));
    } else {
      const { node, pieces, png } = event;
      const { work } = job;
      await store.change(job.session, (draft) => {
        addNode(draft, node, pieces);
        if (work.kind === "edit" && work.moveHead) setHead(draft, node.id);
      });
      await store.putFile(job.session, "pictures", `${node.id}.png`, png);
      const before = await queue.get(job.id);
      const kept = before.kept || (work.kind === "edit" && node.recipe?.stopAfter !== undefined);
      const told = await queue.update(job.id, { nodes: [...before.nodes, node.id], kept });
      events.emit({ type: "node", session: job.session, job: job.id, node: nodeView(node) });
      await this.#tellSession(job.session);
      await this.#tell(told);
    }
  }

  async #end(id: string, end: Parameters<JobQueue["finish"]>[1]): Promise<void> {
    const ended = await this.#parts.queue.finish(id, end);
    this.#progress.delete(id);
    this.#parts.metrics.job(ended.state);
    await this.#tell(ended);
  }

  async #tell(job: Job): Promise<void> {
    this.#parts.events.emit({ type: "job", job: await this.view(job) });
  }

  async #tellSession(id: string): Promise<void> {
    const record = await this.#parts.store.read(id);
    this.#parts.events.emit({ type: "session", session: summaryView(record), ...steps(record), deleted: [] });
  }
}
