import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COTTAGE, type Fixture, ROOF, serve } from "../support/server-fixture.ts";
import type { Damage } from "./mutate.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const BOUNDARY = "----fuzz42";

interface Part {
  readonly head: string;
  readonly body: Uint8Array;
}

const text = (value: string) => new TextEncoder().encode(value);
const field = (name: string, value: string): Part => ({
  head: `Content-Disposition: form-data; name="${name}"`,
  body: text(value),
});
const file = (name: string, body: Uint8Array, type = "image/png"): Part => ({
  head: `Content-Disposition: form-data; name="${name}"; filename="a.png"\r\nContent-Type: ${type}`,
  body,
});

function form(parts: readonly Part[]): Uint8Array {
  const pieces = parts.flatMap(({ head, body }) => [
    text(`--${BOUNDARY}\r\n${head}\r\n\r\n`),
    body,
    text("\r\n"),
  ]);
  return new Uint8Array(Buffer.concat([...pieces, text(`--${BOUNDARY}--\r\n`)]));
}

describe("what is sent to a server", () => {
  let fixture: Fixture;
  let session: string;
  let picture: Uint8Array;
  let mask: Uint8Array;

  beforeAll(async () => {
    const many = { requestsPerSecond: 1e9, burst: 1e9 };
    fixture = await serve({ data: null, limits: many, model: CHECKPOINT });
    picture = new Uint8Array(await readFile(COTTAGE));
    mask = new Uint8Array(await readFile(ROOF));
    session = (await fixture.client.createSession(new File([picture.slice()], "a.png"))).id;
  }, FUZZ_TIMEOUT);
  afterAll(() => fixture.close());

  /** By node:http: fetch would put right what is to be wrong. */
  function send(
    path: string,
    type: string,
    body: Uint8Array,
    method = "POST",
  ): Promise<{ status: number; text: string }> {
    return new Promise((done, fail) => {
      const headers = { "content-type": type, "content-length": body.length };
      const to = {
        host: "127.0.0.1",
        port: fixture.server.port,
        path: path.replace(/^\/*/, "/"),
        method,
        headers,
      };
      const out = request(to, (answer) => {
        let said = "";
        // An accepted stream of events goes on; its beginning is answer enough.
        answer.setEncoding("utf8").on("data", (chunk) => {
          said += chunk.slice(0, 2000 - said.length);
        });
        answer.on("end", () => done({ status: answer.statusCode!, text: said }));
        answer.on("error", fail);
      });
      out.on("error", fail);
      out.end(body);
    });
  }

  it(
    "is answered with what was asked for, or with an error of the client's, whatever it is",
    async () => {
      const edit = {
        instruction: "make it winter",
        steps: 1,
        seed: 3,
        mask: { part: "mask" },
        regions: [{ instruction: "snow", mask: { box: { x: 1, y: 2, width: 30, height: 40 } }, weight: 2 }],
      };
      const openai = {
        prompt: "make it winter",
        n: 1,
        size: "auto",
        steps: 1,
        session,
        image: `data:image/png;base64,${Buffer.from(mask).toString("base64")}`,
      };
      const parts = (damage: Damage): Part[] =>
        damage.one([
          [field("request", JSON.stringify(edit)), file("mask", mask)],
          [file("mask", mask)],
          [
            field("prompt", "make it winter"),
            file("image", mask),
            file("mask", mask),
            field("n", "1"),
            field("steps", "1"),
          ],
        ]);
      const paths = [
        `/api/v1/sessions/${session}/edits`,
        `/api/v1/sessions/${session}/masks?channel=alpha`,
        "/v1/images/edits",
        "/api/v1/sessions/import",
        "/api/v1/sessions",
        `/api/v1/sessions/${session}/relevance`,
      ];
      await fuzz({
        name: "forms and JSON",
        cases: 5000,
        share: 150,
        resident: 400,
        async run(damage, number) {
          const path =
            number % 20 === 0
              ? damage.text(damage.one(paths)).replace(/[^\x21-\x7e]/g, "")
              : damage.one(paths);
          const answer = await (number % 3 === 0
            ? send(path, "application/json", json(damage, number))
            : send(path, damage.one(TYPES), damage.bytes(form(changed(damage, parts(damage))))));
          // Every edit that was accepted is stopped again: computing is not what is looked at.
          const id = /"id":"([0-9a-f]{16})"/.exec(answer.text)?.[1];
          if (answer.status === 202 && id)
            await send(`/api/v1/jobs/${id}`, "text/plain", new Uint8Array(), "DELETE");
          if (answer.status >= 500)
            throw new Error(`${path}: ${answer.status} ${answer.text}\n${fixture.logs.at(-1)}`);
        },
      });
      expect((await send("/health", "text/plain", new Uint8Array(), "GET")).status).toBe(200);
      expect(fixture.logs.filter((line) => line.startsWith("!"))).toEqual([]);

      function json(damage: Damage, number: number): Uint8Array {
        const value = damage.json(damage.one<object>([edit, openai]));
        if (number % 300 === 0) return text(`{"instruction":${"[".repeat(100_000)}`);
        if (number % 300 === 3)
          return text(
            JSON.stringify({ ...openai, image: `data:image/png;base64,AAAA${" ".repeat(100_000)}!` }),
          );
        return number % 2 === 0 ? text(JSON.stringify(value)) : damage.bytes(text(JSON.stringify(value)));
      }
      function changed(damage: Damage, all: Part[]): Part[] {
        const which = damage.below(all.length);
        return all.flatMap((part, i) => {
          if (i !== which) return [part];
          const kind = damage.below(5);
          if (kind === 0) return [{ ...part, head: damage.text(part.head) }];
          if (kind === 1) return [part, part];
          if (kind === 2) return [];
          if (kind === 3) return [{ ...part, body: damage.bytes(part.body, [mask, picture]) }];
          return [{ ...part, body: text(damage.text(Buffer.from(part.body).toString())) }];
        });
      }
    },
    FUZZ_TIMEOUT,
  );
});

const TYPES = [
  ...Array<string>(6).fill(`multipart/form-data; boundary=${BOUNDARY}`),
  `multipart/form-data; boundary="${BOUNDARY}"`,
  "multipart/form-data",
  "multipart/form-data; boundary=",
  `multipart/form-data; boundary=${"x".repeat(300)}`,
  "image/png",
  "text/plain",
];
