/** What --model can name, without opening a checkpoint: quick enough for a shell's completion. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CachedRepo, type CachedRevision, listCache } from "./hub/cache.node.ts";
import { formatRepoId, MAIN } from "./hub/repo-id.ts";
import { hubCache } from "./hub/settings.node.ts";
import { SHIPPED } from "./open.node.ts";

export async function listModelNames(cache = hubCache()): Promise<string[]> {
  const repos = await listCache(cache);
  return [
    ...SHIPPED,
    ...repos.flatMap((repo) => imageModels(repo).map((revision) => revisionName(repo, revision))),
  ];
}

/** The revisions that are image models in the layout of diffusers. */
export function imageModels({ revisions }: CachedRepo): CachedRevision[] {
  return revisions.filter(({ folder }) => existsSync(join(folder, "model_index.json")));
}

/** The shortest name of a revision. One that was never pulled to its end has no name but its commit. */
export function revisionName({ repo }: CachedRepo, { refs, commit }: CachedRevision): string {
  const revision = refs.includes(MAIN) ? MAIN : (refs[0] ?? commit);
  return formatRepoId({ repo, revision });
}
