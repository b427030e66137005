/**
 * Pictures, latents and masks: in a bucket, or in a table where there is none. A blob has a name that is never used again, is written
 * before any row names it, and never changes; so a blob that no row names after a day is one that nothing will ever name.
 *
 * Nothing here leans on conditional writes: several small S3 servers do not have them.
 */
import { randomUUID } from "node:crypto";
import type { S3mini } from "s3mini";
import { EmilieError } from "../../errors.ts";
import { type BucketAddress, parseBucket } from "./address.ts";
import type { Database } from "./database.ts";
import { numbered, type Write } from "./writes.ts";

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Blobs {
  put(blobs: readonly NamedBytes[]): Promise<void>;
  /** What writes them in the transaction that names them; null where they do not lie in the database, and are to be put before. */
  write(blobs: readonly NamedBytes[]): Write | null;
  /** In the order of their names; null for one that is not there. */
  get(names: readonly string[]): Promise<(Uint8Array | null)[]>;
  remove(names: readonly string[]): Promise<void>;
  /** Why it cannot be used, in words; null where it can. */
  problem(): Promise<string | null>;
}

/** A name of its own: a session's blobs lie together. */
export function newBlob(session: string): string {
  return `${session}/${randomUUID()}`;
}

export async function openBlobs(database: Database, address: string | undefined): Promise<Blobs> {
  if (address === undefined) return new TableBlobs(database);
  return BucketBlobs.open(database, parseBucket(address));
}

const BATCH = 1000;

/** Names of blobs that were written, or were about to be, before then; a batch after the other. */
export async function* blobsBefore(database: Database, time: Date): AsyncGenerator<string[]> {
  for (let after = ""; ; ) {
    const rows = await database.query<{ name: string }>(
      "SELECT name FROM @schema.blobs WHERE created < $1 AND name > $2 ORDER BY name LIMIT $3",
      [time, after, BATCH],
    );
    if (rows.length === 0) return;
    yield rows.map(({ name }) => name);
    after = rows.at(-1)!.name;
  }
}

export class TableBlobs implements Blobs {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async put(blobs: readonly NamedBytes[]): Promise<void> {
    if (blobs.length === 0) return;
    const { text, values } = this.write(blobs);
    await this.#database.query(numbered(text, 0), values);
  }

  write(blobs: readonly NamedBytes[]): Write {
    return {
      text: "INSERT INTO @schema.blobs (name, bytes) SELECT * FROM unnest(#1::text[], #2::bytea[]) ON CONFLICT (name) DO NOTHING",
      values: [
        blobs.map(({ name }) => name),
        blobs.map(({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
      ],
    };
  }

  async get(names: readonly string[]): Promise<(Uint8Array | null)[]> {
    if (names.length === 0) return [];
    const rows = await this.#database.query<{ name: string; bytes: Buffer }>(
      "SELECT name, bytes FROM @schema.blobs WHERE name = ANY($1)",
      [names],
    );
    const found = new Map(rows.map(({ name, bytes }) => [name, bytes]));
    return names.map((name) => found.get(name) ?? null);
  }

  async remove(names: readonly string[]): Promise<void> {
    if (names.length > 0)
      await this.#database.query("DELETE FROM @schema.blobs WHERE name = ANY($1)", [names]);
  }

  async problem(): Promise<null> {
    return null;
  }
}

/** How many requests to the bucket are under way at once for one session. */
const AT_ONCE = 8;
const TRIES = 5;
/** What a bucket that has other things too shows them by. */
const PREFIX = "emilie/";

export class BucketBlobs implements Blobs {
  readonly #database: Database;
  readonly #bucket: S3mini;
  readonly #name: string;

  private constructor(database: Database, bucket: S3mini, name: string) {
    this.#database = database;
    this.#bucket = bucket;
    this.#name = name;
  }

  /** @throws EmilieError "database.missing" (the client is not installed), "database.unreachable" (no such bucket, or no right to it) */
  static async open(
    database: Database,
    { bucket, endpoint, region, accessKey, secretKey }: BucketAddress,
  ): Promise<BucketBlobs> {
    const { S3mini } = await import("s3mini").catch((cause: unknown) => {
      const message = "--blobs needs a package that emilie does not install by itself: npm install s3mini";
      throw new EmilieError("database.missing", message, { cause });
    });
    const client = new S3mini({ endpoint, region, accessKeyId: accessKey, secretAccessKey: secretKey });
    const blobs = new BucketBlobs(database, client, bucket);
    const problem = await blobs.problem();
    if (problem !== null)
      throw new EmilieError("database.unreachable", `The bucket ${bucket} cannot be used: ${problem}.`);
    return blobs;
  }

  async put(blobs: readonly NamedBytes[]): Promise<void> {
    if (blobs.length === 0) return;
    // Noted first: what is not known to be there would never be removed. The bucket itself is never listed.
    await this.#database.query(
      "INSERT INTO @schema.blobs (name) SELECT * FROM unnest($1::text[]) ON CONFLICT (name) DO NOTHING",
      [blobs.map(({ name }) => name)],
    );
    await eachOf(blobs, ({ name, bytes }) =>
      this.#patiently(async () => {
        const { ok, status } = await this.#bucket.putObject(
          PREFIX + name,
          Buffer.from(bytes),
          "application/octet-stream",
        );
        if (!ok) throw new Error(`status ${status}`);
      }),
    );
  }

  write(): null {
    return null;
  }

  async get(names: readonly string[]): Promise<(Uint8Array | null)[]> {
    return eachOf(names, (name) =>
      this.#patiently(async () => {
        const bytes = await this.#bucket.getObjectArrayBuffer(PREFIX + name);
        return bytes === null ? null : new Uint8Array(bytes);
      }),
    );
  }

  async remove(names: readonly string[]): Promise<void> {
    await eachOf(names, (name) => this.#patiently(() => this.#bucket.deleteObject(PREFIX + name)));
    await new TableBlobs(this.#database).remove(names);
  }

  async problem(): Promise<string | null> {
    try {
      return (await this.#bucket.bucketExists()) ? null : "there is no such bucket";
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** @throws EmilieError "io.failed" */
  async #patiently<T>(action: () => Promise<T>): Promise<T> {
    for (let n = 1; ; n++) {
      try {
        return await action();
      } catch (cause) {
        if (n < TRIES) {
          await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** n));
          continue;
        }
        const why = (cause as Error).message;
        throw new EmilieError("io.failed", `The bucket ${this.#name} did not take or give a blob: ${why}.`, {
          cause,
        });
      }
    }
  }
}

async function eachOf<T, R>(all: readonly T[], action: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(all.length);
  let next = 0;
  const run = async () => {
    while (next < all.length) {
      const at = next++;
      results[at] = await action(all[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, run));
  return results;
}
