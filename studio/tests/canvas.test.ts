/** Cropping and expanding: by a mouse, a finger and keys; with a server and without. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drag, edit, FORMS, openExample, openPage, openSite, type Site, seriousFaults } from "./site.ts";

describe.each(FORMS)("the canvas, $form", ({ open }) => {
  let site: Site;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    site = await open();
    ({ page, errors } = await openPage(site));
    await openExample(page, "cottage");
    await page.fill("#instruction", "");
  });
  afterAll(async () => {
    await site?.close();
  });

  const press = (key: string) => page.locator(".stage canvas").press(key);
  const handle = (side: string) => page.locator(`.canvas-handle[data-side='${side}']`);
  const size = () => page.getByTestId("canvas-size").textContent();
  const bar = (name: string) => page.locator(".canvas-bar").getByRole("button", { name });
  const steps = () => page.locator("[role=treeitem]").count();
  /** The head's picture, as it is exported or shown: its size as the export panel says it. */
  const shown = async () => {
    await press("Control+s");
    const text = await page.getByText(/\d+ × \d+ · /).textContent();
    await page.keyboard.press("Escape");
    return /(\d+) × (\d+)/.exec(text!)!.slice(1).map(Number);
  };

  async function pull(side: string, dx: number, dy: number): Promise<void> {
    const { x, y, width, height } = (await handle(side).boundingBox())!;
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + dx / 2, y + height / 2 + dy / 2);
    await page.mouse.move(x + width / 2 + dx, y + height / 2 + dy);
    await page.mouse.up();
  }

  it("crops by a handle and by keys, as a step of its own whose pixels are the picture's", async () => {
    await press("k");
    const [whole] = /\d+/.exec((await size())!)!.map(Number);
    expect(await bar("Crop").isDisabled()).toBe(true);
    expect(await seriousFaults(page)).toEqual([]);
    await pull("right-bottom", -120, -80);
    await handle("left").press("Shift+ArrowRight");
    await handle("left").press("ArrowRight");
    const [width, height] = (await size())!.match(/\d+/g)!.map(Number) as [number, number];
    expect(width).toBeLessThan(whole! - 11);
    await handle("left").press("Enter");
    await page.getByText(`Crop to ${width} × ${height}`).first().waitFor();
    expect(await page.getByTestId("changes").textContent()).toMatch(/every pixel that is left is identical/);
    expect(await shown()).toEqual([width, height]);
    expect(await page.locator(".canvas-frame").count()).toBe(0);
  });

  it("goes back and forward between sizes, and keeps a painted mask where it was", async () => {
    const [width] = (await shown()) as [number, number];
    const share = async () =>
      Number(/(\d+) %/.exec((await page.locator(".region").first().textContent())!)![1]);
    await press("b");
    await drag(page, [
      [0.45, 0.45],
      [0.55, 0.5],
    ]);
    const small = await share();
    await press("z");
    await expect.poll(async () => (await shown())[0]).toBeGreaterThan(width);
    // The same place is a smaller share of the larger picture, and all of it is there when one comes back.
    await expect.poll(share).toBeLessThan(small);
    await press("Shift+z");
    await expect.poll(async () => (await shown())[0]).toBe(width);
    await expect.poll(share).toBe(small);
    await press("x");
  });

  it("expands, and what is written then fills the new border alone", async () => {
    await press("u");
    await pull("left", -60, 0);
    await handle("bottom").press("Shift+ArrowDown");
    const [width, height] = (await size())!.match(/\d+/g)!.map(Number);
    await bar("Expand").click();
    await page.getByText(`Expand to ${width} × ${height}`).first().waitFor();
    expect(await page.getByTestId("changes").textContent()).toMatch(/as it was is identical/);
    await page.locator(".region").first().waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    const before = await steps();
    await edit(page, "make it winter");
    await expect.poll(steps).toBe(before + 1);
    await expect
      .poll(() => page.getByTestId("changes").textContent())
      .toMatch(/Everything outside the mask is identical/);
    expect(await shown()).toEqual([width, height]);
  });

  it("is left by Escape", async () => {
    const before = await steps();
    await press("k");
    await handle("top").press("Escape");
    expect(await page.locator(".canvas-frame").count()).toBe(0);
    expect(await steps()).toBe(before);
  });

  it("makes again what followed a frame that is changed, on a branch of its own", async () => {
    const before = await steps();
    for (const what of ["Expand to", "Crop to"]) {
      await press("z");
      await page.locator(".step-name", { hasText: what }).waitFor();
    }
    await page.getByRole("button", { name: "Change the frame…" }).click();
    await handle("left").press("Shift+ArrowLeft");
    const [width] = (await size())!.match(/\d+/g)!.map(Number);
    await bar("Crop").click();
    // The crop, the expansion and the edit.
    await expect.poll(steps, { timeout: 240_000 }).toBe(before + 3);
    // The nodes appear as they are made; the head is set when all are.
    await expect.poll(async () => (await shown())[0], { timeout: 240_000 }).toBe(width);
    expect(errors).toEqual([]);
  });
});

describe("the canvas on a phone, in German", () => {
  let site: Site;
  afterAll(async () => {
    await site?.close();
  });

  it("is cropped with a finger", async () => {
    site = await openSite();
    const { page, errors } = await openPage(site, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
      locale: "de-DE",
    });
    await openExample(page, "cottage");
    await page.getByRole("button", { name: "Zuschneiden" }).first().click();
    const target = page.locator(".canvas-handle[data-side='right']");
    const { x, y, width, height } = (await target.boundingBox())!;
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(44);
    const client = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", dx: number) =>
      client.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: type === "touchEnd" ? [] : [{ x: x + width / 2 + dx, y: y + height / 2 }],
      });
    await touch("touchStart", 0);
    await touch("touchMove", -40);
    await touch("touchMove", -90);
    await touch("touchEnd", -90);
    const [wide] = (await page.getByTestId("canvas-size").textContent())!.match(/\d+/g)!.map(Number);
    await page.locator(".canvas-bar").getByRole("button", { name: "Zuschneiden" }).click();
    await page
      .getByText(/jedes Pixel, das geblieben ist, ist identisch/)
      .first()
      .waitFor();
    expect(wide).toBeLessThan(256);
    expect(errors).toEqual([]);
  });
});
