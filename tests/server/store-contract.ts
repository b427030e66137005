/** The contract of every store of sessions. Each engine's tests hold it to this. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SessionRecord, SessionStore } from "../../src/server/store/store.ts";
import {
  addNode,
  deleteNode,
  redoTarget,
  renameNode,
  setHead,
  undoTarget,
} from "../../src/server/store/tree.ts";
import { packNode, packSession } from "../../src/session/file/pack.node.ts";
import type { StoredNode } from "../../src/session/file/schema.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { checkWhole, model, savedSession, session } from "../support/session-fixture.ts";

savedSession();
export let packed: Awaited<ReturnType<typeof packSession>>;
export let folder: string;
beforeAll(async () => {
  packed = await packSession(session);
  folder = await mkdtemp(join(tmpdir(), "emilie-stores-"));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
export const nextId = () => (++count).toString(16).padStart(16, "0");
export const record = (id = nextId()): SessionRecord => ({
  info: {
    id,
    name: "A session",
    created: 1,
    modified: count,
    model: "picturebook",
    towards: {},
    expires: null,
  },
  manifest: structuredClone(packed.manifest),
});
const named = (nodes: readonly StoredNode[], instruction: string) =>
  nodes.find(({ recipe }) => recipe?.regions[0]?.instruction === instruction)!.id;

export function storeContract(
  stores: Readonly<Record<string, (folder: string) => Promise<SessionStore>>>,
): void {
  describe.each(Object.entries(stores))("a store %s", (_, openIn) => {
    const open = () => openIn(join(folder, nextId()));

    it("gives back what it was given, as a session file too", async () => {
      const store = await open();
      const one = record();
      await store.create(one, packed.pieces);
      expect(await store.read(one.info.id)).toEqual(one);
      expect((await store.list()).map(({ info }) => info.id)).toEqual([one.info.id]);
      const file = join(folder, `${one.info.id}.emilie`);
      await writeFile(file, await store.export(one.info.id));
      expect(checkWhole(await loadSession(file, { model }), session)).toBe(0);
      const [latent] = packed.pieces.filter(({ name }) => name.startsWith("latent/"));
      expect(Buffer.from((await store.piece(one.info.id, latent!.name))!)).toEqual(
        Buffer.from(latent!.bytes),
      );
      expect(await store.piece(one.info.id, "latent/none")).toBeNull();
      await expect(store.create(one, packed.pieces)).rejects.toMatchObject({ code: "io.failed" });
    });

    it("changes a session wholly or not at all, one change after the other", async () => {
      const store = await open();
      const { info } = record();
      await store.create({ info, manifest: structuredClone(packed.manifest) }, packed.pieces);
      const red = named(packed.manifest.nodes, "make it red");
      await Promise.all(
        Array.from({ length: 5 }, (_, i) =>
          store.change(info.id, (draft) => {
            const { name = "" } = draft.manifest.nodes.find(({ id }) => id === red)!;
            renameNode(draft, red, `${name}${i}`);
          }),
        ),
      );
      const nameOf = async () =>
        (await store.read(info.id)).manifest.nodes.find(({ id }) => id === red)!.name!;
      expect((await nameOf()).split("").sort().join("")).toBe("01234");
      const before = await nameOf();
      const broken = store.change(info.id, (draft) => {
        renameNode(draft, red, "lost");
        throw new Error("in the middle");
      });
      await expect(broken).rejects.toThrow("in the middle");
      expect(await nameOf()).toBe(before);
    });

    it("drops what a deleted node alone needed, and takes new nodes in", async () => {
      const store = await open();
      const { info } = record();
      await store.create({ info, manifest: structuredClone(packed.manifest) }, packed.pieces);
      const blue = [...session.nodes.values()].find(({ instruction }) => instruction === "make it blue")!;
      const gone = await store.change(info.id, (draft) => deleteNode(draft, blue.id));
      expect(gone).toHaveLength(2); // blue, and green that was made from it
      const after = await store.read(info.id);
      expect(after.manifest.head).toBe(blue.parent!.id);
      expect(after.manifest.pieces.length).toBeLessThan(packed.manifest.pieces.length);
      const again = await packNode(session, blue);
      for (let twice = 0; twice < 2; twice++) {
        await store.change(info.id, (draft) => {
          addNode(draft, again.node, again.pieces);
          setHead(draft, again.node.id);
        });
      }
      const { manifest } = await store.read(info.id);
      expect(manifest.nodes.filter(({ id }) => id === blue.id)).toHaveLength(1);
      expect(manifest.nodes.at(-1)).toEqual(again.node);
      expect(await store.piece(info.id, again.pieces[0]!.name)).not.toBeNull();
      const orphan = { ...again.node, id: "0".repeat(12), parent: "f".repeat(12) };
      await expect(store.change(info.id, (draft) => addNode(draft, orphan, []))).rejects.toMatchObject({
        code: "server.missing",
      });
    });

    it("remembers where redo goes", async () => {
      const store = await open();
      const one = record();
      await store.create(one, packed.pieces);
      const [red, yellow] = ["make it red", "make it yellow"].map((text) =>
        named(packed.manifest.nodes, text),
      );
      await store.change(one.info.id, (draft) => setHead(draft, yellow!));
      await store.change(one.info.id, (draft) => setHead(draft, undoTarget(draft)!));
      const at = await store.read(one.info.id);
      expect(at.manifest.head).toBe(red);
      expect(redoTarget(at)).toBe(yellow); // not the child made last
    });

    it("keeps files beside a session, and forgets everything with it", async () => {
      const store = await open();
      const one = record();
      const { id } = one.info;
      await store.create(one, packed.pieces);
      expect(await store.file(id, "pictures", "abc.png")).toBeNull();
      await store.putFile(id, "pictures", "abc.png", Uint8Array.of(1, 2));
      await store.putFile(id, "pictures", "abc.png", Uint8Array.of(3));
      expect([...(await store.file(id, "pictures", "abc.png"))!]).toEqual([3]);
      expect(await store.file(id, "masks", "abc.png")).toBeNull();
      await store.delete(id);
      await store.delete(id);
      await expect(store.read(id)).rejects.toMatchObject({ code: "server.missing" });
      await expect(store.file(id, "pictures", "abc.png")).rejects.toMatchObject({ code: "server.missing" });
      await expect(store.export(id)).rejects.toMatchObject({ code: "server.missing" });
    });

    it("takes no name that could leave its folder", async () => {
      const store = await open();
      const one = record();
      await store.create(one, packed.pieces);
      for (const id of [
        "../..",
        "..",
        "",
        `${one.info.id}/..`,
        one.info.id.toUpperCase().replace("0", "A"),
      ]) {
        await expect(store.read(id)).rejects.toMatchObject({ code: "server.missing" });
      }
      for (const name of ["../info.json", "a/b.png", ".hidden", "", "x".repeat(100)]) {
        await expect(store.file(one.info.id, "masks", name)).rejects.toMatchObject({
          code: "option.invalid",
        });
        await expect(store.putFile(one.info.id, "masks", name, new Uint8Array(1))).rejects.toMatchObject({
          code: "option.invalid",
        });
      }
    });
  });
}
