/** What a server is sent is held to its limits before it is decoded, and decoded where nobody waits for it. */
import { readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Hono } from "hono";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blankPicture } from "../../src/images/picture.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { answerError, describeError } from "../../src/server/errors.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { countUploads } from "../../src/server/uploads.ts";
import { packContainer } from "../../src/session/file/container.node.ts";
import { packSession } from "../../src/session/file/pack.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { COTTAGE, type Fixture, fileOf, serve } from "../support/server-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const MB = 2 ** 20;

let fixture: Fixture;
let session: string;
beforeAll(async () => {
  fixture = await serve({ model: CHECKPOINT, limits: { pixels: 2_000_000 } });
  session = (await fixture.client.createSession(await fileOf(COTTAGE))).id;
}, 120_000);
afterAll(() => fixture.close());

const post = (path: string, body: BodyInit, type: string) =>
  fetch(`${fixture.server.url}${path}`, { method: "POST", headers: { "content-type": type }, body });
const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code;
const black = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: "#000" } })
    .png()
    .toBuffer();
const masks = () => readdir(join(fixture.folder, "sessions", session, "masks"));

describe("a mask", () => {
  it("of more pixels than a picture may have is refused by its header, at every door, and nothing is kept", async () => {
    // 8 kB of file, 36 megapixels.
    const bomb = new Uint8Array(await black(6000, 6000));
    expect(bomb.length).toBeLessThan(200_000);
    const answer = await post(`/api/v1/sessions/${session}/masks`, bomb, "image/png");
    expect([answer.status, await codeOf(answer)]).toEqual([413, "image.too-large"]);
    const form = new FormData();
    form.set("request", JSON.stringify({ instruction: "x", mask: { part: "mask" } }));
    form.set("mask", new File([bomb], "mask.png"));
    const edit = await fetch(`${fixture.server.url}/api/v1/sessions/${session}/edits`, {
      method: "POST",
      body: form,
    });
    expect(edit.status).toBe(413);
    const openai = new FormData();
    openai.set("prompt", "x");
    openai.set("image", await fileOf(COTTAGE));
    openai.set("mask", new File([bomb], "mask.png"));
    expect(
      (await fetch(`${fixture.server.url}/v1/images/edits`, { method: "POST", body: openai })).status,
    ).toBe(413);
    expect(await masks()).toEqual([]);
    expect(await fixture.client.jobs()).toEqual([]);
  });

  it("is made in the inference process, and shown as it was kept", async () => {
    const white = await sharp({ create: { width: 700, height: 900, channels: 3, background: "#fff" } })
      .png()
      .toBuffer();
    const answer = await post(`/api/v1/sessions/${session}/masks`, new Uint8Array(white), "image/png");
    expect(answer.status).toBe(201);
    const made = (await answer.json()) as {
      id: string;
      resized: boolean;
      coverage: number;
      warnings: string[];
    };
    expect(made).toMatchObject({ resized: true, coverage: 1 });
    expect(Object.keys(made).sort()).toEqual(["coverage", "height", "id", "resized", "warnings", "width"]);
    expect(made.warnings).toEqual([
      expect.stringMatching(/the same everywhere/),
      expect.stringMatching(/a different size than the picture \(700×900, /),
    ]);
    const shown = await fetch(`${fixture.server.url}/api/v1/sessions/${session}/masks/${made.id}`);
    const { width, height, format } = await sharp(Buffer.from(await shown.arrayBuffer())).metadata();
    const own = await sharp(COTTAGE).metadata();
    expect({ width, height, format }).toEqual({ width: own.width, height: own.height, format: "png" });
  });

  it("that is SVG, text or nothing is refused before any decoder sees it", async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><image href="file:///etc/passwd"/></svg>';
    for (const body of [svg, "hello", "", "%PDF-1.7"]) {
      const answer = await post(`/api/v1/sessions/${session}/masks`, body, "image/png");
      expect([answer.status, await codeOf(answer)], body).toEqual([400, "image.unreadable"]);
    }
  });
});

describe("a session file", () => {
  it("with a picture above the server's limit is refused, and one within it is taken", async () => {
    const model = await loadModel(CHECKPOINT);
    try {
      const file = async (width: number, height: number) => {
        const { manifest, pieces } = await packSession(await openSession(model, blankPicture(width, height)));
        const form = new FormData();
        form.set(
          "session",
          new File((await packContainer(manifest, pieces)).parts as BlobPart[], "a.emilie"),
        );
        return form;
      };
      const send = async (form: FormData) =>
        fetch(`${fixture.server.url}/api/v1/sessions/import`, { method: "POST", body: form });
      const large = await send(await file(2000, 1500));
      expect([large.status, await codeOf(large)]).toEqual([413, "image.too-large"]);
      expect((await send(await file(64, 48))).status).toBe(201);
    } finally {
      await model.dispose();
    }
  });
});

describe("uploads together", () => {
  it("have a limit in common: what comes on top of it is told to come again, and the others are answered", async () => {
    const app = new Hono();
    app.onError((error, c) => answerError(c, describeError(error, new Metrics(() => {}))));
    app.use(countUploads(4 * MB));
    let read = 0;
    let reached = () => {};
    app.post("/", async (c) => {
      let size = 0;
      for await (const chunk of c.req.raw.body!) {
        size += chunk.length;
        read += chunk.length;
        reached();
      }
      return c.text(`${size}`);
    });
    const send = (body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>) =>
      app.request("/", { method: "POST", body, duplex: "half" } as RequestInit);
    let push!: ReadableStreamDefaultController<Uint8Array>;
    const start = (controller: typeof push) => {
      push = controller;
    };
    const slow = send(new ReadableStream({ start }));
    const there = new Promise<void>((done) => {
      reached = done;
    });
    push.enqueue(new Uint8Array(3 * MB));
    await there;
    const refused = await send(new Uint8Array(2 * MB));
    expect([refused.status, await codeOf(refused)]).toEqual([429, "server.busy"]);
    // What was refused counts no longer, nor what is answered.
    expect((await send(new Uint8Array(MB))).status).toBe(200);
    push.close();
    expect(await (await slow).text()).toBe(`${3 * MB}`);
    expect(await (await send(new Uint8Array(4 * MB))).text()).toBe(`${4 * MB}`);
    expect(read).toBeLessThanOrEqual(10 * MB);
  });
});

describe("session files", () => {
  it("are taken one at a time, whatever the one before does; the others stay with their senders", async () => {
    const begin = () => {
      const request = httpRequest(`${fixture.server.url}/api/v1/sessions/import`, {
        method: "POST",
        headers: { "content-type": "multipart/form-data; boundary=B", "content-length": 1000 },
      });
      request.on("error", () => {});
      request.write('--B\r\nContent-Disposition: form-data; name="session"; filename="a"\r\n\r\n');
      return request;
    };
    const first = begin();
    await sleep(200);
    const form = new FormData();
    form.set("session", new File(["no session"], "a.emilie"));
    let answered = false;
    const second = fetch(`${fixture.server.url}/api/v1/sessions/import`, { method: "POST", body: form });
    void second.then(() => {
      answered = true;
    });
    await sleep(500);
    expect(answered).toBe(false);
    // Everything else is answered meanwhile.
    expect((await fixture.client.health()).status).toBe("ok");
    first.destroy();
    expect(await codeOf(await second)).toBe("session.malformed");
  });
});
