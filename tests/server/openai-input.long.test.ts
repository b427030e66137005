/** OpenAI's API: masks and parameters in every dress are heard or refused by name; links are the answer's own picture. */
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import {
  type Answer,
  BOX,
  dataUrl,
  EDITS,
  type Entry,
  form,
  json,
  mask,
  picture,
  plain,
  post,
} from "../support/requests.ts";
import { type Fixture, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await serve({ data: null });
});
afterAll(() => fixture.close());

const url = dataUrl(mask);
const asJson = (more: object) =>
  json({ prompt: "make it winter", steps: 1, image: dataUrl(picture), ...more });

/** Pixels that changed, outside the box and in it. */
async function changed({ body }: Answer): Promise<[outside: number, inside: number]> {
  const after = await readPicture(Buffer.from(body.data[0].b64_json, "base64"));
  const { inside, outside } = compareInsideOutside(
    await readPicture(picture),
    after,
    maskFromBox(128, 128, BOX),
  );
  return [outside.changedPixels, inside.changedPixels];
}

describe("a mask for OpenAI's API", () => {
  it("is heard in every clear dress", async () => {
    const forms: Entry[] = [
      ["mask", mask],
      ["mask[]", mask],
      ["Mask", mask],
      [" mask ", mask],
      ["mask", url],
      ["mask", Buffer.from(url), "mask.txt"],
    ];
    const bodies = [
      { image_url: url },
      url,
      [{ image_url: url }],
      { image_url: { url } },
      { b64_json: url.slice(22) },
    ];
    const requests = [
      ...forms.map((entry) => [`form ${entry[0]}`, form(...plain(), entry)] as const),
      ...bodies.map(
        (value) => [`JSON ${JSON.stringify(value).slice(0, 30)}`, asJson({ mask: value })] as const,
      ),
      ["JSON Mask", asJson({ Mask: url.replace("+", "\\n+").replace("\\n", "\n") })] as const,
    ];
    for (const [what, init] of requests) {
      const answer = await post(fixture, EDITS, init);
      expect(answer.status, `${what}: ${JSON.stringify(answer.body.error)}`).toBe(200);
      const [outside, inside] = await changed(answer);
      expect(outside, what).toBe(0);
      expect(inside, what).toBeGreaterThan(0);
    }
  });

  it("is refused by its name where it is not understood, and never forgotten", async () => {
    const cases: [RequestInit, string, string][] = [
      ...["mask_url", "masks", "mask2", "maskimage", "mask.png", "mask[image]"].map(
        (name) =>
          [form(...plain(), [name, mask]), name, "unknown_parameter"] as [RequestInit, string, string],
      ),
      [form(...plain(), ["mask", mask], ["mask[]", mask]), "mask", "duplicate_parameter"],
      [form(...plain(), ["mask", mask], ["mask", mask]), "mask", "duplicate_parameter"],
      [form(...plain(), ["mask", Buffer.alloc(0), "mask.png"]), "mask", "invalid_value"],
      [form(...plain(), ["mask", "http://127.0.0.1:1/mask.png"]), "mask", "invalid_value"],
      [form(...plain(), ["mask", "undefined"]), "mask", "invalid_value"],
      [asJson({ masks: url }), "masks", "unknown_parameter"],
      [asJson({ mask: url, Mask: url }), "mask", "duplicate_parameter"],
      [asJson({ mask: [url, url] }), "mask", "invalid_value"],
      [asJson({ mask: "" }), "mask", "invalid_value"],
      [asJson({ mask: false }), "mask", "invalid_value"],
      [asJson({ mask: [] }), "mask", "invalid_value"],
      [asJson({ mask: { image_url: { url: { url } } } }), "mask", "invalid_value"],
      [asJson({ mask: { file_id: "file-1" } }), "mask", "invalid_value"],
      [asJson({ mask: { imageurl2: url } }), "imageurl2", "unknown_parameter"],
      [asJson({ mask: { image_url: "data:text/html;base64,AAAA" } }), "mask", "invalid_value"],
      [
        json(`{"prompt": "x", "image": "${dataUrl(picture)}", "mask": "${url}", "mask": null}`),
        "mask",
        "duplicate_parameter",
      ],
    ];
    for (const [init, param, code] of cases) {
      const { status, body } = await post(fixture, EDITS, init);
      expect([status, body.error?.param, body.error?.code], JSON.stringify(body.error)).toEqual([
        400,
        param,
        code,
      ]);
      expect(body.error.message).toContain(param);
    }
    const { body } = await post(fixture, EDITS, form(...plain(), ["mask_url", url]));
    expect(body.error.message).toContain('Did you mean "mask"?');
    expect(await fixture.client.jobs()).toEqual([]);
  });
});

describe("parameters of OpenAI's API", () => {
  it("are taken as other languages write them, and empty ones are not there", async () => {
    const accepted: Entry[][] = [
      [["stream", "False"]],
      [
        ["n", " 1 "],
        ["size", ""],
        ["seed", ""],
        ["mask", Buffer.alloc(0), ""],
      ],
      [
        ["N", "1"],
        ["response-format", "B64_JSON"],
        ["user", "somebody"],
        ["moderation", "low"],
      ],
      [
        ["quality", "low"],
        ["background", "auto"],
        ["input_fidelity", "high"],
        ["partial_images", "0"],
      ],
    ];
    for (const more of accepted) {
      const { status, body } = await post(fixture, EDITS, form(...plain(), ...more));
      expect(status, JSON.stringify(body)).toBe(200);
    }
    const { status } = await post(
      fixture,
      EDITS,
      asJson({ n: null, size: null, stream: "false", quality: "", user: null }),
    );
    expect(status).toBe(200);
    const images = await post(
      fixture,
      EDITS,
      json({ prompt: "x", steps: "1", images: [{ image_url: dataUrl(picture) }] }),
    );
    expect(images.status).toBe(200);
  });

  it("are done or refused, and not passed over", async () => {
    const refused: [Entry[], string][] = [
      [[["image", picture]], "image"],
      [[["image[]", picture]], "image"],
      [[["images", picture]], "image"],
      [[["prompt", "make it night"]], "prompt"],
      [[["prompt[]", "make it night"]], "prompt"],
      [[["style", "vivid"]], "style"],
      [[["negative_prompt", "snow"]], "negative_prompt"],
      [[["imagesize", "64x64"]], "imagesize"],
      [[["n", "1.5"]], "n"],
      [[["n", "two"]], "n"],
      [[["stream", "maybe"]], "stream"],
      [[["quality", "ultra"]], "quality"],
      [[["background", "transparent"]], "background"],
      [[["output_compression", "50"]], "output_compression"],
      [
        [
          ["stream", "true"],
          ["response_format", "url"],
        ],
        "response_format",
      ],
    ];
    for (const [more, param] of refused) {
      const { status, body } = await post(fixture, EDITS, form(...plain(), ...more));
      expect([status, body.error?.param], JSON.stringify([more.map(([name]) => name), body])).toEqual([
        400,
        param,
      ]);
    }
    const query = await post(fixture, `${EDITS}?n=2`, form(...plain()));
    expect([query.status, query.body.error.param]).toEqual([400, "n"]);
    for (const [bytes, file] of [
      [Buffer.alloc(0), "empty.png"],
      [Buffer.from("GIF89a"), "cut.gif"],
    ] as const) {
      const { status, body } = await post(fixture, EDITS, form(["image", bytes, file], ["prompt", "x"]));
      expect([status, body.error.type], JSON.stringify(body)).toEqual([400, "invalid_request_error"]);
    }
  });

  it("say how much is computed, and whether what is transparent stays", async () => {
    const half = await sharp({
      create: { width: 64, height: 64, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    const rest: Entry[] = [
      ["image", half],
      ["prompt", "make it winter"],
    ];
    const opaque = await post(fixture, EDITS, form(...rest, ["background", "opaque"], ["quality", "low"]));
    expect(opaque.body).toMatchObject({ background: "opaque", quality: "low" });
    const bytes = Buffer.from(opaque.body.data[0].b64_json, "base64");
    expect((await sharp(bytes).stats()).isOpaque).toBe(true);
    const kept = await post(fixture, EDITS, form(...rest, ["session", "new"], ["quality", "high"]));
    const { nodes } = await fixture.client.session(kept.body.emilie.session);
    expect(nodes[1]!.recipe!.steps).toBe(20); // the preset "best"
    expect((await sharp(Buffer.from(kept.body.data[0].b64_json, "base64")).stats()).isOpaque).toBe(false);
    await fixture.client.deleteSession(kept.body.emilie.session);
  });

  it("belong to the session that they name", async () => {
    const first = await post(fixture, EDITS, form(...plain(), ["session", "new"]));
    const { session } = first.body.emilie;
    const next = await post(fixture, EDITS, form(...plain(), ["session", session]));
    // It is winter already, which is noticed too.
    const others = next.body.emilie.warnings.filter((text: string) => !/was not done/.test(text));
    expect(others).toEqual([expect.stringMatching(/image was not read/)]);
    await fixture.client.deleteSession(session);
  });
});

describe("links", () => {
  it("are the answer's own picture, behind proxies too, and cannot be altered", async () => {
    for (const more of [
      [["size", "100x50"]],
      [
        ["output_format", "jpeg"],
        ["output_compression", "5"],
      ],
      [
        ["output_format", "webp"],
        ["size", "64x128"],
      ],
    ] as Entry[][]) {
      const given = [...plain(), ["seed", "3"] as Entry, ...more];
      const inline = await post(fixture, EDITS, form(...given));
      const linked = await post(fixture, EDITS, form(...given, ["response_format", "url"]));
      const response = await fetch(linked.body.data[0].url);
      expect(Buffer.from(await response.arrayBuffer()).toString("base64")).toBe(inline.body.data[0].b64_json);
      expect(response.headers.get("content-type")).toBe(`image/${linked.body.output_format}`);
    }
    const behind = await post(fixture, EDITS, {
      ...form(...plain(), ["response_format", "url"]),
      headers: {
        "x-forwarded-proto": "https, http",
        "x-forwarded-host": "pictures.example",
        "x-forwarded-prefix": "/emilie/",
      },
    });
    const link = new URL(behind.body.data[0].url);
    expect(link.origin + link.pathname).toMatch(/^https:\/\/pictures\.example\/emilie\/v1\/pictures\//);
    const here = fixture.server.url + link.pathname.replace("/emilie", "");
    expect((await fetch(here + link.search)).status).toBe(200);
    for (const [name, value] of [
      ["format", "webp"],
      ["size", "64x64"],
      ["until", "9999999999999"],
      ["signature", "x"],
    ] as const) {
      const altered = new URLSearchParams(link.search);
      altered.set(name, value);
      expect((await fetch(`${here}?${altered}`)).status, name).toBe(403);
    }
    expect((await fetch(here)).status).toBe(400);
    for (const host of ["a b", "evil.example/x", "x".repeat(400)]) {
      const odd = await post(fixture, EDITS, {
        ...form(...plain(), ["response_format", "url"]),
        headers: { "x-forwarded-host": host, "x-forwarded-proto": "javascript" },
      });
      expect(new URL(odd.body.data[0].url).origin).toBe(fixture.server.url);
    }
  });

  it("need no token, outlive a restart, and begin as --public-url says", async () => {
    const token = "correct-horse-battery";
    const options = { token, publicUrl: "https://pictures.example/emilie/" };
    const guarded = await serve(options);
    const response = await fetch(guarded.server.url + EDITS, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      ...form(...plain(), ["response_format", "url"]),
    });
    const { data } = (await response.json()) as { data: { url: string }[] };
    expect(data[0]!.url).toMatch(/^https:\/\/pictures\.example\/emilie\/v1\/pictures\//);
    const path = data[0]!.url.slice("https://pictures.example/emilie".length);
    const image = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
    const shown = await fetch(guarded.server.url + path, { headers: image });
    expect([shown.status, shown.headers.get("cross-origin-resource-policy")]).toEqual([200, "cross-origin"]);
    await guarded.server.close();
    const again = await serve({ ...options, data: guarded.folder });
    expect((await fetch(again.server.url + path)).status).toBe(200);
    await again.close();
    await guarded.close();
    await expect(serve({ data: null, publicUrl: "pictures.example" })).rejects.toThrow(
      /public URL is an address/,
    );
  });
});
