/** The native API and its client: what is not known is refused by name, and what is clear is taken. */
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BOX, dataUrl, EDITS, type Entry, form, json, mask, picture, post } from "../support/requests.ts";
import { type Fixture, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await serve({ data: null });
});
afterAll(() => fixture.close());

const url = dataUrl(mask);

describe("the native API", () => {
  it("refuses by name what it does not know, in forms, JSON at any depth, and queries", async () => {
    const { id, root } = await fixture.client.createSession({ example: "cottage" });
    const session = `/api/v1/sessions/${id}`;
    const edit = { instruction: "make it winter", steps: 1 };
    const part = (value: unknown, ...entries: Entry[]) =>
      form(["request", JSON.stringify(value)], ...entries);
    const cases: [string, RequestInit, RegExp][] = [
      ["/api/v1/sessions", form(["image", picture]), /"image" in the form.*There may be picture, name/],
      [
        "/api/v1/sessions",
        form(["picture", picture], ["picture", picture]),
        /"picture" appears more than once/,
      ],
      ["/api/v1/sessions", form(["picture", picture], ["workingsize2", "own"]), /Did you mean "workingSize"/],
      ["/api/v1/sessions", form(["picture", Buffer.alloc(0), "a.png"]), /is empty: 0 bytes/],
      ["/api/v1/sessions", form(["name", "x"]), /needs a file named "picture"/],
      ["/api/v1/sessions", json({ example: "cottage", nmae: "x" }), /"nmae".*Did you mean "name"/],
      ["/api/v1/sessions", json('{"example": "cottage", "example": "lake"}'), /"example" twice/],
      [`${session}/edits`, json({ ...edit, masks: { box: BOX } }), /"masks".*Did you mean "mask"/],
      [`${session}/edits`, json({ ...edit, mask: { box: { ...BOX, depth: 1 } } }), /mask/],
      [`${session}/edits`, json({ ...edit, regions: [{ instruction: "x", msak: { box: BOX } }] }), /"msak"/],
      [`${session}/edits?steps=2`, json(edit), /"steps" in the query/],
      [`${session}/edits`, part(edit, ["mask", mask]), /"mask" in the form \(masks are named in its request/],
      [`${session}/edits`, form(["instruction", "make it winter"], ["mask", mask]), /needs a part "request"/],
      [`${session}/edits`, part({ ...edit, mask: { part: "m" } }), /part "m"/],
      [`${session}/edits`, part(edit, ["request", "{}"]), /"request" appears more than once/],
      [`${session}/masks?chanel=alpha`, form(["mask", mask]), /Did you mean "channel"/],
      [
        `${session}/masks?channel=alpha`,
        form(["mask", mask], ["channel", "luma"]),
        /"channel" appears more than once/,
      ],
      [`${session}/masks`, form(["mask", mask], ["colour", "alpha"]), /"colour"/],
      [`${session}/masks`, { headers: { "content-type": "image/png" }, body: "" }, /empty/],
      [`${session}/undo?steps=3`, {}, /"steps" in the query/],
    ];
    for (const [path, init, message] of cases) {
      const { status, body } = await post(fixture, path, init);
      expect(status, JSON.stringify(body)).toBe(400);
      expect(body.error.message).toMatch(message);
    }
    for (const query of ["width=8&width=9", "widht=9", "format=bmp", "width=0x10"]) {
      const { status } = await fetch(`${fixture.server.url}${session}/nodes/${root}/picture?${query}`);
      expect(status, query).toBe(400);
    }
    expect((await fetch(`${fixture.server.url}/health?probe=1`)).status).toBe(200);
    const client = fixture.client as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
    await expect(client.createSession!({ example: "cottage" }, { nmae: "x" })).rejects.toThrow(/"nmae"/);
    await expect(client.createSession!(new Blob([new Uint8Array(picture)]), { nmae: "x" })).rejects.toThrow(
      /"nmae"/,
    );
    await expect(
      client.uploadMask!(id, new Blob([new Uint8Array(mask)]), { chanel: "alpha" }),
    ).rejects.toThrow(/"chanel"/);
    await expect(client.picture!(id, root, { widht: 64 })).rejects.toThrow(/"widht"/);
    await fixture.client.deleteSession(id);
  });

  it("takes masks and values in every clear dress", async () => {
    const { id, root } = await fixture.client.createSession({ example: "cottage" });
    const session = `/api/v1/sessions/${id}`;
    const ids = new Set<string>();
    for (const [path, init] of [
      [`${session}/masks?channel=alpha`, form(["mask", mask])],
      [`${session}/masks`, form(["mask[]", url], ["channel", "ALPHA"], ["invert", ""])],
      [`${session}/masks`, json({ mask: url, channel: "alpha", invert: "False" })],
      [
        `${session}/masks?Channel=alpha&invert=0`,
        { headers: { "content-type": "image/png" }, body: new Uint8Array(mask) },
      ],
    ] as [string, RequestInit][]) {
      const { status, body } = await post(fixture, path, init);
      expect(status, JSON.stringify(body)).toBe(201);
      expect(body).toMatchObject({ coverage: 400 / 128 ** 2, warnings: [] });
      ids.add(body.id);
    }
    expect(ids.size).toBe(1);
    const edit = { Instruction: "make it winter", steps: "1", seed: " 7 ", text_guidance: "2", preset: null };
    const { status, body } = await post(
      fixture,
      `${session}/edits`,
      json({ ...edit, mask: JSON.stringify({ box: BOX }) }),
    );
    expect(status, JSON.stringify(body)).toBe(202);
    const done = await fixture.client.finished(body.id);
    const { recipe } = (await fixture.client.session(id)).nodes.find((node) => node.id === done.nodes[0])!;
    expect(recipe).toMatchObject({ seed: "7", steps: 1, textGuidance: 2, parent: root });
    expect(recipe!.regions[0]!.mask).not.toBeNull();
    await fixture.client.deleteSession(id);
  });

  it("says what of a file is not edited, and what was done to a mask", async () => {
    const frames = await Promise.all(
      [0, 120].map((r) =>
        sharp({ create: { width: 32, height: 32, channels: 3, background: { r, g: 0, b: 0 } } })
          .png()
          .toBuffer(),
      ),
    );
    const animation = await sharp(frames, { join: { animated: true } })
      .gif({ delay: [50, 50] })
      .toBuffer();
    const told = [expect.stringMatching(/animation \(2 frames\)/)];
    const opened = await fixture.client.createSession(new Blob([new Uint8Array(animation)]));
    expect(opened.warnings).toEqual(told);
    const answer = await post(
      fixture,
      EDITS,
      form(["image", animation, "a.gif"], ["prompt", "make it winter"], ["steps", "1"]),
    );
    expect(answer.body.emilie.warnings).toEqual(told);
    const uploaded = await post(
      fixture,
      `/api/v1/sessions/${opened.id}/masks?channel=alpha`,
      form(["mask", mask]),
    );
    const scaled = [
      expect.stringMatching(/a different size than the picture \(128×128, the picture 32×32\)/),
    ];
    expect(uploaded.body).toMatchObject({ resized: true, warnings: scaled });
    const request = { instruction: "paint the roof blue", steps: 1, mask: { part: "m" } };
    const white = await sharp(mask).flatten({ background: "#000" }).toBuffer();
    const job = await post(
      fixture,
      `/api/v1/sessions/${opened.id}/edits`,
      form(["request", JSON.stringify(request)], ["m", white]),
    );
    expect(job.body.warnings).toEqual(scaled);
    expect((await fixture.client.finished(job.body.id)).warnings).toEqual(scaled);
    await fixture.client.deleteSession(opened.id);
  });
});
