/** A preference study as a rater meets it: a real browser, its keys, a reload, a phone; and what axe has to say. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readStudy, writeStudy } from "../../packages/bench/src/study/file.node.ts";
import { answered, mailedPage, readAnswers } from "../../packages/bench/src/study/mail.node.ts";
import { makeStudy } from "../../packages/bench/src/study/make.node.ts";
import { type RunningStudy, serveStudy } from "../../packages/bench/src/study/serve.ts";
import { METHODS, TITLES, writeRun } from "../../tests/support/study-fixture.ts";
import { borrowBrowser, openPage } from "./site.ts";

let folder: string;
let file: string;
let server: RunningStudy;
let browser: Browser;
let closeBrowser: () => Promise<void>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-study-page-"));
  const run = await writeRun(folder, { items: 6 });
  file = join(folder, "study.json");
  await writeStudy(file, await makeStudy(run, run, { out: file, methodA: METHODS[0], methodB: METHODS[1] }));
  server = await serveStudy(file, { port: 0 });
  ({ browser, close: closeBrowser } = await borrowBrowser());
});
afterAll(async () => {
  await closeBrowser?.();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const open = (options?: BrowserContextOptions) => openPage({ url: `${server.url}/`, browser }, options);
const ready = (page: Page, count: string) =>
  page.waitForFunction(
    (text) =>
      document.getElementById("count")?.textContent === text &&
      document.querySelector<HTMLButtonElement>("#left")?.disabled === false,
    count,
  );
const choicesOf = async (name: string) =>
  (await readStudy(file)).raters.find((rater) => rater.name === name)?.choices ?? [];

async function faults(page: Page): Promise<string[]> {
  // The page's own rules on scripts do not let axe in as an element; the debugger's evaluation is outside of them.
  const { source } = createRequire(import.meta.url)("axe-core") as { source: string };
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

describe("the page of a study", () => {
  it("is answered by keys alone, remembers, and takes back", async () => {
    const { page, errors } = await open();
    const seen: string[] = [];
    page.on("request", (one) => seen.push(`${one.url()} ${one.postData() ?? ""}`));
    await page.keyboard.type("Ann");
    await page.keyboard.press("Enter");
    await ready(page, "1 of 7");
    await page.keyboard.press("ArrowLeft");
    await ready(page, "2 of 7");
    await page.keyboard.press("2");
    await ready(page, "3 of 7");
    expect(await choicesOf("Ann")).toHaveLength(2);

    // Held, the picture before is in both places.
    const original = page.locator("#left .original");
    expect(await original.isVisible()).toBe(false);
    await page.keyboard.down("b");
    expect(await original.isVisible()).toBe(true);
    expect(await page.locator("#left .result").isVisible()).toBe(false);
    await page.keyboard.up("b");
    expect(await original.isVisible()).toBe(false);

    await page.keyboard.press("u");
    await ready(page, "2 of 7");
    expect(await choicesOf("Ann")).toHaveLength(1);
    await page.reload();
    expect(await page.inputValue("#name")).toBe("Ann");
    await page.keyboard.press("Enter");
    await ready(page, "2 of 7");
    // A key that is held is one answer.
    await page.keyboard.down("1");
    await page.keyboard.down("1");
    await page.keyboard.down("1");
    await page.keyboard.up("1");
    await ready(page, "3 of 7");
    expect(await choicesOf("Ann")).toHaveLength(2);
    for (let number = 3; number <= 7; number++) {
      await ready(page, `${number} of 7`);
      await page.keyboard.press(number % 2 ? "ArrowRight" : "1");
    }
    await page.getByText("All 7 questions are answered and saved.").waitFor();
    expect(await choicesOf("Ann")).toHaveLength(7);
    await page.keyboard.press("u");
    await ready(page, "7 of 7");

    const told = `${seen.join("\n")}\n${await page.content()}`;
    for (const word of [...METHODS, ...TITLES, "picturebook", folder]) expect(told).not.toContain(word);
    expect(seen.every((one) => one.startsWith(server.url))).toBe(true);
    expect(errors).toEqual([]);
  });

  it("as one mailed file needs no server: it is answered, goes on after a reload, and gives its answers as a file", async () => {
    const html = join(folder, "mailed.html");
    await writeFile(html, await mailedPage(file, await readStudy(file), 4));
    const { page, errors } = await openPage({ url: pathToFileURL(html).href, browser });
    const seen: string[] = [];
    page.on("request", (one) => seen.push(one.url()));
    expect(await faults(page)).toEqual([]);
    await page.fill("#name", "Bo");
    await page.keyboard.press("Enter");
    await ready(page, "1 of 7");
    await page.keyboard.press("ArrowLeft");
    await ready(page, "2 of 7");
    await page.reload();
    await page.fill("#name", "bo");
    await page.keyboard.press("Enter");
    for (let number = 2; number <= 7; number++) {
      await ready(page, `${number} of 7`);
      await page.keyboard.press(number % 2 ? "ArrowRight" : "1");
    }
    await page.getByText("Save your answers as a file").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save the answers" }).click();
    const saved = await download;
    expect(saved.suggestedFilename()).toBe("answers-bo.json");
    const rater = answered(await readStudy(file), await readAnswers((await saved.path())!));
    expect([rater.name, rater.choices.length]).toEqual(["bo", 7]);
    expect(rater.choices[0]!.chosen).toBe(rater.order[0]!.left);
    expect(seen.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    expect(errors).toEqual([]);
  });

  it.each([
    ["desktop, light", { viewport: { width: 1440, height: 900 }, colorScheme: "light" }],
    ["desktop, dark", { viewport: { width: 1440, height: 900 }, colorScheme: "dark" }],
    [
      "phone, light",
      { viewport: { width: 360, height: 740 }, colorScheme: "light", hasTouch: true, isMobile: true },
    ],
    [
      "phone, dark",
      { viewport: { width: 360, height: 740 }, colorScheme: "dark", hasTouch: true, isMobile: true },
    ],
  ] satisfies [string, BrowserContextOptions][])(
    "fits, and can be used by everybody: %s",
    async (name, options) => {
      const { page, errors } = await open(options);
      expect(await faults(page)).toEqual([]);
      const rater = name.replace(",", "");
      await page.fill("#name", rater);
      await page.getByRole("button", { name: "Begin" }).click();
      await ready(page, "1 of 7");
      expect(await faults(page)).toEqual([]);
      const { width, height } = options.viewport;
      for (const id of ["source", "left", "right"]) {
        const box = (await page.locator(`#${id}`).boundingBox())!;
        expect(
          box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height,
          id,
        ).toBe(true);
      }
      const [left, right] = [
        page.getByRole("button", { name: "Left result" }),
        page.getByRole("button", { name: "Right result" }),
      ];
      await ("hasTouch" in options ? left.tap() : left.click());
      await ready(page, "2 of 7");
      await ("hasTouch" in options ? right.tap() : right.click());
      await ready(page, "3 of 7");
      expect(await choicesOf(rater)).toHaveLength(2);
      expect(errors).toEqual([]);
    },
  );

  it("says that the server is gone, and goes on when it is back", async () => {
    const { page } = await open();
    await page.fill("#name", "Ben");
    await page.keyboard.press("Enter");
    await ready(page, "1 of 7");
    const port = Number(new URL(server.url).port);
    await server.close();
    await page.keyboard.press("ArrowLeft");
    await page.getByRole("alert").getByText("does not answer").waitFor();
    server = await serveStudy(file, { port });
    await page.getByRole("button", { name: "Try again" }).click();
    await ready(page, "2 of 7");
    expect(await page.getByRole("alert").isVisible()).toBe(false);
    expect(await choicesOf("Ben")).toHaveLength(1);
  });

  it("refuses a name that is none, in words", async () => {
    const { page } = await open();
    await page.fill("#name", "<b>");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("A rater's name has").waitFor();
    expect(await page.locator("#start").isVisible()).toBe(true);
  });
});
