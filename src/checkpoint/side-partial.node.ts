/**
 * A side file under way: NAME.<owner>-<number>.partial belongs to one process alone. One that was let go of
 * (NAME.paused.partial), or whose process is gone, is taken over by renaming it, which only one can do. Two that begin at once both
 * step back. Should both go on all the same, nothing is harmed: they write the same bytes, and what is renamed is whole.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { uptime } from "node:os";
import { basename, dirname, join } from "node:path";
import { OWNER, ownerLives } from "../util/process-identity.node.ts";

const SUFFIX = ".partial";
const NOBODY = "paused";
/** A file that has not grown for so long is nobody's, whether its process runs or cannot be looked up. */
const SILENT_MS = 60_000;

/** Those that this thread writes. */
const own = new Set<string>();

export interface PartialFile {
  readonly file: string;
  readonly bytes: number;
  /** Whether a process is writing it. */
  readonly busy: boolean;
}

export interface OpenPartial {
  readonly path: string;
  readonly handle: FileHandle;
  /** What an earlier process has left in it. */
  readonly bytes: number;
}

/** The partial files of `target`, or of all side files in a folder. */
export async function listPartials(folder: string, target = ""): Promise<PartialFile[]> {
  const found: PartialFile[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(SUFFIX) || !name.includes(".safetensors.") || !name.startsWith(target)) continue;
    const file = join(folder, name);
    const info = await stat(file).catch(() => null); // it may have been finished or taken over
    if (!info) continue;
    const owner = name.slice(name.indexOf(".safetensors.") + ".safetensors.".length, -SUFFIX.length);
    found.push({ file, bytes: info.size, busy: own.has(file) || isBusy(owner, info.mtimeMs) });
  }
  return found.sort((a, b) => b.bytes - a.bytes);
}

function isBusy(owner: string, changed: number): boolean {
  return owner !== NOBODY && Date.now() - changed <= SILENT_MS && ownerLives(owner) !== false;
}

/** A partial file to write `target`, or the one that another process is writing. */
export async function takePartial(target: string): Promise<OpenPartial | PartialFile> {
  const folder = dirname(target);
  const mine = `${target}.${OWNER}-${randomBytes(4).toString("hex")}${SUFFIX}`;
  const others = await listPartials(folder, basename(target));
  const busy = others.find((one) => one.busy);
  if (busy) return busy;
  for (const { file } of others) {
    const taken = await rename(file, mine).then(
      () => true,
      () => false,
    );
    if (!taken) continue;
    own.add(mine);
    const handle = await open(mine, "r+");
    const { size, mtimeMs } = await handle.stat();
    // What was written before the system started may not all have reached the disk.
    const bytes = mtimeMs < Date.now() - uptime() * 1000 ? 0 : size;
    return { path: mine, handle, bytes };
  }
  own.add(mine);
  const handle = await open(mine, "wx+");
  const rival = (await listPartials(folder, basename(target))).find(
    ({ file, busy }) => busy && file !== mine,
  );
  if (!rival) return { path: mine, handle, bytes: 0 };
  await discardPartial({ path: mine, handle, bytes: 0 });
  return rival;
}

/** Closes it so that the next process may go on from here; an empty one is removed. */
export async function pausePartial(partial: OpenPartial, target: string): Promise<void> {
  const { size } = await partial.handle.stat();
  if (size === 0) return discardPartial(partial);
  await partial.handle.close();
  own.delete(partial.path);
  await rename(partial.path, `${target}.${NOBODY}${SUFFIX}`).catch(() => {});
}

export async function discardPartial({ path, handle }: OpenPartial): Promise<void> {
  await handle.close().catch(() => {});
  own.delete(path);
  await rm(path, { force: true });
}

/** Moves the finished file to its place. */
export async function finishPartial({ path, handle }: OpenPartial, target: string): Promise<void> {
  await handle.sync(); // a name must not outlive a power cut that its content does not
  await handle.close();
  own.delete(path);
  await rename(path, target);
}
