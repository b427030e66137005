/** The walk through the house and the recipes for adding to it name files that are there, and functions that are in them. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const architecture = read("docs/architecture.md");
const contributing = read("docs/contributing.md");

/** Paths in backticks: of files, and of folders where they end in a slash. Names in capitals stand for one's own. */
function pathsIn(text: string): string[] {
  const found = text.matchAll(/`([a-z@.][\w@./-]*\/[\w./-]*)`/gi);
  return [...new Set(Array.from(found, ([, path]) => path!))].filter(
    (path) => /\.\w+$|\/$/.test(path) && !/NAME|NNNN/.test(path),
  );
}

/** Where a path of the text lies: as it stands, or below src/. */
const placeOf = (path: string) =>
  [path, join("src", path)].map((at) => join(root, at)).find((at) => existsSync(at));

/** The numbered items of a section. */
function walk(title: string): string[] {
  const section = architecture.split(/^## /m).find((part) => part.startsWith(title))!;
  return section.split(/^\d+\. /m).slice(1);
}

describe.each([
  ["docs/architecture.md", architecture, 25],
  ["docs/contributing.md", contributing, 15],
])("%s", (_, text, least) => {
  it("names files that are there", () => {
    const paths = pathsIn(text);
    expect(paths.length).toBeGreaterThan(least);
    expect(paths.filter((path) => placeOf(path) === undefined)).toEqual([]);
  });
});

describe.each(["One edit, from the command line", "The same edit from an HTTP request"])("%s", (title) => {
  it("passes nine rooms at most, each by a file that has what is said to be in it", () => {
    const rooms = walk(title);
    expect(rooms.length).toBeGreaterThan(5);
    expect(rooms.length).toBeLessThanOrEqual(9);
    for (const room of rooms) {
      const [, path, names = ""] = /^\*\*`([^`]+)`\*\*(?: \(([^)]*)\))?/.exec(room)!;
      const file = readFileSync(placeOf(path!)!, "utf8");
      for (const [, name] of names.matchAll(/`(?:\w+\.)?(\w+)`/g)) {
        const defined = new RegExp(`(function|class|async|const) ${name}\\b`);
        expect(file, `${name} in ${path}`).toMatch(defined);
      }
    }
  });

  it("goes on where the file before leads: each room is reached from the first by imports, or through the contract", () => {
    const reached = reachedFrom(walk(title).map(pathOf)[0]!);
    // What a server or a page starts as a process of its own, and what the method calls through EditModel.
    const entries = ["server/worker/main.ts", "models/load.node.ts", "runtime/worker-loop.ts"];
    const all = new Set([...reached, ...entries.flatMap((entry) => [...reachedFrom(entry)])]);
    expect(
      walk(title)
        .map(pathOf)
        .filter((path) => !all.has(path)),
    ).toEqual([]);
  });
});

const pathOf = (room: string) => /^\*\*`([^`]+)`/.exec(room)![1]!;

/** Files below src/ that are imported from one, by way of others, itself among them. */
function reachedFrom(start: string): Set<string> {
  const reached = new Set<string>();
  const open = [start];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file) || !existsSync(join(root, "src", file))) continue;
    reached.add(file);
    for (const [, target] of read(join("src", file)).matchAll(/(?:\sfrom|\bimport\() ?"(\.[^"]+)"/g)) {
      open.push(join(file, "..", target!).replaceAll("\\", "/"));
    }
  }
  return reached;
}
