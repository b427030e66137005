/** The contract of every store of sessions, run against the implementations that need nothing installed. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DiskStore } from "../../src/server/store/disk-store.ts";
import { MemoryStore } from "../../src/server/store/memory-store.ts";
import { renameNode } from "../../src/server/store/tree.ts";
import { folder, packed, record, storeContract } from "./store-contract.ts";

storeContract({
  "in memory": async () => new MemoryStore(),
  "on the disk": (path) => DiskStore.open(path),
});

describe("the store on the disk", () => {
  it("opens with what was there, and leaves alone what it cannot read", async () => {
    const path = join(folder, "again");
    const first = await DiskStore.open(path);
    const [one, other] = [record(), record()];
    await first.create(one, packed.pieces);
    await first.create(other, packed.pieces);
    await first.change(one.info.id, (draft) => renameNode(draft, draft.manifest.nodes[1]!.id, "kept"));
    const expected = await first.read(one.info.id);
    await writeFile(join(path, other.info.id, "session.emilie"), "damaged");
    const problems: string[] = [];
    const second = await DiskStore.open(path, (message) => problems.push(message));
    expect(await second.read(one.info.id)).toEqual(expected);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(other.info.id);
  });
});
