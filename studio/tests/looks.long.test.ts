/** How the page fits the screen and the person before it: 4K, a large font, a language, and what has to be said while something is open. Without a server. */
import type { Locator, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  drag,
  drop,
  edit,
  launch,
  openExample,
  openPage,
  openSite,
  type Site,
  seriousFaults,
} from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => {
  await site?.close();
});

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const fontSize = (page: Page, of: string) =>
  page.locator(of).evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));

/** What is in the window, but not whole. */
const cutOff = (page: Page, what: string) =>
  page.locator(what).evaluateAll((all) =>
    all.flatMap((one) => {
      const { left, right, width } = one.getBoundingClientRect();
      return width === 0 || (left >= 0 && right <= innerWidth) ? [] : [one.outerHTML.slice(0, 100)];
    }),
  );

async function overlap(a: Locator, b: Locator): Promise<boolean> {
  const [p, q] = [(await a.boundingBox())!, (await b.boundingBox())!];
  return p.x < q.x + q.width && q.x < p.x + p.width && p.y < q.y + q.height && q.y < p.y + p.height;
}

describe("the page's size", () => {
  it("grows on a screen of 4K that shows its pixels one to one, and the picture is as sharp and painted where it is touched", async () => {
    const { page, errors } = await openPage(site, { viewport: { width: 3840, height: 2160 } });
    expect(await fontSize(page, "html")).toBeCloseTo(25.6, 1);
    await openExample(page, "cottage");
    expect(await fontSize(page, "body")).toBeCloseTo(20.8, 1);
    expect((await button(page, "Export").boundingBox())!.height).toBeCloseTo(51.2, 0);
    const [drawn, shown] = await page
      .locator(".stage canvas")
      .evaluate((canvas: HTMLCanvasElement) => [canvas.width, canvas.getBoundingClientRect().width]);
    expect(Math.abs(drawn! - shown!)).toBeLessThanOrEqual(0.5);
    await button(page, "Rectangle").click();
    await drag(page, [
      [0.25, 0.25],
      [0.75, 0.75],
    ]);
    expect(await page.locator(".region").first().textContent()).toMatch(/2[45] %/);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it("is as before on smaller screens", async () => {
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
      { width: 3840, height: 1080 },
    ]) {
      const { page } = await openPage(site, { viewport });
      expect(await fontSize(page, "html")).toBe(16);
      await page.context().close();
    }
  });

  it("follows the browser's font size, and nothing is cut off", async () => {
    const browser = await launch("--blink-settings=defaultFontSize=32");
    const { page, errors } = await openPage({ url: site.url, browser }, { locale: "de-DE" });
    expect(await fontSize(page, "body")).toBe(26);
    await openExample(page, "cottage");
    await edit(page, "make it winter");
    expect(
      await cutOff(page, ".topbar button, .tools button, .instruction-row > button, #instruction"),
    ).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
    expect(await seriousFaults(page)).toEqual([]);
    expect(errors).toEqual([]);
    await browser.close();
  });
});

it("what has to be said covers nothing that is open, on any screen", async () => {
  const { page } = await openPage(site, { viewport: { width: 900, height: 1100 } });
  await openExample(page, "cottage");
  await edit(page, "make it winter");
  // What went wrong is said until it is dismissed.
  await drop(page, new Uint8Array(0), "empty.png");
  await button(page, "Open it").click();
  const notice = page.locator(".notice");
  await notice.waitFor();
  for (const [width, height] of [
    [900, 1100],
    [390, 844],
    [320, 568],
    [740, 360],
  ] as const) {
    await page.setViewportSize({ width, height });
    const covers = (what: string) =>
      expect.poll(() => overlap(notice, page.locator(what)), { message: `${what}, ${width} px` });
    await covers(".topbar").toBe(false);
    await covers(".dock").toBe(false);
    await button(page, "Export").click();
    await covers(".popover").toBe(false);
    await page.keyboard.press("Escape");
    await page.locator(".popover").waitFor({ state: "detached" });
    await button(page, "Compare with the previous step").click();
    await covers(".compare-bar").toBe(false);
    await page.keyboard.press("Escape");
    await page.locator(".compare-bar").waitFor({ state: "detached" });
  }
  await page.context().close();
});

describe("a model's own words", () => {
  it("are in the page's language where it has them, with its instructions as it reads them", async () => {
    const { page } = await openPage(site, { locale: "de-DE" });
    await page.getByRole("button", { name: "Modell: picturebook" }).click();
    const card = page.locator(".model-card").first();
    await card.getByText(/^Bearbeitet Zeichnungen/).waitFor();
    expect(await card.locator("dt").first().textContent()).toBe("Jahreszeit");
    expect(await card.locator("dd").first().textContent()).toBe("make it winter, make it autumn");
    const klein = page.locator(".model-card").filter({ hasText: "FLUX.2 klein 4B" });
    expect(await klein.textContent()).toMatch(
      /Bearbeitet Fotos nach Anweisung.*Jede Nutzung, auch gewerblich/,
    );
    await page.context().close();
  });
});
