/** Crops and expansions through the server: with an instruction and without, masks at the size of the picture, what is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EmilieClient, Node, Session } from "../../src/client/index.ts";
import { encodePng, readPicture } from "../../src/images/codec.node.ts";
import { maskFromBox, pictureFromMask } from "../../src/images/mask.ts";
import { cropPicture, type Picture, samePicture } from "../../src/images/picture.ts";
import { sharp } from "../../src/images/sharp.node.ts";
import { bytesOf, COTTAGE, type Fixture, fileOf, serve } from "../support/server-fixture.ts";

const box = { x: 16, y: 8, width: 80, height: 100 };
const fast = { steps: 1, previews: 0, seed: 3 };
let fixture: Fixture;
let client: EmilieClient;
let session: Session;
let original: Picture;
beforeAll(async () => {
  fixture = await serve();
  client = fixture.client;
  session = await client.createSession(await fileOf(COTTAGE));
  original = await readPicture(COTTAGE);
});
afterAll(() => fixture.close());

type Request = Parameters<EmilieClient["edit"]>[1];
async function made(request: Request, parts?: Readonly<Record<string, Blob>>): Promise<Node[]> {
  const job = await client.finished((await client.edit(session.id, request, { parts })).id);
  expect(job.error).toBeNull();
  const { nodes } = await client.session(session.id);
  return job.nodes.map((id) => nodes.find((node) => node.id === id)!);
}
const pictureOf = async ({ id }: Node) => readPicture(await bytesOf(client.picture(session.id, id)));

describe("a crop", () => {
  it("is a step without an instruction, and its pixels are the picture's", async () => {
    const [crop] = await made({ crop: box, from: session.root });
    expect(crop).toMatchObject({
      ...{ parent: session.root, instruction: "crop to 80×100", width: 80, height: 100, hasMask: false },
      canvas: { kind: "crop", ...box },
      changes: { kind: "cropped", level: "kept" },
      cost: { unetCalls: 0 },
    });
    expect(samePicture(await pictureOf(crop!), cropPicture(original, box))).toBe(true);
    expect((await client.session(session.id)).head).toBe(crop!.id);
    const listed = (await client.sessions()).find(({ id }) => id === session.id)!;
    expect([listed.width, listed.height]).toEqual([128, 128]);
  });

  it("takes masks at its own size: a box, an upload, a thing, one that is soft", async () => {
    const [crop] = await made({ crop: box, from: session.root });
    const from = crop!.id;
    const left = { x: 0, y: 0, width: 40, height: 100 };
    const mask = pictureFromMask(maskFromBox(80, 100, left));
    const png = new Blob([(await encodePng(mask)) as Uint8Array<ArrayBuffer>]);
    const request = { ...fast, from, instruction: "make it winter" };
    const [byBox] = await made({ ...request, mask: { box: left } });
    const [byPart] = await made({ ...request, mask: { part: "place" } }, { place: png });
    expect(byPart!.id).toBe(byBox!.id);
    const right = { x: 40, y: 0, width: 40, height: 100 };
    const shown = await pictureOf(byBox!);
    expect(samePicture(cropPicture(shown, right), cropPicture(await pictureOf(crop!), right))).toBe(true);
    expect(byBox!.changes).toMatchObject({ kind: "masked", level: "kept", share: 0.5 });
    const uploaded = await client.uploadMask(session.id, png, { node: from });
    expect(uploaded).toMatchObject({ width: 80, height: 100, resized: false });
    const small = await client.uploadMask(
      session.id,
      new Blob([
        new Uint8Array(
          await sharp(await encodePng(mask))
            .resize(33, 41)
            .png()
            .toBuffer(),
        ),
      ]),
      { node: from },
    );
    expect(small).toMatchObject({ width: 80, height: 100, resized: true });
    const [soft] = await made({ ...request, mask: { id: small.id } });
    expect(soft!.recipe!.regions[0]!.mask).toMatchObject({ width: 80, height: 100 });
    const back = await readPicture(await bytesOf(client.mask(session.id, small.id)));
    expect([back.width, back.height]).toEqual([80, 100]);
    const [thing] = await made({ ...request, mask: { at: { x: 40, y: 40 } } });
    expect(thing!.recipe!.regions[0]!.mask).toMatchObject({ width: 80, height: 100 });
  });
});

describe("an expansion", () => {
  it("goes before the edit, whose mask is its border", async () => {
    const [room, edit] = await made({
      ...{ ...fast, from: session.root, instruction: "make it winter" },
      expand: { left: "25%", top: 16 },
    });
    expect(room).toMatchObject({ width: 160, height: 144, hasMask: true, canvas: { kind: "expand" } });
    expect(edit).toMatchObject({ parent: room!.id, width: 160, height: 144, hasMask: true });
    const inner = { x: 32, y: 16, width: 128, height: 128 };
    for (const node of [room!, edit!]) {
      expect(samePicture(cropPicture(await pictureOf(node), inner), original)).toBe(true);
    }
    expect(edit!.changes).toMatchObject({ kind: "masked", level: "kept" });
    const masks = await Promise.all([room!, edit!].map(({ id }) => bytesOf(client.nodeMask(session.id, id))));
    expect(samePicture(await readPicture(masks[0]!), await readPicture(masks[1]!))).toBe(true);
    // Later edits name it as well.
    const [more] = await made({
      ...fast,
      from: edit!.id,
      instruction: "make it night",
      mask: { border: true },
    });
    expect(more!.recipe!.regions[0]!.mask).toEqual(edit!.recipe!.regions[0]!.mask);
    const difference = await readPicture(
      await bytesOf(client.difference(session.id, session.root, more!.id)),
    );
    expect([difference.width, difference.height]).toEqual([128, 128]);
    expect(difference.data.every((value, i) => value === (i % 4 === 3 ? 255 : 0))).toBe(true);
    const { outside } = await client.compare(session.id, session.root, more!.id);
    expect(outside).toMatchObject({ changedPixels: 0, pixels: 128 * 128 });
    for (const format of ["webp", "gif"] as const) {
      const way = await bytesOf(client.history(session.id, more!.id, { format, width: 80 }));
      expect(await sharp(way, { animated: true }).metadata()).toMatchObject({
        pages: 4,
        width: 80,
        pageHeight: 72,
      });
    }
  });

  it("is changed in a replay, with what followed it", async () => {
    const [room, edit] = await made({
      ...fast,
      from: session.root,
      instruction: "make it winter",
      expand: { left: 16 },
    });
    const job = await client.finished(
      (await client.replay(session.id, room!.id, { expand: { left: 24 } })).id,
    );
    expect(job.error).toBeNull();
    const { nodes } = await client.session(session.id);
    const [again, filled] = [room!, edit!].map(
      ({ id }) => nodes.find((node) => node.id === job.replaced![id])!,
    );
    expect(again).toMatchObject({ width: 152, height: 128 });
    expect(filled).toMatchObject({
      width: 152,
      parent: again!.id,
      changes: { kind: "masked", level: "kept" },
    });
    const wrong = await client.finished((await client.replay(session.id, room!.id, { crop: box })).id);
    expect(wrong.error).toMatchObject({ code: "option.invalid" });
  });

  it("comes along in the session's file and out of the bin", async () => {
    const [crop] = await made({ crop: { ...box, width: 64 }, from: session.root });
    await client.binNode(session.id, crop!.id);
    await client.restoreNode(session.id, crop!.id);
    const file = await client.exportSession(session.id);
    const copy = await client.importSession(file, { name: "copy" });
    const { nodes } = await client.session(session.id);
    expect((await client.session(copy.id)).nodes).toEqual(nodes);
    const picture = await readPicture(await bytesOf(client.picture(copy.id, crop!.id)));
    expect(samePicture(picture, await pictureOf(crop!))).toBe(true);
  });
});

describe("what cannot be", () => {
  it("is refused with the request, before it waits", async () => {
    const from = session.root;
    const wrong: [Request, string][] = [
      [{ from }, "option.invalid"],
      [{ from, crop: box, expand: { left: 1 } }, "option.invalid"],
      [{ from, crop: box, seed: 3 }, "option.invalid"],
      [{ from, crop: { ...box, x: 100 } }, "option.invalid"],
      [{ from, expand: { left: 5000, top: 20_000 } }, "image.too-large"],
      [{ from, expand: { left: "half" } as never }, "option.invalid"],
      [{ from, instruction: "make it winter", mask: { border: true } }, "option.invalid"],
      [{ from, crop: box, instruction: "x", mask: { at: { x: 3, y: 3 } } }, "option.invalid"],
      [
        { from, crop: box, instruction: "x", mask: { box: { x: 70, y: 0, width: 40, height: 9 } } },
        "mask.invalid",
      ],
    ];
    const before = (await client.jobs(session.id)).length;
    for (const [request, code] of wrong) {
      await expect(client.edit(session.id, request), JSON.stringify(request)).rejects.toMatchObject({ code });
    }
    expect(await client.jobs(session.id)).toHaveLength(before);
  });
});
