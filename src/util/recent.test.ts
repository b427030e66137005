import { expect, it } from "vitest";
import { Recent } from "./recent.ts";

it("keeps what was used last, read or written", () => {
  const recent = new Recent<string, number>(2);
  recent.set("a", 1);
  recent.set("b", 2);
  expect(recent.get("a")).toBe(1);
  recent.set("c", 3);
  expect(["a", "b", "c"].map((key) => recent.get(key))).toEqual([1, undefined, 3]);
  recent.set("d", 4, 1);
  expect(["a", "c", "d"].map((key) => recent.get(key))).toEqual([undefined, undefined, 4]);
});
