import { expect, it } from "vitest";
import { solidity, solidityOf, spansOf } from "./solidity.ts";

/** Rows of characters as a plane of labels: a digit each, "." for none. */
const plane = (...rows: string[]) => Int32Array.from(rows.join(""), (c) => (c === "." ? 9 : Number(c)));

it("a box fills its hull, a triangle's stairs nearly, two parts less", () => {
  const fills = (...rows: string[]) =>
    solidity(
      Uint8Array.from(rows.join(""), (c) => (c === "#" ? 1 : 0)),
      rows[0]!.length,
    );
  expect(fills("....", ".##.", ".##.", "....")).toBe(1);
  // Corners of pixels: the hull of an L of three pixels cuts half a pixel off.
  expect(fills("#.", "##")).toBeCloseTo(3 / 3.5, 12);
  expect(fills("#..", "...", "..#")).toBeCloseTo(2 / 5, 12);
  expect(fills("#...#")).toBeCloseTo(2 / 5, 12);
  // A hole counts, a bay to the side too.
  expect(fills("###", "#.#", "###")).toBeCloseTo(8 / 9, 12);
  expect(fills("###", "#..", "###")).toBeCloseTo(7 / 9, 12);
});

it("shapes by their labels fill the hull around them as their pixels do", () => {
  const labels = plane("00..1", "0.221", "00221", ".....");
  const spans = spansOf(labels, 5, 10);
  const area = Array.from({ length: 10 }, (_, id) => labels.filter((label) => label === id).length);
  for (const ids of [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]]) {
    const inside = Uint8Array.from(labels, (label) => (ids.includes(label) ? 1 : 0));
    expect(solidityOf(spans, area, ids)).toBe(solidity(inside, 5));
  }
});
