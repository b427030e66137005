/**
 * Links to results, for programs that ask for an address in place of a picture. A link is its own key: whoever has it sees that
 * picture in that form, for an hour, without the server's token and from any page; nothing else can be made of it.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "hono";
import { EmilieError } from "../errors.ts";

export const LINK_PATH = "/v1/pictures/";
export const LINK_LIFETIME_MS = 60 * 60 * 1000;
const KEY_BYTES = 32;

export class Links {
  readonly #key: Uint8Array;
  readonly #publicUrl: string | null;

  private constructor(key: Uint8Array, publicUrl: string | null) {
    this.#key = key;
    this.#publicUrl = publicUrl;
  }

  /**
   * @param publicUrl by which the server is reached, where that is not what requests say; undefined: as they say
   * @throws EmilieError option.invalid
   */
  static with(key: Uint8Array, publicUrl: string | undefined): Links {
    return new Links(key, publicUrl === undefined ? null : checkPublicUrl(publicUrl));
  }

  /** @param picture what names it and its form, without what the link adds */
  make(c: Context, path: string, picture: Readonly<Record<string, string>>, now = Date.now()): string {
    const query = new URLSearchParams({ ...picture, until: `${now + LINK_LIFETIME_MS}` });
    query.sort();
    const url = `${LINK_PATH}${path}?${query}`;
    return `${this.base(c)}${url}&signature=${this.#sign(url)}`;
  }

  /** @throws EmilieError server.denied for a link that was not made here, was altered, or had its time */
  check(requested: string, now = Date.now()): void {
    const { pathname, searchParams } = new URL(requested);
    const signature = searchParams.get("signature") ?? "";
    searchParams.delete("signature");
    searchParams.sort();
    const right = Buffer.from(this.#sign(`${pathname}?${searchParams}`));
    const given = Buffer.from(signature);
    if (given.length !== right.length || !timingSafeEqual(given, right)) {
      throw new EmilieError("server.denied", "This link was not issued by this server, or it was altered.");
    }
    if (Number(searchParams.get("until")) < now) {
      throw new EmilieError("server.denied", "The link has expired after one hour. Request the edit again.");
    }
  }

  /** Where the server is reached, as the asker sees it, without a slash at its end. */
  base(c: Context): string {
    return this.#publicUrl ?? requestedBase(c);
  }

  #sign(url: string): string {
    return createHmac("sha256", this.#key).update(url).digest("base64url");
  }
}

/** @throws EmilieError option.invalid */
export function checkPublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username) {
    return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  }
  const message = `The public URL is an address such as https://pictures.example/emilie, got ${JSON.stringify(text.slice(0, 200))}.`;
  throw new EmilieError("option.invalid", message);
}

/** What a proxy before the server says of itself (X-Forwarded-*). Who lies here is given a wrong address, and nobody else. */
function requestedBase(c: Context): string {
  const said = (name: string, pattern: RegExp) => {
    const first = c.req.header(`x-forwarded-${name}`)?.split(",")[0]?.trim();
    return first !== undefined && first.length <= 300 && pattern.test(first) ? first : undefined;
  };
  const own = new URL(c.req.url);
  const protocol = said("proto", /^https?$/i)?.toLowerCase() ?? own.protocol.slice(0, -1);
  const host = said("host", /^(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i) ?? own.host;
  const port = said("port", /^\d{1,5}$/);
  const isUsual = port === undefined || port === (protocol === "https" ? "443" : "80");
  const shown = isUsual || /:\d+$/.test(host) ? host : `${host}:${port}`;
  const prefix = said("prefix", /^(\/[\w.~-]+)+\/?$/)?.replace(/\/$/, "") ?? "";
  return `${protocol}://${shown}${prefix}`;
}

/** Links outlive a restart, as the sessions in the folder do; without a folder (null) neither does. @throws EmilieError io.failed */
export async function linkKeyIn(folder: string | null): Promise<Uint8Array> {
  if (folder === null) return randomBytes(KEY_BYTES);
  const file = join(folder, "link-key");
  const kept = await readFile(file).catch(() => null);
  if (kept?.length === KEY_BYTES) return kept;
  const key = randomBytes(KEY_BYTES);
  try {
    await writeFile(file, key, { mode: 0o600 });
  } catch (cause) {
    throw new EmilieError("io.failed", `The key of links cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  }
  return key;
}
