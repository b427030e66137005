/** Who may ask, and for how much. */
import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { emilie } from "../support/command-line.ts";
import { type Fixture, serve } from "../support/server-fixture.ts";

const TOKEN = "correct-horse-battery";
let open: Fixture;
let closed: Fixture;
let small: Fixture;
let behind: Fixture;
beforeAll(async () => {
  open = await serve({
    allowedHosts: ["emilie.test"],
    allowedOrigins: ["http://localhost:5173"],
    preload: false,
  });
  closed = await serve({ token: TOKEN, data: null });
  behind = await serve({
    token: TOKEN,
    data: null,
    preload: false,
    publicUrl: "https://pictures.example/emilie/",
  });
  small = await serve({
    data: null,
    preload: false,
    limits: { uploadBytes: 20_000, pixels: 10_000, burst: 30, requestsPerSecond: 1 },
  });
});
afterAll(async () => {
  for (const fixture of [open, closed, small, behind]) await fixture?.close();
});

/** fetch sets Host itself; this does not. */
function raw(
  fixture: Fixture,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: fixture.server.port, path, method, headers },
      (response) => {
        response.resume();
        resolve(response.statusCode!);
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

describe("on loopback", () => {
  it("a page behind a proxy that does not pass its name on is the server's own", async () => {
    const host = `127.0.0.1:${behind.server.port}`;
    const path = "/api/v1/info";
    const cookie = `emilie-token=${TOKEN}`;
    expect(await raw(behind, path, { host, cookie, origin: "https://pictures.example" })).toBe(200);
    for (const origin of ["http://pictures.example", "https://pictures.example.evil", "null"])
      expect(await raw(behind, path, { host, cookie, origin }), origin).toBe(403);
    const document = await fetch(`${behind.server.url}/openapi.json`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const { servers } = (await document.json()) as { servers: unknown };
    expect(servers).toEqual([{ url: "https://pictures.example/emilie" }]);
  });

  it("names that were pointed at this machine are refused", async () => {
    const { port } = open.server;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, "emilie.test"]) {
      expect(await raw(open, "/api/v1/info", { host }), host).toBe(200);
    }
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "localhost.evil.example",
    ]) {
      expect(await raw(open, "/api/v1/info", { host }), host).toBe(403);
      expect(await raw(open, "/v1/models", { host }), host).toBe(403);
    }
  });

  it("pages of other origins are refused, their pictures and forms too", async () => {
    const own = open.server.url;
    for (const origin of [own, "http://localhost:5173"]) {
      expect(await raw(open, "/api/v1/sessions", { origin }), origin).toBe(200);
    }
    for (const origin of ["http://evil.example", "null", "http://localhost:1", own.replace("http", "ftp")]) {
      expect(await raw(open, "/api/v1/sessions", { origin }), origin).toBe(403);
      expect(await raw(open, "/api/v1/sessions", { origin }, "POST"), origin).toBe(403);
    }
    expect(
      await raw(open, "/api/v1/sessions", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }),
    ).toBe(403);
    expect(await raw(open, "/docs", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(
      200,
    );
    const answer = await fetch(`${own}/api/v1/info`);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(answer.headers.get("cross-origin-resource-policy")).toBe("same-origin");
  });

  it("pages may load nothing but what is theirs, and use threads", async () => {
    for (const path of ["/", "/docs"]) {
      const { headers, status } = await fetch(open.server.url + path);
      expect(status).toBe(200);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(headers.get("cross-origin-embedder-policy")).toBe("require-corp");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  it("the studio's files are served where there are some, and nothing beside them", async () => {
    const folder = join(open.folder, "studio");
    await mkdir(join(folder, "assets"), { recursive: true });
    await writeFile(join(folder, "index.html"), "<!doctype html>the studio");
    await writeFile(join(folder, "assets", "app-1a2b.js"), "export {};");
    await writeFile(join(open.folder, "secret.txt"), "secret");
    const served = await serve({ data: null, preload: false, studio: folder });
    const page = await fetch(`${served.server.url}/`);
    expect(await page.text()).toContain("the studio");
    expect(page.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    const script = await fetch(`${served.server.url}/assets/app-1a2b.js`);
    expect(script.headers.get("content-type")).toContain("text/javascript");
    expect(script.headers.get("cache-control")).toContain("immutable");
    for (const path of [
      "/../secret.txt",
      "/%2e%2e/secret.txt",
      "/..%2fsecret.txt",
      "/assets/",
      "/assets/../../secret.txt",
    ]) {
      expect(await raw(served, path), path).toBe(404);
    }
    await served.close();
  });

  it("no path leads out, and nothing unknown is found", async () => {
    const paths = [
      "/../package.json",
      "/..%2f..%2fpackage.json",
      "/%2e%2e/%2e%2e/etc/passwd",
      "/api/v1/examples/..%2f..%2fpackage",
      "/api/v1/examples/cottage.png",
      "/api/v1/sessions/..%2f..%2fx",
      "/api/v1/sessions/0000000000000000/nodes/..%2fx/picture",
      `/api/v1/sessions/0000000000000000/masks/${"..%2f".repeat(12)}`,
      "/nothing",
    ];
    for (const path of paths) expect([400, 404], path).toContain(await raw(open, path));
  });

  it("the log has neither instructions nor queries", async () => {
    const { client, logs } = open;
    const { id, root } = await client.createSession({ example: "lake" }, { name: "a secret name" });
    const job = await client.edit(id, { instruction: "a secret instruction", steps: 1, previews: 0 });
    await client.finished(job.id);
    await client.picture(id, root, { width: 77 });
    const log = logs.join("\n");
    expect(log).toContain(`POST /api/v1/sessions/${id}/edits 202`);
    expect(log).not.toMatch(/secret|width=77/);
  });
});

describe("with a token", () => {
  it("nothing but the health is told without it", async () => {
    for (const path of ["/", "/docs", "/metrics", "/openapi.json", "/api/v1/sessions", "/v1/models"]) {
      expect(await raw(closed, path), path).toBe(401);
      expect(await raw(closed, path, { authorization: "Bearer wrong-token" }), path).toBe(401);
      expect(await raw(closed, path, { authorization: `Bearer ${TOKEN}` }), path).toBe(200);
    }
    expect(await raw(closed, "/health")).toBe(200);
    const stranger = new EmilieClient({ baseUrl: closed.server.url });
    await expect(stranger.sessions()).rejects.toMatchObject({ code: "server.denied" });
    const body = (await (await fetch(`${closed.server.url}/v1/models`)).json()) as {
      error: { type: string };
    };
    expect(body.error.type).toBe("authentication_error");
  });

  it("the printed address gives a page its cookie, and the token leaves the address", async () => {
    const entry = await fetch(`${closed.server.url}/?token=${TOKEN}`, { redirect: "manual" });
    expect([entry.status, entry.headers.get("location")]).toEqual([303, "./"]);
    const cookie = entry.headers.get("set-cookie")!;
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    expect(await raw(closed, "/api/v1/sessions", { cookie: cookie.split(";")[0]! })).toBe(200);
    expect(await raw(closed, "/?token=wrong-token")).toBe(401);
    expect(closed.logs.join("\n")).not.toContain(TOKEN);
  });

  it("any bind but loopback gets one", async () => {
    const anywhere = await serve({ host: "0.0.0.0", data: null, preload: false });
    expect(anywhere.server.token!.length).toBeGreaterThanOrEqual(32);
    expect(await raw(anywhere, "/api/v1/info")).toBe(401);
    expect(await raw(anywhere, "/api/v1/info", { authorization: `Bearer ${anywhere.server.token}` })).toBe(
      200,
    );
    await anywhere.close();
  });
});

describe("limits", () => {
  it("bodies, pixels and requests are bounded", async () => {
    const { client, server } = small;
    await expect(client.createSession(new Blob([new Uint8Array(30_000)]))).rejects.toMatchObject({
      code: "image.too-large",
    });
    await expect(client.createSession({ example: "cottage" })).rejects.toMatchObject({
      code: "image.too-large",
    });
    const chunked = await fetch(`${server.url}/v1/images/edits`, {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=x" },
      body: new Blob([new Uint8Array(50_000)]).stream(),
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
    let answer = await fetch(`${server.url}/health`);
    for (let i = 0; i < 40 && answer.status === 200; i++) answer = await fetch(`${server.url}/health`);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  });
});

describe("the command line", () => {
  it("says what is wrong before it serves", async () => {
    const taken = await emilie(
      "serve",
      "--port",
      `${open.server.port}`,
      "--data",
      `${open.folder}-other`,
      "--json",
    );
    expect(taken.code).toBe(1);
    expect(JSON.parse(taken.stdout)).toMatchObject({ error: { code: "server.busy" } });
    const busy = await emilie(
      "serve",
      "--port",
      "0",
      "--model",
      "nobody/nothing",
      "--data",
      `${open.folder}-other`,
    );
    expect(busy.code).toBe(1);
    expect(busy.stderr).toContain("nobody/nothing");
    expect((await emilie("serve", "--port", "99999")).code).toBe(2);
  });
});
