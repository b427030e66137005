/** What programs send: parts, keys and values in every dress, and forms as the HTTP libraries of other languages write them. */
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import { COTTAGE, type Fixture, serve } from "./server-fixture.ts";

let fixture: Fixture;
let picture: Buffer;
/** OpenAI's way: transparent = edit. */
let mask: Buffer;
let url: string;
const BOX = { x: 60, y: 60, width: 20, height: 20 };
const dataUrl = (bytes: Buffer) => `data:image/png;base64,${bytes.toString("base64")}`;

beforeAll(async () => {
  fixture = await serve({ data: null });
  picture = await readFile(COTTAGE);
  const rgba = Buffer.alloc(128 * 128 * 4, 255);
  maskFromBox(128, 128, BOX).data.forEach((m, i) => {
    if (m > 0) rgba[4 * i + 3] = 0;
  });
  mask = await sharp(rgba, { raw: { width: 128, height: 128, channels: 4 } })
    .png()
    .toBuffer();
  url = dataUrl(mask);
});
afterAll(() => fixture.close());

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what the server answered, looked at field by field
  readonly body: any;
}

async function post(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(fixture.server.url + path, { method: "POST", ...init });
  return { status: response.status, body: await response.json() };
}
const json = (value: unknown): RequestInit => ({
  headers: { "content-type": "application/json" },
  body: typeof value === "string" ? value : JSON.stringify(value),
});
const EDITS = "/v1/images/edits";
type Entry = readonly [name: string, value: string | Buffer, file?: string];

function form(...entries: readonly Entry[]): RequestInit {
  const body = new FormData();
  for (const [name, value, file] of entries) {
    if (typeof value === "string") body.append(name, value);
    else body.append(name, new Blob([new Uint8Array(value)], { type: "image/png" }), file ?? "a.png");
  }
  return { body };
}
const plain = (): Entry[] => [
  ["image", picture],
  ["prompt", "make it winter"],
  ["steps", "1"],
];
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
      ["mask[0]", mask],
      ["Mask", mask],
      [" mask ", mask],
      ["mask", url],
      ["mask", mask.toString("base64")],
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
      const answer = await post(EDITS, init);
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
      const { status, body } = await post(EDITS, init);
      expect([status, body.error?.param, body.error?.code], JSON.stringify(body.error)).toEqual([
        400,
        param,
        code,
      ]);
      expect(body.error.message).toContain(param);
    }
    const { body } = await post(EDITS, form(...plain(), ["mask_url", url]));
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
      const { status, body } = await post(EDITS, form(...plain(), ...more));
      expect(status, JSON.stringify(body)).toBe(200);
    }
    const { status } = await post(
      EDITS,
      asJson({ n: null, size: null, stream: "false", quality: "", user: null }),
    );
    expect(status).toBe(200);
    const images = await post(
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
      const { status, body } = await post(EDITS, form(...plain(), ...more));
      expect([status, body.error?.param], JSON.stringify([more.map(([name]) => name), body])).toEqual([
        400,
        param,
      ]);
    }
    const query = await post(`${EDITS}?n=2`, form(...plain()));
    expect([query.status, query.body.error.param]).toEqual([400, "n"]);
    for (const [bytes, file] of [
      [Buffer.alloc(0), "empty.png"],
      [Buffer.from("GIF89a"), "cut.gif"],
    ] as const) {
      const { status, body } = await post(EDITS, form(["image", bytes, file], ["prompt", "x"]));
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
    const opaque = await post(EDITS, form(...rest, ["background", "opaque"], ["quality", "low"]));
    expect(opaque.body).toMatchObject({ background: "opaque", quality: "low" });
    const bytes = Buffer.from(opaque.body.data[0].b64_json, "base64");
    expect((await sharp(bytes).stats()).isOpaque).toBe(true);
    const kept = await post(EDITS, form(...rest, ["session", "new"], ["quality", "high"]));
    const { nodes } = await fixture.client.session(kept.body.emilie.session);
    expect(nodes[1]!.recipe!.steps).toBe(20); // the preset "best"
    expect((await sharp(Buffer.from(kept.body.data[0].b64_json, "base64")).stats()).isOpaque).toBe(false);
    await fixture.client.deleteSession(kept.body.emilie.session);
  });

  it("belong to the session that they name", async () => {
    const first = await post(EDITS, form(...plain(), ["session", "new"]));
    const { session } = first.body.emilie;
    const next = await post(EDITS, form(...plain(), ["session", session]));
    expect(next.body.emilie.warnings).toEqual([expect.stringMatching(/image was not read/)]);
    await fixture.client.deleteSession(session);
  });
});

describe("the native API", () => {
  it("refuses by name what it does not know, in forms, JSON at any depth, and queries", async () => {
    const { id, root } = await fixture.client.createSession({ example: "cottage" });
    const session = `/api/v1/sessions/${id}`;
    const edit = { instruction: "make it winter", steps: 1 };
    const part = (value: unknown, ...entries: Entry[]) =>
      form(["request", JSON.stringify(value)], ...entries);
    const cases: [string, RequestInit, RegExp][] = [
      ["/api/v1/sessions", form(["image", picture]), /"image" in the form.*There may be picture, name/],
      ["/api/v1/sessions", form(["picture", picture], ["picture", picture]), /"picture" is more than once/],
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
      [`${session}/edits`, part(edit, ["request", "{}"]), /"request" is more than once/],
      [`${session}/masks?chanel=alpha`, form(["mask", mask]), /Did you mean "channel"/],
      [
        `${session}/masks?channel=alpha`,
        form(["mask", mask], ["channel", "luma"]),
        /"channel" is more than once/,
      ],
      [`${session}/masks`, form(["mask", mask], ["colour", "alpha"]), /"colour"/],
      [`${session}/masks`, { headers: { "content-type": "image/png" }, body: "" }, /empty/],
      [`${session}/undo?steps=3`, {}, /"steps" in the query/],
    ];
    for (const [path, init, message] of cases) {
      const { status, body } = await post(path, init);
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
      const { status, body } = await post(path, init);
      expect(status, JSON.stringify(body)).toBe(201);
      expect(body).toMatchObject({ coverage: 400 / 128 ** 2, warnings: [] });
      ids.add(body.id);
    }
    expect(ids.size).toBe(1);
    const edit = { Instruction: "make it winter", steps: "1", seed: " 7 ", text_guidance: "2", preset: null };
    const { status, body } = await post(
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
    const answer = await post(EDITS, form(["image", animation, "a.gif"], ["prompt", "x"], ["steps", "1"]));
    expect(answer.body.emilie.warnings).toEqual(told);
    const uploaded = await post(`/api/v1/sessions/${opened.id}/masks?channel=alpha`, form(["mask", mask]));
    const scaled = [expect.stringMatching(/another size than the picture \(128×128, the picture 32×32\)/)];
    expect(uploaded.body).toMatchObject({ resized: true, warnings: scaled });
    const request = { instruction: "make it red", steps: 1, mask: { part: "m" } };
    const white = await sharp(mask).flatten({ background: "#000" }).toBuffer();
    const job = await post(
      `/api/v1/sessions/${opened.id}/edits`,
      form(["request", JSON.stringify(request)], ["m", white]),
    );
    expect(job.body.warnings).toEqual(scaled);
    expect((await fixture.client.finished(job.body.id)).warnings).toEqual(scaled);
    await fixture.client.deleteSession(opened.id);
  });
});

const B = "X0123456789";
/** What reads a form and opens a picture is the same for every door; no edit is made here. */
const SESSIONS = "/api/v1/sessions";
interface Raw {
  readonly type?: string;
  readonly before?: string;
  readonly end?: string;
  readonly chunked?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly encode?: (body: Buffer) => Buffer;
}

/** A form's bytes as they are, by a socket of its own. */
function raw(parts: readonly Buffer[], options: Raw = {}): Promise<Answer> {
  const {
    type = `multipart/form-data; boundary=${B}`,
    before = "",
    end = `--${B}--\r\n`,
    headers = {},
  } = options;
  const whole = Buffer.concat([Buffer.from(before), ...parts, Buffer.from(end)]);
  const body = options.encode ? options.encode(whole) : whole;
  const length: Record<string, string> = options.chunked
    ? { "transfer-encoding": "chunked" }
    : { "content-length": `${body.length}` };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      fixture.server.url + SESSIONS,
      { method: "POST", headers: { "content-type": type, ...length, ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode!, body: JSON.parse(text) }));
      },
    );
    sent.on("error", reject);
    // A byte at a time where it is cut into pieces: boundaries and headers fall between them.
    if (headers.expect) sent.on("continue", () => sent.end(body));
    else if (options.chunked) {
      for (let at = 0; at < body.length; at += 97) sent.write(body.subarray(at, at + 97));
      sent.end();
    } else sent.end(body);
    if (headers.expect) sent.flushHeaders();
  });
}
const part = (head: string, body: string | Buffer) =>
  Buffer.concat([Buffer.from(`--${B}\r\n${head}\r\n\r\n`), Buffer.from(body as string), Buffer.from("\r\n")]);
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value);
const words = () => [field("name", "Häuschen & Garten"), field("model", "picturebook")];
const file = (disposition: string, more = "") =>
  part(`Content-Disposition: form-data; ${disposition}\r\nContent-Type: image/png${more}`, picture);
const NAMED = 'name="picture"; filename="a.png"';

describe("forms of other languages", () => {
  it("are read", async () => {
    const utf8 = "Content-Type: text/plain; charset=utf-8\r\n";
    const cases: [string, Buffer[], Raw?][] = [
      ["chunked, in pieces", [...words(), file(NAMED)], { chunked: true }],
      [
        "Python aiohttp: boundary in quotes",
        [...words(), file(NAMED)],
        { type: `multipart/form-data; boundary="${B}"` },
      ],
      [
        ".NET: names without quotes, filename*",
        [
          part(`${utf8}Content-Disposition: form-data; name=name`, "Häuschen & Garten"),
          part("Content-Disposition: form-data; name=model", "picturebook"),
          file("name=picture; filename=a.png; filename*=utf-8''b%C3%BCld.png"),
        ],
      ],
      ["only filename*", [...words(), file("name=\"picture\"; filename*=UTF-8''a.png")]],
      ["UTF-8 in a file's name", [...words(), file('name="picture"; filename="bü🎈.png"')]],
      ["; and = in a file's name", [...words(), file('name="picture"; filename="a;name=mask.png"')]],
      ["escaped quotes, a Windows path", [...words(), file('name="picture"; filename="C:\\a \\"b\\".png"')]],
      ["blanks around =", [...words(), file('name = "picture" ; filename = "a.png"')]],
      [
        "headers in lower case",
        [...words(), part(`content-disposition: form-data; ${NAMED}\r\ncontent-type: image/png`, picture)],
      ],
      ["okhttp, Apache: a part's length", [...words(), file(NAMED, `\r\nContent-Length: ${picture.length}`)]],
      ["Java: Content-Transfer-Encoding", [...words(), file(NAMED, "\r\nContent-Transfer-Encoding: binary")]],
      [
        "Ruby: type first",
        [...words(), part(`Content-Type: image/png\r\nContent-Disposition: form-data; ${NAMED}`, picture)],
      ],
      ["a header on two lines", [...words(), file('name="picture";\r\n filename="a.png"')]],
      ["a preamble", [...words(), file(NAMED)], { before: "This is a form.\r\n" }],
      ["no line end at the end", [...words(), file(NAMED)], { end: `--${B}--` }],
      ["an epilogue", [...words(), file(NAMED)], { end: `--${B}--\r\nThat was a form.\r\n` }],
      [
        "Go: texts as octet-stream files",
        [
          part(
            'Content-Disposition: form-data; name="name"; filename="p"\r\nContent-Type: application/octet-stream',
            "Häuschen & Garten",
          ),
          words()[1]!,
          file(NAMED),
        ],
      ],
      ["a file without a name", [...words(), file('name="picture"')]],
      ["PHP: picture[]", [...words(), file('name="picture[]"; filename="a.png"')]],
      [
        "capitals in the type, charset after it",
        [...words(), file(NAMED)],
        { type: `Multipart/Form-Data; boundary=${B}; charset=utf-8` },
      ],
      [
        "UTF-16 text",
        [
          part(
            'Content-Disposition: form-data; name="name"\r\nContent-Type: text/plain; charset=utf-16le',
            Buffer.from("Häuschen & Garten", "utf16le"),
          ),
          words()[1]!,
          file(NAMED),
        ],
      ],
      ["curl: Expect", [...words(), file(NAMED)], { headers: { expect: "100-continue" } }],
      [
        "gzip",
        [...words(), file(NAMED)],
        { encode: (body) => gzipSync(body), headers: { "content-encoding": "gzip" } },
      ],
    ];
    for (const [what, parts, options] of cases) {
      const { status, body } = await raw(parts, options);
      expect(status, `${what}: ${JSON.stringify(body.error)}`).toBe(201);
      expect([body.name, body.width], what).toEqual(["Häuschen & Garten", 128]);
      await fixture.client.deleteSession(body.id);
    }
  });

  it("that cannot be read are refused in words, and nothing is edited", async () => {
    const cases: [string, Buffer[], number, Raw?][] = [
      ["no boundary", [...words(), file(NAMED)], 400, { type: "multipart/form-data" }],
      ["another boundary", [...words(), file(NAMED)], 400, { type: "multipart/form-data; boundary=other" }],
      ["cut off", [...words(), file(NAMED)], 400, { end: "" }],
      ["nothing at all", [], 400, { end: "" }],
      ["no parts", [], 400],
      ["a part without a name", [...words(), file(NAMED), part("Content-Disposition: form-data", "x")], 400],
      ["a part without headers", [...words(), file(NAMED), Buffer.from(`--${B}\r\n\r\nx\r\n`)], 400],
      [
        "a mask as an attachment",
        [
          ...words(),
          file(NAMED),
          part('Content-Disposition: attachment; name="mask"; filename="m.png"', Buffer.alloc(0)),
        ],
        400,
      ],
      ["65 parts", Array.from({ length: 65 }, (_, i) => field(`p${i}`, "x")), 400],
      ["headers of 20 kB", [...words(), file(`x="${"y".repeat(20_000)}"; ${NAMED}`)], 400],
      ["not gzip", [...words(), file(NAMED)], 400, { headers: { "content-encoding": "gzip" } }],
      ["brotli", [...words(), file(NAMED)], 415, { headers: { "content-encoding": "br" } }],
      [
        "an unknown charset",
        [
          part(
            'Content-Disposition: form-data; name="name"\r\nContent-Type: text/plain; charset=klingon',
            "x",
          ),
          file(NAMED),
        ],
        400,
      ],
      [
        "a bomb",
        [],
        413,
        { encode: () => gzipSync(Buffer.alloc(80_000_000)), headers: { "content-encoding": "gzip" } },
      ],
    ];
    for (const [what, parts, expected, options] of cases) {
      const { status, body } = await raw(parts, options);
      expect(status, `${what}: ${JSON.stringify(body)}`).toBe(expected);
      expect(body.error.message.length, what).toBeGreaterThan(20);
    }
    expect(fixture.logs.filter((line) => line.startsWith("!"))).toEqual([]);
    expect(await fixture.client.sessions()).toEqual([]);
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
      const inline = await post(EDITS, form(...given));
      const linked = await post(EDITS, form(...given, ["response_format", "url"]));
      const response = await fetch(linked.body.data[0].url);
      expect(Buffer.from(await response.arrayBuffer()).toString("base64")).toBe(inline.body.data[0].b64_json);
      expect(response.headers.get("content-type")).toBe(`image/${linked.body.output_format}`);
    }
    const behind = await post(EDITS, {
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
      const odd = await post(EDITS, {
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
