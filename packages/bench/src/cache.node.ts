/**
 * What has been computed, by what it was computed from: a picture and its cost for every turn, and every score. A key is a
 * hash over everything that the value depends on, so nothing in here is ever out of date, and folders can be shared.
 */

import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { encodePng, type Picture, writeAtomically } from "./library.ts";
import type { MethodResult } from "./types.ts";

/** SHA-256 over plain JSON, whose objects are written in one order, as hex. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** SHA-256 over size and pixels. */
export function pictureHash({ width, height, data }: Picture): string {
  return createHash("sha256").update(`${width}x${height}:`).update(data).digest("hex");
}

const turnSchema = z.object({
  /** Of the pixels. */
  picture: z.string(),
  /** Length of the PNG: one that was cut off does not count. */
  bytes: z.number(),
  seconds: z.number(),
  unetCalls: z.number(),
});
export type CachedTurn = z.infer<typeof turnSchema>;

/** A cache in a folder; whatever is damaged in it counts as absent. */
export class BenchCache {
  constructor(
    /** The folder of results.json. */
    readonly out: string,
  ) {}

  /** The PNG of a turn, relative to `out`, with slashes. */
  pictureOf(key: string): string {
    return `cache/${key.slice(0, 2)}/${key}.png`;
  }

  async turn(key: string): Promise<CachedTurn | undefined> {
    const found = turnSchema.safeParse(await this.#read(`${key}.json`));
    if (!found.success) return undefined;
    const file = await stat(join(this.out, this.pictureOf(key))).catch(() => undefined);
    return file?.size === found.data.bytes ? found.data : undefined;
  }

  /** The JSON is written last: a turn without it was not finished. */
  async putTurn(key: string, { picture, seconds, unetCalls }: MethodResult): Promise<CachedTurn> {
    const png = await encodePng(picture);
    await this.#write(`${key}.png`, png);
    const turn: CachedTurn = { picture: pictureHash(picture), bytes: png.length, seconds, unetCalls };
    await this.#write(`${key}.json`, new TextEncoder().encode(JSON.stringify(turn)));
    return turn;
  }

  /** A turn that another machine has computed, as it was kept there. */
  async takeTurn(key: string, facts: unknown, png: Uint8Array): Promise<CachedTurn> {
    const turn = turnSchema.parse(facts);
    await this.#write(`${key}.png`, png);
    await this.#write(`${key}.json`, new TextEncoder().encode(JSON.stringify(turn)));
    return turn;
  }

  /** A score by its key, computed once. */
  async score<T>(key: string, schema: z.ZodType<T>, compute: () => Promise<T>): Promise<T> {
    const known = schema.safeParse(await this.#read(`${key}.score.json`));
    if (known.success) return known.data;
    const value = await compute();
    await this.#write(`${key}.score.json`, new TextEncoder().encode(JSON.stringify(value)));
    return value;
  }

  #path(name: string): string {
    return join(this.out, "cache", name.slice(0, 2), name);
  }

  async #read(name: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.#path(name), "utf8"));
    } catch {
      return undefined;
    }
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await mkdir(join(this.out, "cache", name.slice(0, 2)), { recursive: true });
    await writeAtomically(this.#path(name), [bytes]);
  }
}
