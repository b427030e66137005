/**
 * Pages of other origins (`--allow-origin`), as browsers ask for them: a preflight is answered before anybody asks for a token,
 * since browsers send none with it, and every answer says who may read it, errors and streams too.
 */
import type { Context } from "hono";
import { EmilieError } from "../errors.ts";

/** What clients send, OpenAI's among them; what a preflight names beside these is allowed as well. */
const REQUEST_HEADERS = [
  ...["authorization", "content-type", "accept", "content-encoding", "last-event-id", "if-none-match"],
  ...["idempotency-key", "openai-organization", "openai-project", "openai-beta", "x-requested-with"],
  ...["arch", "async", "custom-poll-interval", "helper-method", "lang", "os", "package-version"].map(
    stainless,
  ),
  ...["poll-helper", "raw-response", "retry-count", "runtime", "runtime-version", "timeout"].map(stainless),
];
const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/** What a page could not read otherwise. */
const EXPOSED = "content-disposition, etag, retry-after, www-authenticate";
/** Browsers keep an answer for two hours at most. */
const PREFLIGHT_SECONDS = 7200;

function stainless(name: string): string {
  return `x-stainless-${name}`;
}

/**
 * Origins as browsers write them.
 *
 * @throws EmilieError option.invalid for what is no origin, and for "*" without a token: every page that the user opens could
 * use the server then
 */
export function checkOrigins(given: readonly string[] = [], token: string | null): string[] {
  return given
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => {
      if (text === "*") {
        if (token !== null) return text;
        const message =
          '"*" lets every page use the server, so it needs a token. Set one, or name the origins.';
        throw new EmilieError("option.invalid", message);
      }
      const url = URL.canParse(text) ? new URL(text) : null;
      // Browser extensions have schemes of their own, which have no origin for URL.
      if (url && url.pathname.replace(/^\/$/, "") === "" && !url.search && !url.hash && !url.username) {
        if (url.origin !== "null") return url.origin;
        if (url.host !== "" && !/^(data|blob|file|javascript):$/.test(url.protocol))
          return `${url.protocol}//${url.host}`;
      }
      throw new EmilieError(
        "option.invalid",
        `An origin is a scheme and a name, as https://app.example or http://localhost:5173, got ${JSON.stringify(text.slice(0, 200))}.`,
      );
    });
}

/** Whether pages of this origin may use the server. */
export function isAllowed(origin: string, allowed: readonly string[]): boolean {
  return allowed.includes(origin) || allowed.includes("*");
}

export function isPreflight(c: Context): boolean {
  const { req } = c;
  return req.method === "OPTIONS" && !!req.header("origin") && !!req.header("access-control-request-method");
}

/** The answer to a preflight of an allowed origin; what every answer has comes on top of it. */
export function answerPreflight(c: Context): Response {
  const asked = (c.req.header("access-control-request-headers") ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[a-z0-9-]{1,100}$/.test(name));
  const headers: Record<string, string> = {
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": [...new Set([...REQUEST_HEADERS, ...asked])].join(", "),
    "access-control-max-age": `${PREFLIGHT_SECONDS}`,
  };
  // A page of the web asks for a server on this machine.
  if (c.req.header("access-control-request-private-network") === "true")
    headers["access-control-allow-private-network"] = "true";
  return c.body(null, 204, headers);
}

/** Says of an answer which pages may read it. Credentials are not shared: other origins send the token, not the cookie. */
export function shareWith(c: Context, allowed: readonly string[], isLink: boolean): void {
  const { headers } = c.res;
  headers.append("vary", "Origin");
  if (isPreflight(c))
    headers.append("vary", "Access-Control-Request-Headers, Access-Control-Request-Private-Network");
  const origin = c.req.header("origin");
  const isShared = origin !== undefined && isAllowed(origin, allowed);
  if (!isShared && !isLink) return;
  headers.set("access-control-allow-origin", isLink || allowed.includes("*") ? "*" : origin!);
  headers.set("access-control-expose-headers", EXPOSED);
  headers.set("cross-origin-resource-policy", "cross-origin");
}
