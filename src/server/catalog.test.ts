import { afterEach, describe, expect, it, vi } from "vitest";
import { parseModelName } from "../models/open.node.ts";
import { Catalog } from "./catalog.ts";
import { EventLog } from "./events.ts";

const PLAN = {
  width: 64,
  height: 64,
  precisions: [],
  takes: "int8",
} as const;

const catalogOf = (options: {
  precision?: "fp32" | "int8";
  takes?: "fp32" | "int8" | null;
  remote?: boolean;
}) => {
  const facts = {
    bytes: 1,
    family: "tiny",
    nativeSize: 64,
    problem: null,
    defaults: {},
    abilities: null,
    maxReferences: 0,
  };
  let { takes } = options;
  const list = async () => {
    const plan = takes === undefined ? null : { ...PLAN, takes };
    return { models: [{ id: "owner/name", from: "cache" as const, folder: "", ...facts, plan }] };
  };
  const { precision, remote } = options;
  const catalog = new Catalog(list, new EventLog(), "owner/name", { precision }, remote);
  return { catalog, becomes: (other: typeof takes) => (takes = other) };
};

afterEach(() => vi.useRealTimers());

describe("a model is loaded", () => {
  const resolved = (options: Parameters<typeof catalogOf>[0]) =>
    catalogOf(options).catalog.resolve("owner/name");

  it("in the server's precision, whatever its plan takes", async () => {
    expect(await resolved({ precision: "fp32", takes: "int8" })).toBe("owner/name");
    expect(await resolved({ precision: "int8", takes: "fp32" })).toBe("owner/name in int8");
    expect(parseModelName(await resolved({ precision: "int8" }))).toEqual({
      base: "owner/name",
      loras: [],
      precision: "int8",
    });
  });

  it("without one in what its plan takes, which is what a page was told", async () => {
    expect(await resolved({ takes: "int8" })).toBe("owner/name in int8");
    expect(await resolved({ takes: "fp32" })).toBe("owner/name");
    // Nothing is known, or nothing works: loading it says what there is too little of.
    expect(await resolved({})).toBe("owner/name");
    expect(await resolved({ takes: null })).toBe("owner/name");
  });

  it("always in the same one, though what is free changes, and for a session in that session's", async () => {
    const { catalog, becomes } = catalogOf({ takes: "fp32" });
    expect(await catalog.resolve("owner/name")).toBe("owner/name");
    becomes("int8");
    vi.useFakeTimers({ now: Date.now() + 60_000 });
    expect(await catalog.resolve("owner/name")).toBe("owner/name");
    // And that is what a page is told.
    const { models } = await catalog.list();
    expect(models.find(({ id }) => id === "owner/name")?.plan?.takes).toBe("fp32");
    const other = catalogOf({ takes: "int8" });
    expect((await other.catalog.list()).models[0]?.plan?.takes).toBe("int8");
    expect(
      (await catalogOf({ takes: "fp32", precision: "int8" }).catalog.list()).models[0]?.plan?.takes,
    ).toBe("int8");
    expect(await catalog.resolve("owner/name", "int8")).toBe("owner/name in int8");
    expect(await catalog.resolve("owner/name")).toBe("owner/name");
  });

  it("by other machines by its name", async () => {
    expect(await resolved({ takes: "int8", remote: true })).toBe("owner/name");
  });
});
