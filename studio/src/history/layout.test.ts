import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layoutTree, neighbour } from "./layout.ts";

const tree = [
  { id: "original", parent: null },
  { id: "winter", parent: "original" },
  { id: "roof", parent: "winter" },
  { id: "night", parent: "original" },
  { id: "hat", parent: "winter" },
];

describe("the tree", () => {
  it("keeps the oldest line straight and sets branches above what they branch from", () => {
    expect(layoutTree(tree, "hat").map(({ node, lane }) => `${" ".repeat(lane)}${node.id}`)).toEqual([
      "original",
      " night",
      "winter",
      " hat",
      "roof",
    ]);
  });

  it("marks the way from the original to the head", () => {
    const strong = layoutTree(tree, "hat").filter((row) => row.strong);
    expect(strong.map(({ node }) => node.id)).toEqual(["original", "winter", "hat"]);
  });

  it("of any shape has every node once, after its parent, and no line through another node", () => {
    const parents = fc.array(fc.nat(), { maxLength: 40 });
    fc.assert(
      fc.property(parents, (picks) => {
        const items = [{ id: "0", parent: null as string | null }];
        picks.forEach((pick, i) => {
          items.push({ id: String(i + 1), parent: String(pick % (i + 1)) });
        });
        const rows = layoutTree(items, "0");
        expect(new Set(rows.map(({ node }) => node.id)).size).toBe(items.length);
        for (const { from, row, lane } of rows) {
          if (!from) continue;
          expect(from.row).toBeLessThan(row);
          // The line runs down in the parent's lane: nobody else stands there on the way.
          const between = rows.filter((other) => other.row > from.row && other.row < row);
          expect(between.every((other) => other.lane > from.lane)).toBe(true);
          expect(lane - from.lane === 0 || lane - from.lane === 1).toBe(true);
        }
      }),
    );
  });
});

describe("arrow keys", () => {
  it("go to the parent, the first child and the siblings, and nowhere else", () => {
    expect(neighbour(tree, "hat", "up")).toBe("winter");
    expect(neighbour(tree, "winter", "down")).toBe("roof");
    expect(neighbour(tree, "roof", "right")).toBe("hat");
    expect(neighbour(tree, "hat", "left")).toBe("roof");
    expect(neighbour(tree, "original", "up")).toBeNull();
    expect(neighbour(tree, "original", "right")).toBeNull();
    expect(neighbour(tree, "night", "down")).toBeNull();
  });
});
