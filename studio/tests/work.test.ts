/** One's work and how pictures come in: kept, found, renamed, binned; photographs; recipes; languages. With a server and without. */
import { readFile } from "node:fs/promises";
import type { Page } from "playwright";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edit, FORMS, openExample, openPage, type Site, seriousFaults } from "./site.ts";

describe.each(FORMS)("work, $form", ({ open }) => {
  let site: Site;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    site = await open();
    ({ page, errors } = await openPage(site, { acceptDownloads: true }));
  });
  afterAll(async () => {
    await site?.close();
  });

  const goHome = () => page.getByRole("button", { name: /to the start page/ }).click();
  const titles = () => page.locator(".recent strong").allTextContents();

  const give = (event: "drop" | "paste", bytes: Uint8Array, name: string, words = "") =>
    page.evaluate(
      ([event, base64, name, words]) => {
        const data = Uint8Array.from(atob(base64!), (char) => char.charCodeAt(0));
        const transfer = new DataTransfer();
        if (words) transfer.setData("text/plain", words);
        transfer.items.add(new File([data], name!, { type: name!.endsWith(".png") ? "image/png" : "" }));
        const init = { bubbles: true, cancelable: true };
        const sent =
          event === "drop"
            ? new DragEvent("drop", { ...init, dataTransfer: transfer })
            : new ClipboardEvent("paste", { ...init, clipboardData: transfer });
        document.body.dispatchEvent(sent);
        return sent.defaultPrevented;
      },
      [event, Buffer.from(bytes).toString("base64"), name, words] as const,
    );

  it("does not keep an opening in which nothing was done", async () => {
    await openExample(page, "lake");
    await page.fill("#instruction", "");
    await goHome();
    await page.locator(".examples").waitFor();
    await openExample(page, "cottage");
    await edit(page, "make it winter");
    await goHome();
    await expect.poll(titles).toEqual(["cottage"]);
  });

  it("finds a session by what was asked for, renames it, bins it, restores it", async () => {
    await page.getByRole("searchbox").fill("winter");
    await expect.poll(titles).toEqual(["cottage"]);
    await page.getByRole("searchbox").fill("spaceship");
    await page.getByText("Nothing was found.").waitFor();
    await page.getByRole("searchbox").fill("");
    await page.getByRole("button", { name: "More for cottage" }).click();
    await page.getByRole("menuitem", { name: "Rename" }).click();
    await page.getByLabel("Name of the session").fill("Holidays");
    await page.keyboard.press("Enter");
    await expect.poll(titles).toEqual(["Holidays"]);
    await page.getByRole("button", { name: "More for Holidays" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Bin · 1" }).click();
    await page.getByRole("button", { name: /Holidays Restore/ }).click();
    await page.getByRole("button", { name: "Back to my work" }).click();
    await expect.poll(titles).toEqual(["Holidays"]);
    expect(await seriousFaults(page)).toEqual([]);
  });

  it("keeps the open session where a file is not a picture, and asks what a picture is for", async () => {
    await page
      .getByRole("button", { name: /Holidays/ })
      .first()
      .click();
    await page.locator(".stage canvas").waitFor();
    const address = page.url();
    await give("drop", new TextEncoder().encode("{}"), "broken.emilie");
    await page.getByRole("alert").waitFor();
    await page.locator(".stage canvas").waitFor();
    expect(page.url()).toBe(address);
    await page.getByRole("alert").getByRole("button", { name: "Dismiss" }).click();
    errors.length = 0;

    const half = { raw: { width: 2, height: 1, channels: 3 } } as const;
    const mask = await sharp(Uint8Array.of(255, 255, 255, 0, 0, 0), half)
      .resize(128, 128, { kernel: "nearest" })
      .png()
      .toBuffer();
    await give("drop", mask, "mask.png");
    await page.getByRole("dialog").getByRole("button", { name: "Use as mask" }).click();
    await expect.poll(() => page.locator(".region").first().textContent()).toMatch(/5\d %/);
    expect(page.url()).toBe(address);
    await page.getByRole("button", { name: "Clear the mask" }).click();
    // Words from an office program come with a picture of them, and stay words.
    expect(await give("paste", mask, "image.png", "blue")).toBe(false);
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  it("restores the steps of a picture that it made", async () => {
    await page.getByRole("button", { name: "Export" }).click();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save picture", exact: true }).click(),
    ]);
    const bytes = await readFile(await file.path());
    await goHome();
    await page.locator(".examples").waitFor();
    await give("drop", bytes, "winter.png");
    await page.locator(".stage canvas").waitFor();
    await page.getByRole("button", { name: "Restore its 1 step" }).click();
    await expect
      .poll(() => page.locator(".node-name").allTextContents())
      .toEqual(["original", "make it winter"]);
  });

  it("says before anything is computed that a photograph is not of picturebook's world, and what can be done", async () => {
    await goHome();
    const noise = { type: "gaussian", mean: 128, sigma: 50 } as const;
    const create = { width: 160, height: 120, channels: 3, background: "black", noise } as const;
    await give("drop", await sharp({ create }).png().toBuffer(), "photo.png");
    const banner = page.getByRole("region", { name: /trained only on its own drawings/ });
    await banner.waitFor();
    expect(await page.locator(".suggestions .chip").count()).toBe(0);
    expect(await seriousFaults(page)).toEqual([]);
    await banner.getByRole("button", { name: /Get a photo model/ }).click();
    await page.getByRole("dialog", { name: "Models" }).waitFor();
    await page.keyboard.press("Escape");
    await banner.getByRole("button", { name: "Edit anyway" }).click();
    await banner.waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("instruction");
    await page.fill("#instruction", "give her a hat");
    await page
      .locator(".heard")
      .getByText(/does not know “give her a hat”/)
      .waitFor();
    const known = page.locator(".heard .chip").first();
    const words = await known.textContent();
    await known.click();
    expect(await page.inputValue("#instruction")).toBe(words);
    // What it understands in other words is shown in its own.
    await page.fill("#instruction", "it has snowed overnight");
    await page
      .locator(".heard")
      .getByText(/Taken as “make it winter”/)
      .waitFor();
  });

  it("speaks German, numbers and plurals too, and keeps what was typed", async () => {
    await page.fill("#instruction", "make it night");
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
    await page.getByRole("button", { name: "Bearbeiten", exact: true }).waitFor();
    await expect.poll(() => page.inputValue("#instruction")).toBe("make it night");
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
    await page.getByRole("button", { name: /zur Startseite/ }).click();
    await page.getByText("Schreibe, was sich ändern soll.").waitFor();
    await page
      .getByText(/1 Schritt, /)
      .first()
      .waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Sprache" }).click();
    await page.getByRole("menuitemradio", { name: "English" }).click();
    await page.getByText("Say what should change.").waitFor();
  });

  it("was never in error", () => {
    // What was still being asked of an opening when it was left, and with it forgotten, is not there any more.
    expect(errors.filter((error) => !/status of 404/.test(error))).toEqual([]);
  });
});

it("every language has every word, none left as it is in English by mistake", async () => {
  const { en } = await import("../src/words/en.ts");
  const { de } = await import("../src/words/de.ts");
  const flat = (words: object, path = ""): [string, unknown][] =>
    Object.entries(words).flatMap(([key, value]) =>
      value && typeof value === "object" ? flat(value, `${path}${key}.`) : [[`${path}${key}`, value]],
    );
  const [a, b] = [new Map(flat(en)), new Map(flat(de))];
  expect([...b.keys()]).toEqual([...a.keys()]);
  const same = [...a].filter(([key, value]) => typeof value === "string" && b.get(key) === value);
  // Words that are the same in both.
  expect(same.map(([key]) => key).sort()).toEqual(
    [
      "auto",
      "downloadOf",
      "effort",
      "fileFormat",
      "keyNames.lasso",
      "offline",
      "orders.name",
      "sampler",
      "tools.lasso",
      "zoom",
    ].sort(),
  );
  expect(de.format.number(1234.5, 1)).toBe("1.234,5");
  expect(de.editCount(1)).toBe("1 Schritt");
});
