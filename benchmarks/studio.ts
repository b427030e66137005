/**
 * npm run bench -- studio [--runs 7] [--json] [--write]
 *
 * How soon the studio's static page answers, in Chromium with picturebook computing in the page (needs npm run build:site): from a press on an example to its picture
 * on the screen, and from Enter to the first preview and to the finished picture, for the first edit after the page has loaded and for the one after it. Each run has a
 * browser context of its own; its first visit, which fetches page and model, is not measured. Seconds, median and longest.
 *
 * --write puts the rows into docs/results/studio.json and makes studio.md of it.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Page } from "playwright";
import { median } from "../packages/bench/src/picture-metrics.ts";
import { openSite, type Site } from "../studio/tests/site.ts";
import { whole } from "./options.ts";
import { type BenchRecord, describeMachine, digits, type Row, record } from "./record.ts";
import { markdownRows, printRows } from "./table.ts";

const RESULTS = new URL("../docs/results/studio", import.meta.url).pathname;

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const runs = whole("runs", flags.runs) ?? 7;

/** Milliseconds of one run, by what was waited for. */
type Times = Record<string, number>;

const site = await openSite();
try {
  const all: Times[] = [];
  for (let i = 0; i < runs; i++) all.push(await measure(site));
  const rows = Object.keys(all[0]!).map((what): Row => {
    const seconds = all.map((one) => one[what]! / 1000);
    return { what, median: digits(median(seconds)), longest: digits(Math.max(...seconds)), runs };
  });
  const result = record("studio", rows, { versions: [`Chromium ${site.browser.version()}`] });
  if (flags.write) {
    writeFileSync(`${RESULTS}.json`, `${JSON.stringify(result, null, 2)}\n`);
    writeFileSync(`${RESULTS}.md`, page(result));
  }
  if (flags.json) console.log(JSON.stringify(result, null, 2));
  else printRows(result);
} finally {
  await site.close();
  await site.browser.close();
}

async function measure({ browser, url }: Site): Promise<Times> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  // tsx wraps named functions in this helper, also those that are sent to the page.
  await context.addInitScript("globalThis.__name = (named) => named;");
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  await page.goto(url);
  await page.evaluate(() => navigator.serviceWorker.ready);
  // From the second visit on the page and its model come from its cache.
  await page.reload();
  await page.locator(".examples button").first().waitFor();
  const picture = await seenAfter(page, () => page.locator(".examples button").first().click());
  await page.locator(".still-loading").waitFor({ state: "detached" });
  const [first, firstWhole] = await timeEdit(page, "make it winter");
  // What is measured of an edit after it is over.
  await page.getByTestId("changes").waitFor();
  const [next, nextWhole] = await timeEdit(page, "make it sunset");
  await context.close();
  return {
    "example to its picture": picture,
    "Enter to the first preview, first edit": first,
    "Enter to the finished picture, first edit": firstWhole,
    "Enter to the first preview, next edit": next,
    "Enter to the finished picture, next edit": nextWhole,
  };
}

async function timeEdit(page: Page, words: string): Promise<[preview: number, whole: number]> {
  await page.fill("#instruction", words);
  const done = page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let ran = false;
        new MutationObserver((_, observer) => {
          const running = document.querySelector(".edit-button.running") !== null;
          ran ||= running;
          if (!ran || running) return;
          observer.disconnect();
          requestAnimationFrame(() => resolve(performance.now()));
        }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] });
      }),
  );
  let began = 0;
  const preview = await seenAfter(
    page,
    () => page.press("#instruction", "Enter"),
    (at) => {
      began = at;
    },
  );
  return [preview, (await done) - began];
}

/** From the key or button that is pressed to the first frame in which the stage shows something else; in milliseconds of the page's own clock. */
async function seenAfter(
  page: Page,
  press: () => Promise<void>,
  onBegan = (_: number) => {},
): Promise<number> {
  // Resolves before the press, so that nothing is waited for on the way.
  await page.evaluate(() => {
    const look = () => {
      const canvas = document.querySelector<HTMLCanvasElement>(".stage canvas");
      if (!canvas || canvas.width === 0) return "";
      const small = new OffscreenCanvas(32, 32);
      const context = small.getContext("2d", { willReadFrequently: true })!;
      context.drawImage(canvas, 0, 0, 32, 32);
      return context.getImageData(0, 0, 32, 32).data.join();
    };
    const before = look();
    const began = new Promise<number>((resolve) => {
      const heard = ({ timeStamp }: Event) => resolve(timeStamp);
      for (const type of ["keydown", "pointerdown"])
        addEventListener(type, heard, { capture: true, once: true });
    });
    const seen = new Promise<number>((resolve) => {
      const frame = () => {
        const now = look();
        if (now !== "" && now !== before) resolve(performance.now());
        else requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    Object.assign(window, { measured: Promise.all([began, seen]) });
  });
  await press();
  const [began, seen] = await page.evaluate(
    () => (window as unknown as { measured: Promise<[number, number]> }).measured,
  );
  onBegan(began);
  return seen - began;
}

function page({ command, machine, rows, versions = [] }: BenchRecord): string {
  return `# How soon the studio answers

The static page in Chromium, picturebook (56 MB) computing in the page as WebAssembly with threads: from a key or a button to the first frame that shows something new, in seconds. The page
and the model are in the browser already; each run begins with a browser context of its own. ${describeMachine(machine)}, ${versions.join(", ")}.

\`\`\`sh
npm run build:site
${command.replace(/ --write\b/, "")} --write
\`\`\`

${markdownRows(rows)}
`;
}
