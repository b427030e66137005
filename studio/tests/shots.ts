/** Pictures of the studio, to be looked at: npm run shots [-- light dark phone wide]. They lie in out/shots. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright";
import { drag, edit, openPage, openSite, root, type Site } from "./site.ts";

const folder = join(root, "out/shots");
const VIEWS: Record<string, BrowserContextOptions> = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: "dark", hasTouch: true },
  small: {
    viewport: { width: 360, height: 640 },
    deviceScaleFactor: 2,
    colorScheme: "light",
    hasTouch: true,
  },
  tablet: { viewport: { width: 900, height: 1100 }, colorScheme: "light" },
  wide: { viewport: { width: 2560, height: 1440 }, colorScheme: "dark" },
};

async function shoot(site: Site, name: string, options: BrowserContextOptions): Promise<void> {
  const { page, errors } = await openPage(site, options);
  const narrow = (options.viewport?.width ?? 1440) < 720;
  let count = 0;
  const shot = async (what: string) => {
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(folder, `${name}-${String(++count).padStart(2, "0")}-${what}.png`) });
  };
  const step = async (what: string, action: (page: Page) => Promise<void>) => {
    await action(page);
    await shot(what);
  };
  await page.locator(".examples button").first().waitFor();
  await page.waitForTimeout(500);
  await shot("start");
  await step("opened", async () => {
    await page.locator(".examples button").first().click();
    await page.locator(".stage").waitFor({ timeout: 120_000 });
  });
  await page.fill("#instruction", "make it winter");
  await page.press("#instruction", "Enter");
  await page.waitForFunction(
    () => /^\d+\/\d+/.test(document.querySelector(".edit-button.running")?.textContent ?? ""),
    null,
    { timeout: 120_000 },
  );
  await page.screenshot({ path: join(folder, `${name}-running.png`) });
  await page.locator(".edit-button:not(.running)").waitFor({ timeout: 180_000 });
  await step("winter", async () => page.mouse.move(5, 5));
  await step("brush", async () => {
    await page.getByRole("button", { name: "Brush: paint where the picture may change" }).click();
    await page.fill("#instruction", "paint the roof blue");
    await drag(page, [
      [0.4, 0.56],
      [0.56, 0.52],
      [0.68, 0.56],
      [0.5, 0.6],
    ]);
  });
  await edit(page, "paint the roof blue");
  await step("roof", async () => page.mouse.move(5, 5));
  if (!narrow) await page.locator(".node").first().click();
  else await page.locator(".filmstrip button").nth(1).click(); // the first shows the whole tree
  await page.waitForTimeout(300);
  await edit(page, "make it sunset");
  await step("branch", async () => page.mouse.move(5, 5));
  await step("auto", async () => {
    await page.fill("#instruction", "remove the boat");
    await page.getByRole("button", { name: "Auto" }).click();
    await page.locator(".edit-button:not(.running)").waitFor({ timeout: 120_000 });
    await page.waitForTimeout(500);
  });
  await page.getByRole("button", { name: "Clear the mask" }).click();
  await step("compare", async () =>
    page.getByRole("button", { name: "Compare with the previous step" }).click(),
  );
  await step("side", async () => page.getByRole("button", { name: "Side by side" }).click());
  await step("difference", async () => page.getByRole("button", { name: "Difference" }).click());
  await page.keyboard.press("Escape");
  await step("export", async () => page.getByRole("button", { name: "Export" }).click());
  await page.keyboard.press("Escape");
  if (!narrow) {
    await step("model", async () => page.getByRole("button", { name: /^Model:/ }).click());
    await page.keyboard.press("Escape");
    await step("keys", async () => page.getByRole("button", { name: "Keyboard shortcuts" }).click());
    await page.keyboard.press("Escape");
    await step("menu", async () => {
      await page.locator(".node").nth(2).hover();
      await page.locator(".node").nth(2).locator(".node-more").click();
    });
    await page.keyboard.press("Escape");
  }
  if ((options.viewport?.width ?? 1440) < 1024) {
    await step("settings", async () => page.getByRole("button", { name: "Settings" }).click());
    await page.keyboard.press("Escape");
  }
  await page.getByRole("button", { name: /to the start page/ }).click();
  await page.locator(".recent").waitFor();
  await shot("again");
  if (errors.length > 0) console.error(`${name}:`, errors);
  await page.context().close();
}

const wanted = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const site = await openSite();
try {
  for (const [name, options] of Object.entries(VIEWS)) {
    if (wanted.length === 0 || wanted.includes(name)) await shoot(site, name, options);
  }
} finally {
  await site.close();
}
