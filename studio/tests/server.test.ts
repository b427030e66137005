/** The same studio against a real `emilie serve`: fetch a model, open, edit, brush, edit there, cancel, reload, restart, export. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { HubServer } from "../../tests/support/hub-server.ts";
import { borrowBrowser, drag, drop, edit, openPage, root, seriousFaults } from "./site.ts";

const UNET = "unet/diffusion_pytorch_model.safetensors";

let data: string;
let hub: HubServer;
let server: RunningServer;
let browser: Browser;
let closeBrowser: () => Promise<void>;
let page: Page;
let errors: string[];

const nodes = () => page.locator(".node-name").allTextContents();

async function savePicture(): Promise<string> {
  await page.getByRole("button", { name: "Export" }).click();
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save picture", exact: true }).click(),
  ]);
  return file.path();
}

beforeAll(async () => {
  if (!existsSync(join(root, "dist/studio/index.html")))
    throw new Error("There is no dist/studio. Run: npm run build:studio");
  data = await mkdtemp(join(tmpdir(), "emilie-studio-"));
  hub = await new HubServer().start();
  hub.addFolder("tiny/editor", join(root, "tests/fixtures/parity/sd1/checkpoint"));
  for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"])
    vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", join(data, "hub"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  server = await startServer({ port: 0, data: join(data, "sessions"), studio: join(root, "dist/studio") });
  ({ browser, close: closeBrowser } = await borrowBrowser());
  ({ page, errors } = await openPage({ url: `${server.url}/`, browser }));
});

afterAll(async () => {
  await closeBrowser?.();
  await server?.close();
  await hub?.stop();
  vi.unstubAllEnvs();
  await rm(data, { recursive: true, force: true });
});

describe("the studio with a server", () => {
  it("fetches a model: how far it is, stopped, gone on with, and what is wrong with a name", async () => {
    await page.getByRole("button", { name: /^Model:/ }).click();
    const fetchIt = async (name: string) => {
      await page.getByLabel("Another model, by its name").fill(name);
      await page.getByRole("button", { name: "Download", exact: true }).click();
    };
    const card = (name: string) => page.locator(".model-card").filter({ hasText: name });
    hub.faults.set(UNET, [{ kind: "hang", after: 100_000 }]);
    await fetchIt("tiny/editor");
    await page.getByRole("progressbar", { name: "Downloading tiny/editor" }).waitFor();
    await card("tiny/editor")
      .getByText(/[\d.]+ MB of [\d.]+ MB/)
      .waitFor();
    // Until what is gone on with has begun, and a part of it is on the disk.
    await expect.poll(() => hub.requests(UNET, "storage").length).toBeGreaterThan(0);
    await page.waitForTimeout(1000);
    await page.getByRole("button", { name: "Stop downloading tiny/editor" }).click();
    await page.getByRole("progressbar").waitFor({ state: "detached" });

    await fetchIt("tiny/editor");
    await card("tiny/editor").getByRole("button", { name: "Use" }).waitFor();
    expect(hub.requests(UNET, "storage").at(-1)!.range).toMatch(/^bytes=[1-9]/);

    await fetchIt("nobody/nothing");
    const failed = card("nobody/nothing");
    await failed.getByRole("alert").waitFor();
    expect(await failed.getByRole("alert").textContent()).toMatch(/nobody\/nothing/);
    await failed.getByRole("button", { name: "Dismiss" }).click();
    await failed.waitFor({ state: "detached" });
    await fetchIt("no such name");
    await page.locator("#pull-problem").waitFor();
    // The browser itself notes the refusal.
    expect(errors.splice(0)).toEqual([expect.stringMatching(/400|422/)]);
    await page.keyboard.press("Escape");
  });

  it("says what of a picture's file is not in the picture", async () => {
    const pixels = { raw: { width: 64, height: 64, channels: 3 } } as const;
    const png = await sharp(new Uint16Array(3 * 64 * 64).fill(20_000), pixels)
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    await page.getByRole("button", { name: "cottage" }).waitFor();
    await drop(page, png, "deep.png");
    await page.locator(".notice", { hasText: "more than 8 bits" }).waitFor();
    await page.locator(".stage").waitFor();
    await page.goto(`${server.url}/#`);
    await page.reload();
    const client = new EmilieClient({ baseUrl: server.url });
    for (const { id } of await client.sessions()) await client.deleteSession(id);
  });

  it("opens an example and edits it", async () => {
    await page.getByRole("button", { name: "cottage" }).click();
    await page.locator(".stage").waitFor({ timeout: 120_000 });
    await edit(page, "make it winter");
    expect(await nodes()).toEqual(["original", "make it winter"]);
  });

  it("edits only where it was painted, byte for byte in the exported file", async () => {
    const before = await readPicture(await savePicture());
    await page.locator(".stage canvas").press("b");
    await drag(page, [
      [0.42, 0.48],
      [0.64, 0.52],
    ]);
    await edit(page, "paint the roof blue");
    const after = await readPicture(await savePicture());
    const changed: [number, number][] = [];
    for (let i = 0; i < before.data.length; i += 4) {
      if (!before.data.subarray(i, i + 4).every((v, c) => v === after.data[i + c]))
        changed.push([(i / 4) % 128, Math.floor(i / 512)]);
    }
    expect(changed.length).toBeGreaterThan(50);
    expect(changed.filter(([x, y]) => x < 45 || x > 90 || y < 53 || y > 76)).toEqual([]);
  });

  /** Makes the next edits long enough to be interrupted. */
  const slowly = () =>
    page.route("**/edits", (route) => {
      const request = route.request().postDataJSON() as object;
      return route.continue({ postData: JSON.stringify({ ...request, steps: 900 }) });
    });
  const seed = () => page.getByLabel("Seed", { exact: true }).inputValue();

  it("stops on Esc and keeps the tree, the words and the seed", async () => {
    const before = await nodes();
    await slowly();
    await page.fill("#instruction", "make it night");
    const asked = await seed();
    await page.press("#instruction", "Enter");
    await page.locator(".edit-button.running").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".edit-button:not(.running)").waitFor({ timeout: 240_000 });
    expect(await nodes()).toEqual(before);
    expect(await page.inputValue("#instruction")).toBe("make it night");
    expect(await seed()).toBe(asked);
    expect(await page.locator(".notice").allTextContents()).toEqual([]);
  });

  it("comes back to a running edit after a reload, with its words and Stop", async () => {
    const before = await nodes();
    await page.press("#instruction", "Enter");
    await page
      .locator(".edit-button.running")
      .getByText(/\d+\/900/)
      .waitFor();
    await page.reload();
    await page
      .locator(".edit-button.running")
      .getByText(/\d+\/900/)
      .waitFor();
    expect(await page.inputValue("#instruction")).toBe("make it night");
    await page.getByRole("button", { name: /^Stop\./ }).click();
    await page.locator(".edit-button:not(.running)").waitFor();
    expect(await nodes()).toEqual(before);
    expect(await page.inputValue("#instruction")).toBe("make it night");
    await page.unroute("**/edits");
    await page.fill("#instruction", "");
  });

  it("keeps what was typed and painted across a reload, and Back leads to the start", async () => {
    await page.locator(".stage canvas").press("b");
    await drag(page, [
      [0.3, 0.3],
      [0.5, 0.3],
    ]);
    await page.fill("#instruction", "add a red balloon on the left");
    const places = () => page.locator(".region").first().textContent();
    const painted = await places();
    expect(painted).toMatch(/[1-9]\d* %/);
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    await expect.poll(places).toBe(painted);
    expect(await page.inputValue("#instruction")).toBe("add a red balloon on the left");
    await page.goBack();
    await page.getByRole("button", { name: "cottage" }).first().waitFor();
    await page.goForward();
    await page.locator(".stage canvas").waitFor();
    await expect.poll(places).toBe(painted);
    await page.getByRole("button", { name: "Clear the mask" }).click();
    await page.fill("#instruction", "");
  });

  it("looks for the place of an instruction", async () => {
    await page.fill("#instruction", "remove the boat");
    await page.getByRole("button", { name: "Auto" }).click();
    await page.getByRole("slider", { name: "Threshold" }).waitFor({ timeout: 240_000 });
    await page.getByRole("button", { name: "Clear the mask" }).click();
  });

  it("passes on what was noticed about the request", async () => {
    await edit(page, `paint the walls yellow ${"and the door green ".repeat(60)}`);
    await page
      .locator(".notice[data-kind=info]")
      .getByText(/reads the first \d+/)
      .waitFor();
  });

  it("comes back after a reload, and says so when the server is gone", async () => {
    // What the model did not understand is taken away again.
    const steps = ["original", "make it winter", "paint the roof blue"];
    await expect.poll(nodes, { timeout: 10_000 }).toEqual(steps);
    await page.reload();
    await page.locator(".stage").waitFor({ timeout: 240_000 });
    await expect.poll(nodes, { timeout: 10_000 }).toEqual(steps);
    expect(errors).toEqual([]);
    await server.close();
    await page.fill("#instruction", "make it summer");
    await page.press("#instruction", "Enter");
    const notice = page.getByRole("alert");
    await notice.waitFor();
    expect(await notice.textContent()).toMatch(/does not answer/);
    expect(await page.inputValue("#instruction")).toBe("make it summer");
  });

  it("has an API page that everybody can read", async () => {
    server = await startServer({
      port: Number(new URL(page.url()).port),
      data: join(data, "sessions"),
      studio: join(root, "dist/studio"),
    });
    const reference = await page.context().newPage();
    await reference.goto(`${server.url}/docs`);
    for (const colorScheme of ["light", "dark"] as const) {
      await reference.emulateMedia({ colorScheme });
      expect(await seriousFaults(reference)).toEqual([]);
    }
    await reference.close();
    await server.close();
  });

  it("goes on when the server is there again", async () => {
    server = await startServer({
      port: Number(new URL(page.url()).port),
      data: join(data, "sessions"),
      studio: join(root, "dist/studio"),
    });
    await edit(page, "make it summer");
    expect(await nodes()).toContain("make it summer");
  });
});
