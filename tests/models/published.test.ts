/**
 * Configurations and tokenizers as public repositories hold them (tests/fixtures/published/folders.json: where each was read,
 * and what the parsers say of it). A verdict that changes is a change for people with that folder.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { type PublishedFolder, verdictsOn } from "../support/published-folders.ts";

const folders = JSON.parse(
  readFileSync(new URL("../fixtures/published/folders.json", import.meta.url), "utf8"),
) as PublishedFolder[];

describe("a published folder", () => {
  test.each(folders.map((folder) => [folder.source, folder] as const))("%s", async (_, folder) => {
    expect(await verdictsOn(folder)).toEqual(folder.verdicts);
  });
});

it("is seen at least forty times, of every family", () => {
  const seen = folders.filter(({ asDocumented }) => !asDocumented);
  expect(seen.length).toBeGreaterThanOrEqual(40);
  expect(seen.every(({ source, commit }) => source.includes("/") && /^[\da-f]{40}$/.test(commit))).toBe(true);
  expect(new Set(seen.map(({ family }) => family))).toEqual(new Set(["1.x", "2.x", "XL", "other"]));
});
