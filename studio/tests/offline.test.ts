/**
 * The static page without a network, in a real browser, from a host that sends no headers of its own: what was visited once
 * comes again and edits, a new version takes the place of the old one whole or not at all, and weights are fetched once.
 */
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeServiceWorker } from "../offline/write.ts";
import { borrowBrowser, edit, root } from "./site.ts";

const TYPES: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".wasm": "application/wasm",
};

let folder: string;
let browser: Browser;
let closeBrowser: () => Promise<void>;
let context: BrowserContext;
let page: Page;
/** What was asked for since this was last emptied. */
const asked: string[] = [];

/** A host for files, as plain as there are. */
const server = createServer(async (request, response) => {
  const path = new URL(request.url!, "http://localhost").pathname;
  asked.push(`${request.method} ${path}`);
  const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) return response.writeHead(404).end();
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  const etag = `"${found.size}-${found.mtimeMs}"`;
  response.writeHead(200, { "content-type": type, "content-length": found.size, etag });
  response.end(request.method === "HEAD" ? undefined : await readFile(file));
});

const listen = (port: number) =>
  new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

/** Without a network for the page, and without a host for whoever should ask all the same. */
async function offline(action: () => Promise<void>): Promise<void> {
  const { port } = server.address() as AddressInfo;
  await context.setOffline(true);
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
  try {
    await action();
  } finally {
    await listen(port);
    await context.setOffline(false);
  }
}

/** Makes another build of what lies there: another title, and so another list. */
async function publish(title: string): Promise<void> {
  const file = join(folder, "index.html");
  const html = await readFile(file, "utf8");
  await writeFile(file, html.replace(/<title>.*<\/title>/, `<title>${title}</title>`));
  await writeServiceWorker(folder);
}

/** Waits until the new version that the host has is there and waits for its turn, or was not taken. */
const update = () =>
  page.evaluate(async () => {
    const registration = (await navigator.serviceWorker.getRegistration())!;
    const found = new Promise<ServiceWorker>((resolve) =>
      registration.addEventListener("updatefound", () => resolve(registration.installing!), { once: true }),
    );
    await registration.update();
    const worker = registration.waiting ?? (await found);
    while (worker.state === "installing")
      await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
    return worker.state;
  });

const pageCaches = () =>
  page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("emilie-page-")));
/** The model's weights: three networks, and what it understands. */
const WEIGHTS = [
  "text_encoder/model.safetensors",
  "understanding.safetensors",
  "unet/diffusion_pytorch_model.safetensors",
  "vae/diffusion_pytorch_model.safetensors",
].map((name) => `/models/picturebook/${name}`);

/** The weights that the page has kept; whichever file is read last, they are all there before it can edit. */
const keptWeights = () =>
  page.evaluate(async () => {
    const kept = await (await caches.open("emilie-models")).keys();
    const paths = kept.map((request) => new URL(request.url).pathname);
    return paths.filter((path) => path.endsWith(".safetensors")).sort();
  });
const weights = (method: string) =>
  asked.filter((one) => one.startsWith(method) && one.endsWith(".safetensors"));
const isIsolated = () => page.evaluate(() => crossOriginIsolated);

beforeAll(async () => {
  if (!existsSync(join(root, "dist/site/sw.js")))
    throw new Error("There is no dist/site/sw.js. Run: npm run build:site");
  folder = await mkdtemp(join(tmpdir(), "emilie-site-"));
  await cp(join(root, "dist/site"), folder, { recursive: true });
  await listen(0);
  ({ browser, close: closeBrowser } = await borrowBrowser());
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(240_000);
});

afterAll(async () => {
  await closeBrowser?.();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

describe("the page after a first visit", () => {
  it("keeps itself, the runtime and the model", async () => {
    await page.goto(url());
    expect(await isIsolated()).toBe(false);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await expect.poll(keptWeights, { timeout: 120_000 }).toEqual(WEIGHTS);
    expect(weights("GET").sort()).toEqual(WEIGHTS.map((path) => `GET ${path}`));
    expect(asked.filter((one) => one.includes("asyncify") || one.includes("webgpu"))).toEqual([]);
  });

  it("comes and edits without a network, with threads", () =>
    offline(async () => {
      await page.reload();
      expect(await isIsolated()).toBe(true);
      await page.getByRole("button", { name: "cottage" }).click();
      await page.locator(".stage").waitFor();
      await edit(page, "make it winter");
      expect(await page.locator(".node-name").allTextContents()).toEqual(["original", "make it winter"]);
    }));

  it("goes over to a new version as a whole, and fetches no weights for it", async () => {
    await page.reload();
    const before = await pageCaches();
    await publish("emilie, the next");
    expect(await update()).toBe("installed");
    expect(await page.title()).toBe("emilie");
    asked.length = 0;
    await page.reload();
    await page.waitForFunction(() => document.title === "emilie, the next");
    await page.locator(".stage").waitFor();
    await expect.poll(pageCaches, { timeout: 10_000 }).toHaveLength(1);
    expect(await pageCaches()).not.toEqual(before);
    expect(weights("GET")).toEqual([]);
    await offline(async () => {
      await page.reload();
      expect(await page.title()).toBe("emilie, the next");
      await edit(page, "make it night");
    });
  });

  it("does not take a version of which a file is another's", async () => {
    const before = await pageCaches();
    await publish("emilie, half");
    await writeFile(join(folder, "icon.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>");
    expect(await update()).toBe("redundant");
    expect(await pageCaches()).toEqual(before);
    await page.reload();
    expect(await page.title()).toBe("emilie, the next");
  });
});
