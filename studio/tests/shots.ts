/** Pictures of the studio's states, to be looked at: npm run shots [-- light dark phone small side tablet wide]. They lie in out/shots. */
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
  wide: { viewport: { width: 2560, height: 1440 }, colorScheme: "dark" },
};

async function shoot(site: Site, name: string, states: (look: Look) => Promise<void>): Promise<void> {
  const options = VIEWS[name]!;
  const { page, errors } = await openPage(site, options);
  page.setDefaultTimeout(120_000);
  const { width = 1440, height = 900 } = options.viewport ?? {};
  const shot = async (what: string) => {
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(folder, `${name}-${what}.png`) });
  };
  try {
    await states({ page, shot, tiny: width < 720 || height <= 480, narrow: width < 1024 || height <= 480 });
  } catch (error) {
    await shot("where it ended");
    console.error(`${name}:`, error);
    process.exitCode = 1;
  }
  if (errors.length > 0) console.error(`${name}:`, errors);
  await page.context().close();
}

const wanted = process.argv.slice(2);
const names = Object.keys(VIEWS).filter((name) => wanted.length === 0 || wanted.includes(name));
await mkdir(folder, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), "emilie-shots-"));
const klein = copyCheckpoint(scratch, "klein");
const site = await openSite();
try {
  for (const name of names) await shoot(site, name, ALONE);
  for (const name of names) {
    const server = await openServer(klein);
    await shoot(server, name, SERVED).finally(() => server.close());
  }
} finally {
  await site.close();
  await rm(scratch, { recursive: true });
}
