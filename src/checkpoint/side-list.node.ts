/** What the cache folder holds that was made of models, whole and begun; and how it is cleared. */
import { open, readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { SAFETENSORS_HEADER } from "../limits.ts";
import { isOwned } from "./own-folder.node.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { MODEL } from "./side-file.node.ts";
import { listPartials } from "./side-partial.node.ts";
import { folderSource } from "./source.node.ts";

/** Something in the cache: an fp32 copy ("f32"), the weights of a precision, or those of a process with LoRA merged ("lora"). */
export interface CachedFile {
  readonly file: string;
  readonly bytes: number;
  /** What it was made of; null where the file is damaged, or does not say it. */
  readonly model: string | null;
  readonly kind: string;
  /** "stopped": only a part, which the next load goes on from, or what a killed process has left; "used": a process needs it now. */
  readonly state: "whole" | "stopped" | "used";
}

const FILE = /^.+-[0-9a-f]{32}\.(f32|fp32-fast|int8|int4|fp16)\.safetensors(?:\.[\w-]+\.partial)?$/;
const MERGED = /^merged-[\w-]+$/;

/** What was made in a folder, and what was begun, by name. */
export async function listSideFiles(cache: string): Promise<CachedFile[]> {
  const names = await readdir(cache).catch(() => []);
  const partials = new Map((await listPartials(cache)).map((one) => [basename(one.file), one]));
  const files: CachedFile[] = [];
  for (const name of names.sort()) {
    const file = join(cache, name);
    if (MERGED.test(name)) {
      const state = (await isOwned(file)) ? "used" : "stopped";
      files.push({ file, bytes: await folderSize(file), model: null, kind: "lora", state });
      continue;
    }
    const kind = FILE.exec(name)?.[1];
    const bytes = (await stat(file).catch(() => null))?.size; // somebody may be deleting
    if (!kind || bytes === undefined) continue;
    const partial = partials.get(name);
    const state = partial ? (partial.busy ? "used" : "stopped") : "whole";
    const model = await (partial ? modelOfPart(file) : modelOf(cache, name)).catch(() => null);
    files.push({ file, bytes, model, kind, state });
  }
  return files;
}

/** Deletes them, but not what a process is using. They are made again where they are needed. */
export async function clearSideFiles(cache: string): Promise<CachedFile[]> {
  const files = (await listSideFiles(cache)).filter(({ state }) => state !== "used");
  for (const { file } of files) await rm(file, { recursive: true, force: true });
  return files;
}

async function modelOf(cache: string, name: string): Promise<string | null> {
  const { metadata } = await readSafetensorsHeader(folderSource(cache), name);
  return metadata[MODEL] ?? null;
}

/** The same of a file whose tensors are not all there. */
async function modelOfPart(file: string): Promise<string | null> {
  const handle = await open(file, "r");
  try {
    const prefix = Buffer.alloc(8);
    await handle.read(prefix, 0, 8, 0);
    const length = Number(prefix.readBigUInt64LE());
    if (length > SAFETENSORS_HEADER.length) return null;
    const header = Buffer.alloc(length);
    await handle.read(header, 0, length, 8);
    return JSON.parse(header.toString("utf8")).__metadata__?.[MODEL] ?? null;
  } finally {
    await handle.close();
  }
}

async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => null)));
  return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0);
}
