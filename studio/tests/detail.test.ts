/** A picture larger than the model's size: its own detail as a switch, before an edit and after. With a server and without. */
import { join } from "node:path";
import type { Page } from "playwright";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drop, edit, FORMS, openPage, root, type Site, seriousFaults } from "./site.ts";

describe.each(FORMS)("detail, $form", ({ open }) => {
  let site: Site;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    site = await open();
    ({ page, errors } = await openPage(site));
  });
  afterAll(async () => {
    await site?.close();
  });

  const pixels = () =>
    page.locator(".stage canvas").evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
  const choice = (name: string) => page.getByRole("radio", { name, exact: true });

  it("is a switch of a picture that is larger than the model's size", async () => {
    await page.locator(".examples").waitFor();
    const large = sharp(join(root, "examples/cottage.png")).resize(256, 256, { kernel: "nearest" });
    await drop(page, await large.png().toBuffer(), "large.png");
    await page.locator(".stage canvas").waitFor();
    const detail = page.getByRole("switch", { name: /fine detail/ });
    // Unless one says otherwise.
    expect(await detail.isChecked()).toBe(true);
    expect(await seriousFaults(page)).toEqual([]);
    await edit(page, "make it winter");
    await expect
      .poll(() => page.getByTestId("changes").textContent())
      .toMatch(/of the change keeps its fine detail/);
  });

  it("shows the step with and without it, and goes back to what was made", async () => {
    await page.locator(".node-name", { hasText: "make it winter" }).click();
    await choice("With detail").waitFor();
    expect(await choice("With detail").getAttribute("aria-checked")).toBe("true");
    const sharp = await pixels();
    await choice("Without").click();
    await expect
      .poll(() => choice("Without").getAttribute("aria-checked"), { timeout: 240_000 })
      .toBe("true");
    await expect.poll(pixels).not.toBe(sharp);
    await choice("With detail").click();
    await expect.poll(() => choice("With detail").getAttribute("aria-checked")).toBe("true");
    await expect.poll(pixels).toBe(sharp);
    // Nothing was made a third time.
    await expect
      .poll(() => page.locator(".node-name").allTextContents())
      .toEqual(["original", "make it winter", "make it winter"]);
  });

  it("was never in error", () => {
    expect(errors).toEqual([]);
  });
});
