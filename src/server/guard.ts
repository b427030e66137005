/**
 * Who may ask. A server on loopback is within reach of every page that the user's browser shows: a page of another origin
 * could send requests to it, and one whose name was pointed at 127.0.0.1 (DNS rebinding) would even read the answers.
 * So names and origins are checked; off loopback a token is asked for as well.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { EmilieError } from "../errors.ts";
import { answerPreflight, isAllowed, isPreflight } from "./cors.ts";
import { Unauthorized } from "./errors.ts";
import { LINK_PATH } from "./links.ts";

/** Whose a token is; null where it is nobody's. @throws EmilieError "server.busy" where it asks too often */
export type TokenCheck = (given: string) => Promise<string | null>;

/** Tokens with a name each, beside the server's own. */
export interface NamedTokens {
  /** Whether there are any: then every request needs one. */
  readonly exist: boolean;
  readonly check: TokenCheck;
}

export interface GuardOptions {
  /** What the server is bound to. */
  readonly host: string;
  readonly token: string | null;
  readonly tokens?: NamedTokens | null;
  /** Names beside the loopback's and `host` by which it may be called. */
  readonly allowedHosts?: readonly string[];
  /** Origins beside its own, as "http://localhost:5173"; "*": any. As checkOrigins gives them. */
  readonly allowedOrigins?: readonly string[];
  /** The server's own origin where a proxy is before it, which may not pass its name on. */
  readonly publicOrigin?: string;
  readonly requestsPerSecond: number;
  readonly burst: number;
}

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]", "::1"];
const WILDCARDS = ["0.0.0.0", "::", "[::]"];
const COOKIE = "emilie-token";
/** What a balancer asks: whether the process lives, and whether it works. */
const OPEN_PATHS = ["/health", "/live"];
/** Addresses remembered for the rate; the ones not heard of longest are dropped first. */
const MAX_ADDRESSES = 10_000;

export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

export function guard(options: GuardOptions): MiddlewareHandler {
  const rate = rateLimit(options);
  return async (c, next) => {
    rate(addressOf(c));
    checkHost(c, options);
    // A link is its own key, and its route looks at it.
    if (isLink(c)) return isPreflight(c) ? answerPreflight(c) : next();
    const isForeign = checkOrigin(c, options);
    if (isForeign && isPreflight(c)) return answerPreflight(c);
    if (needsToken(options) && !OPEN_PATHS.includes(c.req.path)) {
      const given = c.req.query("token");
      const opens = given !== undefined && c.req.method === "GET" && c.req.path === "/";
      // A person opens the page by an address with the token in it; from then on a cookie has it.
      if (opens && (await ownerOf(given, options)) !== null) {
        setCookie(c, COOKIE, given, { httpOnly: true, sameSite: "Strict", path: "/" });
        // Relative, since a proxy may have the server below a path of its own.
        return c.redirect("./", 303);
      }
      c.set("owner", await checkToken(c, options, isForeign));
    }
    return next();
  };
}

export function isLink(c: Context): boolean {
  return c.req.path.startsWith(LINK_PATH);
}

function needsToken({ token, tokens }: Pick<GuardOptions, "token" | "tokens">): boolean {
  return token !== null || (tokens?.exist ?? false);
}

/** The name of a token; "" for the server's own, null for a wrong one. */
async function ownerOf(given: string, { token, tokens }: GuardOptions): Promise<string | null> {
  if (token !== null && same(given, token)) return "";
  return (await tokens?.check(given)) ?? null;
}

/** Whose request it is, by the name of its token; "" where tokens have none. */
export function ownerOfRequest(c: Context): string {
  return c.get("owner") ?? "";
}

function checkHost(c: Context, { host, allowedHosts = [], ...options }: GuardOptions): void {
  // Off loopback any name may be right, and the token stands in the way.
  if (needsToken(options) && WILDCARDS.includes(host)) return;
  const name = (c.req.header("host") ?? "").replace(/:\d+$/, "").toLowerCase();
  if (isLoopback(name) || name === host || allowedHosts.includes(name)) return;
  throw new EmilieError(
    "server.denied",
    `This server is not called ${JSON.stringify(name.slice(0, 100))}. Use its address, or allow the name with --allow-host.`,
  );
}

/** Whether a page of another origin asks, which is allowed to. */
function checkOrigin(c: Context, { allowedOrigins = [], publicOrigin }: GuardOptions): boolean {
  const origin = c.req.header("origin");
  const own = c.req.header("host");
  if (origin !== undefined) {
    if (origin === `http://${own}` || origin === `https://${own}` || origin === publicOrigin) return false;
    if (isAllowed(origin, allowedOrigins)) return true;
    const message = "Pages of other origins may not use this server; --allow-origin names those that may.";
    throw new EmilieError("server.denied", message);
  }
  // Requests that carry no Origin, as those of <img>: the browser itself says whence they come.
  const site = c.req.header("sec-fetch-site");
  const foreign = site === "cross-site" || site === "same-site";
  if (foreign && c.req.header("sec-fetch-mode") !== "navigate") {
    throw new EmilieError("server.denied", "Pages of other origins may not use this server.");
  }
  return false;
}

/** The cookie is for the server's own pages: another page of this machine could send it without knowing it. */
async function checkToken(c: Context, options: GuardOptions, isForeign: boolean): Promise<string> {
  const bearer = /^Bearer\s+(\S.*)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  const given = bearer ?? (isForeign ? undefined : getCookie(c, COOKIE));
  const owner = given === undefined ? null : await ownerOf(given, options);
  if (owner !== null) return owner;
  throw new Unauthorized(
    given === undefined
      ? "This server asks for its token: Authorization: Bearer TOKEN, or open the address that it printed."
      : "That is not this server's token.",
  );
}

/** Takes as long for a wrong guess as for a right one. */
function same(a: string, b: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** A bucket of requests for each address, which fills up again at a steady rate. */
function rateLimit({ requestsPerSecond, burst }: GuardOptions): (address: string) => void {
  const buckets = new Map<string, { left: number; time: number }>();
  return (address) => {
    const now = performance.now() / 1000;
    const { left, time } = buckets.get(address) ?? { left: burst, time: now };
    const filled = Math.min(burst, left + (now - time) * requestsPerSecond);
    buckets.delete(address);
    buckets.set(address, { left: Math.max(0, filled - 1), time: now });
    if (buckets.size > MAX_ADDRESSES) buckets.delete(buckets.keys().next().value!);
    if (filled < 1) {
      throw new EmilieError(
        "server.busy",
        `More than ${requestsPerSecond} requests a second from one address. Slow down.`,
      );
    }
  };
}

function addressOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? "unknown";
}

/** The pages' own scripts and nothing else; the two cross-origin lines let the in-page engine use threads. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    // Component libraries set styles in elements of their own.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self' blob: data:",
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

export const ALL_HEADERS: Readonly<Record<string, string>> = {
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
};
