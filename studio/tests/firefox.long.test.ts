/**
 * The main gesture in Firefox, through WebDriver BiDi: open, words, a mask by the brush, edit, stop, undo, export. Skipped where there is no Firefox
 * (FIREFOX_PATH, or Debian's firefox-esr).
 */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/index.ts";
import { FORMS, type Site } from "./site.ts";

const firefox = [process.env.FIREFOX_PATH, "/usr/bin/firefox-esr", "/usr/bin/firefox"].find(
  (path) => path !== undefined && existsSync(path),
);

describe.skipIf(firefox === undefined).each(FORMS)("the studio in Firefox, $form", ({ open }) => {
  let site: Site;
  let browser: Browser;
  let page: Page;
  let downloads: string;
  const errors: string[] = [];

  beforeAll(async () => {
    site = await open();
    downloads = await mkdtemp(join(tmpdir(), "emilie-firefox-"));
    browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: firefox!,
      headless: true,
      extraPrefsFirefox: {
        "browser.download.folderList": 2,
        "browser.download.dir": downloads,
        "browser.download.useDownloadDir": true,
        "browser.helperApps.neverAsk.saveToDisk": "image/png",
        "browser.download.alwaysOpenPanel": false,
        "browser.shell.checkDefaultBrowser": false,
      },
    });
    page = await browser.newPage();
    page.setDefaultTimeout(300_000);
    await page.setViewport({ width: 1300, height: 850 });
    page.on("pageerror", (error) => {
      // The client's own waiting compiles functions in the page, which the server's policy forbids.
      if (!/blocked a JavaScript eval/.test(String(error))) errors.push(String(error));
    });
    await page.goto(site.url);
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await rm(downloads, { recursive: true, force: true });
  });

  const nodes = () => page.$$eval(".node .node-name", (all) => all.map((one) => one.textContent));
  const words = () => page.$eval("#instruction", (field) => (field as HTMLTextAreaElement).value);
  const idle = () => page.waitForSelector(".edit-button:not(.running)");
  const say = async (text: string) => {
    await page.click("#instruction");
    await page.keyboard.down("Control");
    await page.keyboard.press("a");
    await page.keyboard.up("Control");
    await page.keyboard.type(text);
  };

  it("opens an example and edits it", async () => {
    await page.locator(".examples button").click();
    await page.waitForSelector(".stage canvas");
    await page.waitForSelector(".still-loading", { hidden: true });
    await say("make it winter");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll(".node").length === 2);
    await idle();
  });

  it("edits where the brush painted", async () => {
    await page.focus(".stage canvas");
    await page.keyboard.press("b");
    const { x, y, width, height } = (await (await page.$(".stage canvas"))!.boundingBox())!;
    await page.mouse.move(x + 0.42 * width, y + 0.48 * height);
    await page.mouse.down();
    await page.mouse.move(x + 0.6 * width, y + 0.5 * height, { steps: 8 });
    await page.mouse.up();
    await page.waitForFunction(() => /[1-9]\d* %/.test(document.querySelector(".region")?.textContent ?? ""));
    await say("paint the roof blue");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll(".node").length === 3);
    await idle();
    expect(await nodes()).toEqual(["original", "make it winter", "paint the roof blue"]);
  });

  it("stops, with the words kept", async () => {
    await say("make it night");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".edit-button.running");
    await page.keyboard.press("Escape");
    await idle();
    // Stopped, the words stay; finished before the stop came, they have served.
    const made = (await nodes()).includes("make it night");
    expect(await words()).toBe(made ? "" : "make it night");
  });

  it("steps back by key, and the words of the step return", async () => {
    const before = await page.$eval(".node[aria-selected=true]", (one) => one.textContent);
    await page.focus(".stage canvas");
    await page.keyboard.down("Control");
    await page.keyboard.press("z");
    await page.keyboard.up("Control");
    await page.waitForFunction(
      (before) => document.querySelector(".node[aria-selected=true]")?.textContent !== before,
      {},
      before,
    );
  });

  it("exports the picture", async () => {
    await page.locator("::-p-aria(Export)").click();
    await page.locator("::-p-aria(Save picture)").click();
    const saved = async () => {
      const name = (await readdir(downloads)).find((one) => one.endsWith(".png"));
      const picture = name && (await readPicture(await readFile(join(downloads, name))));
      return picture && [picture.width, picture.height];
    };
    // A file may be seen before all of it is written.
    await expect.poll(() => saved().catch(() => undefined), { timeout: 240_000 }).toEqual([128, 128]);
    expect(errors).toEqual([]);
  });
});
it.runIf(firefox === undefined)("is not tested in Firefox: there is none here (set FIREFOX_PATH)", () => {});
