/** My work: search, the bins of sessions and nodes, what a model understands; over the API, by the client. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EmilieClient } from "../../src/client/index.ts";
import { readContainer } from "../../src/session/file/container.node.ts";
import { bytesOf, edit, type Fixture, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
let client: EmilieClient;
beforeAll(async () => {
  fixture = await serve();
  client = fixture.client;
});
afterAll(() => fixture.close());

const names = async (options = {}) => (await client.sessions(options)).map(({ name }) => name).sort();

it("finds sessions by name and by what was asked for, and bins and restores them", async () => {
  const lake = await client.createSession({ example: "lake" }, { name: "Holidays" });
  await client.createSession({ example: "road" }, { name: "Way home" });
  await edit(client, lake.id, { instruction: "make it winter", seed: 1, steps: 1 });
  expect(await names()).toEqual(["Holidays", "Way home"]);
  expect(await names({ search: "WINTER" })).toEqual(["Holidays"]);
  expect(await names({ search: "way" })).toEqual(["Way home"]);
  const binned = await client.binSession(lake.id);
  expect(binned.binned).toBeGreaterThan(0);
  expect(await names()).toEqual(["Way home"]);
  expect(await names({ bin: true })).toEqual(["Holidays"]);
  expect((await client.restoreSession(lake.id)).binned).toBeNull();
  expect(await names()).toEqual(["Holidays", "Way home"]);
});

it("puts a node with all that follows into the session's bin and takes it back; a file that is taken away is without it", async () => {
  const { id, root } = await client.createSession({ example: "cottage" });
  const first = (await edit(client, id, { instruction: "make it winter", seed: 1, steps: 1 })).nodes[0]!;
  const second = (await edit(client, id, { instruction: "add fog", seed: 2, steps: 1 })).nodes[0]!;
  const binned = await client.binNode(id, first);
  expect(binned).toMatchObject({ head: root, nodeCount: 1, canRedo: false });
  expect(binned.nodes.map((node) => node.id)).toEqual([root]);
  const path = join(fixture.folder, "taken.emilie");
  await writeFile(path, await bytesOf(await client.exportSession(id)));
  const { manifest, pieces } = await readContainer(path);
  expect(manifest.nodes.map((node) => node.id)).toEqual([root]);
  expect([...pieces.keys()].filter((name) => name.startsWith("latent/"))).toHaveLength(1);
  const back = await client.restoreNode(id, second);
  expect(back.nodes.map((node) => node.id)).toEqual([root, first, second]);
  // What is asked for again comes out of the bin by itself.
  await client.binNode(id, first);
  await edit(client, id, { instruction: "make it winter", seed: 1, steps: 1, from: root });
  expect((await client.session(id)).nodes.map((node) => node.id)).toEqual([root, first, second]);
  await expect(client.binNode(id, root)).rejects.toMatchObject({ code: "option.invalid" });
});

it("says what the model understands before it is asked to do it, and whether the picture is of its world", async () => {
  const { id, familiar } = await client.createSession({ example: "cottage" });
  expect(familiar).toBe(true);
  expect(await client.understand(id, { instruction: "make it winter" })).toMatchObject({ understood: true });
  const heard = await client.understand(id, { instruction: "give her a hat" });
  expect(heard).toMatchObject({ understood: false, reason: "unsupported" });
  expect(heard.nearest.length).toBeGreaterThan(0);
  const noise = new Blob([await noisePng()], { type: "image/png" });
  expect((await client.createSession(noise)).familiar).toBe(false);
});

it("edits the thing at a point, in a mask along its edges", async () => {
  const { id } = await client.createSession({ example: "cottage" });
  const request = { instruction: "paint the roof blue", seed: 1, steps: 1, mask: { at: { x: 64, y: 64 } } };
  const [node] = (await edit(client, id, request)).nodes;
  const made = (await client.session(id)).nodes.find((one) => one.id === node)!;
  expect(made).toMatchObject({ hasMask: true, changes: { kind: "masked", level: "kept" } });
  expect(made.changes!.share).toBeGreaterThan(0.9);
});

async function noisePng(): Promise<BlobPart> {
  const { default: sharp } = await import("sharp");
  const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
  const create = { width: 96, height: 96, channels: 3, background: "black", noise } as const;
  return new Uint8Array(await sharp({ create }).png().toBuffer());
}
