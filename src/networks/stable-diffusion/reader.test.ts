import { expect, it } from "vitest";
import { meanOfRows } from "./reader.ts";

it("takes the mean of a text's tokens, and nothing of what stands behind it", () => {
  const hidden = { data: Float32Array.of(1, 2, 3, 6, 100, 100), shape: [3, 2] };
  expect([...meanOfRows(hidden, 2)]).toEqual([2, 4]);
  expect([...meanOfRows(hidden, 1)]).toEqual([1, 2]);
});
