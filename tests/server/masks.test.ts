/** Masks that are sent to a server: what could be meant in two ways is asked, at every door, with what to send for each reading. */
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { type Mask, maskFromBox, maskFromPicture } from "../../src/images/mask.ts";
import { BOX, EDITS, form, mask, picture, plain, post } from "../support/requests.ts";
import { bytesOf, type Fixture, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
let session: string;
const at = (path: string) => `/api/v1/sessions/${session}${path}`;
beforeAll(async () => {
  fixture = await serve({ data: null });
  session = (await fixture.client.createSession({ example: "cottage" })).id;
});
afterAll(() => fixture.close());

const kept = async (id: string): Promise<Mask> =>
  maskFromPicture(await readPicture(await bytesOf(fixture.client.mask(session, id))));
const box = maskFromBox(128, 128, BOX);
const around = { ...box, data: box.data.map((m) => 1 - m) };

describe("a white sheet with a transparent hole", () => {
  it("is asked about, and each answer is taken as it says", async () => {
    const asked = await post(fixture, at("/masks"), form(["mask", mask]));
    expect(asked.status).toBe(400);
    expect(asked.body.error).toMatchObject({ code: "mask.ambiguous" });
    expect(asked.body.error.message).toMatch(
      /Write channel=alpha if its transparent part may change.*, or channel=alpha with invert=true if its opaque part may change\./,
    );
    for (const [query, expected] of [
      ["channel=alpha", box],
      ["channel=alpha&invert=true", around],
      ["channel=luma", around],
      ["channel=luma&invert=true", box],
    ] as const) {
      const { status, body } = await post(fixture, at(`/masks?${query}`), form(["mask", mask]));
      expect(status, query).toBe(201);
      expect((await kept(body.id)).data, query).toEqual(expected.data);
    }
  });

  it("is asked about where it comes with an edit, and answered there", async () => {
    const edit = (part: object) => {
      const request = { instruction: "make it winter", steps: 1, mask: { part: "m", ...part } };
      return form(["request", JSON.stringify(request)], ["m", mask]);
    };
    const asked = await post(fixture, at("/edits"), edit({}));
    expect([asked.status, asked.body.error.code]).toEqual([400, "mask.ambiguous"]);
    expect((await post(fixture, at("/edits"), edit({ chanel: "alpha" }))).status).toBe(400);
    expect(await fixture.client.jobs()).toEqual([]);
    const { status, body } = await post(fixture, at("/edits"), edit({ channel: "alpha" }));
    expect(status, JSON.stringify(body)).toBe(202);
    const done = await fixture.client.finished(body.id);
    const { nodes } = await fixture.client.session(session);
    const { recipe } = nodes.find(({ id }) => id === done.nodes[0])!;
    expect((await kept(recipe!.regions[0]!.mask!.sha256)).data).toEqual(box.data);
  });
});

describe("a photograph in a mask's place", () => {
  it("is asked about, and may be the mask all the same", async () => {
    const asked = await post(fixture, at("/masks"), form(["mask", picture]));
    expect(asked.body.error).toMatchObject({ code: "mask.ambiguous" });
    expect(asked.body.error.message).toMatch(/channel=stretch if.*channel=luma if/);
    for (const channel of ["stretch", "luma"]) {
      const { status, body } = await post(
        fixture,
        at("/masks"),
        form(["mask", picture], ["channel", channel]),
      );
      expect(status, channel).toBe(201);
      expect(body.coverage).toBeGreaterThan(0);
    }
  });

  it("has no transparent pixels for OpenAI's API, and nothing is left of it", async () => {
    const before = await fixture.client.sessions();
    const answer = await post(fixture, EDITS, form(...plain(), ["mask", picture]));
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ param: "mask", code: "invalid_mask" });
    expect(answer.body.error.message).toMatch(/no transparent pixels/);
    expect(await fixture.client.sessions()).toEqual(before);
  });
});

describe("a mask that is not quite black", () => {
  it("is cleaned, and that is said with what becomes of it", async () => {
    const pixels = Buffer.from(box.data.map((m) => (m > 0 ? 255 : 3)));
    const nearly = await sharp(pixels, { raw: { width: 128, height: 128, channels: 1 } })
      .png()
      .toBuffer();
    const { body } = await post(fixture, at("/masks"), form(["mask", nearly]));
    expect(body).toMatchObject({ coverage: 400 / 128 ** 2, resized: false });
    expect(body.warnings).toHaveLength(1);
    expect((await kept(body.id)).data).toEqual(box.data);
  });
});
