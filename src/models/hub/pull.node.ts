/** Downloading a model from the hub into the cache that the Python tools share. */
import { basename, join } from "node:path";
import { z } from "zod";
import { folderSource } from "../../checkpoint/source.node.ts";
import { readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import { architectureOf } from "../architectures.ts";
import {
  findSnapshot,
  linkBlob,
  repoFolder,
  sizeOnDisk,
  snapshotFiles,
  snapshotFolder,
  snapshotProblem,
  writeRef,
} from "./cache.node.ts";
import { checkSpace, downloadBlob } from "./download.node.ts";
import { type HubFile, listRevision } from "./listing.node.ts";
import { partialBytes } from "./partial.node.ts";
import { ProgressMeter, type PullProgress } from "./progress.ts";
import { formatRepoId, type RepoId, requireRepoId } from "./repo-id.ts";
import { aborted, type Hub } from "./request.node.ts";
import {
  looksLikeScorer,
  type Selection,
  selectFiles,
  selectScorer,
  VARIANT_NAME,
  type Variant,
} from "./select.ts";
import { checkToken, hubCache, hubEndpoint, hubOffline, hubToken } from "./settings.node.ts";

/** How a model is pulled. All have defaults. */
export interface PullOptions {
  /**
   * Which weights where a repository has several: "full", "fp16", "bf16", …. Networks without it come as they are. By
   * default full precision, and half where that is all there is. fp16 is half the download; on a CPU it is then
   * converted once, into a copy of full size.
   */
  readonly variant?: Variant;
  /** Stops with code "aborted"; what has arrived is kept, and the next pull goes on from there. */
  readonly signal?: AbortSignal;
  /** Called once, before anything is fetched. */
  readonly onPlan?: (plan: PullPlan) => void;
  /** Called up to ten times a second. */
  readonly onProgress?: (progress: PullProgress) => void;
  /** The cache's folder; default HF_HUB_CACHE, or HF_HOME/hub, or ~/.cache/huggingface/hub. */
  readonly cache?: string;
  /** The hub's address; default HF_ENDPOINT, or https://huggingface.co. */
  readonly endpoint?: string;
  /** Default HF_TOKEN, or the file that `hf auth login` writes. It is sent to the endpoint's own host alone. */
  readonly token?: string;
  /** Milliseconds before a lost connection is tried again, doubled from try to try. Default 1000. */
  readonly retryDelay?: number;
}

const PULL_OPTIONS: OptionNames<PullOptions> = {
  ...{
    variant: true,
    signal: true,
    onPlan: true,
    onProgress: true,
    cache: true,
    endpoint: true,
    token: true,
  },
  retryDelay: true,
};

/** What is going to be pulled. */
export interface PullPlan {
  /** How many files the model has. */
  readonly files: number;
  /** Size of all files together. */
  readonly bytes: number;
  /** Size of those that are not there yet. */
  readonly bytesToFetch: number;
  /** Where they come to lie. */
  readonly folder: string;
  /** By network, the variant that was chosen. */
  readonly variants: Readonly<Record<string, Variant>>;
  /** As the model's page names it ("mit", "openrail++"); null where it names none. */
  readonly license: string | null;
}

/** A model that is whole on the disk. */
export interface PulledModel {
  /** What loadModel() takes. */
  readonly id: string;
  /** The commit that the revision stood for, 40 hex digits. */
  readonly commit: string;
  /** The snapshot: the checkpoint in the layout of diffusers, as links to the blobs. */
  readonly folder: string;
  /** Of the needed files together. */
  readonly bytes: number;
  /** How many of them came over the network just now. */
  readonly downloadedBytes: number;
  /** Their paths in the repository. */
  readonly files: readonly string[];
  /** By network ("unet", "vae", "text_encoder"; a scorer has one, "model"): which weights were taken. */
  readonly variants: Readonly<Record<string, Variant>>;
}

/** Files at once. The hub's storage answers each connection at a limited speed. */
const PARALLEL = 4;
/** A model of 1000 files or of 200 GB is none that runs here. */
const MAX_SELECTED_FILES = 500;
const MAX_SELECTED_BYTES = 200e9;
/** Configurations and vocabularies: CLIP's vocabulary, the largest, has one megabyte. */
const MAX_SMALL_BYTES = 32 * 2 ** 20;

/**
 * Downloads what an editor needs of `id` ("owner/name" or "owner/name@revision") and nothing else: no pickles, no safety
 * checker. What is in the cache already is not fetched again, partial files are gone on with, and every file is checked
 * against its SHA-256 (LFS) or git hash. The configurations come first; a checkpoint that cannot edit is refused then. A CLIP,
 * BLIP or DINO of transformers, which `emilie bench` scores pictures by, is pulled too; its weights are the network "model".
 *
 * Throws EmilieError: "option.invalid", "hub.missing", "hub.denied", "hub.offline", "hub.unreachable", "hub.malformed",
 * "hub.corrupt", "checkpoint.missing", "checkpoint.unsafe", "checkpoint.unsupported", "io.failed" or "aborted".
 */
export async function pullModel(id: string, options: PullOptions = {}): Promise<PulledModel> {
  checkOptions(options, PULL_OPTIONS, "pullModel's options");
  const { repoId, variant } = parsePull(id, options.variant);
  const { signal, retryDelay = 1000 } = options;
  if (variant !== undefined && !VARIANT_NAME.test(variant)) {
    throw new EmilieError(
      "option.invalid",
      `variant is ${JSON.stringify(variant)}; expected full, fp16, bf16, ….`,
    );
  }
  if (signal?.aborted) throw aborted();
  const cache = options.cache ?? hubCache();
  if (hubOffline()) return offline(repoId, cache, variant);
  const hub: Hub = {
    endpoint: hubEndpoint(process.env, options.endpoint),
    token: options.token === undefined ? (hubToken()?.token ?? null) : checkToken(options.token, "options"),
  };
  const { commit, files, license } = await listRevision(hub, repoId, { hub, retryDelay, signal });
  const name = formatRepoId(repoId);
  const paths = [...files.keys()];
  const scorer = looksLikeScorer(paths);
  const selection = (scorer ? selectScorer : selectFiles)(name, paths, variant);
  const wanted = (paths: readonly string[]) => paths.map((path) => files.get(path)!);
  const [small, weights] = [wanted(selection.small), wanted(selection.weights)];
  const bytes = checkLimits(name, small, weights);

  const folder = snapshotFolder(cache, repoId.repo, commit);
  const present = await Promise.all([...small, ...weights].map(({ path }) => sizeOnDisk(join(folder, path))));
  const there = [...small, ...weights].reduce(
    (sum, { size }, i) => sum + (present[i] === size ? size : 0),
    0,
  );
  const { variants } = selection;
  options.onPlan?.({
    files: small.length + weights.length,
    bytes,
    bytesToFetch: bytes - there,
    folder,
    variants,
    license,
  });
  const meter = new ProgressMeter(bytes, options.onProgress ?? (() => {}));
  let downloadedBytes = 0;
  const fetchAll = (group: readonly HubFile[]) =>
    inParallel(group, signal, async (file, groupSignal) => {
      const pointer = join(folder, file.path);
      const onBytes = (count: number, from: "network" | "disk") => {
        if (from === "network") downloadedBytes += count;
        meter.add(file.path, count, from);
      };
      // A snapshot's file is the content of its commit, whether a link or (without links) the file itself.
      if ((await sizeOnDisk(pointer)) === file.size) return onBytes(file.size, "disk");
      const blob = join(repoFolder(cache, repoId.repo), "blobs", file.etag);
      await downloadBlob(file, blob, { hub, id: repoId, commit, retryDelay, signal: groupSignal, onBytes });
      await writable(cache, () => linkBlob(blob, pointer));
    });
  await fetchAll(small);
  await (scorer ? checkScorer : checkEditor)(folder, name);
  await requireRoom(cache, weights, folder, repoFolder(cache, repoId.repo));
  await fetchAll(weights);
  // Last, so that a revision's name never leads to half a model.
  await writable(cache, () => writeRef(cache, repoId, commit));
  return {
    id: scorer ? name : inVariant(name, variant),
    commit,
    folder,
    bytes,
    downloadedBytes,
    ...describe(selection),
  };
}

/** "owner/name:fp16" says the variant too. */
function parsePull(id: string, asked: Variant | undefined): { repoId: RepoId; variant: Variant | undefined } {
  const [name = "", named, ...rest] = id.split(":");
  if (named === undefined || rest.length > 0) return { repoId: requireRepoId(id), variant: asked };
  if (asked === undefined || asked === named) return { repoId: requireRepoId(name), variant: named };
  throw new EmilieError(
    "option.invalid",
    `${id} names the variant ${named}, but ${asked} was requested; give only one of them.`,
  );
}

/** What loads these weights and no others. */
function inVariant(name: string, variant: Variant | undefined): string {
  return variant === undefined || variant === "full" ? name : `${name}:${variant}`;
}

/** All that is to come together, before the first of it: each file for itself would fit until the last. */
async function requireRoom(
  cache: string,
  weights: readonly HubFile[],
  folder: string,
  repo: string,
): Promise<void> {
  let needed = 0;
  for (const { path, size, etag } of weights) {
    const here = (await sizeOnDisk(join(folder, path))) ?? (await sizeOnDisk(join(repo, "blobs", etag)));
    if (here !== size) needed += size - Math.min(size, await partialBytes(join(repo, "blobs", etag)));
  }
  await checkSpace(cache, needed);
}

function describe({ small, weights, variants }: Selection) {
  return { files: [...small, ...weights].sort(), variants };
}

/** What is in the cache already, where nothing may be asked of the hub. */
async function offline(id: RepoId, cache: string, variant?: Variant): Promise<PulledModel> {
  const name = formatRepoId(id);
  const folder = findSnapshot(cache, id);
  if (!folder || snapshotProblem(folder, name, variant)) {
    throw new EmilieError(
      "hub.offline",
      `HF_HUB_OFFLINE is set, and ${cache} has ${folder ? "only a part" : "nothing"} of ${name}. ` +
        "Unset it to download the model.",
    );
  }
  const found = describe(snapshotFiles(folder, name, variant));
  const sizes = await Promise.all(found.files.map((path) => sizeOnDisk(join(folder, path))));
  const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  return {
    id: inVariant(name, variant),
    commit: basename(folder),
    folder,
    bytes,
    downloadedBytes: 0,
    ...found,
  };
}

function checkLimits(name: string, small: readonly HubFile[], weights: readonly HubFile[]): number {
  const large = small.find(({ size }) => size > MAX_SMALL_BYTES);
  const bytes = [...small, ...weights].reduce((sum, { size }) => sum + size, 0);
  const count = small.length + weights.length;
  const problem = large
    ? `${large.path} has ${large.size} bytes, where a few thousand are usual`
    : count > MAX_SELECTED_FILES
      ? `it has ${count} files`
      : bytes > MAX_SELECTED_BYTES
        ? `it has ${bytes} bytes`
        : null;
  if (problem === null) return bytes;
  throw new EmilieError("hub.malformed", `${name} is not a model that can run here: ${problem}.`);
}

/** Gigabytes are not fetched for a checkpoint that will be refused when it is loaded. */
async function checkEditor(folder: string, name: string): Promise<void> {
  const source = folderSource(folder, name);
  await (await architectureOf(source)).check(source);
}

/** As transformers calls the networks that `emilie bench --scorers` takes. */
const SCORERS = ["clip", "blip", "vit", "dinov2"];
const scorerSchema = z.looseObject({ model_type: z.enum(SCORERS) });

async function checkScorer(folder: string, name: string): Promise<void> {
  const config = await readJson(folderSource(folder, name), "config.json");
  if (scorerSchema.safeParse(config).success) return;
  throw new EmilieError(
    "checkpoint.unsupported",
    `${name} is neither an editor in the layout of diffusers (it has no model_index.json) nor a scorer: "model_type" in its ` +
      `config.json is none of ${SCORERS.join(", ")}.`,
  );
}

/** Runs `work` on all files, a few at once. The first failure stops the others and is what is thrown. */
async function inParallel(
  files: readonly HubFile[],
  signal: AbortSignal | undefined,
  work: (file: HubFile, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const group = new AbortController();
  const stop = () => group.abort();
  signal?.addEventListener("abort", stop);
  const queue = [...files];
  let failure: { error: unknown } | null = null;
  const worker = async () => {
    for (let file = queue.shift(); file && !group.signal.aborted; file = queue.shift()) {
      try {
        await work(file, group.signal);
      } catch (error) {
        failure ??= { error };
        group.abort();
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  if (failure) throw (failure as { error: unknown }).error;
  if (signal?.aborted) throw aborted();
}

async function writable<T>(cache: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new EmilieError("io.failed", `${cache} cannot be written: ${(cause as Error).message}.`, { cause });
  }
}
