/** What goes with an edit's request through the server: the strength there, remarks back. */
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EmilieClient, Session } from "../../src/client/index.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { bytesOf, COTTAGE, edit, type Fixture, fileOf, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
let client: EmilieClient;
let session: Session;
beforeAll(async () => {
  fixture = await serve();
  client = fixture.client;
  session = await client.createSession(await fileOf(COTTAGE));
});
afterAll(() => fixture.close());

describe("edits", () => {
  it("are done as far as the strength says: in the recipe, in the picture, over HTTP as through the client", async () => {
    const request = { instruction: "make it night", seed: 4, steps: 2, previews: 0 };
    // Sessions of their own, so that each picture is computed and none is remembered.
    const byClient: typeof client.edit = (id, body) => client.edit(id, body);
    const made = async (strength?: number, ask = byClient) => {
      const { id } = await client.createSession(await fileOf(COTTAGE));
      const job = await client.finished((await ask(id, { ...request, strength })).id);
      const node = (await client.session(id)).nodes.find((one) => one.id === job.nodes[0])!;
      const { data } = await readPicture(await bytesOf(client.picture(id, node.id)));
      await client.deleteSession(id);
      return { recipe: node.recipe!, pixels: Buffer.from(data), node: node.id };
    };
    const overHttp: typeof client.edit = async (id, body) => {
      const response = await fetch(`${fixture.server.url}/api/v1/sessions/${id}/edits`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(202);
      return response.json();
    };
    const [plain, whole, half, posted] = [
      await made(),
      await made(1),
      await made(0.5),
      await made(0.5, overHttp),
    ];
    expect(half.recipe).toMatchObject({ strength: 0.5 });
    expect(posted.recipe).toMatchObject({ strength: 0.5 });
    expect(whole.recipe).toEqual(plain.recipe);
    expect(whole.pixels.equals(plain.pixels)).toBe(true);
    expect(posted.pixels.equals(half.pixels)).toBe(true);
    expect(half.pixels.equals(whole.pixels)).toBe(false);
    const original = await readPicture(COTTAGE);
    const moved = ({ pixels }: { pixels: Buffer }) =>
      pixels.reduce((sum, value, i) => sum + Math.abs(value - original.data[i]!), 0);
    expect(moved(half)).toBeGreaterThan(0);
    expect(moved(half)).toBeLessThan(moved(whole));
  });

  it("say what was noticed about the request, once, also where it is made again", async () => {
    const black = await sharp({ create: { width: 128, height: 128, channels: 3, background: "black" } })
      .png()
      .toBuffer();
    const parts = { none: new Blob([new Uint8Array(black)]) };
    const warnings = [expect.stringMatching(/“make it red” is all black: nothing may change/)];
    const nothing = await edit(
      client,
      session.id,
      { instruction: "make it red", mask: { part: "none" }, from: session.root, variations: 2 },
      { parts },
    );
    expect(nothing).toMatchObject({ state: "done", warnings });
    const again = await client.replay(session.id, nothing.nodes[0]!, { seed: 77, previews: 0 });
    expect(await client.finished(again.id)).toMatchObject({ state: "done", warnings });
    expect((await edit(client, session.id, { instruction: "make it dusk" })).warnings).toEqual([]);
  });

  it("are made at the picture's own size where its session was opened so, and are refused without a mask", async () => {
    const large = await sharp(COTTAGE).resize(512, 384, { kernel: "cubic", fit: "fill" }).png().toBuffer();
    const file = new File([new Uint8Array(large)], "large.png", { type: "image/png" });
    const [own, usual] = [
      await client.createSession(file, { workingSize: "own" }),
      await client.createSession(file),
    ];
    expect([own.workingSize, usual.workingSize]).toEqual([512, null]);
    expect((await client.sessions()).find(({ id }) => id === own.id)).toMatchObject({ workingSize: 512 });
    const box = { x: 200, y: 150, width: 64, height: 48 };
    const request = { instruction: "make it winter", seed: 3, mask: { box }, previews: 1 };
    const pictureOf = async (id: string) => {
      const job = await edit(client, id, request);
      expect(job).toMatchObject({ state: "done" });
      const node = (await client.session(id)).nodes.find((one) => one.id === job.nodes[0])!;
      return { node, picture: await readPicture(await bytesOf(client.picture(id, node.id))) };
    };
    const [sharpened, enlarged] = [await pictureOf(own.id), await pictureOf(usual.id)];
    expect(sharpened.node.recipe).toMatchObject({ workingSize: 512 });
    const original = await readPicture(large);
    const differing = (data: Uint8ClampedArray) => {
      const places = new Set<boolean>();
      for (let i = 0; i < data.length; i++) {
        if (data[i] === original.data[i]) continue;
        const [x, y] = [(i >> 2) % 512, Math.floor((i >> 2) / 512)];
        places.add(x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
      }
      return [...places];
    };
    // Something inside of the box, and nothing else.
    expect(differing(sharpened.picture.data)).toEqual([true]);
    expect(Buffer.from(sharpened.picture.data).equals(Buffer.from(enlarged.picture.data))).toBe(false);

    const everywhere = await edit(client, own.id, { instruction: "make it winter" });
    expect(everywhere).toMatchObject({ state: "failed", error: { code: "edit.too-large" } });
    await expect(client.createSession(file, { workingSize: "large" as "own" })).rejects.toMatchObject({
      code: "option.invalid",
    });
  });
});
