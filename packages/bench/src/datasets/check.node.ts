/** Looks at every file that a dataset names: it is there, it is a picture, it has the right size. And hashes them all. */

import { stat } from "node:fs/promises";
import { relative } from "node:path";
import {
  EmilieError,
  MAX_PICTURE_BYTES,
  readFileWithin,
  readPictureSize,
  type Size,
  sha256,
} from "../library.ts";
import type { BenchDataset } from "../types.ts";
import { type Draft, place, wrong } from "./draft.ts";
import { maskFile } from "./mask.node.ts";

export interface OpenOptions {
  /** Told how many items have been looked at: large datasets take seconds. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

interface FileFacts extends Size {
  readonly hash: string;
}

/** Masks that are scaled have the picture's shape at least, by so much. */
const ASPECT_TOLERANCE = 0.02;

/**
 * The dataset with its hash: SHA-256 over the items as JSON, in which each file stands as the hash of its bytes, so that it
 * does not matter where the folder lies. Nothing is decoded.
 */
export async function checked(draft: Draft, folder: string, options: OpenOptions): Promise<BenchDataset> {
  if (draft.items.length === 0) throw wrong(draft.name, "there is no item in it.");
  const ids = new Set<string>();
  const seen = new Map<string, Promise<FileFacts>>();
  const look = (path: string, where: string): Promise<FileFacts> => {
    const known = seen.get(path) ?? facts(path, relative(folder, path), where);
    seen.set(path, known);
    return known;
  };
  const digests: string[] = [];
  for (const [i, item] of draft.items.entries()) {
    options.signal?.throwIfAborted();
    // Two that differ in case alone would share a folder on some systems.
    if (ids.has(item.id.toLowerCase())) throw wrong(place(item.id), "there are two items of this id.");
    ids.add(item.id.toLowerCase());
    const image = await look(item.image, `${place(item.id)}, image`);
    const turns: unknown[] = [];
    for (const [t, turn] of item.turns.entries()) {
      const { mask, target, changeMask, ...rest } = turn;
      const files: Record<string, string | undefined> = {};
      for (const [what, words] of Object.entries({ mask, target, changeMask })) {
        if (words === undefined) continue;
        const where = `${place(item.id, t + 1)}, ${what}`;
        const path = what === "mask" ? maskFile(words) : words;
        const file = await look(path, where);
        checkSize(file, image, where, what === "mask" && draft.masksScale === true);
        files[what] = words.replace(path, file.hash);
      }
      turns.push({ ...rest, ...files });
    }
    digests.push(await sha256([JSON.stringify({ ...item, image: image.hash, turns })]));
    options.onProgress?.(i + 1, draft.items.length);
  }
  const { name, licence, items, resultLayout } = draft;
  return { name, licence, items, resultLayout, hash: await sha256([JSON.stringify({ name, digests })]) };
}

async function facts(path: string, name: string, where: string): Promise<FileFacts> {
  const { size } = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw wrong(where, `there is no file ${name}.`, { cause });
  });
  if (size > MAX_PICTURE_BYTES) throw wrong(where, `${name} has ${size} bytes, more than any picture needs.`);
  try {
    const bytes = new Uint8Array(await readFileWithin(path, MAX_PICTURE_BYTES));
    return { ...(await readPictureSize(bytes, name)), hash: await sha256([bytes]) };
  } catch (cause) {
    const reason = cause instanceof EmilieError ? cause.message : `${name} cannot be read: ${cause}`;
    throw wrong(where, reason, { cause });
  }
}

function checkSize(file: Size, image: Size, where: string, scales: boolean): void {
  const fits = scales
    ? Math.abs((file.width * image.height) / (file.height * image.width) - 1) <= ASPECT_TOLERANCE
    : file.width === image.width && file.height === image.height;
  if (fits) return;
  const expected = `${image.width}×${image.height}${scales ? " or its shape" : ""}, the size of the item's picture`;
  throw wrong(where, `expected ${expected}, got ${file.width}×${file.height}.`);
}
