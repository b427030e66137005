/**
 * MSE-Bench (VINCIE, arXiv 2506.10941; leigangqu/MSE-Bench on the Hugging Face hub): a hundred sessions of five instructions. Its parquet files as the hub
 * has them, in the folder or in data/ within it, with the columns
 *
 *   image {bytes, path}, index, context [instruction …], operation [kind …], description_source, description_target [caption …], summary
 *
 * The pictures are in the files; they are written into emilie's cache once, under the hash of their bytes, so that a turn's files are files as with every
 * other dataset. There are no masks and no true results: captions can be scored against; the authors ask a language model instead.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { z } from "zod";
import { cacheFolder, MAX_PICTURE_BYTES, sha256, writeAtomically } from "../library.ts";
import type { BenchItem } from "../types.ts";
import { type Draft, type LoaderContext, wrong } from "./draft.ts";

const COLUMNS = ["image", "index", "context", "operation", "description_source", "description_target"];
/** Rows that are read at a time: a picture of some megabytes each. */
const AT_ONCE = 32;

const words = z.string().trim().min(1);
const row = z.object({
  image: z.object({ bytes: z.instanceof(Uint8Array) }),
  index: z.union([z.bigint(), z.number().int()]).transform(String),
  context: z.array(words).min(1, "a session needs at least one instruction"),
  operation: z.array(words),
  description_source: z.string().trim(),
  description_target: z.array(z.string().trim()),
});

const parquetFiles = async (folder: string): Promise<string[]> => {
  for (const place of [join(folder, "data"), folder]) {
    if (!existsSync(place)) continue;
    const files = (await readdir(place)).filter((file) => file.endsWith(".parquet")).sort();
    if (files.length > 0) return files.map((file) => join(place, file));
  }
  return [];
};

export const isMseBench = async (folder: string): Promise<boolean> => (await parquetFiles(folder)).length > 0;

export async function loadMseBench({ folder }: LoaderContext): Promise<Draft> {
  const items: BenchItem[] = [];
  for (const path of await parquetFiles(folder)) items.push(...(await readFile(path)));
  return { name: "mse-bench", licence: "Apache-2.0", items };
}

async function readFile(path: string): Promise<BenchItem[]> {
  const name = basename(path);
  const unreadable = (cause: unknown) =>
    wrong(
      name,
      `is no parquet file that can be read: ${(cause as Error).message}. Is it complete, and no pointer of Git LFS?`,
      {
        cause,
      },
    );
  const file = await asyncBufferFromFile(path);
  const metadata: FileMetaData = await parquetMetadataAsync(file).catch((cause) => {
    throw unreadable(cause);
  });
  checkColumns(metadata, name);
  const rows = Number(metadata.num_rows);
  const items: BenchItem[] = [];
  for (let start = 0; start < rows; start += AT_ONCE) {
    const end = Math.min(rows, start + AT_ONCE);
    // Without utf8 what is not marked as text stays bytes.
    const options = { file, metadata, columns: COLUMNS, rowStart: start, rowEnd: end, utf8: false };
    const objects = await parquetReadObjects(options).catch((cause) => {
      throw unreadable(cause);
    });
    for (const [i, object] of objects.entries())
      items.push(await readRow(object, `${name}, row ${start + i + 1}`));
  }
  return items;
}

function checkColumns({ schema }: FileMetaData, name: string): void {
  const known = schema.map((element) => element.name);
  const missing = COLUMNS.filter((column) => !known.includes(column));
  if (missing.length === 0) return;
  throw wrong(
    name,
    `expected the columns of MSE-Bench, ${COLUMNS.join(", ")}; ${missing.join(", ")} is missing. Other datasets' parquet files are not read.`,
  );
}

async function readRow(object: unknown, where: string): Promise<BenchItem> {
  const result = row.safeParse(object);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw wrong(where, `${path.join(".")}: ${message}.`, { cause: result.error });
  }
  const { image, index, context, operation, description_source, description_target } = result.data;
  for (const [column, list] of Object.entries({ operation, description_target })) {
    if (list.length === context.length) continue;
    throw wrong(where, `${column} has ${list.length} entries, and context ${context.length}.`);
  }
  return {
    id: index,
    image: await unpacked(image.bytes, where),
    caption: description_source || undefined,
    turns: context.map((instruction, i) => ({
      instruction,
      kind: operation[i]!,
      caption: description_target[i] || undefined,
    })),
  };
}

/** The picture as a file of the cache. */
async function unpacked(bytes: Uint8Array, where: string): Promise<string> {
  if (bytes.length > MAX_PICTURE_BYTES)
    throw wrong(`${where}, image`, `has ${bytes.length} bytes, more than any picture needs.`);
  const folder = join(cacheFolder(), "datasets", "mse-bench");
  const path = join(folder, (await sha256([bytes])).slice(0, 32));
  const known = await stat(path).catch(() => undefined);
  if (known?.size === bytes.length) return path;
  await mkdir(folder, { recursive: true });
  await writeAtomically(path, [bytes]);
  return path;
}
