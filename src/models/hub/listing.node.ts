/**
 * What a revision holds: GET /api/models/OWNER/NAME/revision/REVISION?blobs=true, as huggingface_hub's model_info() reads
 * it. Everything in the answer is untrusted: names become paths, and hashes become names of files.
 */
import { z } from "zod";
import { EmilieError } from "../../errors.ts";
import { COMMIT, formatRepoId, type RepoId } from "./repo-id.ts";
import { type Hub, odd, request } from "./request.node.ts";
import { type RetryOptions, retry } from "./retry.node.ts";

/** The largest model repositories have some thousand files. */
const MAX_FILES = 20_000;
/** A listing of so many files is below 10 MB. */
const MAX_LISTING_BYTES = 32 * 2 ** 20;
/** No weight file of an image model comes near; the hub itself stops at 500 GB. */
const MAX_FILE_BYTES = 256 * 2 ** 30;
/** What common file systems take, with the cache's own folders in front. */
const MAX_PATH_LENGTH = 255;

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** The name in blobs/: SHA-256 of the content (LFS), or git's SHA-1 of the blob. */
  readonly etag: string;
  readonly hash: "sha256" | "git-sha1";
}

export interface Listing {
  readonly commit: string;
  /** By path; files without a size or a hash are left out. */
  readonly files: ReadonlyMap<string, HubFile>;
  /** As the model's page names it ("mit", "openrail++"); null where it names none. */
  readonly license: string | null;
}

const siblingSchema = z.object({
  rfilename: z.string(),
  size: z.int().min(0).max(MAX_FILE_BYTES).optional(),
  blobId: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  lfs: z
    .object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0).max(MAX_FILE_BYTES) })
    .nullish(),
});
const listingSchema = z.object({
  sha: z.string().regex(COMMIT),
  siblings: z.array(siblingSchema).max(MAX_FILES),
  /** What is said beside the files is of use, and no reason to refuse them. */
  tags: z.array(z.string()).max(10_000).optional().catch(undefined),
});

const LICENSE_TAG = /^license:([\w.+-]{1,60})$/;

/** Lists a revision. Throws "hub.missing", "hub.denied", "hub.malformed" or "hub.unreachable". */
export async function listRevision(hub: Hub, id: RepoId, options: RetryOptions): Promise<Listing> {
  const path = `/api/models/${id.repo}/revision/${encodeURIComponent(id.revision)}?blobs=true`;
  const text = await retry(options, () => readText(hub, path, id, options.signal));
  const parsed = listingSchema.safeParse(parseJson(text, id));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw odd(id, `is answered with a list that makes no sense (${issue.path.join(".")}: ${issue.message})`);
  }
  const { sha, siblings, tags = [] } = parsed.data;
  const files = new Map<string, HubFile>();
  for (const { rfilename, size, blobId, lfs } of siblings) {
    const file = checkPath(rfilename, id);
    if (files.has(file)) throw odd(id, `is answered with a list that names ${JSON.stringify(file)} twice`);
    if (lfs) files.set(file, { path: file, size: lfs.size, etag: lfs.sha256, hash: "sha256" });
    else if (size !== undefined && blobId)
      files.set(file, { path: file, size, etag: blobId, hash: "git-sha1" });
  }
  if (files.size === 0 && siblings.length > 0)
    throw odd(id, "is answered with files that have no size or hash");
  const license = tags.flatMap((tag) => LICENSE_TAG.exec(tag)?.[1] ?? [])[0] ?? null;
  return { commit: sha, files, license };
}

async function readText(hub: Hub, path: string, id: RepoId, signal?: AbortSignal): Promise<string> {
  const answer = await request(hub, path, { id, signal });
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.chunks) {
    length += chunk.length;
    if (length > MAX_LISTING_BYTES) {
      answer.cancel();
      throw odd(id, `is answered with a list of more than ${MAX_LISTING_BYTES / 2 ** 20} MiB`);
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseJson(text: string, id: RepoId): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw odd(id, "is answered with something that is not JSON");
  }
}

/** A path below the repository's root, that means the same on every system. */
function checkPath(path: string, id: RepoId): string {
  const parts = path.split("/");
  const good =
    path.length <= MAX_PATH_LENGTH &&
    !/[\\\0]/.test(path) &&
    !/^[a-z]:/i.test(path) &&
    parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (good) return path;
  throw new EmilieError(
    "hub.malformed",
    `${formatRepoId(id)} lists a file named ${JSON.stringify(path.slice(0, MAX_PATH_LENGTH))}, which would lie outside ` +
      "its folder. Nothing was downloaded; do not trust this repository.",
  );
}
