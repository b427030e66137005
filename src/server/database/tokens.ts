/** Tokens with a name each: made, revoked and limited in the database, so that every server knows the same ones. Only their hashes are kept. */
import { createHash, randomBytes } from "node:crypto";
import { EmilieError } from "../../errors.ts";
import type { TokenCheck } from "../guard.ts";
import type { Database } from "./database.ts";

const NAME = /^[\w.@-]{1,60}$/;
export const TOKEN_RATE = 20;
/** How many requests a token may make at once, as a multiple of its rate. */
const BURST = 5;

export interface TokenInfo {
  readonly name: string;
  readonly perSecond: number;
  readonly created: Date;
  readonly revoked: Date | null;
}

/** The new token: it is shown once, and kept nowhere. @throws EmilieError "option.invalid", "io.exists" */
export async function createToken(database: Database, name: string, perSecond = TOKEN_RATE): Promise<string> {
  if (!NAME.test(name))
    throw new EmilieError(
      "option.invalid",
      `A token's name has 1 to 60 letters, digits and . _ @ -, got ${JSON.stringify(name)}.`,
    );
  const token = randomBytes(24).toString("base64url");
  const made = await database.query(
    `INSERT INTO @schema.tokens (name, hash, per_second, burst, "left") VALUES ($1, $2, $3::float8, $4, $4)
     ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, per_second = excluded.per_second, burst = excluded.burst, "left" = excluded."left",
       created = now(), revoked = NULL WHERE @schema.tokens.revoked IS NOT NULL OR @schema.tokens.hash = excluded.hash RETURNING name`,
    [name, hashOf(token), perSecond, Math.max(1, perSecond * BURST)],
  );
  if (made.length > 0) return token;
  throw new EmilieError(
    "io.exists",
    `There is a token named ${name}. Revoke it first: emilie database token revoke ${name}`,
  );
}

export async function revokeToken(database: Database, name: string): Promise<void> {
  const revoked = await database.query(
    "UPDATE @schema.tokens SET revoked = now() WHERE name = $1 AND revoked IS NULL RETURNING name",
    [name],
  );
  if (revoked.length === 0)
    throw new EmilieError("server.missing", `There is no token named ${JSON.stringify(name)}.`);
}

export async function listTokens(database: Database): Promise<TokenInfo[]> {
  return database.query<TokenInfo>(
    `SELECT name, per_second AS "perSecond", created, revoked FROM @schema.tokens ORDER BY name`,
  );
}

/** Whose a token is, for every request anew: one that is revoked is refused by the next request to any server. */
export function tokenCheck(database: Database): TokenCheck {
  return async (given) => {
    const [found] = await database.query<{ name: string | null; allowed: boolean | null }>(
      "SELECT * FROM @schema.spend($1)",
      [hashOf(given)],
    );
    if (!found?.name) return null;
    if (found.allowed) return found.name;
    throw new EmilieError(
      "server.busy",
      `The token ${found.name} makes more requests than it may. Slow down.`,
    );
  };
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
