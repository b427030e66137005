/**
 * Pictures of the studio's states, to be looked at; they lie in out/shots. All, or those named:
 *   npm run shots -- [light dark phone small side tablet wide] [edits masks comparing frames waiting panels files server]
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContextOptions } from "playwright";
import { copyCheckpoint } from "../../tests/support/flux2-fixture.ts";
import { ALONE, type Look, SERVED } from "./shot-states.ts";
import { openPage, openServer, openSite, root, type Site } from "./site.ts";

const folder = join(root, "out/shots");
const touch = { deviceScaleFactor: 2, hasTouch: true, isMobile: true } as const;
const VIEWS: Record<string, BrowserContextOptions> = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { ...touch, viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  small: { ...touch, viewport: { width: 360, height: 640 }, colorScheme: "light" },
  side: { ...touch, viewport: { width: 740, height: 360 }, colorScheme: "light" },
  tablet: { ...touch, deviceScaleFactor: 1, viewport: { width: 900, height: 1100 }, colorScheme: "light" },
  wide: { viewport: { width: 3840, height: 2160 }, colorScheme: "dark" },
};

async function shoot(site: Site, name: string, states: typeof ALONE): Promise<void> {
  const options = VIEWS[name]!;
  const { page, errors } = await openPage(site, options);
  page.setDefaultTimeout(120_000);
  const { width = 1440, height = 900 } = options.viewport ?? {};
  const shot = async (what: string) => {
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(folder, `${name}-${what}.png`) });
  };
  const look: Look = {
    page,
    shot,
    tiny: width < 720 || height <= 480,
    narrow: width < 1024 || height <= 480,
  };
  for (const [part, take] of Object.entries(states)) {
    // Without the edits there is nothing to compare or to delete.
    if (parts.length > 0 && !parts.includes(part) && part !== "edits") continue;
    try {
      await take(look);
    } catch (error) {
      console.error(`${name}, ${part}:`, error);
      process.exitCode = 1;
      if (page.isClosed() || !site.browser.isConnected()) break;
      await shot(`where-${part}-ended`);
      // What is open comes back, and the parts that follow begin there.
      await page.reload();
      await page.locator(".stage, .start").first().waitFor();
    }
  }
  if (errors.length > 0) console.error(`${name}:`, errors);
  await page.context().close();
}

const wanted = process.argv.slice(2);
const chosen = Object.keys(VIEWS).filter((name) => wanted.includes(name));
const names = chosen.length > 0 ? chosen : Object.keys(VIEWS);
const parts = wanted.filter((name) => name in ALONE || name in SERVED);
const unknown = wanted.filter((name) => !(name in VIEWS || parts.includes(name)));
if (unknown.length > 0) throw new Error(`There is no view and no part named ${unknown.join(", ")}.`);
const some = (states: typeof ALONE) => parts.length === 0 || parts.some((part) => part in states);
await mkdir(folder, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), "emilie-shots-"));
const klein = copyCheckpoint(scratch, "klein");
const site = await openSite();
try {
  for (const name of some(ALONE) ? names : []) await shoot(site, name, ALONE);
  for (const name of some(SERVED) ? names : []) {
    const server = await openServer(klein);
    await shoot(server, name, SERVED).finally(() => server.close());
  }
} finally {
  await site.close();
  await site.browser.close();
  await rm(scratch, { recursive: true });
}
