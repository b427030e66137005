/** The built static site behind a server, and a real browser in front of it. */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright";
import { preview } from "vite";
import { startServer } from "../../src/server.ts";

export const root = resolve(import.meta.dirname, "../..");

export interface Site {
  readonly url: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Throws where `npm run build:site` has not been run. */
export async function openSite(): Promise<Site> {
  if (!existsSync(join(root, "dist/site/index.html")))
    throw new Error("There is no dist/site. Run: npm run build:site");
  const server = await preview({
    configFile: join(root, "studio/vite.config.ts"),
    mode: "site",
    logLevel: "error",
    preview: { port: 0, host: "127.0.0.1" },
  });
  const address = server.httpServer.address();
  if (!address || typeof address === "string") throw new Error("The preview server has no port.");
  const { browser, close } = await borrowBrowser();
  return {
    url: `http://127.0.0.1:${address.port}/`,
    browser,
    close: async () => {
      await close();
      await new Promise((done) => server.httpServer.close(done));
    },
  };
}

/** `emilie serve` with the built studio, its sessions in a folder of its own. Throws where `npm run build:studio` has not been run. */
export async function openServer(model?: string): Promise<Site> {
  const studio = join(root, "dist/studio");
  if (!existsSync(join(studio, "index.html")))
    throw new Error("There is no dist/studio. Run: npm run build:studio");
  const data = await mkdtemp(join(tmpdir(), "emilie-studio-"));
  const server = await startServer({ port: 0, data, studio, model });
  const { browser, close } = await borrowBrowser();
  return {
    url: `${server.url}/`,
    browser,
    close: async () => {
      await close();
      await server.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

const BOTH = [
  { form: "with a server", open: () => openServer() },
  { form: "without a server", open: openSite },
] as const;

/**
 * The studio in both of its forms; what a person sees is the same. CI runs each in a job of its own, by EMILIE_STUDIO_FORM: the first beside the story, the offline page and the
 * models of the static page, which have no other form.
 */
export const FORMS = BOTH.filter(({ form }) => (process.env.EMILIE_STUDIO_FORM ?? form) === form);

/** Opens an example, and waits until it can be edited. */
export async function openExample(page: Page, name: string): Promise<void> {
  await page.locator(".examples button", { hasText: name }).click();
  await page.locator(".stage canvas").waitFor({ timeout: 600_000 });
  // The picture is there before its session is: tests/early.test.ts is about that time, the others about what follows.
  await page.locator(".still-loading").waitFor({ state: "detached", timeout: 600_000 });
}

/** `switches` are Chromium's own. */
export function launch(...switches: string[]): Promise<Browser> {
  const system =
    process.env.CHROMIUM_PATH ?? (existsSync("/usr/bin/chromium") ? "/usr/bin/chromium" : undefined);
  return chromium.launch({
    executablePath: system,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      ...switches,
    ],
  });
}

let shared: Promise<Browser> | undefined;

/**
 * The browser of this process, which files of tests use one after the other: each opens contexts of its own in it, and nothing is shared between these. It ends with the process.
 * `close` closes the contexts that were opened since.
 */
export async function borrowBrowser(): Promise<{ browser: Browser; close(): Promise<void> }> {
  if (!(await shared?.catch(() => undefined))?.isConnected()) shared = launch();
  const browser = await shared!;
  const before = new Set(browser.contexts());
  return {
    browser,
    close: async () => {
      const opened = browser.contexts().filter((context) => !before.has(context));
      await Promise.all(opened.map((context) => context.close()));
    },
  };
}

/** A page whose errors are not overlooked. */
export async function openPage(
  site: Pick<Site, "url" | "browser">,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; errors: string[] }> {
  const context = await site.browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(240_000);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(site.url);
  return { page, errors };
}

/** Says what should change, and waits until it is done. */
export async function edit(page: Page, instruction: string): Promise<void> {
  // Watched from before it starts: an edit may be over sooner than a locator looks for the first time.
  const done = page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        let ran = false;
        new MutationObserver((_, observer) => {
          const running = document.querySelector(".edit-button.running") !== null;
          ran ||= running;
          if (!ran || running) return;
          observer.disconnect();
          resolve();
        }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] });
      }),
  );
  await page.fill("#instruction", instruction);
  await page.press("#instruction", "Enter");
  await done;
}

/** Drags over the stage; points in shares of the picture. */
export async function drag(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const stage = (await page.locator(".stage canvas").boundingBox())!;
  const margin = Math.min(32, stage.width / 16);
  const side = Math.min(stage.width, stage.height) - 2 * margin;
  const [left, top] = [stage.x + (stage.width - side) / 2, stage.y + (stage.height - side) / 2];
  const at = ([x, y]: readonly [number, number]) => [left + x * side, top + y * side] as const;
  await page.mouse.move(...at(points[0]!));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
  await page.mouse.up();
}

/** Drops a picture's file on the page. */
export async function drop(page: Page, bytes: Uint8Array, name: string): Promise<void> {
  await page.evaluate(
    ([base64, name]) => {
      const data = Uint8Array.from(atob(base64!), (char) => char.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([data], name!, { type: "image/png" }));
      document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
    },
    [Buffer.from(bytes).toString("base64"), name] as const,
  );
}

/** axe-core's rules on what is on the screen now; what is serious or critical. */
export async function seriousFaults(page: Page): Promise<string[]> {
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  // The server lets no script be added to the page.
  await page.evaluate(readFileSync(axe, "utf8"));
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}

/** What the stage draws, as a number that changes when it does. */
export function drawn(page: Page): Promise<number> {
  return page.locator(".stage canvas").evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((hash, value, i) => (i % 7 === 0 ? (hash * 31 + value) | 0 : hash), 0);
  });
}
