/** The states that are photographed: those of a page that computes itself, and those that need a server. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright";
import sharp from "sharp";
import { drag, drop, edit, openExample, root } from "./site.ts";

export interface Look {
  readonly page: Page;
  readonly shot: (what: string) => Promise<void>;
  /** No room for the tree, and none for the settings. */
  readonly tiny: boolean;
  readonly narrow: boolean;
}

const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name, exact: true });
const BRUSH = "Brush: paint where the picture may change";

/** Something in the settings, wherever they are. */
async function inSettings(look: Look, action: (page: Page) => Promise<void>): Promise<void> {
  const { page, narrow } = look;
  if (narrow) await button(page, "Settings").click();
  await action(page);
  if (narrow) await page.keyboard.press("Escape");
}

/** Something in the history, wherever it is; what it opens may stay open. */
async function openHistory({ page, tiny }: Look): Promise<void> {
  if (tiny) await button(page, "All steps and branches").click();
}

const slowly = (look: Look, steps: "End" | "Home") =>
  inSettings(look, async (page) => {
    if (!(await page.getByRole("slider", { name: "Steps" }).isVisible()))
      await button(page, "Advanced").click();
    await page.getByRole("slider", { name: "Steps" }).press(steps);
  });

async function stop(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Stop\./ }).click();
  await page.locator(".edit-button:not(.running)").waitFor();
}

async function undoMask(page: Page): Promise<void> {
  await button(page, "Clear the mask").click();
  await page.fill("#instruction", "");
}

async function edits({ page, shot, tiny }: Look): Promise<void> {
  await page.locator(".examples button").first().waitFor();
  await page.waitForTimeout(500);
  await shot("01-start");
  await openExample(page, "cottage");
  await shot("02-opened");
  await page.fill("#instruction", "make it winter");
  await page.press("#instruction", "Enter");
  await page.waitForFunction(() =>
    /^\d+\/\d+/.test(document.querySelector(".edit-button.running")?.textContent ?? ""),
  );
  await shot("03-running");
  await page.locator(".edit-button:not(.running)").waitFor();
  await page.mouse.move(5, 5);
  await shot("04-winter");
  await button(page, BRUSH).click();
  await page.fill("#instruction", "paint the roof blue");
  await drag(page, [
    [0.4, 0.56],
    [0.56, 0.52],
    [0.68, 0.56],
    [0.5, 0.6],
  ]);
  await shot("05-brush");
  await edit(page, "paint the roof blue");
  await page.mouse.move(5, 5);
  await shot("06-roof");
  await button(page, "Show where").click();
  await shot("07-show-where");
  await button(page, "Hide").click();
  if (tiny) await page.locator(".filmstrip button").nth(1).click();
  else await page.locator(".node").first().click();
  await page.waitForTimeout(300);
  await edit(page, "make it sunset");
  await shot("08-branch");
}

async function masks({ page, shot }: Look): Promise<void> {
  await button(page, "Select an object").click();
  await drag(page, [[0.5, 0.5]]);
  await page.locator(".region").first().waitFor();
  await shot("09-select");
  await page.fill("#instruction", "paint the walls yellow");
  await page.getByRole("button", { name: "Another region, with its own instruction" }).click();
  await button(page, "Rectangle").click();
  await drag(page, [
    [0.65, 0.75],
    [0.95, 0.95],
  ]);
  await page.press("#instruction", "Enter");
  await page.locator(".notice").first().waitFor();
  await shot("10-regions");
  await page.getByRole("button", { name: "Remove region 2" }).click();
  await undoMask(page);
  await page.fill("#instruction", "remove the boat");
  await button(page, "Auto").click();
  await page.getByRole("slider", { name: "Threshold" }).waitFor();
  await shot("11-auto");
  await undoMask(page);
  await button(page, "Move and zoom").click();
}

async function comparing({ page, shot }: Look): Promise<void> {
  await button(page, "Compare with the previous step").click();
  await shot("12-compare");
  await page.getByRole("button", { name: "Side by side" }).click();
  await shot("13-side");
  await page.getByRole("button", { name: "Difference" }).click();
  await shot("14-difference");
  await button(page, "Stop comparing").click();
}

async function frames({ page, shot }: Look): Promise<void> {
  await button(page, "Crop").click();
  await page.locator(".canvas-handle[data-side='left']").press("Shift+ArrowRight");
  await shot("15-crop");
  await page.locator(".canvas-bar").getByRole("button", { name: "Cancel" }).click();
  await button(page, "Expand: add room around the picture").click();
  await page.locator(".canvas-handle[data-side='left']").press("Shift+ArrowLeft");
  await shot("16-expand");
  await page.locator(".canvas-bar").getByRole("button", { name: "Cancel" }).click();
}

async function waiting(look: Look): Promise<void> {
  const { page, shot } = look;
  await slowly(look, "End");
  await page.fill("#instruction", "make it night");
  await page.press("#instruction", "Enter");
  await page.locator(".edit-button.running").waitFor();
  for (const words of ["add fog", "paint the door green and add a red balloon on the left"]) {
    await page.fill("#instruction", words);
    await page.press("#instruction", "Enter");
  }
  await page.locator(".keep-button").waitFor();
  await shot("17-queue");
  await button(page, "Cancel “add fog”").click();
  await page.getByRole("button", { name: /^Cancel “paint/ }).click();
  await stop(page);
  await slowly(look, "Home");
  await inSettings(look, async (page) => {
    const variations = page.getByRole("slider", { name: "Variations" });
    for (let i = 0; i < 2; i++) await variations.press("ArrowRight");
  });
  await edit(page, "make it winter");
  await page.locator(".strip-picture").nth(2).waitFor();
  await shot("18-strip");
  await page.getByRole("button", { name: /^Use this one/ }).click();
  await inSettings(look, (page) => page.getByRole("slider", { name: "Variations" }).press("Home"));
}

async function panels(look: Look): Promise<void> {
  const { page, shot, tiny, narrow } = look;
  await openHistory(look);
  await shot("19-history");
  await page.locator(".node", { hasText: "paint the roof blue" }).hover();
  await page.locator(".node", { hasText: "paint the roof blue" }).locator(".node-more").click();
  await shot("20-step-menu");
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.locator(".notice").getByRole("button", { name: "Undo" }).waitFor();
  await shot("21-deleted");
  await page.getByRole("button", { name: /^Bin · / }).click();
  await shot("22-bin");
  await page.getByRole("menuitem", { name: "paint the roof blue" }).click();
  if (tiny) await page.keyboard.press("Escape");
  await button(page, "Export").click();
  await shot("23-export");
  await page.keyboard.press("Escape");
  if (narrow) await button(page, "Settings").click();
  await button(page, "Change this step").click();
  await shot("24-settings");
  await page.keyboard.press("Escape");
  if (tiny) return;
  await button(page, /^Model:/).click();
  await shot("25-models");
  await page.keyboard.press("Escape");
  await button(page, "Keyboard shortcuts").click();
  await shot("26-keys");
  await page.keyboard.press("Escape");
}

async function files({ page, shot }: Look): Promise<void> {
  await button(page, "Export").click();
  const [saved] = await Promise.all([page.waitForEvent("download"), button(page, "Save picture").click()]);
  const path = await saved.path();
  await page.getByRole("button", { name: /to the start page/ }).click();
  await page.locator(".recent").waitFor();
  await shot("27-my-work");
  await drop(page, await sharp(path).withMetadata().toBuffer(), "other.png");
  await page.locator(".stage").waitFor();
  await drop(page, await sharp(path).png().toBuffer(), "second.png");
  await page.getByRole("dialog").waitFor();
  await shot("28-what-for");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: /to the start page/ }).click();
  await drop(page, await readFile(path), "winter.png");
  await page.getByRole("button", { name: /^Restore its/ }).waitFor();
  await shot("29-restore");
  await page.getByRole("button", { name: /to the start page/ }).click();
  const noise = { type: "gaussian", mean: 128, sigma: 50 } as const;
  const create = { width: 320, height: 240, channels: 3, background: "black", noise } as const;
  await drop(page, await sharp({ create }).png().toBuffer(), "photo.png");
  await page.getByRole("button", { name: "Edit anyway" }).waitFor();
  await page.locator(".still-loading").waitFor({ state: "detached" });
  await shot("30-photo");
  await page.getByRole("button", { name: "Edit anyway" }).click();
  await page.fill("#instruction", "give her a hat");
  await page.locator(".heard").waitFor();
  await shot("31-not-known");
  await page.getByRole("button", { name: /to the start page/ }).click();
  const large = await sharp({ create: { ...create, noise: undefined, width: 10_000, height: 6500 } })
    .jpeg()
    .toBuffer();
  await drop(page, large, "wall.jpg");
  await page.getByRole("alert").waitFor();
  await shot("32-too-large");
}

async function server(look: Look): Promise<void> {
  const { page, shot, tiny } = look;
  await page.locator(".examples button").first().waitFor();
  await button(page, /^Model:/).click();
  await shot("40-models");
  await page.locator(".model-card").filter({ hasText: "FLUX.2 klein 4B" }).last().scrollIntoViewIfNeeded();
  await shot("41-models-below");
  await page.keyboard.press("Escape");
  await openExample(page, "lake");
  const hats = [join(root, "examples/cottage.png"), join(root, "examples/road.png")];
  await page.locator(".references input[type=file]").setInputFiles(hats);
  await page.fill("#instruction", "wear this hat");
  await shot("42-references");
  await inSettings(look, async (page) => {
    await button(page, "Advanced").click();
    await shot("43-distilled");
  });
  await page.route("**/edits", (route) => {
    const request = route.request().postDataJSON() as object;
    return route.continue({ postData: JSON.stringify({ ...request, steps: 900 }) });
  });
  if (tiny) {
    await page.locator(".session-name").click();
    await page.getByRole("menuitem", { name: "Model: klein" }).click();
  } else await button(page, "Model: klein").click();
  await shot("44-change-model");
  await page
    .locator(".model-card")
    .filter({ hasText: "picturebook" })
    .getByRole("button", { name: "Use" })
    .click();
  await page.getByText("This picture continues with picturebook").waitFor();
  await page.fill("#instruction", "make it winter");
  await page.press("#instruction", "Enter");
  await page
    .locator(".edit-button.running")
    .getByText(/\d+\/\d+/)
    .waitFor();
  await page.context().setOffline(true);
  await page.locator(".edit-button.running").getByText("Reconnecting…").waitFor();
  await shot("45-reconnecting");
  await page.context().setOffline(false);
  await page.getByText("Reconnecting…").waitFor({ state: "detached" });
  // It may have come to its end meanwhile.
  if (await page.locator(".edit-button.running").isVisible()) await stop(page);
  await page.fill("#instruction", "make it night");
  await page.unroute("**/edits");
  await page.route("**/edits", (route) => route.abort());
  await page.press("#instruction", "Enter");
  await page.getByRole("alert").waitFor();
  await shot("46-failed");
}

/** In the order in which they are taken; those after the edits begin at the picture that the edits leave open. */
export const ALONE: Record<string, (look: Look) => Promise<void>> = {
  edits,
  masks,
  comparing,
  frames,
  waiting,
  panels,
  files,
};

export const SERVED: typeof ALONE = { server };
