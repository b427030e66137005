import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseModelName } from "../models/open.node.ts";
import { Catalog } from "./catalog.ts";
import { EventLog } from "./events.ts";

it("resolves a model to the name that loads it in the server's precision", async () => {
  const folder = mkdtempSync(join(tmpdir(), "emilie-catalog-"));
  const facts = {
    folder,
    bytes: 1,
    family: "tiny",
    nativeSize: 64,
    problem: null,
    defaults: {},
    abilities: null,
    maxReferences: 0,
  };
  const list = async () => ({ models: [{ id: "owner/name", from: "cache" as const, ...facts }] });
  const resolved = (precision?: "fp32" | "int8") =>
    new Catalog(list, new EventLog(), "owner/name", { precision }).resolve("owner/name");
  expect(await resolved()).toBe("owner/name");
  expect(await resolved("fp32")).toBe("owner/name");
  expect(parseModelName(await resolved("int8"))).toEqual({
    base: "owner/name",
    loras: [],
    precision: "int8",
  });
  rmSync(folder, { recursive: true });
});
