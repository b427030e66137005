/**
 * The models that run in the page: the one that is published with it, and those that people have fetched into their browser. A download starts
 * when it was asked for, once size and licence were seen; it goes on where it was.
 */
import {
  type EditModel,
  EmilieError,
  isEmilieError,
  type KeptModel,
  keptModels,
  type LoadProgress,
  lackOfPage,
  loadModel,
  removeKeptModel,
} from "../../../../src/web.ts";
import { t } from "../../words/index.ts";
import type { Loading, ModelInfo } from "../backend.ts";
import { modelFetch } from "./model-files.ts";
import { ELSEWHERE, pageModel } from "./models.ts";
import { findOffer, KNOWN_OFFERS, type Offer, readAdded, writeAdded } from "./offers.ts";

/** What is published with the page. */
const PUBLISHED = "picturebook";

interface Pull {
  readonly controller: AbortController;
  readonly begun: number;
  /** Of each network, what was there when it was begun, and what is there by now. */
  readonly networks: Map<string, { readonly first: number; readonly now: number }>;
  error: string | null;
}

export class PageModels {
  readonly #folder: string;
  #published: Promise<EditModel> | undefined;
  readonly #fetched = { bytes: 0, listener: (_: number) => {} };
  /** Of those that were fetched, one is in memory. */
  #loaded: { readonly id: string; readonly model: Promise<EditModel> } | undefined;
  readonly #pulls = new Map<string, Pull>();

  /** `base` is the address of the page's folder, which holds models/. */
  constructor(base: string) {
    this.#folder = `${base}models/${PUBLISHED}`;
  }

  async list(): Promise<readonly ModelInfo[]> {
    const kept = await keptModels();
    const offers = this.#offers();
    const views = await Promise.all(offers.map((offer) => this.#view(offer, kept)));
    const others = ELSEWHERE.filter(({ id }) => offers.every(({ info }) => info.id !== id));
    return [await pageModel(this.#folder, PUBLISHED), ...views, ...others];
  }

  #offers(): readonly Offer[] {
    return [...KNOWN_OFFERS, ...readAdded()];
  }

  #find(id: string): Offer | undefined {
    return this.#offers().find(({ info }) => info.id === id);
  }

  async #view(offer: Offer, kept: readonly KeptModel[]): Promise<ModelInfo> {
    const { info, address, needs, terms } = offer;
    const found = kept.find((one) => one.address === address);
    const removable = found !== undefined || readAdded().some((one) => one.address === address);
    const pull = this.#viewPull(info.id, needs.fetchBytes);
    if (isReady(offer, kept)) return { ...info, removable, pull };
    const lack = await lackOfPage({ ...needs, memoryBytes: needs.leastMemoryBytes });
    const unavailable = lack
      ? `${lack} ${t.withoutPage}`
      : `${t.afterDownload(needs.fetchBytes, needs.storageBytes)} ${terms}`;
    return { ...info, removable, unavailable, fetchable: lack === null, pull };
  }

  #viewPull(id: string, totalBytes: number): ModelInfo["pull"] {
    const pull = this.#pulls.get(id);
    if (!pull) return undefined;
    let [bytes, arrived] = [0, 0];
    for (const { first, now } of pull.networks.values()) {
      bytes += now;
      arrived += now - first;
    }
    const seconds = (performance.now() - pull.begun) / 1000;
    const secondsLeft =
      arrived > 0 && seconds > 1 ? (seconds * Math.max(0, totalBytes - bytes)) / arrived : null;
    return { bytes: Math.min(bytes, totalBytes), totalBytes, secondsLeft, error: pull.error };
  }

  /** Of one that is offered, begins to fetch it; another is looked at, so that it is offered with its size and its licence. */
  async pull(name: string): Promise<void> {
    const offer = this.#find(name);
    if (offer) return this.#begin(offer);
    const found = await findOffer(name);
    if (!this.#find(found.info.id)) writeAdded([...readAdded(), found]);
  }

  async #begin(offer: Offer): Promise<void> {
    const { id } = offer.info;
    if (this.#pulls.get(id)?.error === null) return;
    const pull: Pull = {
      controller: new AbortController(),
      begun: performance.now(),
      networks: new Map(),
      error: null,
    };
    this.#pulls.set(id, pull);
    // Where the browser asks for that, it is now known what for; where it refuses, it may remove the model when the disk is full.
    await navigator.storage.persist?.().catch(() => false);
    const onProgress = ({ what, bytes }: LoadProgress) => {
      const first = pull.networks.get(what)?.first ?? bytes;
      pull.networks.set(what, { first, now: bytes });
    };
    // Not the one that is in memory: what is open goes on with that.
    const { signal } = pull.controller;
    openOffer(offer, { signal, onProgress }).then(
      async (model) => {
        await model.dispose();
        this.#pulls.delete(id);
      },
      (error: Error) => {
        const stopped = isEmilieError(error) && error.code === "aborted";
        if (stopped && this.#pulls.get(id) === pull) this.#pulls.delete(id);
        pull.error = error.message;
      },
    );
  }

  async stopPull(id: string): Promise<void> {
    this.#pulls.get(id)?.controller.abort();
    this.#pulls.delete(id);
  }

  /** What the browser keeps of it; one that was added by its address is forgotten. */
  async remove(id: string): Promise<void> {
    const offer = this.#find(id);
    if (!offer) return;
    await this.stopPull(id);
    if (this.#loaded?.id === id) await this.#unload();
    await removeKeptModel(offer.address);
    writeAdded(readAdded().filter(({ info }) => info.id !== id));
  }

  async load(id: string, loading: Loading): Promise<EditModel> {
    const offer = this.#find(id);
    if (!offer) return this.#loadPublished(loading);
    if (!isReady(offer, await keptModels())) {
      throw new EmilieError("session.model", t.notFetched(offer.info.title));
    }
    loading.onLoading?.(t.preparingModel(offer.info.title));
    return this.#open(offer, loading.signal);
  }

  async #open(offer: Offer, signal?: AbortSignal): Promise<EditModel> {
    const { id } = offer.info;
    if (this.#loaded?.id === id) return this.#loaded.model;
    await this.#unload();
    const model = openOffer(offer, { signal });
    const loaded = { id, model };
    this.#loaded = loaded;
    model.catch(() => {
      if (this.#loaded === loaded) this.#loaded = undefined;
    });
    return model;
  }

  async #unload(): Promise<void> {
    const before = this.#loaded;
    this.#loaded = undefined;
    await before?.model.then(
      (model) => model.dispose(),
      () => {},
    );
  }

  /** Fetches what is published with the page before it is asked for. */
  warm(): void {
    this.#loadPublished({}).catch(() => {});
  }

  #loadPublished({ onLoading }: Loading): Promise<EditModel> {
    const total = __MODEL_BYTES__;
    let told = -1;
    // Pieces come by the thousand, and each would draw the page again.
    const tell = (bytes: number) => {
      const percent = Math.floor((100 * bytes) / total);
      if (percent === told) return;
      told = percent;
      onLoading?.(t.loadingModel(PUBLISHED, bytes, total), Math.min(1, bytes / total));
    };
    this.#fetched.listener = tell;
    tell(this.#fetched.bytes);
    this.#published ??= loadModel(this.#folder, {
      id: PUBLISHED,
      device: "auto",
      fetch: modelFetch((bytes) => {
        this.#fetched.bytes += bytes;
        this.#fetched.listener(this.#fetched.bytes);
      }),
    });
    // A failed load, as without a network, is tried again when asked again.
    this.#published.catch(() => {
      this.#published = undefined;
    });
    return this.#published;
  }
}

interface Watch {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

const openOffer = ({ info: { id }, address, precision }: Offer, watch: Watch): Promise<EditModel> =>
  loadModel(address, { id, precision, keep: true, device: "auto", ...watch });

const isReady = ({ address, precision }: Offer, kept: readonly KeptModel[]) =>
  kept.some((one) => one.address === address && one.ready[precision] !== undefined);

/** A model's name in a recipe says its precision too. */
export const modelOfRecipe = (name: string): string => name.replace(/ in (int8|int4|fp16)$/, "");
