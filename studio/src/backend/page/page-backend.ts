/** Everything in the page: models on onnxruntime-web in a worker, sessions in IndexedDB. Nothing leaves the browser. */
import {
  EmilieError,
  type Mask,
  type Node,
  openSession,
  openStoredSession,
  type Picture,
  pathTo,
  pngFile,
  readPicture,
  readSessionFile,
  type Session,
  sessionFile,
  sessionParts,
  withRecipes,
} from "../../../../src/web.ts";
import { encodePicture, thumbnail } from "../../ui/pictures.ts";
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
import { claim } from "./claim.ts";
import { modelOfRecipe, PageModels } from "./page-models.ts";
import { largest, settings } from "./parts.ts";
import { previewing } from "./previewing.ts";
import { searchSessions } from "./search-sessions.ts";
import { deleteSession, readSession, updateSession, writeSession } from "./storage.ts";
import { maskOf, referencesOf, viewSession } from "./view.ts";

interface Opened {
  readonly id: string;
  name: string;
  readonly session: Session;
  readonly familiar: boolean | null;
  /** Ids of deleted nodes: not shown, and still there. */
  readonly bin: Set<string>;
}

export class PageBackend implements Backend {
  readonly kind = "page";
  readonly privacy = "page";
  readonly formats: readonly PictureFormat[] = ["png", "jpeg", "webp"];
  onTrouble?: (error: unknown) => void;
  readonly #models: PageModels;
  #opened: Opened | undefined;
  /** Gives the opened session back to all tabs. */
  #leave: () => void = () => {};
  #entering: Promise<void> = Promise.resolve();
  /** Saves run one after the other; a later one has everything of an earlier. */
  #saving: Promise<void> = Promise.resolve();

  /** `base` is the address of the page's folder, which holds models/ and examples/. */
  constructor(base: string) {
    this.#models = new PageModels(base);
  }

  models(): Promise<readonly ModelInfo[]> {
    return this.#models.list();
  }

  pull(name: string): Promise<void> {
    return this.#models.pull(name);
  }

  stopPull(id: string): Promise<void> {
    return this.#models.stopPull(id);
  }

  async removeModel(id: string): Promise<void> {
    // A session that is open would be left without what it goes on with.
    const { session } = this.#opened ?? {};
    if (session && modelOfRecipe(session.modelFacts.id) === id) {
      throw new EmilieError("option.invalid", t.modelInUse);
    }
    await this.#models.remove(id);
  }

  sessions(which?: Parameters<typeof searchSessions>[0]): Promise<readonly SessionSummary[]> {
    return searchSessions(which);
  }

  async open(file: Blob, name: string, model: string, loading: Loading = {}): Promise<SessionView> {
    const isSession = name.toLowerCase().endsWith(".emilie");
    // What cannot be read is said before a model is waited for.
    const container = isSession ? await readSessionFile(file, name) : null;
    const original = isSession ? null : await readPicture(file);
    const loaded = await this.#models.load(model, loading);
    const id = crypto.randomUUID();
    const title = name.replace(/\.[a-z0-9]+$/i, "");
    let notes: readonly string[] = [];
    await this.#enter(id, async () => {
      if (container) {
        const { session, warnings } = await openStoredSession(loaded, container, name);
        notes = warnings.map(({ message }) => message);
        return { id, name: title, session, familiar: await session.isFamiliar(), bin: new Set() };
      }
      loading.onLoading?.(t.readingPicture);
      const session = await openSession(loaded, original!, { signal: loading.signal });
      return { id, name: title, session, familiar: await session.isFamiliar(), bin: new Set() };
    });
    await this.#save();
    return { ...this.#view(), notes };
  }

  async resume(id: string, loading: Loading = {}): Promise<SessionView> {
    if (this.#opened?.id === id) return this.#view();
    await this.#enter(id, async () => {
      const kept = await readSession(id);
      if (!kept) {
        throw new EmilieError("io.failed", t.sessionGone);
      }
      const { stored, pieces } = kept;
      const model = await this.#models.load(modelOfRecipe(stored.manifest.model.id), loading);
      const { session } = await openStoredSession(model, { manifest: stored.manifest, pieces }, stored.name);
      const familiar = stored.familiar === undefined ? await session.isFamiliar() : stored.familiar;
      return { id, name: stored.name, session, familiar, bin: new Set(stored.bin) };
    });
    return this.#view();
  }

  async forget(id: string): Promise<void> {
    // A session of this tab's own is claimed already, and stays so until it is gone.
    const own = this.#opened?.id === id;
    const release = own ? () => this.#leave() : await claim(id);
    if (own) this.#opened = undefined;
    await this.#saving;
    await deleteSession(id).finally(release);
  }

  async discard(id: string): Promise<void> {
    this.#letGo(id);
    await updateSession(id, { binned: Date.now() });
  }

  async recover(id: string): Promise<void> {
    await updateSession(id, { binned: undefined });
  }

  #letGo(id: string): void {
    if (this.#opened?.id !== id) return;
    this.#opened = undefined;
    this.#leave();
  }

  /** Makes a session the current one, as this tab's own; the one before is any tab's again. */
  #enter(id: string, open: () => Promise<Opened>): Promise<void> {
    const turn = this.#entering.then(async () => {
      // Whoever gives up waiting and asks again finds it open.
      if (this.#opened?.id === id) return;
      const release = await claim(id);
      try {
        this.#opened = await open();
      } catch (error) {
        release();
        throw error;
      }
      this.#leave();
      this.#leave = release;
    });
    this.#entering = turn.catch(() => {});
    return turn;
  }

  async edit(id: string, request: EditRequest, call: Call = {}): Promise<SessionView> {
    const { session } = this.#current(id);
    const from = this.#node(request.from);
    const [first, ...rest] = request.regions;
    if (!first) throw new EmilieError("option.invalid", t.sayFirst);
    const masks = request.regions.map(({ mask }) => mask);
    const whole = masks.some((mask) => !mask) ? undefined : largest(masks as Mask[]);
    await session.edit(first.instruction, {
      ...settings(request),
      from,
      mask: first.mask,
      references: await Promise.all((request.references ?? []).map((file) => readPicture(file))),
      regions: rest,
      signal: call.signal,
      onProgress: previewing(session, from, whole, call),
      onWarning: call.onRemark,
    });
    this.#unbin([session.head.id]);
    // The picture is decoded before the edit counts as done: it is what the waiting was for.
    await session.head.render({ signal: call.signal });
    await this.#save();
    return this.#view();
  }

  async changeCanvas(id: string, node: string, { crop, expand }: CanvasRequest): Promise<SessionView> {
    const { session } = this.#current(id);
    const from = this.#node(node);
    await (crop ? session.crop(crop, { from }) : session.expand(expand ?? {}, { from }));
    this.#unbin([session.head.id]);
    await session.head.render();
    await this.#save();
    return this.#view();
  }

  async replay(
    id: string,
    { node, until, instruction, crop, expand, ...changes }: ReplayRequest,
    call: Call = {},
  ): Promise<SessionView> {
    const { session } = this.#current(id);
    const canvas = crop ? { crop } : expand && { expand };
    const changed = canvas ?? { ...settings(changes), ...(instruction === undefined ? {} : { instruction }) };
    const { replaced } = await session.replay(this.#node(node), changed, {
      signal: call.signal,
      until: until === undefined ? undefined : this.#node(until),
      onNode: () => call.onNode?.(this.#view()),
      onProgress: ({ step, steps }) => call.onProgress?.({ step: step + 1, steps }),
      onWarning: call.onRemark,
    });
    this.#unbin([...replaced.values()].map(({ id }) => id));
    await session.head.render({ signal: call.signal });
    await this.#save();
    return this.#view();
  }

  async moveHead(id: string, node: string): Promise<SessionView> {
    this.#current(id).session.head = this.#node(node);
    void this.#save();
    return this.#view();
  }

  async renameSession(id: string, name: string): Promise<void> {
    const named = name.trim() || "Untitled";
    if (this.#opened?.id === id) this.#opened.name = named;
    await updateSession(id, { name: named });
  }

  async rename(id: string, node: string, name: string): Promise<SessionView> {
    this.#current(id).session.rename(this.#node(node), name);
    await this.#save();
    return this.#view();
  }

  async remove(id: string, nodes: readonly string[]): Promise<SessionView> {
    const { session, bin } = this.#current(id);
    for (const node of nodes) {
      const gone = session.descendants(this.#node(node));
      if (gone.includes(session.head)) session.head = this.#node(node).parent ?? session.root;
      for (const one of gone) if (one.parent) bin.add(one.id);
    }
    await this.#save();
    return this.#view();
  }

  async restore(id: string, nodes: readonly string[]): Promise<SessionView> {
    const { session } = this.#current(id);
    this.#unbin(nodes.flatMap((node) => session.descendants(this.#node(node))).map((one) => one.id));
    await this.#save();
    return this.#view();
  }

  /** Takes nodes out of the bin, and what they were made from. */
  #unbin(ids: readonly string[]): void {
    for (const id of ids) for (const { id: one } of pathTo(this.#node(id))) this.#opened!.bin.delete(one);
  }

  understand(id: string, node: string, instruction: string) {
    return this.#current(id).session.understand(instruction, { from: this.#node(node) });
  }

  async picture(id: string, node: string): Promise<Picture> {
    this.#current(id);
    return this.#node(node).render();
  }

  async mask(id: string, node: string, region?: number) {
    return maskOf(this.#current(id).session, this.#node(node), region);
  }

  async references(id: string, node: string): Promise<readonly File[]> {
    return referencesOf(this.#current(id).session, this.#node(node));
  }

  async heat(id: string, node: string, instruction: string, { signal }: Call = {}) {
    const { session } = this.#current(id);
    return (await session.relevanceMap(instruction, { from: this.#node(node), signal })).map;
  }

  async measure(id: string, node: string): Promise<SessionView> {
    const { session } = this.#current(id);
    if (session.nodes.has(node)) await session.drift(this.#node(node));
    void this.#save();
    return this.#view();
  }

  async exportPicture(id: string, node: string, format: PictureFormat, quality: number): Promise<Blob> {
    const { session } = this.#current(id);
    if (format === "png") return pngFile(session, { node: this.#node(node) });
    const file = await encodePicture(await this.picture(id, node), format, quality);
    return withRecipes(file, session, { node: this.#node(node) });
  }

  async exportSession(id: string): Promise<Blob> {
    const { session, bin, name } = this.#current(id);
    if (bin.size === 0) return sessionFile(session);
    // What is in the bin is left here.
    const { manifest, pieces } = await sessionParts(session);
    const parts = { manifest, pieces: new Map(pieces.map((piece) => [piece.name, piece.bytes])) };
    const { session: copy } = await openStoredSession(session.model, parts, name);
    for (const node of bin) if (copy.nodes.has(node)) copy.delete(copy.nodes.get(node)!);
    return sessionFile(copy);
  }

  /** Fetches what is published with the page before it is asked for. */
  warm(): void {
    this.#models.warm();
  }

  #current(id: string): Opened {
    if (this.#opened?.id === id) return this.#opened;
    throw new EmilieError("io.failed", t.otherSession);
  }

  #node(id: string): Node {
    const node = this.#opened?.session.nodes.get(id);
    if (node) return node;
    throw new EmilieError("option.invalid", t.stepGone);
  }

  #view(): SessionView {
    const { id, name, session, bin, familiar } = this.#opened!;
    return viewSession(id, name, session, bin, familiar);
  }

  /** Never rejects: where the disk is full the session goes on, and the listener hears of it. */
  #save(): Promise<void> {
    const { id, session, bin, familiar } = this.#opened!;
    const save = async () => {
      if (this.#opened?.id !== id) return;
      const parts = await sessionParts(session);
      const picture = await thumbnail(await session.head.render(), 256);
      const facts = {
        id,
        name: this.#opened.name,
        edits: session.nodes.size - 1 - bin.size,
        updated: Date.now(),
        familiar,
        bin: [...bin],
      };
      await writeSession({ ...facts, thumbnail: picture, manifest: parts.manifest }, parts);
    };
    this.#saving = this.#saving.then(save).catch((cause: Error) => {
      const full = cause.name === "QuotaExceededError";
      const message = full ? t.storageFull : t.notSaved(cause.message);
      this.onTrouble?.(new EmilieError("io.failed", message, { cause }));
    });
    return this.#saving;
  }
}
