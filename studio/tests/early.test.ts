/** While the model loads, or the picture is sent, it can be seen, painted on and written about; what was asked for starts by itself. */
import { expect, it } from "vitest";
import { drag, FORMS, openPage } from "./site.ts";

it.each(FORMS)("a picture can be painted on before anything can be computed, $form", async ({ open }) => {
  const site = await open();
  try {
    const { page, errors } = await openPage(site, { serviceWorkers: "block" });
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The weights on the static page, the session's creation on a server.
    await page.route(/\.safetensors$|\/sessions$/, async (route) => {
      if (route.request().method() === "GET" && !route.request().url().endsWith(".safetensors"))
        return route.continue();
      await held;
      return route.continue();
    });
    await page.reload();
    await page.locator(".examples button").first().click();
    await page.locator(".still-loading").waitFor();
    await page.locator(".stage canvas").press("b");
    await drag(page, [
      [0.42, 0.48],
      [0.64, 0.52],
    ]);
    const region = page.locator(".region").first();
    await expect.poll(() => region.textContent()).toMatch(/[1-9]\d* %/);
    const share = async () => /\d+ %/.exec((await region.textContent())!)![0];
    const painted = await share();
    // What needs the session's id waits for it.
    await page.getByRole("button", { name: /^Session cottage, / }).click();
    await page.getByRole("menuitem", { name: "Rename" }).click();
    await page.getByLabel("Name of the session").fill("Holidays");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /^Session Holidays, / }).waitFor();
    const saved = page.waitForEvent("download", { timeout: 180_000 });
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("button", { name: "Save picture", exact: true }).click();
    await page.fill("#instruction", "paint the roof blue");
    await page.press("#instruction", "Enter");
    await page.locator(".notice", { hasText: "as soon as the model is loaded" }).waitFor();
    expect(await page.locator(".still-loading").textContent()).toMatch(/Loading|Opening|Preparing|Sending/);
    expect(await share()).toBe(painted);
    release();
    await page.locator(".node-name", { hasText: "paint the roof blue" }).waitFor({ timeout: 180_000 });
    expect(await page.locator(".still-loading").count()).toBe(0);
    expect((await saved).suggestedFilename()).toBe("Holidays.png");
    await page.getByRole("button", { name: /^Session Holidays, / }).waitFor();
    await page.getByRole("button", { name: /to the start page/ }).click();
    await page.locator(".recent button", { hasText: "Holidays" }).first().click();
    // The mask was the edit's: the library counts what is identical outside of it.
    await page
      .getByText(/Everything outside|identical/)
      .first()
      .waitFor();
    expect(errors).toEqual([]);
  } finally {
    await site.close();
  }
});
