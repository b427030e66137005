/** The models on this machine and what each can do, without loading one. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { listCache, snapshotFiles } from "../checkpoint/hub/cache.node.ts";
import { hubCache } from "../checkpoint/hub/settings.node.ts";
import { folderSource } from "../checkpoint/source.node.ts";
import { isEmilieError } from "../errors.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { familyName, trainedSize } from "./describe.ts";
import { imageModels, revisionName } from "./names.node.ts";
import { SHIPPED, shippedFolder } from "./open.node.ts";

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
  /** What it edits, in words. */
  readonly edits: string | null;
  readonly problem: string | null;
}

export interface ModelList {
  readonly models: readonly ModelFacts[];
  readonly cache: {
    readonly folder: string;
    readonly bytes: number;
    /** Repositories that are no image models. */
    readonly others: number;
  };
}

/** Everything that --model can name. Reads configurations and headers, no weights. */
export async function listModels(cache = hubCache()): Promise<ModelList> {
  const models: ModelFacts[] = [];
  for (const name of SHIPPED) models.push(await describeModel(name, "package", shippedFolder(name), null));
  const repos = await listCache(cache);
  let others = 0;
  for (const repo of repos) {
    const editors = imageModels(repo);
    if (editors.length === 0) others++;
    for (const revision of editors) {
      models.push(
        await describeModel(revisionName(repo, revision), "cache", revision.folder, revision.commit),
      );
    }
  }
  const bytes = repos.reduce((sum, repo) => sum + repo.bytes, 0);
  return { models, cache: { folder: cache, bytes, others } };
}

async function describeModel(
  id: string,
  from: ModelFacts["from"],
  folder: string,
  commit: string | null,
): Promise<ModelFacts> {
  const base = { id, from, folder, commit };
  const unusable = { family: null, nativeSize: null, edits: null };
  try {
    const { small, weights } = snapshotFiles(folder, id);
    const sizes = await Promise.all([...small, ...weights].map((path) => stat(join(folder, path))));
    const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
    try {
      const source = folderSource(folder, id);
      const checkpoint = await readCheckpoint(source);
      const nativeSize = trainedSize(checkpoint);
      const edits = checkpoint.own.about ?? "pictures of the kind it was trained on, by instructions";
      return { ...base, bytes, family: familyName(checkpoint), nativeSize, edits, problem: null };
    } catch (error) {
      return { ...base, ...unusable, bytes, problem: reason(error) };
    }
  } catch (error) {
    return { ...base, ...unusable, bytes: 0, problem: reason(error) };
  }
}

function reason(error: unknown): string {
  if (isEmilieError(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}
