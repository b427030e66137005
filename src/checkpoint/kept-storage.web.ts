/**
 * Weights that a page keeps in the browser's storage, in the form in which they are used: fetched by ranges, rounded on the way where the
 * precision rounds, and written part by part (kept-parts.ts). What was interrupted goes on with the first part that is missing; of a file that
 * is another by now, everything begins anew. The runtime reads each part from there when it needs it.
 */
import { sha256 } from "../util/sha256.ts";
import { listKept, readKept, writeKept } from "./kept-folder.web.ts";
import { type KeptPart, keptParts, placeParts } from "./kept-parts.ts";
import { alone, meterOf, requireStorage } from "./kept-source.web.ts";
import type { LoadWatch } from "./load-progress.ts";
import type { TableAdditions } from "./lora/additions.ts";
import { makePart, type PartMaking, type Reads, secondsFor } from "./make-part.ts";
import { type CheckpointSource, missingFile } from "./source.ts";
import type { Needs, WeightStorage } from "./storage.ts";
import type { WeightTable } from "./weights.ts";

/** `remote` is where weights are fetched from, past what is kept of the source that others read. */
export function keptStorage(
  remote: Reads,
  folder: FileSystemDirectoryHandle,
  watch: LoadWatch = {},
): WeightStorage {
  return {
    async place(source, table, additions, needs) {
      const parts = keptParts(table, needs);
      const name = await nameOf(source, table, additions, needs);
      const place = await folder.getDirectoryHandle(name, { create: true });
      await removeOlder(folder, name);
      const what = `${source.id}'s ${table.origin?.replace(/^of .*\(its (.*)\)$/, "$1") ?? table.folder}`;
      const making = { source: remote, needs, additions };
      await alone(`${folder.name} ${name}`, watch, () => makeMissing(place, parts, making, what, watch));
      return placeParts(table, needs, parts, name, (i) => ({
        kept: true,
        load: () => required(source, place, `${i}`),
      }));
    },
  };
}

async function required(
  source: CheckpointSource,
  place: FileSystemDirectoryHandle,
  name: string,
): Promise<Blob> {
  // Removed by another tab, say; the next load makes it again.
  const file = await readKept(place, name).catch(() => null);
  if (!file) throw missingFile(source.id, `${place.name}/${name}`);
  return file;
}

/** Raised when parts are made otherwise. */
const VERSION = 1;

/** NETWORK.PRECISION-KEY, with LoRAs NETWORK.PRECISION.LORAS-KEY; the key is of everything that it is made from, and of what is made. */
async function nameOf(
  source: CheckpointSource,
  table: WeightTable,
  additions: TableAdditions | undefined,
  needs: Needs | undefined,
): Promise<string> {
  const stamps = await Promise.all(
    table.files.map(async (f) => [`${f.path}:${f.size}:${await source.stamp?.(f.path)}`, f.header]),
  );
  const places = [...table.tensors].map(([name, { file, offset }]) => `${name}@${file}+${offset};`);
  const kinds = needs?.derived.map((one) => `${one.kind} ${one.from} ${one.rows ?? ""};`) ?? [];
  const key = await sha256([`${VERSION}:`, ...stamps.flat(), ...places, ...kinds, ...(needs?.plain ?? [])]);
  const part = (table.origin ?? table.folder).replace(/\W+/g, "-");
  const loras = additions ? `.${(await sha256(await stampsOf(additions))).slice(0, 16)}` : "";
  return `${part}.${needs?.precision ?? "fp32"}${loras}-${key.slice(0, 32)}`;
}

/** What tells LoRAs apart, and how much of each is merged. */
async function stampsOf(additions: TableAdditions): Promise<string[]> {
  const loras = new Set([...additions.values()].flatMap((all) => all.map(({ lora }) => lora)));
  return Promise.all(
    [...loras].map(async ({ source, path, weight }) => {
      const stamp = `${await source.size(path)}:${await source.stamp?.(path)}`;
      return `${source.id} ${path} ${stamp} × ${weight};`;
    }),
  );
}

/** The same of files that were replaced. */
async function removeOlder(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  const same = name.slice(0, name.lastIndexOf("-") + 1);
  const older: string[] = [];
  for await (const key of folder.keys()) {
    if (key !== name && key.startsWith(same) && key.length === name.length) older.push(key);
  }
  for (const key of older) await folder.removeEntry(key, { recursive: true }).catch(() => {});
}

async function makeMissing(
  place: FileSystemDirectoryHandle,
  parts: readonly KeptPart[],
  making: PartMaking,
  what: string,
  watch: LoadWatch,
): Promise<void> {
  const there = await listKept(place);
  const missing = [...parts.entries()].filter(([i, { bytes }]) => there.get(`${i}`) !== bytes);
  if (missing.length === 0) return;
  const sum = (of: (part: KeptPart) => number) => missing.reduce((total, [, part]) => total + of(part), 0);
  await requireStorage(
    what,
    sum(({ bytes }) => bytes),
  );
  const total = parts.reduce((all, { length }) => all + length, 0);
  const done = total - sum(({ length }) => length);
  const meter = meterOf(watch, what, { done, total, seconds: sum(secondsFor) });
  const onProgress = (bytes: number, seconds: number) => meter.add(bytes, seconds);
  try {
    meter.begin();
    for (const [i, part] of missing) {
      await writeKept(place, `${i}`, await makePart(part, { ...making, onProgress }));
    }
    meter.end();
  } finally {
    meter.stop();
  }
}
