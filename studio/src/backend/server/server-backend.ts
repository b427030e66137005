/** `emilie serve` over HTTP: it keeps the sessions and does the computing. */
import {
  EmilieClient,
  EmilieError,
  isEmilieError,
  type JobInfo,
  type ServerEvent,
} from "../../../../src/client/index.ts";
import {
  encodePng,
  type Mask,
  maskFromPicture,
  type Picture,
  pictureFromMask,
  readPicture,
} from "../../../../src/web.ts";
import { t } from "../../words/index.ts";
import type {
  Backend,
  Call,
  CanvasRequest,
  EditRequest,
  Loading,
  ModelInfo,
  PictureFormat,
  ReplayRequest,
  SessionSummary,
  SessionView,
} from "../backend.ts";
import { referenceName } from "../recipe-view.ts";
import { overParent } from "./preview.ts";
import { viewLoading, viewModel, viewSession } from "./view.ts";

/** Pictures kept decoded; the browser's own cache has the files of the others. */
const KEPT_PICTURES = 12;

export class ServerBackend implements Backend {
  readonly kind = "server";
  readonly privacy = "server";
  readonly formats: readonly PictureFormat[] = ["png", "jpeg", "webp", "avif"];
  readonly #client: EmilieClient;
  readonly #pictures = new Map<string, Promise<Picture>>();

  /** @param base where the page lies: a proxy may have the server below a path of its own */
  constructor(base: string) {
    this.#client = new EmilieClient({ baseUrl: base });
  }

  async models(): Promise<readonly ModelInfo[]> {
    const { models, selected } = await this.#client.models();
    const views = models.map(viewModel);
    return views.sort((a, b) => Number(b.id === selected) - Number(a.id === selected));
  }

  async pull(name: string): Promise<void> {
    await this.#client.pullModel(name);
  }

  async stopPull(id: string): Promise<void> {
    await this.#client.cancelPull(id);
  }

  async sessions(options: { search?: string; bin?: boolean } = {}): Promise<readonly SessionSummary[]> {
    const all = await this.#client.sessions(options);
    return all
      .sort((a, b) => b.modified - a.modified)
      .map(({ id, name, head, root, nodeCount, modified }) => ({
        id,
        root,
        name,
        edits: nodeCount - 1,
        updated: modified,
        thumbnail: this.#client.pictureUrl(id, head, { width: 256 }),
      }));
  }

  async open(
    file: Blob,
    name: string,
    model: string,
    { signal, onLoading }: Loading = {},
  ): Promise<SessionView> {
    onLoading?.(t.sendingPicture);
    const title = name.replace(/\.[a-z0-9]+$/i, "");
    const named = new File([file], name, { type: file.type });
    if (name.toLowerCase().endsWith(".emilie")) {
      return viewSession(await this.#client.importSession(named, { name: title, signal }));
    }
    const opened = await this.#client.createSession(named, { name: title, model, signal });
    return { ...viewSession(opened), notes: opened.warnings };
  }

  async resume(id: string, { signal }: Loading = {}): Promise<SessionView> {
    return viewSession(await this.#client.session(id, { signal }));
  }

  async discard(id: string): Promise<void> {
    await this.#client.binSession(id);
  }

  async recover(id: string): Promise<void> {
    await this.#client.restoreSession(id);
  }

  forget(id: string): Promise<void> {
    return this.#client.deleteSession(id);
  }

  async edit(id: string, request: EditRequest, call: Call = {}): Promise<SessionView> {
    const { from, regions, references = [], seed, ...settings } = request;
    const parts: Record<string, Blob> = {};
    for (const [i, { mask }] of regions.entries()) if (mask) parts[`mask${i}`] = await maskFile(mask);
    for (const [i, file] of references.entries()) parts[`reference${i}`] = file;
    const placed = regions.map(({ instruction, mask, weight }, i) => ({
      instruction,
      weight,
      // Exactly as it was painted: other pictures are read for what they may mean.
      mask: mask && ({ part: `mask${i}`, channel: "luma" } as const),
    }));
    const [first, ...rest] = placed;
    if (!first) throw new EmilieError("option.invalid", t.sayFirst);
    // Before it is asked for: what fails afterwards would leave a job behind that nobody follows.
    const parent = await this.picture(id, from);
    const job = await this.#client.edit(
      id,
      {
        ...settings,
        ...{ from, instruction: first.instruction, mask: first.mask, regions: rest, seed: String(seed) },
        ...(references.length > 0
          ? { references: references.map((_, i) => ({ part: `reference${i}` })) }
          : {}),
        // No value of the page's own type, which is text, and none of the server's enumerations is lost by this.
        sampler: settings.sampler as never,
        control: settings.control as never,
      },
      { parts },
    );
    const masks = regions.map(({ mask }) => mask);
    return this.#follow(id, job, call, { parent, masks: masks.includes(undefined) ? [] : (masks as Mask[]) });
  }

  async changeCanvas(id: string, from: string, change: CanvasRequest, call: Call = {}): Promise<SessionView> {
    return this.#follow(id, await this.#client.edit(id, { from, ...change }), call);
  }

  async replay(id: string, request: ReplayRequest, call: Call = {}): Promise<SessionView> {
    const { node, seed, sampler, control, ...changes } = request;
    const body = {
      ...changes,
      seed: seed === undefined ? undefined : String(seed),
      sampler: sampler as never,
      control: control as never,
    };
    return this.#follow(id, await this.#client.replay(id, node, body), call);
  }

  async running(id: string) {
    const job = (await this.#client.jobs(id)).find(
      ({ finished, kind }) => finished === null && kind !== "relevance",
    );
    if (!job) return null;
    return {
      title: job.instruction,
      from: job.from,
      follow: async (call: Call) =>
        this.#follow(id, job, call, { parent: await this.picture(id, job.from), masks: [] }),
    };
  }

  async moveHead(id: string, node: string): Promise<SessionView> {
    return viewSession(await this.#client.setHead(id, node));
  }

  async renameSession(id: string, name: string): Promise<void> {
    await this.#client.renameSession(id, name.trim() || "Untitled");
  }

  async rename(id: string, node: string, name: string): Promise<SessionView> {
    await this.#client.renameNode(id, node, name);
    return this.resume(id);
  }

  async remove(id: string, nodes: readonly string[]): Promise<SessionView> {
    for (const node of nodes) await this.#client.binNode(id, node);
    return this.resume(id);
  }

  async restore(id: string, nodes: readonly string[]): Promise<SessionView> {
    for (const node of nodes) await this.#client.restoreNode(id, node);
    return this.resume(id);
  }

  understand(id: string, node: string, instruction: string) {
    return this.#client.understand(id, { from: node, instruction });
  }

  picture(id: string, node: string): Promise<Picture> {
    const key = `${id}/${node}`;
    const picture = this.#pictures.get(key) ?? this.#client.picture(id, node).then(readPicture);
    this.#pictures.delete(key);
    this.#pictures.set(key, picture);
    picture.catch(() => this.#pictures.delete(key));
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > KEPT_PICTURES) this.#pictures.delete(oldest!);
    return picture;
  }

  async mask(id: string, node: string, region?: number): Promise<Mask | null> {
    const found = (await this.#client.session(id)).nodes.find((one) => one.id === node);
    const hash = region === undefined ? undefined : found?.recipe?.regions[region]?.mask?.sha256;
    if (!found?.hasMask || (region !== undefined && !hash)) return null;
    const file = hash ? await this.#client.mask(id, hash) : await this.#client.nodeMask(id, node);
    return maskFromPicture(await readPicture(file));
  }

  async references(id: string, node: string): Promise<readonly File[]> {
    const found = (await this.#client.session(id)).nodes.find((one) => one.id === node);
    const named = (found?.recipe?.references ?? []) as readonly { readonly sha256: string }[];
    return Promise.all(
      named.map(async ({ sha256 }, i) => {
        const png = await this.#client.reference(id, sha256);
        return new File([png], referenceName(i), { type: "image/png" });
      }),
    );
  }

  async heat(id: string, node: string, instruction: string, { signal }: Call = {}): Promise<Mask> {
    const job = await this.#client.relevance(id, { from: node, instruction });
    const { relevance } = await this.#finish(job, { signal });
    if (!relevance) throw new EmilieError("io.failed", "The server found no map for this instruction.");
    return maskFromPicture(await readPicture(await this.#client.mask(id, relevance.map)));
  }

  /** The server measures on its own; this asks how far it is. */
  measure(id: string, _node: string): Promise<SessionView> {
    return this.resume(id);
  }

  exportPicture(id: string, node: string, format: PictureFormat, quality: number): Promise<Blob> {
    const lossy = format === "png" ? {} : { quality: Math.round(100 * quality) };
    return this.#client.picture(id, node, { format, ...lossy });
  }

  exportSession(id: string): Promise<Blob> {
    return this.#client.exportSession(id);
  }

  async #follow(
    id: string,
    job: JobInfo,
    call: Call,
    place?: { readonly parent: Picture; readonly masks: readonly Mask[] },
  ): Promise<SessionView> {
    const { warnings } = await this.#finish(job, call, place);
    for (const remark of warnings) call.onRemark?.(remark);
    // It is made: a connection that is lost just now is waited for.
    return insist(async () => {
      const view = await this.resume(id);
      await this.picture(id, view.head);
      return view;
    }, call);
  }

  /** Throws the job's own error; "aborted" where it was stopped. */
  async #finish(job: JobInfo, call: Call, place?: { parent: Picture; masks: readonly Mask[] }) {
    const { signal, keep, onProgress, onState, onNode } = call;
    let over = false;
    const whileRuns = () => !over;
    const deliver = (wish: () => Promise<unknown>) =>
      // One that is refused comes too late: it has ended.
      void insist(wish, call, whileRuns).catch(() => {});
    const stop = () => deliver(() => this.#client.cancelJob(job.id));
    const end = () => deliver(() => this.#client.keepPreview(job.id));
    if (job.position !== null) onState?.({ position: job.position });
    signal?.addEventListener("abort", stop, { once: true });
    keep?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) stop();
    let last = { step: 0, steps: 0 };
    const onEvent = (event: ServerEvent) => {
      if (event.type === "node" && onNode) void this.resume(job.session).then(onNode, () => {});
      if (event.type === "job") onState?.({ position: event.job.position });
      else if (event.type === "model") onState?.({ making: viewLoading(event.model.loading) });
      else if (event.type === "progress") {
        last = { step: event.progress.step, steps: event.progress.steps };
        onProgress?.(last);
      } else if (event.type === "preview" && onProgress && place) {
        const shown = last;
        void overParent(event.picture, place.parent, place.masks).then((preview) =>
          onProgress({ ...shown, preview }),
        );
      }
    };
    try {
      const ended = await this.#client.finished(job.id, {
        onEvent,
        onConnection: (state) => onState?.({ connected: state === "open" }),
      });
      if (ended.state === "done") return ended;
      // What a stopped job has finished, as the first variations, stays; whoever asked looks at the session.
      if (ended.state === "cancelled") throw new EmilieError("aborted", "The edit was stopped.");
      throw new EmilieError(
        (ended.error?.code ?? "runtime.failed") as EmilieError["code"],
        ended.error?.message ?? "The edit failed, and the server does not say why.",
      );
    } finally {
      over = true;
      signal?.removeEventListener("abort", stop);
      keep?.removeEventListener("abort", end);
    }
  }
}

/** Asks again for as long as the server cannot be reached, and it is still wanted. */
async function insist<T>(
  ask: () => Promise<T>,
  { onState }: Pick<Call, "onState">,
  wanted: () => boolean = () => true,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isEmilieError(error) || error.code !== "server.unreachable" || !wanted()) throw error;
      onState?.({ connected: false });
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

async function maskFile(mask: Mask): Promise<Blob> {
  return new Blob([await encodePng(pictureFromMask(mask))], { type: "image/png" });
}
