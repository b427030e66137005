/** After Stop, a reload and the death of the worker on the static page the words, the masks and the seed are what they were, byte by byte. */
import type { Page } from "playwright";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import {
  base64,
  begin,
  clear,
  enter,
  idle,
  type Kept,
  keptOf,
  names,
  PLACES,
  running,
  stop,
  text,
  underWay,
} from "./recovery.ts";
import { openExample, openPage, openSite, type Site } from "./site.ts";

describe("words, masks and seed, without a server", () => {
  let site: Site;
  let page: Page;

  beforeAll(async () => {
    site = await openSite();
    ({ page } = await openPage(site, { acceptDownloads: true }));
    // It asks before it is left while it computes.
    page.on("dialog", (dialog) => void dialog.accept());
    await openExample(page, "cottage");
  });
  afterAll(async () => {
    await site?.close();
  });
  beforeEach(async () => {
    await clear(page);
    await moveSteps("End");
  });

  /** As many steps as an edit may have, or as few. */
  async function moveSteps(key: "Home" | "End"): Promise<void> {
    const slider = page.getByRole("slider", { name: "Steps" });
    if ((await slider.count()) === 0) await page.getByRole("button", { name: "Advanced" }).click();
    await slider.press(key);
  }

  /** The edit that is made of the draft in the end has its words, masks and seed. */
  async function makesOf(kept: Kept): Promise<void> {
    await moveSteps("Home");
    const before = (await names(page)).length;
    await enter(page);
    await expect.poll(async () => (await names(page)).length).toBe(before + 1);
    await idle(page);
    await page.getByRole("button", { name: "Export" }).click();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save session", exact: true }).click(),
    ]);
    const model = await loadModel("picturebook");
    try {
      const session = await loadSession(await file.path(), { model });
      const { recipe } = session.head;
      expect(recipe!.seed).toBe(kept.seed);
      expect(recipe!.regions.map(({ instruction }) => instruction)).toEqual(PLACES);
      for (const [i, [, , , bytes]] of kept.masks.entries()) {
        const { data } = session.masks.get(recipe!.regions[i]!.mask!.sha256)!;
        expect(base64(Uint8Array.from(data, (value) => Math.round(255 * value)))).toBe(bytes);
      }
    } finally {
      await model.dispose();
    }
    await expect.poll(() => text(page)).toBe("");
  }

  it("are what they were after Stop", async () => {
    const kept = await begin(page);
    await enter(page);
    await running(page).waitFor();
    await stop(page);
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("are what they were after a reload, with nothing running and during an edit", async () => {
    const kept = await begin(page);
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    expect(await keptOf(page)).toEqual(kept);
    await enter(page);
    await underWay(page);
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    await idle(page);
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it.each([
    ["that the browser ends without a word", () => self.close()],
    [
      "that fails",
      () => {
        setTimeout(() => {
          throw new Error("out of order");
        });
      },
    ],
  ])("are what they were after the death of the worker: one %s", async (_, die) => {
    const kept = await begin(page);
    await enter(page);
    await underWay(page);
    const worker = page.workers().find((one) => /worker\.web/.test(one.url()))!;
    await worker.evaluate(die).catch(() => {});
    const notice = page.getByRole("alert").filter({ hasText: /worker ended/ });
    await notice.waitFor();
    await idle(page);
    expect(await keptOf(page)).toEqual(kept);
    await notice.getByRole("button", { name: "Dismiss" }).click();
    // Another worker computes what is asked for next.
    await makesOf(kept);
  });

  it("are what they were after their session was left during an edit", async () => {
    const kept = await begin(page);
    const here = page.url();
    await enter(page);
    await underWay(page);
    await page.getByRole("button", { name: /to the start page/ }).click();
    await page.locator(".examples").waitFor();
    await page.locator(".recent button", { hasText: "cottage" }).first().click();
    await page.locator(".stage canvas").waitFor();
    expect(page.url()).toBe(here);
    await idle(page);
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });
});
