/** Names of models on the Hugging Face hub: OWNER/NAME, with @REVISION where it is not the main branch. */
import { EmilieError } from "../../errors.ts";

export interface RepoId {
  /** "timbrooks/instruct-pix2pix" */
  readonly repo: string;
  /** A branch, a tag, a pull request ("refs/pr/1") or a commit. */
  readonly revision: string;
}

export const MAIN = "main";

/** What the hub itself allows: 96 characters, no "--" (it separates the parts of a cache folder's name) and no "..". */
const PART = /^[A-Za-z0-9_](?:[\w.-]*[\w])?$/;
const MAX_REPO_LENGTH = 96;
const REVISION = /^[\w][\w.+-]*(?:\/[\w][\w.+-]*)*$/;
const MAX_REVISION_LENGTH = 200;

/** Reads "owner/name" or "owner/name@revision"; null where the text cannot be such a name. */
export function parseRepoId(text: string): RepoId | null {
  const at = text.indexOf("@");
  const repo = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? MAIN : text.slice(at + 1);
  const parts = repo.split("/");
  if (parts.length !== 2 || repo.length > MAX_REPO_LENGTH || /--|\.\./.test(repo)) return null;
  if (!parts.every((part) => PART.test(part)) || repo.endsWith(".git")) return null;
  if (revision.length > MAX_REVISION_LENGTH || !REVISION.test(revision) || revision.includes(".."))
    return null;
  return { repo, revision };
}

/** As parseRepoId, but throws "option.invalid". */
export function requireRepoId(text: string): RepoId {
  const id = parseRepoId(text);
  if (id) return id;
  throw new EmilieError(
    "option.invalid",
    `${JSON.stringify(text)} is not the name of a model on the hub: expected OWNER/NAME or OWNER/NAME@REVISION, ` +
      "as in timbrooks/instruct-pix2pix.",
  );
}

/** The name to type: without the revision where it is the main one. */
export function formatRepoId({ repo, revision }: RepoId): string {
  return revision === MAIN ? repo : `${repo}@${revision}`;
}

/** A whole commit hash, as the hub gives it. */
export const COMMIT = /^[0-9a-f]{40}$/;
