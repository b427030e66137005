/** On a touch screen, upright and on its side: targets that a finger hits, two taps, a pen beside a resting palm. Without a server. */
import type { CDPSession, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edit, openExample, openPage, openSite, type Site, seriousFaults } from "./site.ts";

const SCREENS = [
  { screen: "upright", viewport: { width: 360, height: 740 } },
  { screen: "on its side", viewport: { width: 740, height: 360 } },
] as const;
const TOUCH = { hasTouch: true, isMobile: true, deviceScaleFactor: 2 } as const;

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => {
  await site?.close();
});

/** What can be pressed below `root` and does not answer a finger 21 px to each side of its middle. */
const missed = (page: Page, root = "body") =>
  page.evaluate((root) => {
    const pressed =
      "button, select, a[href], input:not([type=file], [hidden]), [role=slider], [role=treeitem], [role^=menuitem]";
    const reach = 21;
    return [...document.querySelectorAll<HTMLElement>(root)].flatMap((part) =>
      [...part.querySelectorAll<HTMLElement>(pressed)].flatMap((element) => {
        // A label and a slider's track answer as what they belong to does.
        const labelled = element.matches("[type=checkbox], [type=radio], [type=search]");
        const target = element.closest(labelled ? "label" : ".slider") ?? element;
        if (!target.checkVisibility()) return [];
        target.scrollIntoView({ block: "nearest", inline: "nearest" });
        const { x, y, width, height } = target.getBoundingClientRect();
        const hits = (dx: number, dy: number) => {
          const hit = document.elementFromPoint(x + width / 2 + dx, y + height / 2 + dy);
          return target.contains(hit);
        };
        const all = [hits(0, 0), hits(-reach, 0), hits(reach, 0), hits(0, -reach), hits(0, reach)];
        if (all.every(Boolean)) return [];
        return [`${element.outerHTML.slice(0, 140)} (${Math.round(width)} × ${Math.round(height)})`];
      }),
    );
  }, root);

/** Fingers by the browser's own input, points in shares of the stage. */
async function fingers(page: Page) {
  const client: CDPSession = await page.context().newCDPSession(page);
  const box = (await page.locator(".stage canvas").boundingBox())!;
  const at = ([x, y]: readonly [number, number], id = 0) => ({
    ...{ x: box.x + x * box.width, y: box.y + y * box.height },
    id,
  });
  const send = (type: "touchStart" | "touchMove" | "touchEnd", touchPoints: ReturnType<typeof at>[]) =>
    client.send("Input.dispatchTouchEvent", { type, touchPoints });
  const pen = (type: "mousePressed" | "mouseMoved" | "mouseReleased", point: readonly [number, number]) => {
    const { x, y } = at(point);
    const held = type === "mouseMoved" ? { button: "none", buttons: 1 } : { button: "left", clickCount: 1 };
    return client.send("Input.dispatchMouseEvent", {
      ...{ type, x, y, pointerType: "pen", force: 0.6 },
      ...(held as { button: "left" }),
    });
  };
  return { at, send, pen };
}

describe.each(SCREENS)("a phone $screen", ({ screen, viewport }) => {
  let page: Page;
  let errors: string[];
  const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
  const region = () => page.locator(".region").first();
  const share = async () => Number(/(\d+) %/.exec((await region().textContent())!)![1]);

  beforeAll(async () => {
    ({ page, errors } = await openPage(site, { ...TOUCH, viewport }));
  });

  it("has targets of 44 px at the start, and while a picture is edited", async () => {
    expect(await page.evaluate(() => matchMedia("(pointer: coarse)").matches)).toBe(true);
    expect(await missed(page)).toEqual([]);
    await openExample(page, "cottage");
    await page.fill("#instruction", "");
    expect(await missed(page)).toEqual([]);
    await edit(page, "make it winter");
    await page.getByTestId("changes").waitFor();
    expect(await missed(page)).toEqual([]);
  });

  it("has them in what opens over the picture", async () => {
    await button("Settings").click();
    const sheet = page.getByRole("dialog", { name: "Settings" });
    await sheet.getByRole("button", { name: "Advanced" }).click();
    await sheet.getByRole("button", { name: "Change this step" }).click();
    await page.waitForTimeout(300);
    expect(await missed(page, ".sheet")).toEqual([]);
    await page.keyboard.press("Escape");
    await sheet.waitFor({ state: "detached" });
    await button("All steps and branches").click();
    await page.getByRole("dialog", { name: "History" }).waitFor();
    await page.waitForTimeout(300);
    expect(await missed(page, ".sheet")).toEqual([]);
    await page.locator(".node-more").last().click();
    expect(await missed(page, ".menu")).toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await button("Export").click();
    expect(await missed(page, ".popover")).toEqual([]);
    await page.keyboard.press("Escape");
    // Upright, the bar has no room for the model's button.
    await page.locator(".session-name").click();
    expect(await missed(page, ".menu")).toEqual([]);
    const models = page.getByRole("menuitem", { name: /^Model: / });
    if (await models.isVisible()) await models.click();
    else {
      await page.keyboard.press("Escape");
      await button(/^Model: /).click();
    }
    await page.locator(".models").waitFor();
    expect(await missed(page, ".models")).toEqual([]);
    await page.keyboard.press("Escape");
    await button("Compare with the previous step").click();
    expect(await missed(page, ".stage")).toEqual([]);
    await button("Stop comparing").click();
    await button("Crop").click();
    expect(await missed(page, ".canvas-bar")).toEqual([]);
    await page.locator(".canvas-bar").getByRole("button", { name: "Cancel" }).click();
  });

  it("has them for the places of an edit, its variations, and what waits", async () => {
    await button("Brush: paint where the picture may change").click();
    const { at, send } = await fingers(page);
    await send("touchStart", [at([0.45, 0.5])]);
    await send("touchMove", [at([0.55, 0.5])]);
    await send("touchEnd", []);
    await region().waitFor();
    await page.getByRole("button", { name: "Another region, with its own instruction" }).click();
    await region().getByRole("button").first().waitFor();
    expect(await missed(page)).toEqual([]);
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Remove region 2" }).click();
    await button("Clear the mask").click();
    await button("Settings").click();
    await page.getByRole("slider", { name: "Variations" }).press("ArrowRight");
    await page.keyboard.press("Escape");
    await edit(page, "make it night");
    await page.locator(".strip-picture").nth(1).waitFor();
    expect(await missed(page)).toEqual([]);
    await button(/^Use this one/).click();
    await button("Settings").click();
    await page.getByRole("slider", { name: "Variations" }).press("Home");
    await page.getByRole("button", { name: "Advanced" }).click();
    await page.getByRole("slider", { name: "Steps" }).press("End");
    await page.keyboard.press("Escape");
    await page.fill("#instruction", "make it sunset");
    await page.press("#instruction", "Enter");
    await page.locator(".edit-button.running").waitFor();
    await page.fill("#instruction", "add fog");
    await page.press("#instruction", "Enter");
    await page.locator(".queue li").waitFor();
    expect(await missed(page)).toEqual([]);
    await button("Cancel “add fog”").click();
    await page.getByRole("button", { name: /^Stop\./ }).click();
    await page.locator(".edit-button:not(.running)").waitFor();
    await page.fill("#instruction", "");
  });

  it(`has its dock ${screen === "upright" ? "below" : "beside"} the picture, which keeps room`, async () => {
    const stage = (await page.locator(".stage").boundingBox())!;
    const dock = (await page.locator(".dock").boundingBox())!;
    if (screen === "upright") expect(dock.y).toBeGreaterThanOrEqual(stage.y + stage.height - 1);
    else expect(dock.x).toBeGreaterThanOrEqual(stage.x + stage.width - 1);
    expect(Math.min(stage.width, stage.height)).toBeGreaterThan(220);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width);
  });

  it("shows all of the picture after two taps", async () => {
    const scale = () => page.locator(".zoom-bar .number").textContent();
    await button("Move and zoom").click();
    const { at, send } = await fingers(page);
    const whole = await scale();
    await send("touchStart", [at([0.45, 0.5]), at([0.55, 0.5], 1)]);
    for (const by of [0.1, 0.2, 0.3])
      await send("touchMove", [at([0.45 - by, 0.5]), at([0.55 + by, 0.5], 1)]);
    await send("touchEnd", []);
    await expect.poll(scale).not.toBe(whole);
    const near = await scale();
    // Two taps far from each other mean nothing.
    for (const point of [
      [0.2, 0.3],
      [0.8, 0.7],
    ] as const) {
      await send("touchStart", [at(point)]);
      await send("touchEnd", []);
    }
    expect(await scale()).toBe(near);
    await page.waitForTimeout(500);
    const twice = async () => {
      for (let i = 0; i < 2; i++) {
        await send("touchStart", [at([0.5, 0.5])]);
        await send("touchEnd", []);
      }
      return scale();
    };
    // A busy machine may take so long between two that they are two single ones.
    await expect.poll(twice).toBe(whole);
  });

  it("lets a pen paint while a palm rests, before it and after it, as one stroke", async () => {
    await button("Brush: paint where the picture may change").click();
    const { at, send, pen } = await fingers(page);
    const stroke = async (meanwhile: () => Promise<unknown> = async () => {}) => {
      await pen("mousePressed", [0.4, 0.45]);
      await meanwhile();
      for (const x of [0.45, 0.5, 0.55]) await pen("mouseMoved", [x, 0.45]);
      await pen("mouseReleased", [0.55, 0.45]);
    };
    await stroke();
    await region().waitFor();
    const alone = await share();
    await button("Undo stroke").click();
    await region().waitFor({ state: "detached" });
    // The palm is there first, and moves.
    await send("touchStart", [at([0.6, 0.8])]);
    await send("touchMove", [at([0.62, 0.8])]);
    await stroke(() => send("touchMove", [at([0.7, 0.75])]));
    await send("touchEnd", []);
    expect(await share()).toBe(alone);
    await button("Undo stroke").click();
    await region().waitFor({ state: "detached" });
    // It comes while the pen draws.
    await stroke(() => send("touchStart", [at([0.6, 0.8])]));
    await send("touchMove", [at([0.7, 0.75])]);
    await send("touchEnd", []);
    expect(await share()).toBe(alone);
    await button("Undo stroke").click();
    await region().waitFor({ state: "detached" });
    expect(errors).toEqual([]);
  });
});
