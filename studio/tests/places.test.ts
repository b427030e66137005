/** Choosing where: a click, a box, an automatic mask, the keys, a pen, a trackpad; with a server and without. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drag, drawn, FORMS, openExample, openPage, type Site, seriousFaults } from "./site.ts";

describe.each(FORMS)("places, $form", ({ open }) => {
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
  /** The share of the picture that is masked, as its chip says. */
  const share = async () =>
    Number(/(\d+) %/.exec((await page.locator(".region").first().textContent())!)![1]);
  const blank = () => page.locator(".region").first().waitFor({ state: "detached" });

  it("selects a thing by a click, here the roof, takes it back as one stroke, and selects it by a box", async () => {
    await press("w");
    await drag(page, [[0.5, 0.5]]);
    await page.locator(".region").first().waitFor();
    const byClick = await share();
    expect(byClick).toBeGreaterThan(2);
    // Its house is 9 % of the picture.
    expect(byClick).toBeLessThan(6);
    await press("Control+z");
    await blank();
    await drag(page, [
      [0.29, 0.37],
      [0.67, 0.57],
    ]);
    await page.locator(".region").first().waitFor();
    expect(Math.abs((await share()) - byClick)).toBeLessThan(2);
    expect(await seriousFaults(page)).toEqual([]);
    await press("x");
    await blank();
  });

  it("finds the place of an instruction with a threshold that is chosen, not half of the picture", async () => {
    await page.fill("#instruction", "remove the boat");
    await page.getByRole("button", { name: "Auto" }).click();
    await page.getByRole("slider", { name: "Threshold" }).waitFor();
    await expect.poll(share).toBeLessThan(30);
    const before = await share();
    await page.getByRole("slider", { name: "Threshold" }).press("End");
    await expect.poll(share).toBeLessThan(before);
    await press("x");
    await page.fill("#instruction", "");
  });

  it("frames a place by keys alone", async () => {
    await press("Shift+r");
    await page.getByRole("application", { name: /Frame at/ }).waitFor();
    for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator(".region").first().waitFor();
    expect(await share()).toBeGreaterThan(3);
    await press("x");
    await blank();
  });

  it("moves the picture by two fingers on a trackpad, and zooms by a wheel", async () => {
    const scale = () => page.locator(".zoom-bar .number").textContent();
    const box = (await page.locator(".stage canvas").boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const [before, look] = [await scale(), await drawn(page)];
    await page.mouse.wheel(3, 7);
    await expect.poll(() => drawn(page)).not.toBe(look);
    expect(await scale()).toBe(before);
    await page.waitForTimeout(400);
    await page.mouse.wheel(0, -120);
    await expect.poll(scale).not.toBe(before);
    await press("0");
  });

  it("was never in error", () => {
    expect(errors).toEqual([]);
  });
});
