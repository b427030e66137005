/** Forms as the HTTP libraries of other languages write them, byte by byte. */
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, picture } from "../support/requests.ts";
import { type Fixture, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await serve({ data: null });
});
afterAll(() => fixture.close());

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

/** As a client writes a form by hand, with the line ends of its own source; a picture's bytes stay. */
function linesOfUnix(body: Buffer): Buffer {
  const at = body.indexOf(picture);
  const plain = (bytes: Buffer) => Buffer.from(bytes.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  return Buffer.concat([plain(body.subarray(0, at)), picture, plain(body.subarray(at + picture.length))]);
}

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
      ["LF alone", [...words(), file(NAMED)], { encode: linesOfUnix }],
      [
        "LF alone, in pieces, after a preamble",
        [file(NAMED), ...words()],
        { encode: linesOfUnix, before: "A form.\n\n", end: `--${B}--\nIts end.\n\n\n`, chunked: true },
      ],
      [
        "LF alone, and nothing after the last boundary",
        [...words(), file(NAMED)],
        { encode: linesOfUnix, end: `--${B}--` },
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
    const why: [Buffer[], Raw, RegExp][] = [
      [[...words(), file(NAMED)], { encode: linesOfUnix, end: "" }, /ends before its last boundary/],
      [
        [
          ...words(),
          part(
            'Content-Disposition: form-data; name="picture"\r\nContent-Type: multipart/mixed; boundary=in',
            "--in--",
          ),
        ],
        {},
        /"picture" is a form of several files itself/,
      ],
      [
        [
          ...words(),
          file('name="picture"; filename="a.png"'),
          part('Content-Disposition: form-data; name="picture"; filename="b.png"', picture),
        ],
        {},
        /more than once/,
      ],
      [
        [...words(), file(NAMED)],
        { type: 'multipart/form-data; boundary="other"' },
        /boundary is not "other"/,
      ],
      [[...words(), file(NAMED)], { end: "" }, /ends before its last boundary/],
    ];
    for (const [parts, options, message] of why)
      expect((await raw(parts, options)).body.error.message).toMatch(message);
    expect(fixture.logs.filter((line) => line.startsWith("!"))).toEqual([]);
    expect(await fixture.client.sessions()).toEqual([]);
  });
});
