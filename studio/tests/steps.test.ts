/** What a step changed, what is never lost, and what is written ahead: the same with a server and without. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drag, drawn, edit, FORMS, openExample, openPage, type Site, seriousFaults } from "./site.ts";

describe.each(FORMS)("steps, $form", ({ open }) => {
  let site: Site;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    site = await open();
    ({ page, errors } = await openPage(site));
    await openExample(page, "cottage");
  });
  afterAll(async () => {
    await site?.close();
  });

  const changes = () => page.getByTestId("changes").textContent();

  it("says how much of the picture an edit without a mask changed, never as a success, and shows where", async () => {
    await edit(page, "paint the roof blue");
    await expect.poll(changes).toMatch(/^\d+ % of the picture changed\.$/);
    const mark = page.locator(".trust-line .trust-mark");
    expect(await mark.getAttribute("data-level")).toBe("changed");
    const before = await drawn(page);
    await page.getByRole("button", { name: "Show where" }).click();
    await expect.poll(() => drawn(page)).not.toBe(before);
    await page.getByRole("button", { name: "Hide" }).click();
    await expect.poll(() => drawn(page)).toBe(before);
    expect(await page.locator('.node[aria-selected="true"] .trust-mark').getAttribute("aria-label")).toMatch(
      /of the picture changed/,
    );
  });

  it("says how much of the picture is identical outside a mask", async () => {
    await page.locator(".stage canvas").press("b");
    await drag(page, [
      [0.15, 0.8],
      [0.3, 0.8],
    ]);
    await edit(page, "make it winter");
    await expect
      .poll(changes)
      .toMatch(/^Everything outside the mask is identical \(\d\d % of the picture\)\.$/);
    expect(await page.locator(".trust-line .trust-mark").getAttribute("data-level")).toBe("kept");
    expect(await seriousFaults(page)).toEqual([]);
  });

  it("was never in error", () => {
    expect(errors).toEqual([]);
  });
});
