/** The benchmark's report as a file, in a real browser where there is one; figures, tables and compact results. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compactJson, compactResults, expandResults } from "../../packages/bench/src/report/compact.ts";
import { writeFigures } from "../../packages/bench/src/report/figures.node.ts";
import { interval, shown } from "../../packages/bench/src/report/format.ts";
import { writeReport } from "../../packages/bench/src/report/index.node.ts";
import { markdownTable } from "../../packages/bench/src/report/markdown.ts";
import { metricInfo } from "../../packages/bench/src/report/metrics.ts";
import { readResultsFile } from "../../packages/bench/src/report/results.node.ts";
import { estimateOf, select } from "../../packages/bench/src/report/select.ts";
import type { BenchResults } from "../../packages/bench/src/types.ts";
import { exampleDataset, exampleResults } from "../support/bench-results.ts";

const WILD = `<script>document.title = "run"</script> & "quotes" </td><img src=x onerror=alert(1)>`;
const system = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const executablePath = existsSync(system) ? system : undefined;
const hasBrowser = executablePath !== undefined || existsSync(chromium.executablePath());

let folder: string;
let results: BenchResults;
let path: string;
let page: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-report-"));
  results = exampleResults({ folder, itemsOfPart: 1 });
  path = await writeReport(results, folder, { dataset: exampleDataset(1) });
  page = await readFile(path, "utf8");
});
afterAll(() => rm(folder, { recursive: true }));

describe("report.html", () => {
  it("is one file that can be mailed, and names nothing that would be loaded", async () => {
    expect(path).toBe(join(folder, "report.html"));
    expect((await stat(path)).size).toBeLessThan(5_000_000);
    expect(await readdir(folder)).toEqual(["report.html"]);
    const sources = Array.from(
      page.matchAll(/\s(?:src|href|action|poster|data)="([^"]{0,40})/g),
      ([, url]) => url!,
    );
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter((url) => !/^(data:|#)/.test(url))).toEqual([]);
    expect(page).not.toMatch(/@import|url\((?!#)/);
    expect(page).not.toContain(folder);
  });

  it("is the same bytes for the same results", async () => {
    await writeReport(results, folder, { dataset: exampleDataset(1) });
    expect(await readFile(path, "utf8")).toBe(page);
  });

  it("says what was run: command, date, dataset, seeds, model, machine", () => {
    for (const fact of [
      "emilie bench --experiment iteration --seeds 2 --out &#39;out/my bench&#39;",
      "2026-01-15 10:20",
      results.model.fingerprint,
      results.dataset.hash.slice(0, 16),
      "1, 2",
      "onnxruntime 1.30.0",
      "picturebook-clip",
      "arXiv 2309.00613",
    ]) {
      expect(page).toContain(fact);
    }
  });

  it("shows the numbers of the aggregates, and no others", () => {
    const table = /<table><caption>All turns<\/caption>[\s\S]*?<\/table>/.exec(page)![0];
    const names = ["SR@1", "SR@5", "SR@10", "CR@10", "psnr", "psnr.original.outside", "psnr.outside"];
    const metrics = [...names, "changed.outside", "sharpness", "clip.text"].map(metricInfo);
    for (const { name: method } of results.methods) {
      const line = new RegExp(`<tr><th scope="row">${method}</th>(.*?)</tr>`).exec(table)![1]!;
      const cells = Array.from(line.matchAll(/<td[^>]*>(.*?)<\/td>/g), ([, cell]) =>
        cell!.replace(/<[^>]+>/g, ""),
      );
      const expected = metrics.map((metric) => {
        const estimate = estimateOf(results, { metric: metric.name, method, group: "all" });
        return estimate ? `${shown(estimate.value, metric)} ${interval(estimate, metric)}` : "∞ identical";
      });
      expect(cells).toEqual(expected);
    }
  });

  it("keeps within its budget of pictures, and says how many items did not fit", async () => {
    const small = join(folder, "small");
    const text = await readFile(
      await writeReport(exampleResults({ folder: small, itemsOfPart: 1 }), small, {
        dataset: exampleDataset(1),
        items: 4,
        budget: 250_000,
      }),
      "utf8",
    );
    const shownItems = text.match(/<figure class="strip">/g)!.length;
    expect(text).toContain(`${4 - shownItems} more would have made the file too large to mail`);
    expect(shownItems).toBeGreaterThan(0);
    const pictures = Array.from(text.matchAll(/base64,([^"]*)/g), ([, data]) => data!.length);
    expect(pictures.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(250_000);
    await rm(small, { recursive: true });
  });

  it("is written without a dataset, without rows, without aggregates, and with pictures that are gone", async () => {
    const bare = join(folder, "bare");
    const gone = results.rows.slice(0, 5).map((row) => ({ ...row, picture: "gone.png" }));
    for (const less of [
      { ...results, rows: gone },
      { ...results, rows: [] },
      { ...results, aggregates: [] },
      { ...results, aggregates: [], rows: [], methods: [], scorers: [] },
    ]) {
      const text = await readFile(await writeReport(less, bare), "utf8");
      expect(text).toContain("</html>");
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
    }
    await rm(bare, { recursive: true });
  });
});

describe.skipIf(!hasBrowser)("report.html in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
      ],
    });
  });
  afterAll(() => browser?.close());

  async function open(file: string, options: Parameters<Browser["newContext"]>[0] = {}) {
    const context = await browser.newContext(options);
    const tab = await context.newPage();
    const said: string[] = [];
    const asked: string[] = [];
    tab.on("console", (message) => said.push(message.text()));
    tab.on("pageerror", (error) => said.push(error.message));
    tab.on("request", (request) => asked.push(request.url()));
    await tab.goto(`file://${file}`);
    return { tab, said, asked: () => asked.filter((url) => !url.startsWith("data:")) };
  }

  it("opens without an error or a request, and fits a phone and a wide screen", async () => {
    for (const [width, colorScheme] of [
      [360, "dark"],
      [3840, "light"],
    ] as const) {
      const { tab, said, asked } = await open(path, { viewport: { width, height: 800 }, colorScheme });
      expect(said).toEqual([]);
      expect(asked()).toEqual([`file://${path}`]);
      expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      const broken = await tab.evaluate(
        () => [...document.images].filter((image) => image.complete && image.naturalWidth === 0).length,
      );
      expect(broken).toBe(0);
      await tab.context().close();
    }
  });

  it("lays the truth over the results and takes it away again; without script the button is not there", async () => {
    const { tab, said } = await open(path);
    const cells = await tab.locator("td.result img").count();
    await tab.getByRole("button", { name: /Difference/ }).click();
    expect(await tab.locator(".compared").count()).toBe(cells);
    expect(await tab.locator("td.result img").count()).toBe(2 * cells);
    await tab.getByRole("button", { name: /Difference/, pressed: true }).click();
    expect(await tab.locator("td.result img").count()).toBe(cells);
    expect(said).toEqual([]);
    await tab.context().close();
    const still = await open(path, { javaScriptEnabled: false });
    expect(await still.tab.locator("button.difference").isVisible()).toBe(false);
    expect(await still.tab.locator(".strip img").first().isVisible()).toBe(true);
    await still.tab.context().close();
  });

  it("keeps an instruction that is markup as text, everywhere", async () => {
    const wild = join(folder, "wild");
    const given = exampleResults({ folder: wild, itemsOfPart: 1, seeds: [1], instruction: WILD });
    const renamed = given.methods.map((method) => ({ ...method, title: WILD, reference: WILD }));
    const file = await writeReport({ ...given, methods: renamed, experiment: WILD, command: [WILD] }, wild);
    const { tab, said, asked } = await open(file);
    expect(await tab.title()).toContain("<script>");
    expect(await tab.locator("h1").textContent()).toBe(WILD);
    expect(await tab.locator(".strip thead th").first().textContent()).toContain(WILD);
    expect(await tab.locator("script").count()).toBe(1);
    expect(await tab.locator('img[src="x"]').count()).toBe(0);
    expect(said).toEqual([]);
    expect(asked()).toHaveLength(1);
    await tab.context().close();
    await rm(wild, { recursive: true });
  });

  it("and its figures are well-formed SVG", async () => {
    const { tab } = await open(path);
    const out = join(folder, "svg");
    const files = (await writeFigures(results, out)).filter((file) => file.endsWith(".svg"));
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const faults = await tab.evaluate((all) => {
      return all.flatMap((text) => {
        const root = new DOMParser().parseFromString(text, "image/svg+xml");
        return root.querySelector("parsererror")?.textContent ?? [];
      });
    }, texts);
    expect(faults).toEqual([]);
    await tab.context().close();
    await rm(out, { recursive: true });
  });
});

describe("figures and tables as files", () => {
  it("are named by what they show, and come out the same again", async () => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    const written = await writeFigures(results, a);
    await writeFigures(results, b);
    const names = (await readdir(a)).sort();
    expect(written.map((file) => file.slice(a.length + 1)).sort()).toEqual(names);
    for (const name of [
      "drift-SR-all.svg",
      "drift-psnr-long.svg",
      "mask-leak-missed-erode.svg",
      "tables.md",
    ]) {
      expect(names).toContain(name);
    }
    for (const name of names) {
      const [one, two] = await Promise.all([a, b].map((at) => readFile(join(at, name), "utf8")));
      expect(one).toBe(two);
      expect(one).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(await readFile(join(a, "drift-psnr-all.svg"), "utf8")).toContain("prefers-color-scheme:dark");
    await Promise.all([a, b].map((at) => rm(at, { recursive: true })));
  });

  it("hold the aggregates' numbers in Markdown", () => {
    const metrics = ["psnr", "sharpness"].map(metricInfo);
    const [head, rule, ...lines] = markdownTable(select(results), "local", metrics).split("\n");
    expect(head).toBe("| method | PSNR to truth, dB | Sharpness |");
    expect(rule).toBe("|---|---:|---:|");
    expect(lines).toHaveLength(results.methods.length);
    lines.forEach((line, i) => {
      const method = results.methods[i]!.name;
      const cells = metrics.map((metric) => {
        const estimate = estimateOf(results, { metric: metric.name, method, group: "local" })!;
        return `${shown(estimate.value, metric)} ${interval(estimate, metric)}`;
      });
      expect(line.replaceAll("**", "")).toBe(`| ${[method, ...cells].join(" | ")} |`);
    });
  });
});

describe("compact results", () => {
  it("give back every row and aggregate where there is room, rounded, without pictures", () => {
    const compact = compactResults(results, Number.POSITIVE_INFINITY);
    const again = expandResults(JSON.parse(compactJson(compact)));
    expect(compact.leftOut).toEqual(["pictures", "digits beyond the fourth"]);
    expect(again.rows).toHaveLength(results.rows.length);
    results.rows.forEach((row, i) => {
      const metrics = Object.entries(row.metrics).map(([name, value]) => [name, value && rounded(value)]);
      const { seconds } = again.rows[i]!;
      const expected = { ...row, picture: "", metrics: Object.fromEntries(metrics), seconds };
      expect(again.rows[i]).toEqual(expected);
      expect(seconds).toBeCloseTo(row.seconds, 2);
    });
    expect(again.aggregates).toHaveLength(results.aggregates.length);
    for (const { estimate, ...where } of results.aggregates) {
      const { value, low, high, ...counts } = estimate;
      const expected = { value: rounded(value), low: rounded(low!), high: rounded(high!), ...counts };
      expect(estimateOf(again, where)).toEqual(expected);
    }
    const { aggregates: _, rows: __, ...head } = results;
    expect(again).toMatchObject(head);
  });

  it("leave out the least needed until they fit, and say so; the summary stays", () => {
    const whole = compactJson(compactResults(results, Number.POSITIVE_INFINITY)).length;
    for (const limit of [whole - 1, whole / 2, whole / 3]) {
      const compact = compactResults(results, limit);
      expect(compactJson(compact).length).toBeLessThanOrEqual(limit);
      expect(compact.leftOut.length).toBeGreaterThan(2);
      const again = expandResults(compact);
      for (const { name: method } of results.methods) {
        for (const metric of ["SR@5", "psnr", "changed.outside"]) {
          const estimate = estimateOf(again, { metric, method, group: "all" });
          expect(estimate?.value).toBe(rounded(estimateOf(results, { metric, method, group: "all" })!.value));
        }
      }
    }
  });

  it("are read from either file, and anything else is refused by name", async () => {
    const file = join(folder, "results.json");
    await writeFile(file, JSON.stringify(results));
    expect(await readResultsFile(file)).toEqual(results);
    await writeFile(file, compactJson(compactResults(results)));
    expect((await readResultsFile(file)).rows).toHaveLength(results.rows.length);
    for (const text of [
      "{",
      "[]",
      "null",
      "{}",
      '{"methods":[],"version":2}',
      '{"methods":[],"version":1}',
    ]) {
      await writeFile(file, text);
      await expect(readResultsFile(file)).rejects.toMatchObject({ code: "option.invalid" });
    }
    await expect(readResultsFile(join(folder, "none.json"))).rejects.toMatchObject({ code: "io.failed" });
    await rm(file);
  });
});

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
