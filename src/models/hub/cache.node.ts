/**
 * The Hugging Face cache as it lies on disk, shared with the Python tools:
 * models--OWNER--NAME/{blobs/ETAG, refs/REVISION, snapshots/COMMIT/PATH → ../../blobs/ETAG}.
 */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { EmilieError, isEmilieError } from "../../errors.ts";
import { listAbandoned } from "./partial.node.ts";
import { COMMIT, formatRepoId, type RepoId } from "./repo-id.ts";
import { type Selection, selectFiles, type Variant } from "./select.ts";

/** The folder of one repository in the cache. */
export function repoFolder(cache: string, repo: string): string {
  return join(cache, `models--${repo.replace("/", "--")}`);
}

export function snapshotFolder(cache: string, repo: string, commit: string): string {
  return join(repoFolder(cache, repo), "snapshots", commit);
}

/** The folder that a revision was pulled into; null where it never was. Says nothing about completeness. */
export function findSnapshot(cache: string, { repo, revision }: RepoId): string | null {
  const commit = COMMIT.test(revision) ? revision : readRef(cache, repo, revision);
  if (commit === null) return null;
  const folder = snapshotFolder(cache, repo, commit);
  return existsSync(folder) ? folder : null;
}

function readRef(cache: string, repo: string, revision: string): string | null {
  try {
    const text = readFileSync(join(repoFolder(cache, repo), "refs", revision), "utf8").trim();
    return COMMIT.test(text) ? text : null;
  } catch {
    return null;
  }
}

/** The files of a snapshot that an editor needs. Throws as selectFiles() does where some are missing. */
export function snapshotFiles(folder: string, id: string, variant?: Variant): Selection {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => existsSync(join(folder, path))); // a link whose blob was removed is no file
  return selectFiles(id, paths, variant);
}

/** What snapshotFiles() throws, or null where all is there. */
export function snapshotProblem(folder: string, id: string, variant?: Variant): EmilieError | null {
  try {
    snapshotFiles(folder, id, variant);
    return null;
  } catch (error) {
    if (isEmilieError(error)) return error;
    throw error;
  }
}

/** The folder of a complete model in the cache. Throws "checkpoint.missing", saying how to get it. */
export function cachedModel(cache: string, id: RepoId, variant?: Variant): string {
  const name = formatRepoId(id);
  const folder = findSnapshot(cache, id);
  if (!folder) {
    const others = otherRevisions(cache, id.repo);
    throw new EmilieError(
      "checkpoint.missing",
      `There is no folder ${name}, and no model of that name was downloaded into ${cache}. ` +
        (others.length > 0 ? `Of ${id.repo} there are ${others.join(", ")}; name one of them. ` : "") +
        `To download it: emilie pull ${name}`,
    );
  }
  const problem = snapshotProblem(folder, name, variant);
  if (!problem) return folder;
  const broken = brokenLinks(folder);
  if (problem.code === "option.invalid") {
    throw new EmilieError(
      problem.code,
      `${problem.message} To download another: emilie pull ${name} --variant ${variant}`,
    );
  }
  throw new EmilieError(
    problem.code,
    `The cache contains only a part of ${name} (${folder}): ${problem.message} ` +
      (broken.length > 0 ? `${broken.join(", ")}: the link's blob is gone. ` : "") +
      `To complete it: emilie pull ${name}`,
  );
}

/** The names of what is there of a repository: a download by commit, or one that was copied, has no refs. */
function otherRevisions(cache: string, repo: string): string[] {
  const refs = readRefs(join(repoFolder(cache, repo), "refs"));
  const commits = listNames(join(repoFolder(cache, repo), "snapshots")).filter((name) => COMMIT.test(name));
  return commits.map((commit) => {
    const ref = refs.find((one) => one.commit === commit)?.name;
    return formatRepoId({ repo, revision: ref ?? commit });
  });
}

function brokenLinks(folder: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return paths.filter((path) => !existsSync(join(folder, path))).map((path) => path.replaceAll("\\", "/"));
}

function listNames(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: "utf8" }).sort();
  } catch {
    return []; // there is none
  }
}

/** Lets refs/REVISION name the commit. Written aside and renamed, so that no reader sees half of it. */
export async function writeRef(cache: string, { repo, revision }: RepoId, commit: string): Promise<void> {
  if (revision === commit) return;
  const file = join(repoFolder(cache, repo), "refs", revision);
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}.tmp`;
  await writeFile(temporary, commit);
  await rename(temporary, file);
}

/** Size of a file or of what a link points to; null where there is nothing. */
export async function sizeOnDisk(path: string): Promise<number | null> {
  return stat(path).then(
    (found) => (found.isFile() ? found.size : null),
    () => null,
  );
}

/** Makes snapshots/COMMIT/PATH a link to a blob (or a second name or a copy of it where links are not allowed). */
export async function linkBlob(blob: string, pointer: string): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true });
  const temporary = `${pointer}.${randomUUID()}.tmp`;
  try {
    await symlink(relative(dirname(pointer), blob), temporary);
  } catch {
    // Windows without developer mode, and some network file systems.
    await link(blob, temporary).catch(() => copyFile(blob, temporary));
  }
  try {
    await rename(temporary, pointer);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export interface CachedRevision {
  readonly commit: string;
  /** Branches and tags that point to it. */
  readonly refs: readonly string[];
  readonly folder: string;
}

export interface CachedRepo {
  readonly repo: string;
  readonly folder: string;
  /** Everything in the folder, unfinished downloads too; links are not counted. */
  readonly bytes: number;
  /** Of them, those of downloads that were not finished. */
  readonly unfinishedBytes: number;
  readonly revisions: readonly CachedRevision[];
}

/** Every model repository in the cache, image model or not. An absent cache is an empty one. */
export async function listCache(cache: string): Promise<CachedRepo[]> {
  const names = await readdir(cache).catch(() => []);
  const repos: CachedRepo[] = [];
  for (const name of names.sort()) {
    const repo = /^models--(.+)$/.exec(name)?.[1]?.replace("--", "/");
    if (!repo) continue;
    const folder = join(cache, name);
    const refs = readRefs(join(folder, "refs"));
    const commits = await readdir(join(folder, "snapshots")).catch(() => []);
    repos.push({
      repo,
      folder,
      bytes: await folderBytes(folder),
      unfinishedBytes: await folderBytes(join(folder, "blobs"), ".incomplete"),
      revisions: commits
        .filter((commit) => COMMIT.test(commit))
        .map((commit) => ({
          commit,
          refs: refs.filter((ref) => ref.commit === commit).map((ref) => ref.name),
          folder: join(folder, "snapshots", commit),
        })),
    });
  }
  return repos;
}

function readRefs(folder: string): { name: string; commit: string }[] {
  return listNames(folder, true).flatMap((name) => {
    try {
      const commit = readFileSync(join(folder, name), "utf8").trim();
      return COMMIT.test(commit) ? [{ name: name.replaceAll("\\", "/"), commit }] : [];
    } catch {
      return []; // a folder, as refs/pr
    }
  });
}

/** Bytes of all files below a folder, links not followed and not counted; 0 where there is no such folder. */
export async function folderBytes(folder: string, ending = ""): Promise<number> {
  const paths = await readdir(folder, { recursive: true }).catch(() => []);
  let sum = 0;
  for (const path of paths) {
    if (!path.endsWith(ending)) continue;
    const found = await lstat(join(folder, path)).catch(() => null); // somebody may be deleting
    if (found?.isFile()) sum += found.size;
  }
  return sum;
}

/** Deletes what downloads have left that nobody goes on with now. Returns the bytes. The next pull begins these files anew. */
export async function clearUnfinished(cache: string): Promise<number> {
  let bytes = 0;
  for (const { folder } of await listCache(cache)) {
    for (const { path, size } of await listAbandoned(join(folder, "blobs")).catch(() => [])) {
      await rm(path, { force: true });
      bytes += size;
    }
  }
  return bytes;
}

/** Deletes a repository from the cache, all its revisions. Throws "checkpoint.missing" where it is not there. */
export async function removeRepo(cache: string, repo: string): Promise<void> {
  const folder = repoFolder(cache, repo);
  if (!existsSync(folder)) {
    throw new EmilieError(
      "checkpoint.missing",
      `${repo} is not in the cache (${cache}); nothing was deleted.`,
    );
  }
  await rm(folder, { recursive: true });
  await rm(join(cache, ".locks", `models--${repo.replace("/", "--")}`), { recursive: true, force: true });
}
