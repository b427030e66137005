/** Pages of other origins: by the headers, and as a browser takes them. */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmilieError } from "../../src/errors.ts";
import { checkOrigins } from "../../src/server/cors.ts";
import { COTTAGE, type Fixture, fileOf, serve } from "../support/server-fixture.ts";

const TOKEN = "correct-horse-battery";
const APP = "http://app.example";
/** What OpenAI's SDK for Node announces from a page. */
const SDK_HEADERS =
  "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version," +
  "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout,x-of-tomorrow";

let named: Fixture;
let any: Fixture;
beforeAll(async () => {
  named = await serve({ data: null, token: TOKEN, allowedOrigins: [`${APP}/`, "http://other.example:80"] });
  any = await serve({ data: null, token: TOKEN, preload: false, allowedOrigins: ["*"] });
});
afterAll(async () => {
  for (const fixture of [named, any]) await fixture?.close();
});

const ask = (fixture: Fixture, path: string, origin: string | null, init: RequestInit = {}) =>
  fetch(fixture.server.url + path, {
    ...init,
    headers: { ...(origin && { origin }), ...(init.headers as Record<string, string>) },
  });
const bearer = { authorization: `Bearer ${TOKEN}` };
const preflight = (fixture: Fixture, path: string, origin: string) =>
  ask(fixture, path, origin, {
    method: "OPTIONS",
    headers: {
      "access-control-request-method": "POST",
      "access-control-request-headers": SDK_HEADERS,
      "access-control-request-private-network": "true",
    },
  });

describe("the headers", () => {
  it("answer a preflight before the token is asked for, whatever the page announces", async () => {
    for (const path of ["/v1/images/edits", "/api/v1/sessions", "/api/v1/events", "/health"]) {
      const { status, headers } = await preflight(named, path, APP);
      expect(status, path).toBe(204);
      expect(headers.get("access-control-allow-origin")).toBe(APP);
      const allowed = headers.get("access-control-allow-headers")!.split(", ");
      expect(allowed).toEqual(expect.arrayContaining(SDK_HEADERS.split(",")));
      expect(headers.get("access-control-allow-methods")).toMatch(/POST.*DELETE/);
      expect(headers.get("access-control-allow-private-network")).toBe("true");
      expect(headers.get("access-control-allow-credentials")).toBeNull();
      expect(headers.get("vary")).toContain("Origin");
    }
    // A link is for whoever has it.
    const link = await preflight(named, "/v1/pictures/0/0", "http://elsewhere.example");
    expect([link.status, link.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
    for (const origin of ["http://evil.example", "https://app.example", "http://app.example:81", "null"]) {
      const { status, headers } = await preflight(named, "/v1/images/edits", origin);
      expect([status, headers.get("access-control-allow-origin")], origin).toEqual([403, null]);
    }
  });

  it("are on answers, errors, events and pictures", async () => {
    const { id, root } = await named.client.createSession({ example: "cottage" });
    const picture = `/api/v1/sessions/${id}/nodes/${root}/picture`;
    const controller = new AbortController();
    const cases: [string, RequestInit, number][] = [
      ["/v1/models", { headers: bearer }, 200],
      ["/v1/models", {}, 401],
      ["/v1/images/edits", { method: "POST", headers: bearer, body: new FormData() }, 400],
      ["/nothing", { headers: bearer }, 404],
      [picture, { headers: bearer }, 200],
      ["/api/v1/events", { headers: bearer, signal: controller.signal }, 200],
    ];
    for (const [path, init, expected] of cases) {
      for (const origin of [APP, "http://other.example"]) {
        const { status, headers } = await ask(named, path, origin, init);
        expect(status, path).toBe(expected);
        expect(headers.get("access-control-allow-origin"), path).toBe(origin);
        expect(headers.get("access-control-expose-headers")).toContain("retry-after");
        expect(headers.get("vary")).toContain("Origin");
      }
    }
    controller.abort();
    // What is cached for one page must not be given to another.
    const own = await ask(named, picture, null, { headers: bearer });
    expect(own.headers.get("vary")).toContain("Origin");
    expect(own.headers.get("access-control-allow-origin")).toBeNull();
  });

  it('let any page in with "*" that knows the token; a cookie is no token there', async () => {
    const origin = "https://any.example";
    expect((await preflight(any, "/v1/models", origin)).headers.get("access-control-allow-origin")).toBe("*");
    const known = await ask(any, "/v1/models", origin, { headers: bearer });
    expect([known.status, known.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
    const cookie = `emilie-token=${TOKEN}`;
    expect((await ask(any, "/v1/models", origin, { headers: { cookie } })).status).toBe(401);
    expect((await ask(any, "/v1/models", any.server.url, { headers: { cookie } })).status).toBe(200);
  });

  it("are refused where they could not work", () => {
    expect(
      checkOrigins(["HTTP://App.Example:80/", "https://a.example, https://b.example:444"], null),
    ).toEqual([...["http://app.example", "https://a.example", "https://b.example:444"]]);
    for (const origin of [
      "app.example",
      "http://app.example/page",
      "http://app.example?x",
      "",
      "*",
      "null",
    ]) {
      const check = () => expect(checkOrigins([origin], null)).toEqual([]);
      if (origin === "") check();
      else expect(check, origin).toThrow(EmilieError);
    }
  });
});

const system = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const executablePath = existsSync(system) ? system : undefined;
const hasBrowser = executablePath !== undefined || existsSync(chromium.executablePath());
describe.skipIf(!hasBrowser)("in a browser", () => {
  let browser: Browser;
  let site: Server;
  let page: Awaited<ReturnType<Browser["newPage"]>>;
  const picture = async () => Buffer.from(await (await fileOf(COTTAGE)).arrayBuffer()).toString("base64");

  beforeAll(async () => {
    site = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>app</title>");
    });
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    const { port } = site.address() as AddressInfo;
    await named.close();
    named = await serve({ data: null, token: TOKEN, allowedOrigins: [`${APP}:${port}`] });
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", `--host-resolver-rules=MAP *.example 127.0.0.1`],
    });
    page = await browser.newPage();
    await page.goto(`${APP}:${port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  it("a page edits, hears events, reads errors and shows pictures", async () => {
    const found = await page.evaluate(
      async ({ base, token, png }) => {
        const headers = { authorization: `Bearer ${token}`, "x-stainless-lang": "js" };
        const bytes = Uint8Array.from(atob(png), (char) => char.charCodeAt(0));
        const form = (more: Record<string, string> = {}) => {
          const made = new FormData();
          made.append("image", new Blob([bytes], { type: "image/png" }), "a.png");
          for (const [name, value] of Object.entries({ prompt: "make it winter", steps: "1", ...more }))
            made.append(name, value);
          return made;
        };
        const post = (body: FormData) => fetch(`${base}/v1/images/edits`, { method: "POST", headers, body });
        const denied = await fetch(`${base}/v1/models`);
        const wrong = await (await post(form({ mask_url: "x" }))).json();
        const stream = await post(form({ stream: "true" }));
        const events = await stream.text();
        const answer = await (await post(form({ response_format: "url", size: "64x64" }))).json();
        const image = new Image();
        const shown = new Promise((resolve) => {
          image.onload = () => resolve([image.naturalWidth, image.naturalHeight]);
          image.onerror = () => resolve("not shown");
        });
        image.src = answer.data[0].url;
        return {
          denied: [denied.status, (await denied.json()).error.type],
          wrong: [wrong.error.param, wrong.error.code],
          stream: [stream.headers.get("content-type"), events.includes("image_edit.completed")],
          shown: await shown,
        };
      },
      { base: named.server.url, token: TOKEN, png: await picture() },
    );
    expect(found).toEqual({
      denied: [401, "authentication_error"],
      wrong: ["mask_url", "unknown_parameter"],
      stream: ["text/event-stream", true],
      shown: [64, 64],
    });
  });

  it("a page of another origin reads nothing", async () => {
    const { port } = site.address() as AddressInfo;
    const other = await browser.newPage();
    await other.goto(`http://evil.example:${port}/`);
    const read = (path: string) =>
      other.evaluate(
        ([url, token]) =>
          fetch(url!, { headers: { authorization: `Bearer ${token}` } }).then(
            ({ status }) => status,
            () => "refused",
          ),
        [named.server.url + path, TOKEN],
      );
    expect(await read("/v1/models")).toBe("refused");
    await other.close();
  });
});
