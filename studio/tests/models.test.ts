/** Other editors than picturebook: only what a model has can be set, and what it takes to have one is said before it is fetched. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { copyCheckpoint, scratchFolder } from "../../tests/support/flux2-fixture.ts";
import { edit, openExample, openPage, openServer, openSite, type Site, seriousFaults } from "./site.ts";

const folder = scratchFolder();
const models = (page: Page) => page.getByRole("dialog", { name: "Models" });
const card = (page: Page, title: string) => models(page).locator(".model-card").filter({ hasText: title });
const openModels = (page: Page) => page.getByRole("button", { name: /^Model:/ }).click();

describe("a distilled editor on a server", () => {
  let site: Site;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"]) vi.stubEnv(name, undefined);
    vi.stubEnv("HF_HOME", folder);
    site = await openServer(copyCheckpoint(folder, "klein"));
    ({ page, errors } = await openPage(site));
  });
  afterAll(async () => {
    await site?.close();
    vi.unstubAllEnvs();
  });

  const slider = (name: string) => page.getByRole("slider", { name, exact: true });
  const choice = (name: string) => page.locator("label.field").filter({ hasText: name });
  const options = (name: string) => choice(name).locator("option").allTextContents();
  const advanced = async () => {
    await page.getByRole("button", { name: "Advanced" }).click();
    await slider("Steps").waitFor();
  };

  it("edits what is opened, since the server was started with it", async () => {
    await page.getByRole("button", { name: "Model: klein" }).waitFor();
    await openExample(page, "cottage");
    await page.getByRole("button", { name: "Model: klein" }).waitFor();
  });

  it("offers its own presets and steps, and no guidance, sampler or control that it does not have", async () => {
    await advanced();
    expect(await slider("Steps").getAttribute("aria-valuetext")).toBe("4");
    expect(await options("Preset")).toEqual(["turbo", "draft", "balanced", "best"]);
    expect(await options("How a mask is applied")).toEqual(["anchored", "threshold", "literal"]);
    for (const name of ["Text guidance", "Image guidance"]) expect(await slider(name).count()).toBe(0);
    expect(await choice("Sampler").count()).toBe(0);
    expect(await seriousFaults(page)).toEqual([]);
    await edit(page, "make it winter");
    await page.locator(".node-name", { hasText: "make it winter" }).waitFor();
    expect(await page.locator(".notice[data-kind=error]").count()).toBe(0);
  });

  it("gives up what was set for another model, and takes it up by its own values", async () => {
    await openModels(page);
    await card(page, "picturebook").getByRole("button", { name: "Use" }).click();
    await page.getByText(/continues with picturebook/).waitFor();
    await advanced();
    await slider("Text guidance").press("ArrowRight");
    expect(await options("Preset")).toEqual(["draft", "balanced", "best"]);
    expect((await options("Sampler")).length).toBeGreaterThan(5);
    // No edit may have less than 1.
    await slider("Image guidance").press("Home");
    expect(await slider("Image guidance").getAttribute("aria-valuetext")).toBe("1.0");
    await openModels(page);
    await card(page, "klein").filter({ hasNotText: "FLUX.2" }).getByRole("button", { name: "Use" }).click();
    await page.getByText(/continues with klein/).waitFor();
    await advanced();
    expect(await slider("Text guidance").count()).toBe(0);
    expect(await slider("Steps").getAttribute("aria-valuetext")).toBe("4");
    await edit(page, "make it night");
    await page.locator(".node-name", { hasText: "make it night" }).waitFor();
    expect(await page.locator(".notice[data-kind=error]").count()).toBe(0);
  });

  it("says of a model that is not there its size, its licence and what it needs, as the server knows it", async () => {
    await openModels(page);
    const klein = card(page, "FLUX.2 klein 4B");
    await klein.getByRole("button", { name: "Download FLUX.2 klein 4B" }).waitFor();
    const told = (await klein.locator("dl").last().textContent())!;
    expect(told).toMatch(/^Download16\.0 GB/);
    expect(told).toMatch(/LicenceApache-2\.0\. Any use, also commercial/);
    const { models } = await new EmilieClient({ baseUrl: site.url }).models();
    const { takes, precisions } = models.find(({ id }) => id.endsWith("FLUX.2-klein-4B"))!.plan!;
    const least = [...precisions].sort((a, b) => a.memoryBytes - b.memoryBytes)[0]!;
    const { memoryBytes } = precisions.find(({ precision }) => precision === takes) ?? least;
    expect(told).toContain(`Needs${(memoryBytes / 1e9).toFixed(1)} GB of memory for an edit`);
    expect(told).toMatch(takes ? new RegExp(`Runs here in ${takes}`) : /more than is free here/);
    expect(await seriousFaults(page)).toEqual([]);
    expect(errors).toEqual([]);
  });
});

it("the static page says size and licence of what it cannot run itself", async () => {
  const site = await openSite();
  try {
    const context = await site.browser.newContext({ viewport: { width: 1440, height: 900 } });
    let answer = () => {};
    const opened = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await context.route("**/emilie.json", async (route) => {
      await opened;
      await route.continue();
    });
    const page = await context.newPage();
    await page.goto(site.url);
    // It stays open while the page finds out what there is.
    await openModels(page);
    await models(page).waitFor();
    answer();
    const told = await card(page, "FLUX.2 klein 4B").locator("dl").last().textContent();
    expect(told).toMatch(/Download16\.0 GBLicenceApache-2\.0/);
    expect(await seriousFaults(page)).toEqual([]);
  } finally {
    await site.close();
  }
});
