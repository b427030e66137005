/** What a screen reader hears of an edit: one sentence at its start, each quarter of the way, and what came of it. With a server and without. */
import type { Page } from "playwright";
import { expect, it } from "vitest";
import { edit, FORMS, openExample, openPage } from "./site.ts";

/** Everything that is said from now on, in its order: each change of a live region's text. */
async function listen(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const live = "[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]";
    const heard: string[] = [];
    const last = new Map<Element, string>();
    for (const region of document.querySelectorAll(live)) last.set(region, region.textContent ?? "");
    new MutationObserver(() => {
      for (const region of document.querySelectorAll(live)) {
        // One inside another is said by the outer one.
        if (region.parentElement?.closest(live)) continue;
        const text = region.textContent ?? "";
        if (text !== "" && text !== last.get(region)) heard.push(text);
        last.set(region, text);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    Object.assign(window, { heard });
  });
  return () => page.evaluate(() => (window as unknown as { heard: string[] }).heard);
}

it.each(FORMS)("one at the start, each quarter, and the result, $form", async ({ form, open }) => {
  const site = await open();
  try {
    const { page, errors } = await openPage(site);
    await openExample(page, "cottage");
    const heard = await listen(page);
    const quarters = ["25 %", "50 %", "75 %"];
    await edit(page, "make it winter");
    await expect.poll(async () => (await heard()).at(-1)).toMatch(/^Done\. \d+ % of the picture changed\.$/);
    const [start, ...way] = await heard();
    expect(start).toBe("make it winter: started");
    // A server may tell of several steps at once, of which the last is what counts.
    const told = way.slice(0, -1);
    expect(quarters.filter((one) => told.includes(one))).toEqual(told);
    if (form === "without a server") expect(told).toEqual(quarters);

    // Several results are one way.
    await page.getByRole("slider", { name: "Variations" }).press("ArrowRight");
    const before = (await heard()).length;
    await edit(page, "make it sunset");
    await expect.poll(async () => (await heard()).slice(before).at(-1)).toMatch(/^Done\. /);
    const again = (await heard()).slice(before);
    expect(again[0]).toBe("make it sunset: started");
    expect(quarters.filter((one) => again.slice(1, -1).includes(one))).toEqual(again.slice(1, -1));
    await page
      .locator(".strip")
      .getByRole("button", { name: /^Use this one/ })
      .click();
    await page.getByRole("slider", { name: "Variations" }).press("Home");

    // One that is stopped says so, and nothing else.
    const sofar = (await heard()).length;
    await page.getByRole("button", { name: "Advanced" }).click();
    await page.getByRole("slider", { name: "Steps" }).press("End");
    await page.fill("#instruction", "make it night");
    await page.press("#instruction", "Enter");
    await page.locator(".edit-button.running").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".edit-button:not(.running)").waitFor();
    const stopped = (await heard()).slice(sofar);
    expect([stopped[0], stopped.at(-1)]).toEqual(["make it night: started", "Stopped"]);
    expect(errors).toEqual([]);
  } finally {
    await site.close();
  }
});
