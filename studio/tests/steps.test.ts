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

  const names = () => page.locator(".node-name").allTextContents();
  const text = () => page.inputValue("#instruction");
  const press = (key: string) => page.locator(".stage canvas").press(key);
  const idle = () => page.locator(".edit-button:not(.running)").waitFor();

  it("brings the words and the place of a step back when one steps back, and tries it again as a sibling", async () => {
    await press("z");
    await expect.poll(text).toBe("make it winter");
    await expect.poll(() => page.locator(".region").first().textContent()).toMatch(/winter.*[1-9] %/);
    await press("Shift+z");
    await expect.poll(text).toBe("");
    const before = await names();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".edit-button.running").waitFor({ state: "detached" });
    // A sibling with another seed stands in the same row.
    await page.locator(".node-count", { hasText: "×2" }).waitFor();
    expect(await names()).toEqual(before);
  });

  it("deletes into a bin: a notice, Ctrl+Z and the bin bring it back", async () => {
    const before = await names();
    const roof = page.locator(".node", { hasText: "paint the roof blue" });
    await roof.press("Delete");
    await page.locator(".notice").getByRole("button", { name: "Undo" }).waitFor();
    expect(await names()).toEqual(["original"]);
    const bare = await drawn(page);
    await press("Control+z");
    await expect.poll(names).toEqual(before);
    await expect.poll(() => page.locator(".notice", { hasText: "in the bin" }).count()).toBe(0);
    // Its mask, shown while the pointer is over its row, goes with the row.
    await roof.hover();
    await roof.press("Delete");
    await expect.poll(() => drawn(page)).toBe(bare);
    await page.locator(".notice").getByRole("button", { name: "Undo" }).click();
    await expect.poll(names).toEqual(before);
    await roof.press("Delete");
    await expect.poll(names).toEqual(["original"]);
    await page.reload();
    await page.getByRole("button", { name: /^Bin · / }).click();
    await page.getByRole("menuitem", { name: "paint the roof blue" }).click();
    await expect.poll(async () => (await names()).length).toBe(before.length);
  });

  it("makes variations as a strip: arrows flip, a star keeps a row, Enter accepts, and none is lost", async () => {
    await page.locator(".node").first().click();
    await page.getByRole("slider", { name: "Variations" }).press("ArrowRight");
    await page.getByRole("slider", { name: "Variations" }).press("ArrowRight");
    await edit(page, "make it sunset");
    const strip = page.locator(".strip-picture");
    await strip.nth(2).waitFor();
    const chosen = () => strip.evaluateAll((all) => all.findIndex((one) => one.ariaPressed === "true"));
    await expect.poll(chosen).toBe(2);
    await press("ArrowRight");
    await expect.poll(chosen).toBe(0);
    await press("*");
    await press("ArrowLeft");
    await expect.poll(chosen).toBe(2);
    await press("Enter");
    await page.locator(".strip").waitFor({ state: "detached" });
    await page.locator(".node-count", { hasText: "×3" }).first().waitFor();
    // One row for all, and one for the star.
    expect((await names()).filter((name) => name === "make it sunset")).toHaveLength(2);
    await page.locator(".node-count", { hasText: "×3" }).first().click();
    expect(await strip.count()).toBe(3);
    await press("Escape");
    await page.getByRole("slider", { name: "Variations" }).press("Home");
  });

  it("asks for the words of a place that has none, and gives every place a colour and a number", async () => {
    await page.locator(".node").first().click();
    await press("r");
    await drag(page, [
      [0.3, 0.4],
      [0.6, 0.55],
    ]);
    await page.fill("#instruction", "paint the roof green");
    await press("n");
    await drag(page, [
      [0.65, 0.75],
      [0.95, 0.95],
    ]);
    await page.locator(".region").first().click();
    const before = await names();
    await page.press("#instruction", "Enter");
    await page.locator(".notice", { hasText: "in region 2" }).waitFor();
    expect(await page.locator(".region").nth(1).getAttribute("data-current")).toBe("true");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("instruction");
    expect(await names()).toEqual(before);
    const colours = await page
      .locator(".region-number")
      .evaluateAll((all) => all.map((one) => getComputedStyle(one).backgroundColor));
    expect(new Set(colours).size).toBe(2);
    await page.getByRole("button", { name: "Remove region 2" }).click();
    await page.getByRole("button", { name: "Clear the mask" }).click();
    await page.fill("#instruction", "");
  });

  it("queues what is written while an edit runs, to be taken back or to follow on its result", async () => {
    await page.locator(".node").first().click();
    await page.getByRole("button", { name: "Advanced" }).click();
    const stepsSlider = page.getByRole("slider", { name: "Steps" });
    await stepsSlider.press("End");
    await page.fill("#instruction", "make it night");
    await page.press("#instruction", "Enter");
    await page.locator(".edit-button.running").waitFor();
    await stepsSlider.press("Home");
    await page.fill("#instruction", "add fog");
    await page.press("#instruction", "Enter");
    await page.fill("#instruction", "add clouds");
    await page.press("#instruction", "Enter");
    expect(await page.locator(".queue-title").allTextContents()).toEqual(["add fog", "add clouds"]);
    expect(await text()).toBe("");
    await page.getByRole("button", { name: "Cancel “add clouds”" }).click();
    expect(await text()).toBe("add clouds");
    await page.fill("#instruction", "");
    await page.locator(".queue").waitFor({ state: "detached" });
    await idle();
    await expect.poll(names).toContain("add fog");
    expect(await page.locator('.node[aria-selected="true"]').textContent()).toContain("add fog");
    await page.getByRole("button", { name: "Reset to the preset" }).click();
  });

  it("says in how much time what is made again, this path or everything below", async () => {
    await page.locator(".node", { hasText: "make it night" }).click();
    await edit(page, "make it winter");
    await page.locator(".node", { hasText: "make it night" }).click();
    await page.locator('.node[aria-selected="true"]', { hasText: "make it night" }).waitFor();
    await page.getByRole("button", { name: "Change this step" }).click();
    await page.getByText(/^Everything below \(3\) · about \d+/).waitFor();
    await page.getByText(/^This path \(2\) · about \d+/).click();
    await page.getByText(/2 steps are recomputed/).waitFor();
    await page.getByLabel("Instruction of this step").fill("make it sunset");
    await page.getByRole("button", { name: "Recompute" }).click();
    await page.locator(".edit-button.running").waitFor();
    await idle();
    // The way to winter was made again, and the fog beside it was not.
    const count = async (name: string) => (await names()).filter((one) => one === name).length;
    await expect.poll(() => count("make it winter")).toBe(3);
    expect(await count("add fog")).toBe(1);
    expect(await seriousFaults(page)).toEqual([]);
  });

  it("was never in error", () => {
    expect(errors).toEqual([]);
  });
});
