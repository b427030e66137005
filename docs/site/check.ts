/** Whether every link within a folder of pages leads somewhere, and no page loads anything from elsewhere. */
import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

export interface SiteCheck {
  readonly pages: number;
  readonly links: number;
  /** One line each: the page, and what is wrong. */
  readonly wrong: readonly string[];
}

const LINK = /<(\w+)\b[^>]*?\s(?:href|src)="([^"]*)"/g;
/** What a browser fetches by itself; a link that a reader clicks may lead anywhere. */
const FETCHED = new Set(["script", "link", "img", "iframe", "source"]);

export async function checkSite(folder: string): Promise<SiteCheck> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".html"));
  const pages = new Map<string, { text: string; anchors: Set<string> }>();
  for (const file of files) {
    const text = await readFile(join(folder, file), "utf8");
    const anchors = new Set(Array.from(text.matchAll(/\s(?:id|name)="([^"]+)"/g), ([, id]) => id!));
    pages.set(join(folder, file), { text, anchors });
  }
  const wrong: string[] = [];
  let links = 0;
  for (const [page, { text }] of pages) {
    for (const [, tag, target] of text.matchAll(LINK)) {
      links++;
      const problem = problemOf(page, tag!, target!.replaceAll("&amp;", "&"));
      if (problem) wrong.push(`${relative(folder, page)}: ${problem}`);
    }
  }
  return { pages: pages.size, links, wrong };

  function problemOf(page: string, tag: string, target: string): string | null {
    if (/^(mailto|data|blob):/.test(target)) return null;
    if (/^([a-z]+:)?\/\//.test(target)) return FETCHED.has(tag) ? `loads ${target}` : null;
    const [path = "", anchor] = target.split("#");
    const name = decodeURIComponent(path.split("?")[0]!);
    let file = name === "" ? page : join(dirname(page), name);
    if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!existsSync(file)) return `${target} is not there`;
    const known = pages.get(file)?.anchors;
    const id = anchor && decodeURIComponent(anchor);
    return id && known && !known.has(id) ? `${target}: ${name || "the page"} has no such heading` : null;
  }
}
