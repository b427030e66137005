/** The models on this machine and what each can do, without loading one. */
import { readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { abilitiesOf } from "../checkpoint/abilities.ts";
import { type CachedFile, listSideFiles } from "../checkpoint/side-list.node.ts";
import { folderSource } from "../checkpoint/source.node.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import { type Variant, weightSets } from "../checkpoint/variants.ts";
import { isEmilieError } from "../errors.ts";
import { type AvailableSettings, availableSettings } from "../method/available.ts";
import type { Abilities, EditModel } from "../method/edit-model.ts";
import type { CheckpointFacts } from "../networks/architecture.ts";
import { architectureOf, architectureOfFiles } from "./architectures.ts";
import { machineNow, madeOf } from "./fit.node.ts";
import { listCache, snapshotFiles } from "./hub/cache.node.ts";
import { hubCache } from "./hub/settings.node.ts";
import { imageModels, revisionName } from "./names.node.ts";
import { nameVariant, SHIPPED, shippedFolder } from "./open.node.ts";
import { asModel, operationsOf } from "./operations.ts";
import { type Machine, type ModelPlan, planModel } from "./plan.ts";
import type { EditOperations } from "./speed.ts";

export interface ModelFacts {
  /** What --model takes. */
  readonly id: string;
  readonly from: "package" | "cache";
  readonly folder: string;
  readonly commit: string | null;
  /** Of the files that an editor needs. */
  readonly bytes: number;
  /** Null where the model cannot be used; then `problem` says why. */
  readonly family: string | null;
  /** The longer side of pictures it was trained on, in pixels. */
  readonly nativeSize: number | null;
  /** What it states for its edits. */
  readonly defaults: EditModel["defaults"];
  /** What it can do; null if it does not state this. */
  readonly abilities: Abilities | null;
  /** The number of reference pictures that an edit may have. */
  readonly maxReferences: number;
  /** The settings that its edits may have; null where it cannot be used. */
  readonly settings: AvailableSettings | null;
  /** What it needs for a picture of its native size, and which precision it takes here; null where it cannot be used. */
  readonly plan: ModelPlan | null;
  /** Operations of an edit with default settings on such a picture, in FLOP; null where it cannot be used. */
  readonly edit: EditOperations | null;
  readonly problem: string | null;
}

export interface ModelList {
  readonly models: readonly ModelFacts[];
  readonly cache: {
    readonly folder: string;
    readonly bytes: number;
    /** Repositories that are no image models. */
    readonly others: number;
    /** Repositories with downloads that were not finished, and their bytes so far. */
    readonly unfinished: readonly { readonly repo: string; readonly bytes: number }[];
  };
}

/** Everything that --model can name. Reads configurations and headers, no weights. `held`: bytes of memory that a model takes which would make way. */
export async function listModels(held = 0, cache = hubCache()): Promise<ModelList> {
  const models: ModelFacts[] = [];
  const now = await machineNow(cacheFolder());
  const here = {
    machine: { ...now, memoryBytes: now.memoryBytes + held },
    made: await listSideFiles(cacheFolder()),
  };
  for (const name of SHIPPED)
    models.push(await describeModel(here, name, "package", shippedFolder(name), null));
  const repos = await listCache(cache);
  let others = 0;
  for (const repo of repos) {
    const editors = imageModels(repo);
    if (editors.length === 0) others++;
    for (const revision of editors) {
      const name = revisionName(repo, revision);
      for (const variant of variantsIn(revision.folder, name)) {
        models.push(await describeModel(here, name, "cache", revision.folder, revision.commit, variant));
      }
    }
  }
  const bytes = repos.reduce((sum, repo) => sum + repo.bytes, 0);
  const unfinished = repos
    .filter((repo) => repo.unfinishedBytes > 0)
    .map(({ repo, unfinishedBytes }) => ({ repo, bytes: unfinishedBytes }));
  return { models, cache: { folder: cache, bytes, others, unfinished } };
}

/** The variants of a snapshot's denoiser, beside the one that its plain name means: undefined. */
function variantsIn(folder: string, id: string): (Variant | undefined)[] {
  try {
    const { small, weights, variants } = snapshotFiles(folder, id);
    const { denoiser, networks } = architectureOfFiles([...small, ...weights]).files;
    const taken = variants[denoiser];
    const sets = weightSets(readdirSync(join(folder, denoiser)), networks[denoiser]!);
    const whole = [...sets].filter(([name, { lacking }]) => lacking === 0 && name !== taken);
    return [undefined, ...whole.map(([name]) => name).sort()];
  } catch {
    return [undefined]; // describeModel says what is wrong
  }
}

/** What a plan depends on beside the model: one state for a whole list. */
interface Here {
  readonly machine: Machine;
  readonly made: readonly CachedFile[];
}

async function describeModel(
  { machine, made }: Here,
  name: string,
  from: ModelFacts["from"],
  folder: string,
  commit: string | null,
  variant?: Variant,
): Promise<ModelFacts> {
  const id = nameVariant(name, variant);
  const base = { id, from, folder, commit };
  const unusable = {
    ...{ family: null, nativeSize: null, defaults: {}, abilities: null, plan: null, edit: null },
    ...{ maxReferences: 0, settings: null },
  };
  try {
    const { small, weights } = snapshotFiles(folder, id, variant);
    const sizes = await Promise.all([...small, ...weights].map((path) => stat(join(folder, path))));
    const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
    try {
      const source = { ...folderSource(folder, id), variant };
      const facts = await describeOnce(source, folder, commit);
      const edit = await operationsOf(facts);
      const plan = planModel(facts, machine, { made: madeOf(id, made), edit });
      return { ...base, bytes, ...(await statedBy(facts, id)), plan, edit, problem: null };
    } catch (error) {
      return { ...base, ...unusable, bytes, problem: reason(error) };
    }
  } catch (error) {
    return { ...base, ...unusable, bytes: 0, problem: reason(error) };
  }
}

/** Of a commit nothing changes, and to count a large model's operations takes a second. */
const described = new Map<string, CheckpointFacts>();

async function describeOnce(
  source: CheckpointSource,
  folder: string,
  commit: string | null,
): Promise<CheckpointFacts> {
  const key = `${folder}:${source.variant ?? ""}`;
  const known = commit === null ? undefined : described.get(key);
  if (known) return known;
  const facts = await (await architectureOf(source)).describe(source);
  described.set(key, facts);
  return facts;
}

/** What a checkpoint states about its edits. */
type Stated = Pick<
  ModelFacts,
  "family" | "nativeSize" | "defaults" | "abilities" | "maxReferences" | "settings"
>;

async function statedBy(facts: CheckpointFacts, id: string): Promise<Stated> {
  const { family, nativeSize, maxReferences = 0, own } = facts;
  const settings = availableSettings(await asModel(facts));
  const abilities = abilitiesOf(id, own) ?? null;
  return { family, nativeSize, defaults: own.defaults, abilities, maxReferences, settings };
}

function reason(error: unknown): string {
  if (isEmilieError(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}

/** What the checkpoint in a folder states; null where it cannot be read: what is wrong with it, loading it says. */
export async function statedByFolder(folder: string, id: string): Promise<Stated | null> {
  try {
    const source = folderSource(folder, id);
    return await statedBy(await (await architectureOf(source)).describe(source), id);
  } catch {
    return null;
  }
}
