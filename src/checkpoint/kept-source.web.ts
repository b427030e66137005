/**
 * A checkpoint behind a web address of which a page keeps what it reads: small files whole, and pieces of large ones. What is kept is asked
 * for again only where the server says that the file is another by now; without a network it is taken as it is.
 */
import { z } from "zod";
import { EmilieError, isEmilieError } from "../errors.ts";
import { onceEach } from "../util/once-each.ts";
import { Turns } from "../util/turns.ts";
import { fileName, listKept, parse, readKept, writeKept } from "./kept-folder.web.ts";
import { LoadMeter, type LoadWatch } from "./load-progress.ts";
import { PIECE_BYTES, secondsToFetch } from "./make-part.ts";
import { type CheckpointSource, missingFile } from "./source.ts";
import type { WebFile, WebSource } from "./source.web.ts";

/** A piece that is kept: bytes of a file from `from` to `to` (exclusive). */
interface Piece {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** A header, a row, a fingerprint's sample: what is as small as that is kept in passing. */
const SMALL_BYTES = 1 << 20;

const INDEX = "index.json";
const indexSchema = z.record(z.string(), z.object({ size: z.number(), mark: z.string() }).nullable());
type Index = z.infer<typeof indexSchema>;

/** Where the model is kept, for people. */
export const BROWSER_STORAGE = "the browser's storage";

export async function keptSource(
  remote: WebSource,
  folder: FileSystemDirectoryHandle,
  watch: LoadWatch = {},
): Promise<CheckpointSource> {
  const texts = await folder.getDirectoryHandle("texts", { create: true });
  const pieces = await folder.getDirectoryHandle("pieces", { create: true });
  const parsed = indexSchema.safeParse(parse(await (await readKept(folder, INDEX))?.text()));
  const index: Index = parsed.success ? parsed.data : {};
  const turns = new Turns();
  let known = await piecesIn(pieces);

  /** Asks the server what a file is by now, and forgets what was kept of another. */
  async function check(path: string): Promise<WebFile | null> {
    const before = index[path];
    const now = await remote.look(path).catch((error: unknown) => {
      if (before !== undefined && isEmilieError(error)) return before;
      throw error;
    });
    const same = now?.size === before?.size && now?.mark === before?.mark;
    if (before !== undefined && same) return now;
    await turns.take("index", async () => {
      await forget(path);
      index[path] = now;
      await writeKept(folder, INDEX, JSON.stringify(index));
    });
    return now;
  }

  async function forget(path: string): Promise<void> {
    await texts.removeEntry(fileName(path)).catch(() => {});
    for (const { name } of known.get(path) ?? []) await pieces.removeEntry(name).catch(() => {});
    known.delete(path);
  }

  const look = onceEach(check);

  async function required(path: string): Promise<WebFile> {
    const file = await look(path);
    if (!file) throw missingFile(remote.id, path);
    return file;
  }

  async function keepPiece(path: string, from: number, bytes: Uint8Array): Promise<void> {
    const to = from + bytes.length;
    const name = `${fileName(path)}@${from}-${to}`;
    await writeKept(pieces, name, bytes as Uint8Array<ArrayBuffer>);
    known.set(path, [...(known.get(path) ?? []), { name, from, to }]);
  }

  /** From the pieces that are there, as many as it takes; null where one is missing. */
  async function readKeptPieces(path: string, from: number, to: number): Promise<Uint8Array | null> {
    const parts: Blob[] = [];
    for (let at = from; at < to; ) {
      const piece = known.get(path)?.find((one) => one.from <= at && at < one.to);
      const file = piece && (await readKept(pieces, piece.name));
      if (!file) return null;
      const end = Math.min(to, piece.to);
      parts.push(file.slice(at - piece.from, end - piece.from));
      at = end;
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  return {
    id: remote.id,
    checked: true,
    exists: async (path) => (await look(path)) !== null,
    size: async (path) => (await required(path)).size,
    stamp: async (path) => (await required(path)).mark,
    async readText(path) {
      await required(path);
      const kept = await readKept(texts, fileName(path));
      if (kept && kept.size > 0) return kept.text();
      const text = await remote.readText(path);
      await writeKept(texts, fileName(path), text);
      return text;
    },
    async read(path, offset, length) {
      if (length === 0) return new Uint8Array();
      await required(path);
      const kept = await readKeptPieces(path, offset, offset + length);
      if (kept) return kept;
      const bytes = await remote.read(path, offset, length);
      if (length <= SMALL_BYTES) await keepPiece(path, offset, bytes);
      return bytes;
    },
    async keep(path, offset, length, what) {
      await required(path);
      const borders = Array.from(
        { length: Math.ceil(length / PIECE_BYTES) },
        (_, i) => [offset + i * PIECE_BYTES, offset + Math.min(length, (i + 1) * PIECE_BYTES)] as const,
      );
      await alone(`${folder.name} ${path}@${offset}`, watch, async () => {
        // Another tab may have had its turn.
        known = await piecesIn(pieces);
        const isHere = ([from, to]: readonly [number, number]) =>
          known.get(path)?.some((one) => one.from <= from && to <= one.to);
        const missing = borders.filter((border) => !isHere(border));
        if (missing.length === 0) return;
        const rest = missing.reduce((sum, [from, to]) => sum + to - from, 0);
        await requireStorage(what, rest);
        const meter = meterOf(watch, what, {
          done: length - rest,
          total: length,
          seconds: secondsToFetch(rest),
        });
        try {
          meter.begin();
          for (const [from, to] of missing) {
            await keepPiece(path, from, await remote.read(path, from, to - from));
            await meter.add(to - from, secondsToFetch(to - from));
          }
          meter.end();
        } finally {
          meter.stop();
        }
      });
    },
  };
}

async function piecesIn(folder: FileSystemDirectoryHandle): Promise<Map<string, Piece[]>> {
  const found = new Map<string, Piece[]>();
  for (const [name, size] of await listKept(folder)) {
    const [, file = "", first = "", last = ""] = /^(.*)@(\d+)-(\d+)$/.exec(name) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!file || size !== to - from) continue;
    const path = decodeURIComponent(file);
    found.set(path, [...(found.get(path) ?? []), { name, from, to }]);
  }
  return found;
}

/** Of tabs that want the same, one fetches and the others wait. */
export async function alone(name: string, { signal }: LoadWatch, work: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return work();
  try {
    await navigator.locks.request(`emilie keeps ${name}`, signal ? { signal } : {}, work);
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
    throw new EmilieError("aborted", "Waiting for another tab, which fetches the same model, was stopped.", {
      cause: error,
    });
  }
}

export function meterOf(
  watch: LoadWatch,
  what: string,
  task: { readonly done: number; readonly total: number; readonly seconds: number },
): LoadMeter {
  return new LoadMeter(watch, { what, folder: BROWSER_STORAGE, ...task });
}

/** @throws EmilieError "machine.too-small" where the browser grants less than `bytes` more */
export async function requireStorage(what: string, bytes: number): Promise<void> {
  const { quota = Number.POSITIVE_INFINITY, usage = 0 } = await navigator.storage.estimate();
  const free = quota - usage;
  if (free >= bytes) return;
  throw new EmilieError(
    "machine.too-small",
    `${what} takes ${megabytes(bytes)} more of the browser's storage, and ${megabytes(free)} are free there. Make room on the disk, or ` +
      "remove models or sessions that this page keeps.",
  );
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
