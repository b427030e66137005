/** Sessions that are left and come back to, foreign files, and two processes on one session. */

import { copyFile, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { parseSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { samePicture } from "../../src/images/picture.ts";
import { readContainer } from "../../src/session/file/container.node.ts";
import { packContainer } from "../../src/session/file/container.ts";
import { packSession } from "../../src/session/file/pack.node.ts";
import { parseManifest } from "../../src/session/file/schema.ts";
import { loadSession, type StoredSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import {
  at,
  bytes,
  checkWhole,
  folder,
  height,
  model,
  options,
  picture,
  same,
  savedSession,
  session,
  soft,
  width,
} from "../support/session-fixture.ts";

savedSession();

describe("saving and loading", () => {
  it("gives back the tree, recipes, latents, masks, drift and the original, bit for bit, without a network", async () => {
    const before = { ...model.calls };
    const opened = await loadSession(at("whole.emilie"), { model });
    expect(opened.warnings).toEqual([]);
    expect(checkWhole(opened, session)).toBe(0);
    expect(model.calls).toEqual(before);
    expect(opened.masks.size).toBe(session.masks.size);
    for (const [hash, mask] of session.masks) expect(same(opened.masks.get(hash)!, mask)).toBe(true);
    for (const node of opened.nodes.values()) {
      expect(samePicture(await node.render(), await session.nodes.get(node.id)!.render())).toBe(true);
    }
  });

  it("loads the model by its name where none is given, and goes on where it stopped", async () => {
    await copyFile(at("whole.emilie"), at("on.emilie"));
    const opened = await loadSession(at("on.emilie"));
    try {
      const next = await opened.edit("make it red", options);
      const here = await session.edit("make it red", options);
      expect(next.id).toBe(here.id);
      expect(same(next.latent, here.latent)).toBe(true);
      session.head = here.parent!;
      session.delete(here);
      const before = opened.model.calls.denoise;
      await opened.edit("make it blue", { ...options, from: opened.root });
      const known = await opened.edit("make it blue", { ...options, from: opened.root });
      expect(opened.model.calls.denoise - before).toBe(3);
      await opened.save(at("on.emilie"));
      const again = await loadSession(at("on.emilie"), { model });
      expect(again.head.id).toBe(known.id);
      expect((await again.verify()).map(({ result }) => result)).toEqual(Array(7).fill("same"));
    } finally {
      await opened.model.dispose();
    }
  });

  it("is a safetensors file that any reader of the format takes", () => {
    const length = Number(bytes.readBigUInt64LE());
    const { tensors, metadata } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, "it");
    expect(metadata.format).toBe("emilie-session");
    const latents = [...tensors].filter(([name]) => name.startsWith("latent/"));
    // Five nodes; the one that changed nothing has its parent's.
    expect(latents.map(([, { type, shape }]) => ({ type, shape }))).toEqual(
      Array(4).fill({ type: "F32", shape: [...session.root.latent.shape] }),
    );
    const original = tensors.get("original.png")!;
    expect(bytes.subarray(original.offset + 1, original.offset + 4).toString()).toBe("PNG");
  });

  it("writes the same bytes for the same session, and leaves nothing else in the folder", async () => {
    await session.save(at("twice.emilie"));
    await session.save(at("twice.emilie"));
    expect(await readFile(at("twice.emilie"))).toEqual(bytes);
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("follows a link, and leaves the old file where the new one cannot be written", async () => {
    await session.save(at("target.emilie"));
    await symlink(at("target.emilie"), at("link.emilie"));
    await session.save(at("link.emilie"));
    expect(await readFile(at("target.emilie"))).toEqual(bytes);
    await expect(session.save(at("no/such/folder.emilie"))).rejects.toMatchObject({ code: "io.failed" });
  });
});

describe("files that are no session for this program", () => {
  it.each([
    ["empty", Buffer.alloc(0)],
    ["short", Buffer.from("hello")],
    ["noise", Buffer.from(Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251))],
    ["a huge header", Buffer.concat([Buffer.from("ffffffffffffff7f", "hex"), Buffer.alloc(100)])],
  ])("%s: session.malformed", async (_name, content) => {
    await writeFile(at("bad.emilie"), content);
    await expect(loadSession(at("bad.emilie"), { model })).rejects.toMatchObject({
      code: "session.malformed",
    });
  });

  it("version 1, from before strengths, opens as it is; its drift is measured anew", async () => {
    const { manifest, pieces } = await packSession(session);
    const nodes = manifest.nodes.map(({ drift, ...node }) => {
      if (!drift) return node;
      const { step, largestStep } = drift.quietHalf;
      return { ...node, drift: { ...drift, quietHalf: { step, largestStep, original: 3 } } };
    });
    const older = { ...manifest, version: 1, nodes } as unknown as typeof manifest;
    await writeFile(at("older.emilie"), Buffer.concat((await packContainer(older, pieces)).parts));
    const ended = older.nodes.map((node) => ({
      ...node,
      recipe: node.recipe && { ...node.recipe, steps: 2, stopAfter: 1 },
    }));
    expect(() => parseManifest(JSON.stringify({ ...older, nodes: ended }), "mixed.emilie")).toThrow(
      /version 1/,
    );
    const opened = await loadSession(at("older.emilie"), { model });
    expect(opened.warnings).toEqual([]);
    expect(opened.head.drift).toBeUndefined();
    expect(await opened.drift()).toEqual(await session.drift());
    await opened.save(at("older.emilie"));
    const saved = (await readContainer(at("older.emilie"))).manifest;
    expect(saved).toMatchObject({ version: 9, nodes: JSON.parse(JSON.stringify(manifest.nodes)) });
  });

  it("a newer version, a missing file, other weights: each its own error", async () => {
    const { manifest, pieces } = await packSession(session);
    const newer = { ...manifest, version: 10 as unknown as 1 };
    await writeFile(at("newer.emilie"), Buffer.concat((await packContainer(newer, pieces)).parts));
    const opening = loadSession(at("newer.emilie"), { model });
    await expect(opening).rejects.toMatchObject({ code: "session.version" });
    await expect(opening).rejects.toThrow(/format version 10; this emilie reads versions 1 to 9.*newer/s);
    await expect(loadSession(at("nowhere.emilie"))).rejects.toMatchObject({ code: "io.failed" });
    const other = { ...manifest, model: { id: "elsewhere/model", fingerprint: "0".repeat(64) } };
    await writeFile(at("other.emilie"), Buffer.concat((await packContainer(other, pieces)).parts));
    await expect(loadSession(at("other.emilie"), { model })).rejects.toMatchObject({ code: "session.model" });
    await expect(loadSession(at("other.emilie"))).rejects.toThrow(/--model/);
  });

  it("whole by their hashes, but saying what cannot be: session.malformed", async () => {
    const { manifest, pieces } = await packSession(session);
    const [root, red, ...rest] = manifest.nodes;
    const lies = {
      "a node without its parent": { nodes: [root!, ...rest] },
      "two of one node": { nodes: [root!, red!, red!, ...rest] },
      "a recipe of another node": {
        nodes: [root!, { ...red!, recipe: { ...red!.recipe!, steps: 7 } }, ...rest],
      },
      "a head that is nowhere": { head: "0".repeat(12) },
      "another size of the picture": { picture: { width: height, height: width } },
      "no nodes": { nodes: [] },
      "a piece of terabytes": { pieces: [{ ...manifest.pieces[0]!, shape: [1e6, 1e6, 4] }] },
      "a value that no version 1 has": { favourite: true },
    };
    for (const [what, lie] of Object.entries(lies)) {
      await writeFile(
        at("lie.emilie"),
        Buffer.concat((await packContainer({ ...manifest, ...lie } as typeof manifest, pieces)).parts),
      );
      await expect(loadSession(at("lie.emilie"), { model }), what).rejects.toMatchObject({
        code: "session.malformed",
      });
    }
  });
});

describe("two processes on one session", () => {
  const twice = async () => {
    await writeFile(at("shared.emilie"), bytes);
    return [
      await loadSession(at("shared.emilie"), { model }),
      await loadSession(at("shared.emilie"), { model }),
    ] as const;
  };

  it("the second to save is refused, and may merge or overwrite", async () => {
    const [a, b] = await twice();
    const ofA = await a.edit("make it red", { ...options, seed: 50 });
    const ofB = await b.edit("make it red", { ...options, seed: 51, mask: soft });
    await a.save(at("shared.emilie"));
    const refused = b.save(at("shared.emilie"));
    await expect(refused).rejects.toMatchObject({ code: "session.changed" });
    await expect(refused).rejects.toThrow(/another process/);
    await b.save(at("shared.emilie"), { onChange: "merge" });
    const both = await loadSession(at("shared.emilie"), { model });
    expect(both.warnings).toEqual([]);
    expect(both.nodes.has(ofA.id) && both.nodes.has(ofB.id)).toBe(true);
    expect(same(both.nodes.get(ofA.id)!.latent, ofA.latent)).toBe(true);
    await a.save(at("shared.emilie"), { onChange: "overwrite" });
    expect((await loadSession(at("shared.emilie"), { model })).nodes.has(ofB.id)).toBe(false);
  });

  it("what one has deleted stays deleted in a merge, and what the other made from it is left out", async () => {
    const [a, b] = await twice();
    const blue = a.head.parent!;
    a.delete(blue);
    await b.edit("make it red", { ...options, seed: 52 });
    await b.save(at("shared.emilie"));
    await a.save(at("shared.emilie"), { onChange: "merge" });
    const merged = await loadSession(at("shared.emilie"), { model });
    expect(merged.nodes.has(blue.id)).toBe(false);
    expect(merged.nodes.size).toBe(3);
  });

  it("a file that this session never read is not replaced", async () => {
    const other = await openSession(model, { ...picture, data: picture.data.map((v) => 255 - v) });
    await writeFile(at("shared.emilie"), bytes);
    await expect(other.save(at("shared.emilie"))).rejects.toMatchObject({ code: "session.changed" });
    const merging = other.save(at("shared.emilie"), { onChange: "merge" });
    await expect(merging).rejects.toThrow(/another picture, model or working size/);
    await writeFile(at("notes.txt"), "my notes");
    await expect(other.save(at("notes.txt"))).rejects.toMatchObject({ code: "session.changed" });
    expect(await readFile(at("notes.txt"), "utf8")).toBe("my notes");
  });

  it("saves at the same time wait for each other, and no node is lost", async () => {
    const [a, b] = await twice();
    const nodes: string[] = [];
    const work = async (one: StoredSession, first: number) => {
      for (let i = 0; i < 8; i++) {
        nodes.push((await one.edit("make it red", { ...options, seed: first + i, from: one.root })).id);
        await one.save(at("shared.emilie"), { onChange: "merge" });
      }
    };
    await Promise.all([work(a, 100), work(b, 200)]);
    const both = await loadSession(at("shared.emilie"), { model });
    expect(nodes.filter((id) => !both.nodes.has(id))).toEqual([]);
  });

  it("a lock whose process is gone, and what it left half written, is removed", async () => {
    await writeFile(at(".left.emilie.lock"), `999999999 ${hostname()}`);
    await writeFile(at(".left.emilie.0badc0de.part"), "half");
    await session.save(at("left.emilie"));
    expect((await readdir(folder)).filter((name) => name.startsWith(".left"))).toEqual([]);
  });
});
