/**
 * Models that the page without a server fetches into the browser: offered with size and licence, fetched when asked for, interrupted, gone on with
 * after a reload, used, removed; and refused with a reason where there is no room.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Asked,
  type Behaviour,
  type RangeServer,
  startRangeServer,
} from "../../tests/support/range-server.ts";
import { edit, openExample, openPage, openSite, root, type Site, seriousFaults } from "./site.ts";

let site: Site;
let server: RangeServer;
let page: Page;
let errors: string[];
/** Hosts that the page has spoken to. */
const hosts = new Set<string>();

const behave = (behaviour: Behaviour) =>
  fetch(`${server.url}-/behave`, { method: "POST", body: JSON.stringify(behaviour) });
const weightsSent = async () => {
  const asked = (await (await fetch(`${server.url}-/asked`)).json()) as Asked[];
  const weights = asked.filter(({ path }) => path.endsWith(".safetensors"));
  return weights.reduce((sum, { from, to }) => sum + to - from, 0);
};

const card = (title: string | RegExp) =>
  page.locator(".model-card", { has: page.getByRole("heading", { name: title }) });
const added = () => card(/127\.0\.0\.1/);
const openPanel = () => page.locator(".model-button").click();

/** What the browser says that the page may store, until it is loaded again. */
const allow = (bytes: number) =>
  page.evaluate((quota) => {
    navigator.storage.estimate = async () => ({ quota, usage: 0 });
  }, bytes);

beforeAll(async () => {
  site = await openSite();
  server = await startRangeServer((path) =>
    readFile(join(root, "tests/fixtures/dreamlite", path)).catch(() => null),
  );
  ({ page, errors } = await openPage(site));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    // What the page made itself has an address too.
    if (!["blob:", "data:"].includes(protocol)) hosts.add(host);
  });
  await openExample(page, "cottage");
});

afterAll(async () => {
  await site?.close();
  await server?.close();
});

/** A minute of fetching and computing in one thread of a page: EMILIE_PAGE_MODELS=1 npx vitest run --project studio studio/tests/page-models.test.ts */
const whole = it.skipIf(process.env.EMILIE_PAGE_MODELS !== "1");

describe("DreamLite in the page", () => {
  it("is offered with its size and its licence, and nothing is asked of anybody", async () => {
    await allow(50e9);
    await openPanel();
    const offered = card("DreamLite mobile");
    await offered
      .getByText(/5\.\d GB, of which this browser keeps 2\.\d GB.*CC BY-NC 4\.0.*Not for commercial use/)
      .waitFor();
    await offered.getByRole("button", { name: "Download" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    expect([...hosts]).toEqual([new URL(site.url).host]);
  });

  it("says what there is too little of, where that is so", async () => {
    await allow(1e9);
    await openPanel();
    await card("DreamLite mobile")
      .getByText(
        /takes 2\.\d GB of the browser's storage, of which this page may have 1\.0 GB.*npx emilie studio/,
      )
      .waitFor();
    expect(await card("DreamLite mobile").getByRole("button", { name: "Download" }).count()).toBe(0);
    await page.keyboard.press("Escape");
    await allow(50e9);
  });

  it("is looked at by its folder's address, and then offered", async () => {
    await openPanel();
    await page.fill("#pull-name", `${server.url}told/mobile/checkpoint`);
    await page.getByRole("button", { name: "Look up" }).click();
    await added()
      .getByText(/CC BY-NC 4\.0: not for commercial use/)
      .waitFor();
    // Headers alone.
    expect(await weightsSent()).toBeLessThan(150_000);
    await page.fill("#pull-name", "not a model");
    await page.getByRole("button", { name: "Look up" }).click();
    await page.getByText(/neither a model’s name on the hub/).waitFor();
    await page.fill("#pull-name", "");
  });

  whole("goes on after a cut connection and a reload, with what had arrived", async () => {
    await behave({ cutAfter: 200_000 });
    await added()
      .getByRole("button", { name: /Download/ })
      .click();
    await added().getByRole("alert").waitFor();
    expect(await added().getByRole("alert").textContent()).toMatch(
      /connection was lost|could not be fetched/,
    );
    await behave({ cutAfter: null });
    await weightsSent();
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    await page.locator(".still-loading").waitFor({ state: "detached" });
    await openPanel();
    await added()
      .getByRole("button", { name: /Download/ })
      .click();
    await added().getByRole("button", { name: "Use" }).waitFor();
    expect(await weightsSent()).toBeGreaterThan(0);
  });

  whole("edits, is there after a reload, and fetches nothing again", async () => {
    await added().getByRole("button", { name: "Use" }).click();
    await page.locator(".model-button", { hasText: "DreamLite" }).waitFor();
    await page.locator(".still-loading").waitFor({ state: "detached" });
    await edit(page, "make it winter");
    expect(await page.locator(".node-name").allTextContents()).toContain("make it winter");
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    await page.locator(".model-button", { hasText: "DreamLite" }).waitFor();
    await behave({ cutAfter: 0 });
    await page.locator(".still-loading").waitFor({ state: "detached" });
    await edit(page, "make it green");
    expect(await page.locator(".node-name").allTextContents()).toContain("make it green");
    expect(await weightsSent()).toBe(0);
    await behave({ cutAfter: null });
  });

  whole("can be removed, but not from under an open picture", async () => {
    await openPanel();
    expect(
      await added()
        .getByRole("button", { name: /Remove/ })
        .count(),
    ).toBe(0);
    await card("picturebook").getByRole("button", { name: "Use" }).click();
    await page.locator(".model-button", { hasText: "picturebook" }).waitFor();
    await page.locator(".still-loading").waitFor({ state: "detached" });
    // Until the picture goes on in a session of the other model.
    await expect.poll(() => page.locator(".node-name").allTextContents()).toEqual(["original"]);
    await openPanel();
    await added()
      .getByRole("button", { name: /Remove/ })
      .click();
    await added().waitFor({ state: "detached" });
    const kept = () =>
      page.evaluate(async () => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("emilie-models");
        let count = 0;
        for await (const _ of folder.keys()) count++;
        return count;
      });
    await expect.poll(kept).toBe(0);
    // A cut connection is an error of the browser's own too.
    expect(errors.filter((one) => !/ERR_|Failed to load resource/.test(one))).toEqual([]);
  });
});
