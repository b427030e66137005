/**
 * The whole story in a real browser, on the static site, with picturebook computing in the page: open, edit, brush, edit
 * there, branch, compare, cancel, change a step, reload, export.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import type { Page } from "playwright";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture, readXmp } from "../../src/images/codec.node.ts";
import { readXmpValue } from "../../src/images/xmp.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { drag, edit, openPage, openSite, root, type Site, seriousFaults } from "./site.ts";

let site: Site;
let page: Page;
let errors: string[];

const nodes = () => page.locator(".node-name").allTextContents();
const head = () => page.locator('.node[aria-selected="true"] .node-name').textContent();
const press = (key: string) => page.locator(".stage canvas").press(key);

async function save(button: string): Promise<{ name: string; path: string }> {
  await page.getByRole("button", { name: "Export" }).click();
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button, exact: true }).click(),
  ]);
  return { name: file.suggestedFilename(), path: await file.path() };
}

beforeAll(async () => {
  site = await openSite();
  ({ page, errors } = await openPage(site, { acceptDownloads: true }));
});

afterAll(async () => {
  await site?.close();
});

describe("the studio, without a server", () => {
  it("opens an example and suggests what the model can do", async () => {
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "cottage" }).click();
    await page.locator(".stage").waitFor({ timeout: 180_000 });
    expect(await nodes()).toEqual(["original"]);
    await page.fill("#instruction", "");
    expect(await page.locator(".suggestions .chip").count()).toBeGreaterThan(5);
  });

  it("says where it computes, and why not on a graphics card", async () => {
    await page.getByRole("button", { name: "Model: " }).click();
    const models = page.getByRole("dialog", { name: "Models" });
    // The picture is shown before the model has been loaded.
    await models.getByText(/Computed on the CPU\. This browser offers no WebGPU adapter\./).waitFor();
    await page.keyboard.press("Escape");
  });

  it("edits everything, and shows how far it is", async () => {
    await page.fill("#instruction", "make it winter");
    await page.press("#instruction", "Enter");
    const running = page.locator(".edit-button.running");
    await running.waitFor();
    await page.waitForFunction(() =>
      /\d+\/\d+/.test(document.querySelector(".edit-button.running")?.textContent ?? ""),
    );
    await page.locator(".edit-button:not(.running)").waitFor({ timeout: 180_000 });
    expect(await nodes()).toEqual(["original", "make it winter"]);
    expect(await head()).toBe("make it winter");
  });

  it("paints a mask, undoes a stroke apart from edits, and edits only there", async () => {
    await press("b");
    await drag(page, [
      [0.42, 0.48],
      [0.58, 0.48],
      [0.64, 0.52],
    ]);
    await drag(page, [
      [0.1, 0.1],
      [0.2, 0.1],
    ]);
    await press("Control+z");
    expect(await nodes()).toHaveLength(2);
    expect(await page.locator(".region").first().textContent()).toMatch(/[1-9] %/);
    await edit(page, "paint the roof blue");
    expect(await nodes()).toEqual(["original", "make it winter", "paint the roof blue"]);
    const identical = { hasText: "outside the mask is identical" };
    await page.getByTestId("changes").filter(identical).waitFor();
  });

  it("exports a PNG whose pixels outside the mask are its parent's bytes, and in which the rest has changed", async () => {
    const after = await save("Save picture");
    expect(after.name).toMatch(/\.png$/);
    await press("z");
    await page.waitForFunction(() =>
      document.querySelector('.node[aria-selected="true"]')?.textContent?.includes("winter"),
    );
    const before = await save("Save picture");
    const [a, b] = [await readPicture(before.path), await readPicture(after.path)];
    expect([b.width, b.height]).toEqual([128, 128]);
    const changed: [number, number][] = [];
    for (let i = 0; i < a.data.length; i += 4) {
      if (!a.data.subarray(i, i + 4).every((v, c) => v === b.data[i + c]))
        changed.push([(i / 4) % 128, Math.floor(i / 512)]);
    }
    expect(changed.length).toBeGreaterThan(100);
    // The strokes ran from (0.42, 0.48) to (0.64, 0.52) with a brush of 8 %, which is 5 pixels and a bit to each side.
    const within = ([x, y]: [number, number]) => x >= 47 && x <= 88 && y >= 55 && y <= 73;
    expect(changed.filter((pixel) => !within(pixel))).toEqual([]);
  });

  it("puts the recipes into the PNG, as the command line does", async () => {
    const { path } = await save("Save picture");
    const bytes = await readFile(path);
    const told = await readPath(bytes, path);
    expect(told.model.id).toBe("picturebook");
    expect(told.steps.map(({ recipe }) => recipe.regions[0]!.instruction)).toEqual(["make it winter"]);
    const model = await loadModel("picturebook");
    expect(told.model.fingerprint).toBe(model.fingerprint);
    await model.dispose();
    // Other programs read the XMP.
    const xmp = await readXmp(bytes, path);
    expect(JSON.parse(readXmpValue(xmp!, "recipe")!)).toEqual(told.steps[0]!.recipe);
    expect(inflateSync(Buffer.from(readXmpValue(xmp!, "path")!, "base64")).toString()).toBe(
      JSON.stringify(told),
    );
  });

  it("branches from an earlier step, keeps both, and compares them", async () => {
    await page.locator(".node").first().click();
    await edit(page, "make it sunset");
    expect(new Set(await nodes())).toEqual(
      new Set(["original", "make it winter", "paint the roof blue", "make it sunset"]),
    );
    await press("c");
    for (const mode of ["Side by side", "Difference", "Slider"]) {
      await page.getByRole("button", { name: mode, exact: true }).click();
      expect(await page.getByTestId("changed").textContent()).toMatch(/% of pixels differ/);
    }
    await page.getByLabel("Compare with", { exact: true }).selectOption({ label: "make it winter" });
    await page.getByRole("slider", { name: /meet/ }).press("ArrowRight");
    expect(await seriousFaults(page)).toEqual([]);
    await press("Escape");
    expect(await page.locator(".compare-bar").count()).toBe(0);
  });

  it("stops between steps on Esc, and leaves the tree as it was", async () => {
    const before = await nodes();
    await page.fill("#instruction", "make it night");
    await page.press("#instruction", "Enter");
    await page.locator(".edit-button.running").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".edit-button:not(.running)").waitFor({ timeout: 240_000 });
    expect(await nodes()).toEqual(before);
    expect(await page.inputValue("#instruction")).toBe("make it night");
  });

  it("makes variations, of which a number key shows one and Enter takes it", async () => {
    await page.getByRole("slider", { name: "Variations" }).press("ArrowRight");
    await edit(page, "make it night");
    await page.locator(".strip-picture").nth(1).waitFor();
    await press("1");
    await page.locator('.strip-picture[aria-pressed="true"][aria-label="Variation 1"]').waitFor();
    await press("Enter");
    await page.locator(".strip").waitFor({ state: "detached" });
    expect(await head()).toBe("make it night");
    await page.getByRole("slider", { name: "Variations" }).press("Home");
  });

  it("saves the way to here as an animation", async () => {
    for (const format of ["GIF", "WebP"]) {
      const { path } = await save(format);
      const { pages, width, loop } = await sharp(path, { animated: true }).metadata();
      expect([format, pages, width, loop]).toEqual([format, 3, 128, 0]);
    }
    // Both variations, one after the other.
    await page.locator(".node", { hasText: "make it night" }).press("Delete");
    await page.locator(".node-count").waitFor({ state: "detached" });
    await page.locator(".node", { hasText: "make it night" }).press("Delete");
    await page.waitForFunction(() => !document.querySelector(".tree")?.textContent?.includes("night"));
  });

  it("takes several places with an instruction each in one edit", async () => {
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
    await edit(page, "paint the boat yellow");
    expect(await head()).toBe("paint the roof green + paint the boat yellow");
    await page.getByTestId("untouched").filter({ hasText: "identical to the original" }).waitFor();
    await page.locator('.node[aria-selected="true"]').press("Delete");
    await page.waitForFunction(() => !document.querySelector(".tree")?.textContent?.includes("yellow"));
  });

  it("changes an earlier step and makes what followed it again on a branch of its own", async () => {
    await page.locator(".node", { hasText: "make it winter" }).click();
    await page.getByRole("button", { name: "Change this step" }).click();
    await page.getByLabel("Instruction of this step").fill("make it autumn");
    await page.getByRole("button", { name: "Recompute" }).click();
    await page.locator(".edit-button.running").waitFor();
    await page.locator(".edit-button:not(.running)").waitFor({ timeout: 180_000 });
    const now = await nodes();
    expect(now).toHaveLength(6);
    expect(now.filter((name) => name === "paint the roof blue")).toHaveLength(2);
    expect(now).toContain("make it autumn");
  });

  it("comes back after a reload as it was", async () => {
    const [before, at] = [await nodes(), await head()];
    await page.reload();
    await page.locator(".stage").waitFor({ timeout: 180_000 });
    expect(await nodes()).toEqual(before);
    expect(await head()).toBe(at);
  });

  it("is one tab's at a time", async () => {
    const second = await page.context().newPage();
    await second.goto(page.url());
    await second.getByText("This session is open in another tab").waitFor();
    expect(await second.locator(".stage").count()).toBe(0);
    await second.close();
  });

  it("exports a session that Node opens and computes again", async () => {
    await page.locator(".node").first().click();
    const { name, path } = await save("Save session");
    expect(name).toBe("cottage.emilie");
    const model = await loadModel("picturebook");
    try {
      const session = await loadSession(path, { model });
      expect(session.warnings).toEqual([]);
      expect(session.nodes.size).toBe(6);
      const [winter] = session.children(session.root);
      const [{ width }, example] = [
        await winter!.render(),
        await readFile(join(root, "examples/cottage.png")),
      ];
      expect(width).toBe(128);
      expect(session.original.data).toEqual((await readPicture(example)).data);
    } finally {
      await model.dispose();
    }
  });

  it("was never in error", () => {
    expect(errors).toEqual([]);
  });

  it("says so when the browser's storage is full, and the edit is there all the same", async () => {
    await page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
      };
    });
    await edit(page, "add fog");
    await page.getByRole("alert").filter({ hasText: "storage is full" }).waitFor();
    expect(await head()).toBe("add fog");
  });
});
