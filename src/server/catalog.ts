/** The models that sessions may use: what is on the disk, what is being fetched, and which one new sessions get. */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { suggestionsOf, UNSTATED } from "../checkpoint/abilities.ts";
import type { Precision } from "../checkpoint/derived.ts";
import { knownModel } from "../checkpoint/known-models.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import { EmilieError, isEmilieError } from "../errors.ts";
import type { AvailableSettings } from "../method/available.ts";
import type { Abilities, EditModel } from "../method/edit-model.ts";
import { machineNow } from "../models/fit.node.ts";
import { pullModel } from "../models/hub/pull.node.ts";
import { formatRepoId, requireRepoId } from "../models/hub/repo-id.ts";
import type { Variant } from "../models/hub/select.ts";
import { statedByFolder } from "../models/list.node.ts";
import { offers, planOfKnown } from "../models/offers.ts";
import { formatModelName, parseModelName } from "../models/open.node.ts";
import type { Machine, ModelPlan } from "../models/plan.ts";
import type { Events } from "./events.ts";
import { withoutPaths } from "./private-paths.ts";
import type { Loading, ModelInfo, ModelList, Pull } from "./schemas/index.ts";

/** What is known of a model on the disk: `emilie models` lists the same. */
export interface ListedModel {
  readonly id: string;
  readonly from: "package" | "cache";
  readonly folder: string;
  readonly bytes: number;
  readonly family: string | null;
  readonly nativeSize: number | null;
  readonly problem: string | null;
  readonly defaults: EditModel["defaults"];
  readonly abilities: Abilities | null;
  readonly maxReferences: number;
  /** Absent of a worker's that does not say so yet. */
  readonly settings?: AvailableSettings | null;
  readonly plan?: ModelPlan | null;
}
/** `held`: bytes of memory that the model which is loaded takes, and which would make way for another. */
export type ListModels = (held?: number) => Promise<{ readonly models: readonly ListedModel[] }>;

interface Entry extends Omit<ListedModel, "from"> {
  readonly from: "package" | "cache" | "folder";
  /** What loadModel takes. */
  readonly load: string;
}

/** Listing reads every configuration; a page asks several times a minute. */
const LISTING_MS = 10_000;

export class Catalog {
  readonly #listModels: ListModels;
  readonly #events: Events;
  readonly #given: Entry | null;
  readonly #remote: boolean;
  readonly #loaded: { readonly precision?: Precision; readonly vae?: string };
  readonly #pulls = new Map<string, { state: Pull; controller: AbortController }>();
  #listing: { time: number; entries: Promise<Entry[]> } | null = null;
  #selected: string;
  /** What the worker holds. */
  loaded: string | null = null;
  /** What it is making, by what loadModel takes. */
  #loading: { load: string; state: Loading } | null = null;
  /** In which precision new sessions of each model are made, where the server was given none. */
  readonly #chosen = new Map<string, Precision>();
  /** What the inference process takes, in bytes. */
  held: () => number = () => 0;

  /**
   * `remote`: the models are other machines'. `loaded`: how all of them are loaded; without a precision, each in the one that its plan takes. `model` is the user's own choice, and the one place where a folder may be named.
   */
  constructor(
    listModels: ListModels,
    events: Events,
    model = "picturebook",
    loaded: { readonly precision?: Precision; readonly vae?: string } = {},
    remote = false,
  ) {
    this.#remote = remote;
    this.#loaded = loaded;
    this.#listModels = listModels;
    this.#events = events;
    const isFolder = !remote && existsSync(join(resolve(model), "model_index.json"));
    const nothing = { family: null, nativeSize: null, bytes: 0, problem: null };
    const facts = { ...nothing, defaults: {}, abilities: null, maxReferences: 0 };
    const folder = resolve(model);
    this.#given = isFolder ? { id: basename(folder), from: "folder", folder, load: folder, ...facts } : null;
    this.#selected = this.#given?.id ?? model;
  }

  get selected(): string {
    return this.#selected;
  }

  async list(): Promise<ModelList> {
    // As they are before the disk is read: a pull that ends meanwhile is still under way, not gone.
    const pulls = new Map([...this.#pulls].map(([id, { state }]) => [id, state]));
    const entries = await this.#entries();
    const here = entries.map((entry) => this.#view(entry, pulls.get(entry.id)));
    const known = offers()
      .filter(({ id }) => !entries.some((entry) => entry.id === id))
      .map((one) => one.id);
    const pulling = [...pulls.keys()].filter((id) => !entries.some((entry) => entry.id === id));
    const machine = await machineNow(cacheFolder());
    const { precision } = this.#loaded;
    const away = [...new Set([...known, ...pulling])].map((id) =>
      missing(id, machine, pulls.get(id), precision),
    );
    return { selected: this.#selected, models: [...here, ...away] };
  }

  /**
   * What loadModel takes. `precision`: of a session that there is already, whatever new ones get.
   *
   * @throws EmilieError "server.missing" naming what there is
   */
  async resolve(id: string, precision?: Precision): Promise<string> {
    const entries = await this.#entries();
    const found = entries.find((entry) => entry.id === id);
    if (found && found.problem === null) {
      const { load: base } = found;
      // Which precision it is, the workers know.
      if (this.#remote) return base;
      return formatModelName({
        ...this.#loaded,
        base,
        loras: [],
        precision: precision ?? this.#choose(found),
      });
    }
    if (found)
      throw new EmilieError("checkpoint.unsupported", `The model ${id} cannot be used: ${found.problem}`);
    const names = entries.filter(({ problem }) => problem === null).map((entry) => entry.id);
    throw new EmilieError(
      "server.missing",
      `The model ${JSON.stringify(id.slice(0, 120))} is not available; available are ${names.join(", ")}. Others can be pulled.`,
    );
  }

  /** What is known of a model that can be used, without where it lies. @throws EmilieError as resolve */
  async factsOf(id: string): Promise<ListedModel> {
    await this.resolve(id);
    const { load: _, from, ...facts } = (await this.#entries()).find((entry) => entry.id === id)!;
    return { ...facts, folder: "", from: from === "package" ? "package" : "cache" };
  }

  /** Chosen once: what is free changes, and sessions of different precisions would take turns in memory. */
  #choose({ id, plan }: Entry): Precision {
    const chosen = this.#precisionOf(id) ?? plan?.takes ?? "fp32";
    this.#chosen.set(id, chosen);
    return chosen;
  }

  #precisionOf(id: string): Precision | undefined {
    return this.#loaded.precision ?? this.#chosen.get(id);
  }

  async select(id: string): Promise<void> {
    this.#refuseRemote(
      "chosen where the servers are started: emilie serve --model. A new session may name another",
    );
    await this.resolve(id);
    this.#selected = id;
    await this.#tell(id);
  }

  async tellLoaded(id: string): Promise<void> {
    if (this.loaded === id) return;
    this.loaded = id;
    await this.#tell(id);
  }

  /** What the worker makes of a model before it runs, as it goes on; null where that is over. `load` is what loadModel was given. */
  async tellLoading(load: string, state: Loading | null): Promise<void> {
    const entries = await this.#entries();
    const entry = entries.find((one) => isLoadedBy(one, load));
    this.#loading = state && { load, state };
    if (entry) await this.#tell(entry.id);
  }

  /** Begins to fetch a model from the hub, or goes on with it. @throws EmilieError "option.invalid" */
  async pull(name: string, variant?: Variant): Promise<ModelInfo> {
    this.#refuseRemote("pulled on the machines of the workers: emilie pull");
    const id = formatRepoId(requireRepoId(name));
    const running = this.#pulls.get(id);
    if (running && running.state.error === null) return this.#info(id);
    const controller = new AbortController();
    const own = () => this.#pulls.get(id)?.controller === controller;
    const set = (state: Pull) => {
      this.#pulls.set(id, { state, controller });
      void this.#tell(id);
    };
    set({ bytes: 0, totalBytes: null, bytesPerSecond: 0, secondsLeft: null, error: null });
    const { signal } = controller;
    void pullModel(id, {
      variant,
      signal,
      // One that was cancelled may still be on its way out while the next begins.
      onProgress: ({ file: _, ...at }) => own() && set({ ...at, error: null }),
    }).then(
      () => {
        if (own()) this.#pulls.delete(id);
        this.#listing = null;
        void this.#tell(id);
      },
      (error: unknown) => {
        const code = isEmilieError(error) ? error.code : "runtime.failed";
        const message = error instanceof Error ? error.message : String(error);
        if (own()) set({ ...this.#pulls.get(id)!.state, error: { code, message: withoutPaths(message) } });
        else void this.#tell(id);
      },
    );
    return this.#info(id);
  }

  /** What has arrived is kept. */
  async cancelPull(name: string): Promise<ModelInfo> {
    const id = formatRepoId(requireRepoId(name));
    this.#pulls.get(id)?.controller.abort();
    this.#pulls.delete(id);
    return this.#info(id);
  }

  dispose(): void {
    for (const { controller } of this.#pulls.values()) controller.abort();
  }

  /** Where the models are the workers', a server cannot do this for the others. */
  #refuseRemote(where: string): void {
    if (!this.#remote) return;
    throw new EmilieError("option.invalid", `With --database, models are ${where}.`);
  }

  async #tell(id: string): Promise<void> {
    this.#events.emit({ type: "model", model: await this.#info(id), selected: this.#selected });
  }

  async #info(id: string): Promise<ModelInfo> {
    return (
      (await this.list()).models.find((model) => model.id === id) ??
      missing(id, await machineNow(cacheFolder()), null, this.#loaded.precision)
    );
  }

  #view(entry: Entry, pull: Pull | null = null): ModelInfo {
    const { id, from, family, nativeSize, bytes, defaults, abilities, maxReferences, settings } = entry;
    const problem = entry.problem && withoutPaths(entry.problem);
    const loading = this.#loading && isLoadedBy(entry, this.#loading.load) ? this.#loading.state : null;
    const pulling = pull !== null && pull.error === null;
    const usable = problem === null ? (id === this.#selected ? "selected" : "available") : "unusable";
    return {
      ...{ id, from, family, nativeSize, bytes, problem, pull, loading, defaults },
      ...{ maxReferences, settings: settings ?? null },
      ...describe(abilities),
      ...{
        downloadBytes: null,
        license: knownModel(id)?.license ?? null,
        plan: viewPlan(entry.plan, this.#precisionOf(id)),
      },
      state: pulling ? "pulling" : usable,
      loaded: this.loaded === id,
    };
  }

  #entries(): Promise<Entry[]> {
    const known = this.#listing;
    if (known && Date.now() - known.time < LISTING_MS) return known.entries;
    const entries = this.#read();
    entries.catch(() => {
      this.#listing = null;
    });
    this.#listing = { time: Date.now(), entries };
    return entries;
  }

  async #read(): Promise<Entry[]> {
    const { models } = await this.#listModels(this.held());
    const entries = models.map((model): Entry => ({ ...model, load: model.id }));
    const given = this.#given;
    return given ? [{ ...given, ...(await statedByFolder(given.folder, given.id)) }, ...entries] : entries;
  }
}

/** In whatever precision. */
const isLoadedBy = (entry: Entry, load: string) => parseModelName(load).base === entry.load;

/** A model that is not here. */
function missing(id: string, machine: Machine, pull: Pull | null = null, precision?: Precision): ModelInfo {
  const known = knownModel(id);
  return {
    ...{
      id,
      from: "hub",
      bytes: null,
      defaults: {},
      problem: null,
      loaded: false,
      pull,
      loading: null,
      maxReferences: 0,
      settings: null,
    },
    ...describe(known?.abilities ?? null),
    ...{ downloadBytes: known?.downloadBytes ?? null, license: known?.license ?? null },
    plan: viewPlan(known && planOfKnown(known, machine), precision),
    state: pull !== null && pull.error === null ? "pulling" : "missing",
    family: known?.family ?? null,
    nativeSize: known?.nativeSize ?? null,
  };
}

/** What a page shows of a plan. `precision`: what is loaded, whatever it would take. */
function viewPlan(plan: ModelPlan | null | undefined, precision?: Precision): ModelInfo["plan"] {
  if (!plan) return null;
  const { width, height, takes: free, precisions } = plan;
  const takes = precision ?? free;
  const view = ({ precision, memoryBytes, derivedBytes, works }: ModelPlan["precisions"][number]) => ({
    ...{ precision, memoryBytes, derivedBytes, works },
  });
  return { width, height, takes, precisions: precisions.map(view) };
}

/** A model's abilities, whole and as the two lines that a list of models shows. */
function describe(abilities: Abilities | null): Pick<ModelInfo, "abilities" | "description" | "suggestions"> {
  if (!abilities) return { abilities, description: UNSTATED, suggestions: [] };
  const description = [abilities.summary, abilities.limits].filter(Boolean).join(" ");
  return { abilities, description, suggestions: suggestionsOf(abilities) };
}
